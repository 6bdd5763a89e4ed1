"""What an inventory adds to what the stack gives its roles."""

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from added import BUNDLE, FRONTEND, SECRETS, USER
from ansible_collections.foobar.webstack.plugins.plugin_utils import additions
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.model import configuration
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.nginx import errors as nginx_errors
from hypothesis import given
from hypothesis import strategies as st
from stack_variables import rendered

LAB = Path(__file__).resolve().parents[2] / "inventories/lab"
SITE = {
    "name": "www",
    "server_names": ["www.foobar.com"],
    "listen": [{"port": 443, "tls": True}],
    "tls": {"certificate": "/c.pem", "key": "/k.pem"},
    "headers": {"X-Web-Server": "web1"},
    "default_headers": {"Referrer-Policy": "same-origin"},
    "extra": ["charset utf-8;"],
    "static": [{"location": "/static/", "alias": "/srv/static/"}],
}


def mistakes(taken: dict[str, list[str]] | None = None, **given: Any) -> list[str]:
    return additions.errors(given, taken or {})


class TestSites:
    def test_a_further_site_has_the_stack_s_listener_certificate_and_headers(self):
        [site] = additions.further_sites([{"name": "admin", "server_names": ["admin.foobar.com"]}], SITE, "shop")
        assert site["listen"] == SITE["listen"]
        assert site["tls"] == SITE["tls"]
        assert site["default_headers"] == SITE["default_headers"]

    def test_and_not_its_locations_and_directives(self):
        [site] = additions.further_sites([{"name": "admin", "server_names": ["admin.foobar.com"]}], SITE, "shop")
        assert site["proxy"] == []
        assert not {"static", "extra"} & site.keys()

    def test_a_location_goes_to_the_application_unless_it_says_otherwise(self):
        proxy = [{"location": "/"}, {"location": "/files/", "upstream": "files"}]
        [site] = additions.further_sites([{"name": "admin", "proxy": proxy}], SITE, "shop")
        assert [entry["upstream"] for entry in site["proxy"]] == ["shop", "files"]

    def test_a_site_without_tls_has_no_certificate(self):
        """Catches one that nginx's role refuses: "has a certificate and listens nowhere with TLS"."""
        plain = {"name": "admin", "server_names": ["admin"], "listen": [{"port": 8080}]}
        [site] = additions.further_sites([plain], SITE, "shop")
        assert "tls" not in site
        assert nginx_errors(configuration([SITE, site], []), {"port": 8081}) == []


class TestFirewall:
    @pytest.mark.parametrize(
        ("host", "address"),
        [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
            ("192.0.2.%", "192.0.2.0/24"),
            ("10.%", "10.0.0.0/8"),
        ],
    )
    def test_the_hosts_of_an_account_may_connect(self, host, address):
        [rule] = additions.account_rules([USER | {"hosts": [host]}], [3306])
        assert (rule["ports"], rule["addresses"]) == (["3306"], [address])

    @pytest.mark.parametrize("host", ["localhost", "%"])
    def test_the_socket_and_anybody_open_nothing(self, host):
        assert additions.account_rules([USER | {"hosts": [host]}], [3306]) == []

    def test_addresses_that_a_network_holds_are_left_out(self):
        """nftables takes no two that overlap."""
        [rule] = additions.account_rules([USER | {"hosts": ["192.0.2.7", "192.0.2.%"]}], [3306])
        assert rule["addresses"] == ["192.0.2.0/24"]

    def test_a_frontend_s_ports_are_open_to_its_sources(self):
        tls = {"certificates": ["/www.pem"], "quic": True}
        frontend = FRONTEND | {"bind": [{"port": 8443, "tls": tls}, {"address": "::", "port": 8443}]}
        assert [
            (rule["protocol"], rule["ports"], rule["addresses"]) for rule in additions.frontend_rules([frontend])
        ] == [
            ("tcp", ["8443"], ["192.0.2.0/24"]),
            ("udp", ["8443"], ["192.0.2.0/24"]),
        ]

    @pytest.mark.parametrize(
        "frontend",
        [
            FRONTEND | {"sources": []},
            FRONTEND | {"bind": [{"address": "127.0.0.1", "port": 8443}]},
            FRONTEND | {"bind": [{"address": "/run/api.sock"}]},
        ],
    )
    def test_and_to_nobody_where_none_is_to_come_from_outside(self, frontend):
        assert additions.frontend_rules([frontend]) == []


