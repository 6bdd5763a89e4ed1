"""The zone of the site: what is in it, under which names, and what cannot be."""

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.dns_octodns import dns_octodns
from ansible_collections.foobar.webstack.plugins.filter.dns_zones import dns_zones
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.dns_records import Record, quote, unquote
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import TopologyError
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.zone import Settings, Zone, zone_name, zones
from hypothesis import given
from hypothesis import strategies as st

HOSTVARS: dict[str, dict[str, Any]] = {
    "lb1": {"ansible_host": "198.18.0.11", "webstack_dns_addresses": ["198.18.0.11", "fd00::11"]},
    "lb2": {"ansible_host": "198.18.0.12"},
    "web1": {"ansible_host": "198.18.0.21"},
}
PAIR = ["lb1", "lb2"]


def of(servers: list[str] = PAIR, hostvars: dict[str, dict[str, Any]] = HOSTVARS, **settings: Any) -> list[Zone]:
    balancers = [name for name in PAIR if name in hostvars]
    return zones(list(hostvars), hostvars, servers, balancers, Settings(**({"domain": "www.foobar.com"} | settings)))


def lines(zone: Zone, *kinds: str) -> list[str]:
    return [f"{record.name} {record.type} {record.value}" for record in zone.records if record.type in kinds]


def test_a_whole_zone() -> None:
    [zone] = of(
        names=["foobar.com", "www.foobar.net", "127.0.0.1", "localhost"],
        virtual_addresses=["198.18.0.10", "198.18.0.9", "fd00::10"],
        caa=["letsencrypt.org"],
        contact="first.last@example.net",
    )
    assert lines(zone, "SOA", "NS", "A", "AAAA", "CAA") == [
        r"foobar.com SOA lb1.foobar.com. first\.last.example.net. 1 3600 600 1209600 300",
        "foobar.com NS lb1.foobar.com.",
        "foobar.com NS lb2.foobar.com.",
        "foobar.com A 198.18.0.10",
        "foobar.com A 198.18.0.9",
        "foobar.com AAAA fd00::10",
        'foobar.com CAA 0 issue "letsencrypt.org"',
        "lb1.foobar.com A 198.18.0.11",
        "lb1.foobar.com AAAA fd00::11",
        "lb2.foobar.com A 198.18.0.12",
        "web1.foobar.com A 198.18.0.21",
        "www.foobar.com A 198.18.0.10",
        "www.foobar.com A 198.18.0.9",
        "www.foobar.com AAAA fd00::10",
    ]


def test_without_virtual_addresses_the_site_is_at_the_load_balancers() -> None:
    assert lines(of()[0], "A", "AAAA")[-3:] == [
        "www.foobar.com A 198.18.0.11",
        "www.foobar.com A 198.18.0.12",
        "www.foobar.com AAAA fd00::11",
    ]


def test_public_addresses_stand_in_their_place() -> None:
    [zone] = of(virtual_addresses=["198.18.0.10"], public_addresses=["203.0.113.1"])
    assert [line for line in lines(zone, "A") if line.startswith("www")] == ["www.foobar.com A 203.0.113.1"]


def test_hosts_can_be_left_out_but_for_name_servers() -> None:
    """Without their addresses nobody finds them."""
    [zone] = of(["lb1"], host_names=False)
    assert {record.name for record in zone.records} == {"foobar.com", "www.foobar.com", "lb1.foobar.com"}


def test_whole_names_of_hosts() -> None:
    """One of the zone stays as it is; one of another zone is that one's business, also as a name server."""
    hostvars = {"lb1.foobar.com": {"ansible_host": "198.18.0.11"}, "ns.example.net": {"ansible_host": "192.0.2.1"}}
    [zone] = of(list(hostvars), hostvars, public_addresses=["203.0.113.1"])
    assert lines(zone, "NS") == ["foobar.com NS lb1.foobar.com.", "foobar.com NS ns.example.net."]
    assert {record.name for record in zone.records} == {"foobar.com", "www.foobar.com", "lb1.foobar.com"}


def test_a_zone_that_lives_elsewhere_has_neither_soa_nor_ns() -> None:
    assert {record.type for record in of([])[0].records} == {"A", "AAAA"}


