"""What holds on the database servers of any inventory: one takes writes, the others have what it has."""

import json

import pytest
import testinfra

testinfra_hosts = ["ansible://databases"]


def rows(host, statement):
    """Rows of a statement, executed as root on the host, as dicts."""
    result = host.run("mysql --batch --raw --execute=%s", statement)
    assert result.rc == 0, f"{host.backend.get_pytest_id()}: {result.stderr}"
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def value(host, expression):
    # As JSON, because a GTID set has line breaks.
    return json.loads(rows(host, f"SELECT JSON_ARRAY({expression}) AS value")[0]["value"])[0]


def reached_at(host):
    """Address and port, as OpenSSL wants them."""
    address, port = value(host, "@@report_host"), value(host, "@@port")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@pytest.fixture(scope="module")
def servers(request):
    """Every database server of the inventory by name."""
    inventory = request.config.getoption("--ansible-inventory")
    return {host.backend.host: host for host in testinfra.get_hosts(testinfra_hosts, ansible_inventory=inventory)}


@pytest.fixture
def source(servers):
    (found,) = [host for host in servers.values() if not value(host, "@@read_only")]
    return found


def test_exactly_one_server_takes_writes(servers):
    """Two, and the data splits; none, and the site is read-only."""
    assert len([name for name, host in servers.items() if not value(host, "@@read_only")]) == 1


@pytest.mark.parametrize("identity", ["server_id", "server_uuid"])
def test_servers_are_told_apart(servers, identity):
    """A copied machine that kept its auto.cnf drops out of the replication, or worse, drops another out."""
    found = [value(host, f"@@{identity}") for host in servers.values()]
    assert len(set(found)) == len(servers)


def members(host):
    """The members of the server's group as it sees them; none in a pair."""
    return rows(
        host,
        "SELECT MEMBER_STATE AS state, MEMBER_ROLE AS role FROM performance_schema.replication_group_members"
        " WHERE MEMBER_ID <> ''",
    )


def test_every_other_server_replicates(servers, source):
    if members(source):
        whole = ["PRIMARY"] + ["SECONDARY"] * (len(servers) - 1)
        for name, host in servers.items():
            found = members(host)
            assert sorted(member["role"] for member in found) == whole, name
            assert {member["state"] for member in found} == {"ONLINE"}, name
        return
    for name, host in servers.items():
        if host is source:
            assert rows(host, "SHOW REPLICA STATUS") == []
            continue
        (channel,) = rows(
            host,
            "SELECT c.SERVICE_STATE AS receiver, a.SERVICE_STATE AS applier,"
            " f.AUTO_POSITION AS automatic, f.SSL_ALLOWED AS tls, f.SSL_VERIFY_SERVER_CERTIFICATE AS verified"
            " FROM performance_schema.replication_connection_status c"
            " JOIN performance_schema.replication_applier_status a USING (CHANNEL_NAME)"
            " JOIN performance_schema.replication_connection_configuration f USING (CHANNEL_NAME)",
        )
        assert channel == {
            "receiver": "ON",
            "applier": "ON",
            "automatic": "1",
            "tls": "YES",
            "verified": "YES",
        }, name


def test_every_server_has_what_the_source_has(servers, source):
    """What is committed on the source now is on each replica within half a minute, and nothing else is."""
    committed = value(source, "@@gtid_executed")
    for name, host in servers.items():
        assert value(host, f"WAIT_FOR_EXECUTED_GTID_SET('{committed}', 30)") == 0, name
        own = value(host, "@@gtid_executed")
        assert value(source, f"GTID_SUBTRACT('{own}', @@gtid_executed)") == "", f"{name} has transactions of its own"


def test_commits_wait_for_a_replica(servers, source):
    """Semi-synchronous replication is in force and not fallen back from; off where no replica could acknowledge.

    A group waits for most of its members, whatever that is set to.
    """
    if group := members(source):
        assert 2 * sum(member["state"] == "ONLINE" for member in group) > len(servers)
        assert value(source, "@@group_replication_single_primary_mode") == 1
        return
    status = {row["Variable_name"]: row["Value"] for row in rows(source, "SHOW STATUS LIKE 'Rpl_semi_sync_source%'")}
    if len(servers) == 1:
        assert status["Rpl_semi_sync_source_status"] == "OFF"
        return
    assert status["Rpl_semi_sync_source_status"] == "ON"
    assert int(status["Rpl_semi_sync_source_clients"]) >= 1
    assert value(source, "@@rpl_semi_sync_source_wait_point") == "AFTER_SYNC"


@pytest.mark.parametrize(
    ("variable", "wanted"),
    [
        ("gtid_mode", "ON"),
        ("enforce_gtid_consistency", "ON"),
        ("binlog_format", "ROW"),
        ("log_bin", 1),
        ("log_replica_updates", 1),
        ("sync_binlog", 1),
        ("innodb_flush_log_at_trx_commit", 1),
        ("relay_log_recovery", 1),
        ("rpl_semi_sync_replica_enabled", 1),
    ],
)
def test_nothing_acknowledged_is_lost_in_a_crash(host, variable, wanted):
    assert value(host, f"@@{variable}") == wanted