class TestErrors:
    @pytest.mark.parametrize(
        ("variable", "added"),
        [
            ("webstack_app_secrets", {"DATABASE_WRITE_URL": "x"}),
            ("webstack_redirect_names", ["www.foobar.com"]),
            ("webstack_databases", [{"name": "guestbook"}]),
            ("webstack_web_static", [{"location": "/static/", "alias": "/x/"}]),
        ],
    )
    def test_a_name_of_the_stack_s_own_is_refused(self, variable, added):
        names = ["DATABASE_WRITE_URL", "www.foobar.com", "guestbook", "/static/"]
        [error] = mistakes({variable: names}, **{variable: added})
        assert error.startswith(f"{variable}: ")
        assert "is the stack's own; use another name, or leave it out." in error

    def test_a_name_twice_is_refused(self):
        [error] = mistakes({"webstack_databases": []}, webstack_databases=[{"name": "a"}, {"name": "a"}])
        assert error == 'webstack_databases: "a" is there twice; keep one.'

    def test_what_is_right_has_none(self):
        assert (
            mistakes(
                {"webstack_database_users": ["guestbook"]},
                webstack_database_users=[USER, USER | {"name": "old", "hosts": []}],
                webstack_lb_frontends=[FRONTEND],
                webstack_lb_maps=[{"name": "moved", "entries": {"/old": "/new"}}],
                webstack_redirect_names=["foobar.com"],
                webstack_migrate_privileges=["EVENT"],
            )
            == []
        )

    @pytest.mark.parametrize(
        ("user", "problem"),
        [
            ({"hosts": ["bi.example.com"]}, "is not a valid host"),
            ({"hosts": ["2001:db8::/32"]}, "is an IPv6 network"),
            ({"name": "bi" + "x" * 31}, "the name has 33 characters"),
            ({"password": "p" * 257}, "the password has 257 bytes"),
            ({"password": ""}, "needs either a password or a system_user"),
            ({"system_user": "bi", "hosts": ["localhost"]}, "needs either a password or a system_user"),
            ({"password": "", "system_user": "bi"}, "comes in through the socket"),
            ({"privileges": {"shop": ["SELECT"]}}, "is not a valid privilege target"),
            ({"privileges": {"shop.*": ["SELECT;"]}}, "is not a valid privilege"),
        ],
    )
    def test_an_account_that_mysql_would_refuse_later(self, user, problem):
        [error] = mistakes(webstack_database_users=[USER | user])
        assert error.startswith('webstack_database_users: "bi')
        assert problem in error

    def test_no_password_is_shown(self):
        wrong = {"name": "bi", "password": "Report-2026", "hosts": ["x"], "privileges": {"shop": ["SELECT"]}}
        assert "Report-2026" not in " ".join(
            mistakes({"webstack_database_users": ["bi"]}, webstack_database_users=[wrong])
        )

    @pytest.mark.parametrize(
        ("variable", "added"),
        [
            ("webstack_lb_frontends", [FRONTEND | {"sources": "192.0.2.0/24"}]),
            ("webstack_lb_frontends", [{"name": "api", "bind": []}]),
            ("webstack_lb_frontends", [FRONTEND | {"sources": ["office"]}]),
            ("webstack_lb_maps", [{"name": "../moved", "entries": {}}]),
            ("webstack_lb_maps", [{"name": "moved", "entries": {"/a b": "/new"}}]),
            ("webstack_lb_maps", [{"name": "moved", "entries": {"/a": "one\ntwo"}}]),
            ("webstack_redirect_names", ["*.foobar.com"]),
            ("webstack_migrate_privileges", ["EVENT;"]),
        ],
    )
    def test_others(self, variable, added):
        [error] = mistakes(**{variable: added})
        assert error.startswith(f"{variable}: ")

    @given(st.lists(st.sampled_from(["10.%", "10.1.2.3", "10.1.%", "192.0.2.7", "::1", "localhost", "%"])))
    def test_addresses_of_the_rule_never_overlap(self, hosts):
        for rule in additions.account_rules([USER | {"hosts": hosts}], [3306]):
            networks = [ip_network(address) for address in rule["addresses"]]
            assert not any(
                one.overlaps(other)
                for one in networks
                for other in networks
                if one is not other and one.version == other.version
            )