def test_reverse_zones() -> None:
    _zone, four, six = of(virtual_addresses=["198.18.0.10", "fd00::10"], reverse=["198.18.0.0/24", "fd00::/64"])
    assert four.name == "0.18.198.in-addr.arpa"
    assert six.name == "0." * 14 + "d.f.ip6.arpa"
    assert lines(four, "SOA")[0].split()[2] == "lb1.foobar.com."
    assert lines(four, "PTR") == [
        "10.0.18.198.in-addr.arpa PTR www.foobar.com.",
        "11.0.18.198.in-addr.arpa PTR lb1.foobar.com.",
        "12.0.18.198.in-addr.arpa PTR lb2.foobar.com.",
        "21.0.18.198.in-addr.arpa PTR web1.foobar.com.",
    ]
    assert [line.split()[-1] for line in lines(six, "PTR")] == ["www.foobar.com.", "lb1.foobar.com."]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"domain": "www.foobar.com"}, "foobar.com"),
        ({"domain": "shop.foobar.com"}, "shop.foobar.com"),
        ({"domain": "shop.foobar.com", "zone": "FooBar.com."}, "foobar.com"),
        ({"domain": "www.bücher.example"}, "xn--bcher-kva.example"),
        ({"domain": "www.xn--bcher-kva.example", "zone": "bücher.example"}, "xn--bcher-kva.example"),
    ],
)
def test_the_name_of_the_zone(settings: dict[str, str], name: str) -> None:
    assert zone_name(Settings(**settings)) == name


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"name": "@", "type": "MX", "value": "10 mail"}, "foobar.com MX 10 mail.foobar.com."),
        ({"name": "@", "type": "MX", "value": "10 mail.example.net"}, "foobar.com MX 10 mail.example.net."),
        ({"name": "@", "type": "MX", "value": "0 ."}, "foobar.com MX 0 ."),
        ({"name": "pages", "type": "CNAME", "value": "@"}, "pages.foobar.com CNAME foobar.com."),
        ({"name": "pages.foobar.com", "type": "CNAME", "value": "a.b."}, "pages.foobar.com CNAME a.b."),
        ({"name": "web1", "type": "AAAA", "value": "fd00:0::21"}, "web1.foobar.com AAAA fd00::21"),
        (
            {"name": "_sip._tcp", "type": "SRV", "value": "0 5 50 sip"},
            "_sip._tcp.foobar.com SRV 0 5 50 sip.foobar.com.",
        ),
        ({"name": "@", "type": "CAA", "value": "0 iodef mailto:a@b.c"}, 'foobar.com CAA 0 iodef "mailto:a@b.c"'),
        ({"name": "@", "type": "TXT", "value": 'a;"b\\'}, r'foobar.com TXT "a;\"b\\"'),
        ({"name": "über", "type": "TXT", "value": "ü"}, r'xn--ber-goa.foobar.com TXT "\195\188"'),
        ({"name": "lb1", "type": "SSHFP", "value": "4 2 0aFF"}, "lb1.foobar.com SSHFP 4 2 0aFF"),
        ({"name": "_443._tcp.www", "type": "TLSA", "value": "3 1 1 00"}, "_443._tcp.www.foobar.com TLSA 3 1 1 00"),
        ({"name": "sub", "type": "NS", "value": "ns.example.net"}, "sub.foobar.com NS ns.example.net."),
    ],
)
def test_further_records(record: dict[str, str], line: str) -> None:
    assert line in lines(of(records=[record])[0], record["type"])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"domain": "localhost"}, "webstack_domain is 'localhost', which has no DNS zone; set webstack_dns_zone"),
        ({"domain": "192.0.2.1"}, "webstack_domain is '192.0.2.1', which has no DNS zone"),
        ({"zone": "foobar..com"}, "webstack_dns_zone is 'foobar..com', which has no DNS zone"),
        ({"zone": "foobar.net"}, r"webstack_domain \(www.foobar.com\) is not in it"),
        ({"ttl": "soon"}, "webstack_dns_ttl is 'soon'; write a whole number"),
        ({"public_addresses": ["www"]}, "webstack_public_addresses is 'www', not an IP address; give the bare"),
        ({"public_addresses": "203.0.113.1"}, "webstack_public_addresses is '203.0.113.1'; give a list"),
        ({"names": ["web1.foobar.com"]}, "web1: its name in DNS, web1.foobar.com, is that of the site; rename"),
        ({"caa": ["Let's Encrypt"]}, 'webstack_dns_caa has "Let\'s Encrypt"; give the names by which'),
        ({"contact": "nobody"}, "webstack_dns_contact is 'nobody'; give the mail address"),
        ({"reverse": ["198.18.0.0/25"]}, "webstack_dns_reverse has '198.18.0.0/25'; give networks that a reverse zone"),
        ({"reverse": ["198.18.0.1/24"]}, "webstack_dns_reverse has '198.18.0.1/24'"),
        ({"reverse": "198.18.0.0/24"}, "webstack_dns_reverse is '198.18.0.0/24'; give a list"),
        ({"reverse": ["198.18.0.0/16", "198.18.0.0/24"]}, "has 198.18.0.0/16 and 198.18.0.0/24, which overlap"),
        ({"records": "MX"}, "webstack_dns_records is 'MX'; give a list of records"),
        ({"records": [{"name": "a", "type": "A"}]}, r"webstack_dns_records\[0\] is .*; give name, type and value"),
        ({"records": [{"name": "a", "type": "SPF", "value": "x"}]}, r"records\[0\]: type is 'SPF'; use one of A, AAAA"),
        ({"records": [{"name": "a", "type": "A", "value": "::1"}]}, "'::1' is not a value for A; write it like 192.0"),
        ({"records": [{"name": "a", "type": "MX", "value": "mail"}]}, "write it like 10 mail.example.net"),
        ({"records": [{"name": "a", "type": "MX", "value": "99999 mail"}]}, "'99999 mail' is not a value for MX"),
        ({"records": [{"name": "a", "type": "TXT", "value": "a\nb"}]}, "is not a value for TXT"),
        ({"records": [{"name": "a b", "type": "TXT", "value": "a"}]}, "name is 'a b'; write a name below foobar.com"),
        ({"records": [{"name": "a.b.", "type": "TXT", "value": "a"}]}, "name 'a.b.' is not in the zone foobar.com"),
        ({"records": [{"name": "a", "type": "TXT", "value": "a", "ttl": -1}]}, "ttl is -1; write a whole number"),
        ({"records": [{"name": "www", "type": "A", "value": "192.0.2.1"}]}, "A of www.foobar.com comes from the stack"),
        ({"records": [{"name": "@", "type": "NS", "value": "ns.b.c"}]}, "the hosts of the group dns; add them there"),
        ({"records": [{"name": "www", "type": "CNAME", "value": "a.b"}]}, "www.foobar.com has a CNAME and A and AAAA;"),
        ({"records": [{"name": "@", "type": "CNAME", "value": "a.b"}]}, "foobar.com has a CNAME and A"),
        (
            {
                "records": [
                    {"name": "a", "type": "CNAME", "value": "a.b"},
                    {"name": "a", "type": "CNAME", "value": "c.d"},
                ]
            },
            "a.foobar.com has a CNAME and another CNAME",
        ),
        (
            {"records": [{"name": "a", "type": "CNAME", "value": "a.b"}, {"name": "a", "type": "TXT", "value": "x"}]},
            "a.foobar.com has a CNAME and TXT; a name with a CNAME has nothing else",
        ),
        (
            {
                "records": [
                    {"name": "a", "type": "TXT", "value": "x", "ttl": 1},
                    {"name": "a", "type": "TXT", "value": "y"},
                ]
            },
            "the TXT of a.foobar.com have different ttl",
        ),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(TopologyError, match=said):
        of(**settings)


