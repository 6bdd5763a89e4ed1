"""The server's configuration: what it says of sources and replicas, and whether mysqld takes it."""

import re

import pytest

DEBIAN = {"os_family": "Debian", "distribution": "Debian", "distribution_major_version": "13"}
SOURCE = {
    "name": "db1",
    "address": "198.18.0.31",
    "port": 3306,
    "server_id": 3323068447,
    "report_host": "198.18.0.31",
    "read_only": False,
    "source": None,
    "replicas": [{"name": "db2", "host": "198.18.0.32", "port": 3306}],
}
REPLICA = {
    "name": "db2",
    "address": "198.18.0.32",
    "port": 3307,
    "server_id": 3323068448,
    "report_host": "198.18.0.32",
    "read_only": True,
    "source": {"name": "db1", "host": "198.18.0.31", "port": 3306},
    "replicas": [],
}
# What a user without the filter has to write.
MINIMAL = {"address": "2001:db8::31", "server_id": 1}
CASCADE = REPLICA | {"replicas": [{"host": "198.18.0.33"}]}
TOPOLOGIES = pytest.mark.parametrize(
    "settings",
    [SOURCE, REPLICA, MINIMAL, CASCADE],
    ids=["source", "replica", "alone", "replica with a replica"],
)

# Variables of MySQL 8.4, which cannot be installed in the lab. A name that is new in a later release fails here, and
# then belongs in data that says from which series on it is written.
KNOWN_TO_8_4 = {
    "bind_address",
    "binlog_expire_logs_seconds",
    "disabled_storage_engines",
    "enforce_gtid_consistency",
    "gtid_mode",
    "innodb_buffer_pool_size",
    "innodb_flush_log_at_trx_commit",
    "innodb_redo_log_capacity",
    "log_bin_trust_function_creators",
    "loose_rpl_semi_sync_replica_enabled",
    "loose_rpl_semi_sync_source_enabled",
    "loose_rpl_semi_sync_source_timeout",
    "loose_rpl_semi_sync_source_wait_for_replica_count",
    "loose_rpl_semi_sync_source_wait_no_replica",
    "loose_rpl_semi_sync_source_wait_point",
    "max_connections",
    "mysqlx",
    "plugin_load_add",
    "port",
    "read_only",
    "relay_log",
    "relay_log_recovery",
    "replica_net_timeout",
    "require_secure_transport",
    "report_host",
    "report_port",
    "server_id",
    "skip_name_resolve",
    "ssl_ca",
    "ssl_cert",
    "ssl_cipher",
    "ssl_key",
    "super_read_only",
    "sync_binlog",
    "tls_ciphersuites",
    "tls_version",
}
TLS = {
    "mysql_replication_tls": {
        "certificate": "/etc/webstack/tls/mysql/certificate.pem",
        "key": "/etc/webstack/tls/mysql/key.pem",
        "ca": "/etc/webstack/tls/ca.pem",
    }
}

# Those whose default is another in 8.4 (or in a distribution's build) than in 9.7, and on which replication rests.
NEVER_LEFT_TO_A_DEFAULT = {
    "gtid_mode": "ON",
    "enforce_gtid_consistency": "ON",
    "sync_binlog": "1",
    "innodb_flush_log_at_trx_commit": "1",
}


@pytest.fixture
def render(render_template):
    def with_variables(settings, **variables):
        return render_template(
            "mysql_replication",
            "webstack.cnf.j2",
            {"mysql_replication_settings": settings, "mysql_replication_user": {"name": "r", "password": "p"}}
            | variables,
        )

    return with_variables


def options(text):
    """What the file says, the last of each name."""
    lines = re.findall(r"^(\w+) = (.*)$", text, re.MULTILINE)
    assert len(lines) == len([line for line in text.splitlines() if line and line[0] not in "#["])
    return dict(lines)


