"""Each place where an address becomes text, with IPv6 addresses as somebody may have written them."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import fence
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.accounts import compared_host
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.donor import donor_name
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.modes.pair.channel import Endpoint
from ansible_collections.foobar.webstack.plugins.modules.mysql_accounts import accounts
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.model import configuration
from ansible_collections.foobar.webstack.plugins.plugin_utils.haproxy.sections import sections
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx import model as nginx
from ansible_collections.foobar.webstack.plugins.plugin_utils.nginx.servers import upstream_data
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology import addresses, databases, routing
from hypothesis import given
from hypothesis import strategies as st
from role_variables import rendered

from inventories import backend, database_servers, replication, upstream

GLOBAL = st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address)
"""2000::/3, which is all that the IANA has given out."""
SPELLINGS = st.sampled_from([str, lambda at: str(at).upper(), lambda at: at.exploded, lambda at: at.exploded.upper()])


@st.composite
def spelled(draw: st.DrawFn) -> tuple[str, str]:
    """An address in some spelling, and in the one that every program has (RFC 5952)."""
    address = draw(GLOBAL)
    return draw(SPELLINGS)(address), str(address)


@given(spelled())
def test_a_host_has_its_address_in_one_spelling(pair: tuple[str, str]) -> None:
    written, text = pair
    assert str(addresses.address("web1", {"web1": {"ansible_host": written}})) == text


@given(spelled())
def test_haproxy_has_servers_in_brackets(pair: tuple[str, str]) -> None:
    """Without them the last group would be the port."""
    written, text = pair
    [server] = backend({"web1": {"ansible_host": written}})
    known = configuration([], [{"name": "web", "servers": [server]}], [], {})
    [(_, lines)] = sections(known, ["GET"], default_alpn=True, ipv6=True, host="lb1")
    assert lines[-1].startswith(f"server web1 [{text}]:80 ")


@given(spelled())
def test_nginx_has_servers_in_brackets(pair: tuple[str, str]) -> None:
    written, text = pair
    [server] = upstream({"web1": {"ansible_host": written}})
    known = nginx.configuration([], [{"name": "app", "servers": [server]}])
    assert upstream_data(known)[0]["servers"][0]["server"].startswith(f"[{text}]:8000 ")


@given(spelled())
def test_databases_are_reached_in_brackets(pair: tuple[str, str]) -> None:
    """The application's own URLs, and what a sentence calls the source."""
    written, text = pair
    settings = replication(database_servers(db1={"ansible_host": written}))
    assert settings["db1"]["address"] == settings["db1"]["report_host"] == settings["db2"]["source"]["host"] == text
    made = routing.routing(
        routing.database_servers(settings),
        address=written,
        write_port=6446,
        read_port=6447,
        endpoint_port=3308,
        ca_file="/ca.pem",
    )
    assert (made.write, made.read) == (f"[{text}]:6446", f"[{text}]:6447")
    assert str(Endpoint(host=text, port=3306, user="r", password="")) == f"[{text}]:3306"


@given(spelled())
def test_accounts_have_the_spelling_that_the_server_compares(pair: tuple[str, str]) -> None:
    """MySQL compares an account's host with a client's address character by character: 'x'@'0:0::1' lets nobody in."""
    written, text = pair
    assert compared_host(written) == text
    user: dict[str, Any] = {"name": "shop", "hosts": [written, text], "password": "x", "system_user": None}
    user |= {"privileges": {}, "require_tls": True, "max_user_connections": 0}
    assert [account.host for account in accounts([user])] == [text]


@pytest.mark.parametrize("host", ["localhost", "%", "198.18.0.%", "198.18.0.0/255.255.255.0", "2001:db8::%", "db.lan"])
def test_what_is_no_address_stays_as_it_is(host: str) -> None:
    assert compared_host(host) == host


def test_a_client_with_ipv4_has_an_ipv4_address() -> None:
    """Also where the server listens on IPv6."""
    assert compared_host("::ffff:198.18.0.21") == "198.18.0.21"


@given(GLOBAL, GLOBAL)
def test_server_ids_fit_and_follow_from_the_address(first: IPv6Address, second: IPv6Address) -> None:
    """Two that are equal by chance are refused (test_topology_databases)."""
    found = databases.derived_server_id(first)
    assert found in databases.SERVER_IDS
    assert found == databases.derived_server_id(IPv6Address(first.exploded))
    assert first == second or found != databases.derived_server_id(second)


@given(GLOBAL, GLOBAL)
def test_clone_has_a_name_without_a_colon_for_each(first: IPv6Address, second: IPv6Address) -> None:
    names = {donor_name(str(first)), donor_name(first.exploded), donor_name(str(second))}
    assert len(names) == len({first, second})
    assert all(re.fullmatch(r"[0-9a-f-]{39}\.clone\.webstack\.internal", name) for name in names)


def test_clone_has_an_ipv4_address_as_it_is() -> None:
    assert donor_name("198.18.0.31") == "198.18.0.31"


@given(spelled())
def test_a_fence_is_for_the_family_of_the_address(pair: tuple[str, str]) -> None:
    """And is found again in what nft lists, which has the address in its own spelling."""
    written, text = pair
    assert f"ip6 saddr {text} drop" in fence.rules([written])
    assert fence.addresses_in(fence.rules([written])) == [text]


@given(spelled(), st.sampled_from([22, 2222]))
def test_the_backups_store_is_a_url(pair: tuple[str, str], port: int) -> None:
    """restic's other form, `sftp:user@host:/path`, ends the host at the first colon."""
    store = {"host": "lb1", "address": pair[1], "port": port}
    found = rendered("mysql_backup", "__mysql_backup_repository", mysql_backup_store=store)
    assert found == f"sftp://mysql-backup-store@[{pair[1]}]:{port}//srv/mysql-backup/repository"
    options = rendered("mysql_backup", "__mysql_backup_restic_options", mysql_backup_store=store)
    assert options[-1].endswith(f" -p {port} mysql-backup-store@{pair[1]} -s sftp")


def test_the_backups_store_with_ipv4() -> None:
    found = rendered(
        "mysql_backup", "__mysql_backup_repository", mysql_backup_store={"host": "lb1", "address": "1.2.3.4"}
    )
    assert found == "sftp://mysql-backup-store@1.2.3.4:22//srv/mysql-backup/repository"


def test_gunicorn_knows_a_proxy_with_ipv4_on_a_socket_of_both_families() -> None:
    """There the kernel writes its address as IPv6, and gunicorn compares the text."""
    trusted = ["127.0.0.1", "::1", "198.18.0.21"]
    for address, more in (("::", ["::ffff:127.0.0.1", "::ffff:198.18.0.21"]), ("198.18.0.21", []), ("fd00::21", [])):
        bind = {"address": address, "port": 8000}
        found = rendered(
            "appserver",
            "__appserver_forwarded_allow_ips",
            appserver_bind=bind,
            appserver_forwarded_allow_ips=trusted,
        )
        assert found == trusted + more
        assert all(ip_address(at) for at in found)