def test_members_trust_each_other_by_name_and_elect_who_has_least_to_apply(host):
    """In a group; a pair does not load the plugin. The component is part of MySQL since 9.7."""
    found = {row["Variable_name"]: row["Value"] for row in rows(host, "SHOW VARIABLES LIKE 'group_replication%'")}
    if not members(host):
        assert "group_replication_ssl_mode" not in found
        return
    assert found["group_replication_ssl_mode"] == "VERIFY_IDENTITY"
    assert found["group_replication_recovery_ssl_verify_server_cert"] == "ON"
    elector = "component_group_replication_elect_prefers_most_updated.so"
    if host.file(value(host, "@@plugin_dir") + elector).exists:
        assert found["group_replication_elect_prefers_most_updated.enabled"] == "ON"


def test_time_zones_have_names(host):
    """On replicas, too. Without them CONVERT_TZ gives NULL, and so do an application's questions by day."""
    assert value(host, "CONVERT_TZ('2026-01-01 12:00:00', 'UTC', 'Europe/Berlin')") == "2026-01-01 13:00:00.000000"


@pytest.mark.parametrize("plugin", ["rpl_semi_sync_source", "rpl_semi_sync_replica", "clone"])
def test_every_server_can_take_either_role(host, plugin):
    assert (plugin, "ACTIVE") in [(row["Name"], row["Status"]) for row in rows(host, "SHOW PLUGINS")]


def test_nobody_takes_writes_after_a_restart(host):
    """A replica not even root's now; and nobody after a restart, when only the files count."""
    if value(host, "@@read_only"):
        assert value(host, "@@super_read_only") == 1
    configured = host.check_output("my_print_defaults mysqld").splitlines()
    settings = [line.replace("-", "_") for line in configured if "super" in line]
    assert settings[-1:] == ["__super_read_only=ON"]


def test_nobody_gets_in_without_a_name_or_as_root_from_elsewhere(host):
    assert (
        rows(
            host,
            "SELECT user, host FROM mysql.user"
            " WHERE user = '' OR (user = 'root' AND host NOT IN ('localhost', '127.0.0.1', '::1'))",
        )
        == []
    )


def test_nobody_comes_in_over_the_network_without_tls(host):
    """Neither by the server's setting, nor, should that be lost, by an account's."""
    assert value(host, "@@require_secure_transport") == 1
    assert (
        rows(
            host,
            "SELECT user, host FROM mysql.user WHERE ssl_type = '' AND host NOT IN ('localhost', '127.0.0.1', '::1')",
        )
        == []
    )


def test_the_certificate_is_verified_by_address_and_is_the_one_in_the_file(host):
    """What replicas and applications rely on. An old one is served where a rotation was not activated."""
    address, ca = value(host, "@@report_host"), value(host, "@@ssl_ca")
    handshake = host.run(
        "openssl s_client -starttls mysql -connect %s -CAfile %s -verify_ip %s -verify_return_error </dev/null",
        reached_at(host),
        ca,
        address,
    )
    assert "Verify return code: 0 (ok)" in handshake.stdout, handshake.stderr
    leaf = host.file(value(host, "@@ssl_cert")).content_string.split("-----END")[0].split("CERTIFICATE-----")[1]
    assert leaf in handshake.stdout


@pytest.mark.parametrize("protocol", ["-tls1", "-tls1_1"])
def test_old_protocols_are_refused(host, protocol):
    handshake = host.run(
        "openssl s_client -starttls mysql -connect %s %s -cipher DEFAULT:@SECLEVEL=0 </dev/null",
        reached_at(host),
        protocol,
    )
    assert handshake.rc != 0
    assert "CONNECTED" in handshake.stdout, handshake.stderr


def test_weak_ciphers_are_refused(host):
    """One that encrypts without forward secrecy, and one without authenticated encryption."""
    for cipher in "AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA384":
        handshake = host.run(
            "openssl s_client -starttls mysql -connect %s -tls1_2 -cipher %s </dev/null",
            reached_at(host),
            cipher,
        )
        assert handshake.rc != 0, cipher
        assert "CONNECTED" in handshake.stdout, handshake.stderr


def test_the_server_runs_in_a_sandbox(host):
    """systemd's own score, 0 for nothing exposed and 10 for everything; the package's unit has 9.2."""
    assessed = host.check_output("systemd-analyze security --no-pager mysql")
    assert float(assessed.split("exposure level for mysql.service: ")[1].split()[0]) <= 3.0


def test_only_the_port_of_mysql_is_open(host):
    """The X protocol is on by default, on a port of its own."""
    assert not host.socket("tcp://33060").is_listening
    assert value(host, "@@port") > 0