VARIABLES = (
    *("appserver_environment", "appserver_secrets", "appserver_migrate_secrets"),
    *("mysql_replication_databases", "mysql_replication_users", "nginx_sites", "nginx_upstreams"),
    *("haproxy_frontends", "haproxy_backends", "haproxy_maps", "firewall_rules", "certificates_list"),
)


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Any], dict[str, Any]]:
    """The roles' variables on the lab's hosts, without and with everything that can be added."""
    template = "{{ dict(" + str(list(VARIABLES)) + " | zip([" + ", ".join(VARIABLES) + "])) | to_json }}"
    return tuple(
        {
            host: json.loads(said) if isinstance(said, str) else said
            for host, said in rendered(template, LAB, **given).items()
        }
        for given in (SECRETS, SECRETS | BUNDLE)
    )  # type: ignore[return-value]


def included(part: Any, whole: Any) -> bool:
    """Whether all of `part` is in `whole`: keys of dicts, members of lists in any place, beside others."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and included(value, whole[key]) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(included(one, other) for other in whole) for one in part)
    return bool(part == whole)


class TestWiring:
    def test_nothing_of_the_stack_s_own_is_lost(self, both):
        """Red when a variable replaces what it is to add to, as one secret once took the database away."""
        before, after = both
        lost = [
            (host, name) for host in before for name in VARIABLES if not included(before[host][name], after[host][name])
        ]
        assert lost == []

    def test_all_is_added(self, both):
        web1, db1, lb1 = (both[1][host] for host in ("web1", "db1", "lb1"))
        assert web1["appserver_environment"]["FEATURE"] == "on"
        assert web1["appserver_secrets"]["SECRET_KEY"] == "abc"
        assert web1["appserver_migrate_secrets"]["MIGRATION_TOKEN"] == "def"
        site, admin = web1["nginx_sites"]
        assert [entry["location"] for entry in site["static"] + site["proxy"] + site["redirects"]] == [
            "/static/",
            "/media/",
            "/",
            "= /healthz",
            "/ws/",
            "= /old",
        ]
        assert site["extra"] == ["charset utf-8;"]
        assert admin["default_headers"] == site["default_headers"]
        assert [upstream["name"] for upstream in web1["nginx_upstreams"]] == ["guestbook", "files"]
        assert [database["name"] for database in db1["mysql_replication_databases"]] == [
            "guestbook",
            "stock",
            "reports",
        ]
        www, api = (one for one in lb1["haproxy_frontends"] if one["name"] != "metrics")
        assert www["http_request"][-1] == "deny if { path_beg /internal }"
        assert "foobar.com" in www["http_request"][0]
        assert api == {key: value for key, value in BUNDLE["webstack_lb_frontends"][0].items() if key != "sources"}
        assert [backend["name"] for backend in lb1["haproxy_backends"]] == ["www", "acme", "local"]
        assert lb1["haproxy_maps"] == BUNDLE["webstack_lb_maps"]
        certificate, _journal = lb1["certificates_list"]
        assert {"foobar.com", "cdn.foobar.com", "admin.foobar.com"} < set(certificate["subject_alt_names"])
        assert "~^shop" not in certificate["subject_alt_names"]

    def test_the_application_has_its_privileges_where_the_inventory_says(self, both):
        users = {user["name"]: user for user in both[1]["db1"]["mysql_replication_users"]}
        assert users["bi"] == USER
        assert set(users["guestbook"]["privileges"]) == {"guestbook.*", "stock.*"}
        assert "EVENT" in users["guestbook_migrate"]["privileges"]["stock.*"]

    def test_the_firewall_opens_what_was_added_where_it_is(self, both):
        opened = {
            host: [rule["name"] for rule in after["firewall_rules"] if rule not in both[0][host]["firewall_rules"]]
            for host, after in both[1].items()
        }
        assert opened == {
            "lb1": ["frontend api"],
            "web1": [],
            "web2": [],
            "db1": ["mysql-accounts"],
            "db2": ["mysql-accounts"],
        }