@pytest.mark.parametrize(
    ("hostvars", "said"),
    [
        ({"192.0.2.1": {}}, "192.0.2.1: a host of the group dns is called by its name; give it one"),
        ({"lb one": {"ansible_host": "192.0.2.1"}}, "lb one: the name is not one for DNS; rename the host"),
        ({"lb1": {"webstack_dns_addresses": []}}, r"lb1: webstack_dns_addresses is \[\]; give a list"),
        ({"lb1": {"webstack_dns_addresses": ["::"]}}, "lb1: webstack_dns_addresses is '::', the unspecified address"),
        ({"lb1": {"ansible_host": "192.0.2.1"}, "LB1": {"ansible_host": "192.0.2.2"}}, "LB1: its name .* that of lb1"),
    ],
)
def test_a_host_that_cannot_be_named_is_refused(hostvars: dict[str, dict[str, Any]], said: str) -> None:
    with pytest.raises(TopologyError, match=said):
        of(list(hostvars), hostvars, public_addresses=["203.0.113.1"])


LABELS = st.text(st.sampled_from("abüß-9"), min_size=1, max_size=6).filter(lambda text: text.strip("-") == text)
RECORDS = st.one_of(
    st.fixed_dictionaries({"name": LABELS, "type": st.just("TXT"), "value": st.text(max_size=600)}),
    st.fixed_dictionaries({"name": LABELS, "type": st.just("CNAME"), "value": LABELS}),
    st.fixed_dictionaries({"name": LABELS, "type": st.just("A"), "value": st.ip_addresses(v=4).map(str)}),
)


