"""Servers killed under a steady stream of requests: what the visitor notices."""

import pytest


@pytest.fixture(autouse=True)
def whole_again(server_states, wait_until):
    """Every drill begins with all web servers in."""
    wait_until(lambda: set(server_states().values()) == {"UP"}, "every web server UP")


def test_nginx_killed(on, inventory, stream, server_states, wait_until):
    """nginx killed on one of two web servers: no request fails. Catches retries without redispatch, and no retries."""
    killed, *others = inventory.groups["webservers"]
    with stream() as requests:
        on(killed).check_output("systemctl kill --signal=KILL nginx && systemctl stop nginx")
        wait_until(lambda: server_states()[killed] == "DOWN", f"HAProxy to see {killed} down")
        during = requests.more()
        on(killed).check_output("systemctl start nginx")
        wait_until(lambda: server_states()[killed] == "UP", f"HAProxy to see {killed} up")
        after = requests.more()
    assert requests.failed == []
    assert set(requests.who(during)) == set(others)
    assert set(requests.who(after)) == {killed, *others}


def test_gunicorn_killed(on, inventory, stream, wait_until):
    """The application killed on one of two hosts: each nginx uses the other one's, and no request fails."""
    killed, *others = inventory.groups["appservers"]
    with stream() as requests:
        on(killed).check_output("systemctl kill --signal=KILL guestbook && systemctl stop guestbook")
        during = requests.more()
        on(killed).check_output("systemctl start guestbook")
        wait_until(
            lambda: killed in requests.who(requests.more(), "X-App-Server"), f"{killed}'s application to answer again"
        )
    assert requests.failed == []
    assert set(requests.who(during)) == set(inventory.groups["webservers"]), "an nginx no longer answers"
    assert set(requests.who(during[10:], "X-App-Server")) == set(others)


def test_replica_stopped(on, databases, stream, wait_until):
    """A replica stopped: others or the primary are read, no request fails; when it is back, reads return to it."""
    replica = databases.replica
    with stream() as requests:
        on(replica).check_output("systemctl stop mysql")
        during = requests.more()
        on(replica).check_output("systemctl start mysql")
        wait_until(
            lambda: replica in requests.who(requests.more(), "X-Database-Read"), "reads to return to the replica"
        )
    assert requests.failed == []
    assert replica not in requests.who(during, "X-Database-Read")


def test_an_entry_is_replicated(site, on, databases, wait_until):
    """What is posted is on the primary and, through replication, on a replica, from where it is read."""
    primary, replica = databases.primary, databases.replica
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