@TOPOLOGIES
@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "mysql_replication_variables": {
                "sql_mode": "ANSI,TRADITIONAL",
                "long_query_time": 0.5,
                "local_infile": False,
            }
        },
        {
            "mysql_replication_variables": {
                "init_connect": "SET @a = 1 # no comment",
                "secure_file_priv": "/var/lib/mysql-files",
            }
        },
        {"mysql_replication_bind_addresses": ["127.0.0.1", "::1"], "mysql_replication_buffer_pool_mb": 1024},
        TLS,
    ],
    ids=["defaults", "variables", "words", "addresses", "tls"],
)
def test_mysqld_takes_it(render, parser, settings, variables):
    """Read as the validation of the role reads it, with the plugins loaded."""
    result = parser(
        ["mysqld", "--defaults-file=/webstack.cnf", "--validate-config", "--log-error-verbosity=2"],
        {"/webstack.cnf": render(settings, **variables)},
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_mysqld_refuses_a_mistake(render, parser):
    """The test of the test above."""
    text = render(SOURCE, mysql_replication_variables={"max_connection": 5})
    result = parser(["mysqld", "--defaults-file=/webstack.cnf", "--validate-config"], {"/webstack.cnf": text})
    assert result.returncode == 1
    assert "unknown variable 'max_connection=5'" in result.stderr


@TOPOLOGIES
def test_every_name_is_known_to_mysql_8_4(render, settings):
    assert set(options(render(settings, **TLS))) <= KNOWN_TO_8_4


@TOPOLOGIES
def test_replication_rests_on_no_default(render, settings):
    assert options(render(settings)).items() >= NEVER_LEFT_TO_A_DEFAULT.items()


@TOPOLOGIES
def test_nobody_takes_writes_after_a_restart(render, settings):
    """A source that has crashed neither: its place may have been taken. Who takes writes is decided while it runs."""
    closed = {"read_only": "ON", "super_read_only": "ON", "loose_rpl_semi_sync_source_enabled": "OFF"}
    assert options(render(settings)).items() >= closed.items()


def test_source_and_replica_have_the_same_file_but_for_who_they_are(render):
    """So that an exchange of their roles leaves nothing to be written."""
    own = ("server_id", "report_host", "report_port", "port")
    one, other = options(render(SOURCE)), options(render(REPLICA))
    assert {name: one[name] for name in one if name not in own} == {n: other[n] for n in other if n not in own}


@TOPOLOGIES
def test_every_server_can_take_either_role(render, settings):
    """The plugins of both are loaded everywhere; no restart stands between a replica and its promotion."""
    text = render(settings)
    assert re.findall(r"^plugin_load_add = (.*)$", text, re.MULTILINE) == [
        "semisync_source.so",
        "semisync_replica.so",
        "mysql_clone.so",
    ]
    assert options(text)["loose_rpl_semi_sync_replica_enabled"] == "ON"


@pytest.mark.parametrize(
    ("memory_mb", "fraction", "pool_mb", "redo_mb"),
    [
        (512, 0.5, 128, 100),
        (970, 0.5, 128, 100),
        (2048, 0.5, 1024, 512),
        (3900, 0.5, 1920, 960),
        (16000, 0.75, 11904, 5952),
        (256000, 0.75, 192000, 8192),
        (2048, 0.01, 128, 100),
    ],
)
def test_memory_follows_the_host(render, memory_mb, fraction, pool_mb, redo_mb):
    """Whole chunks of 128 MiB, and MySQL's own minimum on a small host."""
    rendered = options(
        render(
            SOURCE,
            ansible_facts=DEBIAN | {"memtotal_mb": memory_mb},
            mysql_replication_memory_fraction=fraction,
        )
    )
    assert int(rendered["innodb_buffer_pool_size"]) == pool_mb * 2**20
    assert int(rendered["innodb_redo_log_capacity"]) == redo_mb * 2**20


def test_what_the_user_says_of_a_variable_wins(render):
    rendered = options(render(SOURCE, mysql_replication_variables={"max_connections": 7}))
    assert rendered["max_connections"] == "7"


def test_the_time_zone_is_written_as_its_option(render, parser):
    """mysqld knows no option time_zone."""
    text = render(SOURCE, mysql_replication_variables={"time_zone": "+02:00"})
    assert options(text)["default_time_zone"] == '"+02:00"'
    result = parser(
        ["mysqld", "--defaults-file=/webstack.cnf", "--user=mysql", "--validate-config"], {"/webstack.cnf": text}
    )
    assert result.returncode == 0, result.stderr


def test_tls_is_required_where_there_is_a_certificate(render):
    """And every word of OpenSSL's is on one line: a file of options has no other way to go on."""
    rendered = options(render(SOURCE, **TLS))
    assert rendered["require_secure_transport"] == "ON"
    assert rendered["tls_version"] == "TLSv1.2,TLSv1.3"
    assert re.fullmatch(r"(ECDHE-(ECDSA|RSA)-(AES\d+-GCM-SHA\d+|CHACHA20-POLY1305):?){6}", rendered["ssl_cipher"])
    plain = options(render(SOURCE))
    assert plain["require_secure_transport"] == "OFF"
    assert not [name for name in plain if name.startswith(("ssl_", "tls_"))]


def test_the_same_data_gives_the_same_file(render):
    assert render(SOURCE) == render(SOURCE)


MEMBER = {key: value for key, value in SOURCE.items() if key not in ("source", "replicas")} | {
    "group": {
        "name": "5bf0ef8f-9d6c-4a3e-8a44-6a1c9f3b6e0d",
        "local": "198.18.0.31:3306",
        "seeds": ["198.18.0.31:3306", "198.18.0.32:3306", "[2001:db8::33]:3306"],
        "others": [
            {"name": "db2", "host": "198.18.0.32", "port": 3306},
            {"name": "db3", "host": "2001:db8::33", "port": 3306},
        ],
    }
}
GROUP = {"mysql_replication_mode": "group"}
STATED = {
    "group_name": "5bf0ef8f-9d6c-4a3e-8a44-6a1c9f3b6e0d",
    "local_address": "198.18.0.31:3306",
    "group_seeds": '"198.18.0.31:3306,198.18.0.32:3306,[2001:db8::33]:3306"',
    "communication_stack": "MYSQL",
    "single_primary_mode": "ON",
    "paxos_single_leader": "ON",
    "start_on_boot": "OFF",
    "bootstrap_group": "OFF",
    "consistency": "BEFORE_ON_PRIMARY_FAILOVER",
    "member_expel_timeout": "0",
    "unreachable_majority_timeout": "10",
    # A member that leaves would wait for the end of an attempt of its own to come back.
    "autorejoin_tries": "0",
}


@pytest.mark.parametrize(
    ("variables", "tls"),
    [
        (TLS, {"ssl_mode": "VERIFY_IDENTITY", "recovery_ssl_verify_server_cert": "ON", "recovery_use_ssl": "ON"}),
        ({}, {"ssl_mode": "REQUIRED", "recovery_ssl_verify_server_cert": "OFF", "recovery_use_ssl": "ON"}),
    ],
    ids=["tls", "without"],
)
def test_a_member_of_a_group(render, parser, variables, tls):
    """Everything that a group rests on is stated: defaults differ by release, and are the wrong ones."""
    text = render(MEMBER, **GROUP, **variables)
    found = options(text)
    assert found.items() >= {f"loose_group_replication_{name}": value for name, value in (STATED | tls).items()}.items()
    assert "plugin_load_add = group_replication.so" in text
    assert (found["super_read_only"], found["loose_rpl_semi_sync_source_enabled"]) == ("ON", "OFF")
    result = parser(
        ["mysqld", "--defaults-file=/webstack.cnf", "--validate-config", "--log-error-verbosity=2"],
        {"/webstack.cnf": text},
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_a_pair_says_nothing_of_groups(render):
    assert "group_replication" not in render(SOURCE)
