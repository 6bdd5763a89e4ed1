"""What load balancer, web server and application agree on: how large headers are, how long a response takes."""

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.longest_time import longest_time
from ansible_collections.foobar.webstack.plugins.filter.nginx_servers import nginx_servers
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.times import seconds, shortest
from stack_variables import all_of, rendered

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = all_of(
    {
        "haproxy": "haproxy_max_header_size",
        "nginx": "nginx_max_header_size",
        "gunicorn": "appserver_max_header_size",
        "response": "appserver_timeout",
        "read": "nginx_proxy_read_timeout",
        "server": "(__webstack_backends | first).timeout_server",
        "idle": "__webstack_upstream.keepalive_timeout",
        "workers": "nginx_worker_shutdown_timeout",
        "balancer": "haproxy_hard_stop_after",
        "host": "appserver_health_host",
    }
)
UPSTREAMS = [{"name": "app", "servers": [{"name": "web1", "address": "198.18.0.21", "port": 8000}]}]


def agreed(folder: str = "inventories/lab", **variables: Any) -> dict[str, dict[str, Any]]:
    return rendered(TEMPLATE, ROOT / folder, **variables)


@pytest.fixture(scope="module")
def usual() -> dict[str, dict[str, Any]]:
    return agreed()


@pytest.fixture(scope="module")
def changed() -> dict[str, dict[str, Any]]:
    return agreed(
        webstack_max_header_size="32768",
        webstack_response_timeout=90,
        webstack_drain_timeout="10m",
        webstack_domain="shop.example",
        webstack_web_proxy=[{"location": "/ws", "websocket": True}, {"location": "/report", "read_timeout": "5m"}],
        webstack_web_sites=[{"name": "more", "proxy": [{"location": "/", "read_timeout": "1m"}, {"location": "/x"}]}],
    )


class TestStack:
    def test_headers_are_as_large_in_every_hop(self, usual, changed):
        """Red when one of the three has a number of its own."""
        for found, size in ((usual, 16384), (changed, 32768)):
            assert {(host["haproxy"], host["nginx"], host["gunicorn"]) for host in found.values()} == {(size,) * 3}

    def test_whoever_is_nearer_to_the_application_gives_up_first(self, usual, changed):
        """Otherwise a visitor hears of a gateway, and nobody of the application. The longest location counts."""
        assert {(host["response"], host["read"], host["server"]) for host in usual.values()} == {(30, "35s", "40s")}
        assert {(host["response"], host["read"], host["server"]) for host in changed.values()} == {(90, "95s", "305s")}

    def test_nginx_closes_idle_connections_before_gunicorn_does(self, usual):
        """Worker classes that keep connections do so for 2 s. A POST on one that just closes is lost."""
        assert {seconds(host["idle"]) for host in usual.values()} == {1}

    def test_connections_outlive_a_reload(self, usual, changed):
        for found, time in ((usual, "1h"), (changed, "10m")):
            assert {host["workers"] for host in found.values()} == {time}
            assert found["lb1"]["balancer"] == time

    def test_connections_to_databases_do_not_outlive_a_switchover(self):
        """On a host that is load balancer and application server, both go through one HAProxy."""
        assert {host["balancer"] for host in agreed("tests/inventories/one_host").values()} == {"1m"}

    def test_the_application_is_asked_for_the_site(self, usual, changed):
        """Django answers 400 to any name that is not among its ALLOWED_HOSTS."""
        assert usual["web1"]["host"] == "www.foobar.com"
        assert changed["web1"]["host"] == "shop.example"


class TestTimes:
    @pytest.mark.parametrize(
        ("time", "length"),
        [("90", 90), ("35s", 35), ("1h 30m", 5400), ("1h30m", 5400), ("500ms", 0.5), ("2d", 172800), ("0", 0)],
    )
    def test_what_nginx_takes_for_a_time(self, time, length):
        assert seconds(time) == length

    @pytest.mark.parametrize("time", ["", "s", "1x", "-1s", "$time", "1.5s"])
    def test_what_it_does_not(self, time):
        with pytest.raises(ValueError, match="not a time of nginx"):
            seconds(time)

    def test_the_shortest_is_one_that_limits(self):
        assert shortest(["10s", "500ms"]) == "500ms"
        assert shortest(["0", "35s"]) == "35s"
        assert shortest(["x", "35s"]) == "35s"

    def test_the_longest_is_whole_seconds(self):
        assert longest_time(["35s", "", None, "1m", "1500ms"]) == 60
        assert longest_time(["1500ms"]) == 2
        assert longest_time([]) == 0


class TestRetries:
    @staticmethod
    def times(proxy: dict[str, Any], **options: Any) -> tuple[str, str]:
        """Until when a request is passed on, by default and in the location."""
        site = {"name": "www", "server_names": ["a"], "proxy": [{"location": "/", "upstream": "app", **proxy}]}
        made = nginx_servers([site], UPSTREAMS, **options)
        return made["next_upstream_timeout"], made["sites"][0]["proxy"][0]["next_upstream_timeout"]

    def test_a_response_that_takes_too_long_is_not_asked_for_again(self):
        """nginx means by timeout both a server that cannot be reached and one that does not answer."""
        assert self.times({}) == ("10s", "10s")
        assert self.times({"read_timeout": "5s"}) == ("10s", "5s")
        assert self.times({}, read_timeout="3s") == ("3s", "3s")
        assert self.times({"read_timeout": "5m"}, read_timeout="3s") == ("3s", "10s")
        assert self.times({}, next_upstream_timeout="0", read_timeout="35s") == ("35s", "35s")

    def test_unless_that_is_wanted(self):
        options = {"read_timeout": "3s", "retry_on_timeout": True}
        assert self.times({"read_timeout": "5s"}, **options) == ("10s", "10s")

    def test_a_web_socket_may_be_silent(self):
        site = {
            "name": "www",
            "server_names": ["a"],
            "proxy": [
                {"location": "/ws", "upstream": "app", "websocket": True},
                {"location": "/chat", "upstream": "app", "websocket": True, "read_timeout": "5m"},
                {"location": "/", "upstream": "app"},
            ],
        }
        (made,) = nginx_servers([site], UPSTREAMS)["sites"]
        assert [proxy["read_timeout"] for proxy in made["proxy"]] == ["1h", "5m", None]