@given(
    st.lists(LABELS, max_size=3),
    st.lists(st.ip_addresses().map(str), max_size=3),
    st.lists(RECORDS, max_size=4),
    st.booleans(),
)
def test_what_is_made_is_a_zone(names: list[str], addresses: list[str], records: list[Any], host_names: bool) -> None:
    """One SOA, first; no record twice; a name with a CNAME has nothing else; A-labels; one TTL for a set."""
    try:
        [zone] = of(
            names=[f"{name}.foobar.com" for name in names],
            virtual_addresses=addresses,
            records=records,
            host_names=host_names,
        )
    except TopologyError:
        return
    assert [record.type for record in zone.records].index("SOA") == 0
    assert len(set(zone.records)) == len(zone.records)
    types: dict[str, list[str]] = {}
    for record in zone.records:
        assert record.name.isascii()
        assert record.name == record.name.lower()
        assert record.value.isascii()
        assert record.value.isprintable()
        types.setdefault(record.name, []).append(record.type)
    assert all(kinds == ["CNAME"] for kinds in types.values() if "CNAME" in kinds)
    assert "foobar.com" in types
    assert "www.foobar.com" in types
    assert (
        zone
        == of(
            names=[f"{name}.foobar.com" for name in names],
            virtual_addresses=addresses,
            records=records,
            host_names=host_names,
        )[0]
    )


@given(st.text(max_size=800))
def test_a_text_comes_back_as_it_was(text: str) -> None:
    quoted = quote(text)
    assert quoted.isascii()
    assert unquote(quoted) == text


class TestOctodns:
    def test_record_sets_by_name(self) -> None:
        zone = of(
            records=[
                {"name": "@", "type": "MX", "value": "10 mail"},
                {"name": "@", "type": "TXT", "value": "a; b"},
                {"name": "pages", "type": "CNAME", "value": "a.b"},
            ],
            caa=["letsencrypt.org"],
        )[0]
        found = dns_octodns(zone.data())
        assert found["web1"] == [{"type": "A", "ttl": 3600, "values": ["198.18.0.21"]}]
        assert found["pages"] == [{"type": "CNAME", "ttl": 3600, "value": "a.b."}]
        assert {entry["type"]: entry["values"] for entry in found[""]} == {
            "A": ["198.18.0.11", "198.18.0.12"],
            "AAAA": ["fd00::11"],
            "CAA": [{"flags": 0, "tag": "issue", "value": "letsencrypt.org"}],
            "MX": [{"preference": 10, "exchange": "mail.foobar.com."}],
            "TXT": [r"a\; b"],
        }

    @given(RECORDS)
    def test_a_record_is_read_as_it_was_written(self, record: dict[str, str]) -> None:
        try:
            zone = of(records=[record])[0]
        except TopologyError:
            return
        assert [Record.of(one.data()) for one in zone.records if one.type != "SOA"] == list(zone.records[1:])

    def test_what_is_not_a_zone_is_refused(self) -> None:
        with pytest.raises(AnsibleFilterError, match="this is not a zone of the filter dns_zones"):
            dns_octodns({"name": "foobar.com"})


class TestFilter:
    def test_data(self) -> None:
        [zone] = dns_zones(["lb1"], HOSTVARS, ["lb1"], ["lb1"], domain="www.foobar.com")
        assert zone["name"] == "foobar.com"
        assert zone["records"][1] == {"name": "foobar.com", "type": "NS", "ttl": 3600, "value": "lb1.foobar.com."}
