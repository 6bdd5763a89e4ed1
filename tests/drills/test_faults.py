"""Servers killed under a steady stream of requests: what the visitor notices."""

import pytest


@pytest.fixture(autouse=True)
def whole_again(server_states, wait_until):
    """Every drill begins with all web servers in."""
    wait_until(lambda: set(server_states().values()) == {"UP"}, "every web server UP")


def test_nginx_killed(on, stream, server_states, wait_until):
    """nginx killed on one of two web servers: no request fails. Catches retries without redispatch, and no retries."""
    with stream() as requests:
        on("web1").check_output("systemctl kill --signal=KILL nginx && systemctl stop nginx")
        wait_until(lambda: server_states()["web1"] == "DOWN", "HAProxy to see web1 down")
        during = requests.more()
        on("web1").check_output("systemctl start nginx")
        wait_until(lambda: server_states()["web1"] == "UP", "HAProxy to see web1 up")
        after = requests.more()
    assert requests.failed == []
    assert set(requests.who(during)) == {"web2"}
    assert set(requests.who(after)) == {"web1", "web2"}


def test_gunicorn_killed(on, stream, wait_until):
    """The application killed beside web1's nginx: that nginx uses web2's, and no request fails."""
    with stream() as requests:
        on("web1").check_output("systemctl kill --signal=KILL guestbook && systemctl stop guestbook")
        during = requests.more()
        on("web1").check_output("systemctl start guestbook")
        wait_until(
            lambda: "web1" in requests.who(requests.more(), "X-App-Server"), "web1's application to answer again"
        )
    assert requests.failed == []
    assert set(requests.who(during)) == {"web1", "web2"}, "web1's nginx no longer answers"
    assert set(requests.who(during[10:], "X-App-Server")) == {"web2"}


def test_replica_stopped(on, pair, stream, wait_until):
    """The replica stopped: reads fall back to the primary, no request fails; when it is back, reads return to it."""
    primary, replica = pair.primary, pair.replica
    with stream() as requests:
        on(replica).check_output("systemctl stop mysql")
        during = requests.more()
        on(replica).check_output("systemctl start mysql")
        wait_until(
            lambda: replica in requests.who(requests.more(), "X-Database-Read"), "reads to return to the replica"
        )
    assert requests.failed == []
    assert set(requests.who(during, "X-Database-Read")) == {primary}


def test_an_entry_reaches_both_databases(site, on, pair, wait_until):
    """What is posted is on the primary and, through replication, on the replica, from where it is read."""
    primary, replica = pair.primary, pair.replica
    text = "An entry that the drill wrote"
    made = site.post_json("/api/entries", {"name": "drill", "message": text})
    assert made.status == 201, made
    identity = made.json()["id"]
    query = f"mysql -NBe 'SELECT message FROM guestbook.entry WHERE id = {identity}'"  # noqa: S608
    assert on(primary).check_output(query) == text
    wait_until(lambda: on(replica).check_output(query) == text, "the entry to replicate")
    # Each worker of the application finds out for itself that a replica is back after an earlier drill.
    page = wait_until(
        lambda: (answer := site.get("/")).headers["X-Database-Read"] == replica and answer,
        "a read from the replica",
    )
    assert text in page.body.decode()
