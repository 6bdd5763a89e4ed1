"""The unit of the endpoint as systemd reads it, and the routing that asks it as HAProxy does."""

import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._mysql import role_lock
from throwaway_ca import Authority

Parser = Callable[[list[str], Mapping[str, str]], subprocess.CompletedProcess[str]]
UNIT = "/etc/systemd/system/mysql-endpoint.service"
TLS = {
    "certificate": "/etc/webstack/tls/mysql-endpoint/certificate.pem",
    "key": "/etc/webstack/tls/mysql-endpoint/key.pem",
}
VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "TLS": {"mysql_endpoint_tls": TLS},
    "one address": {
        "mysql_endpoint_address": "2001:db8::31",
        "mysql_endpoint_port": 4000,
        "mysql_endpoint_max_lag": 0.5,
    },
}
CA = "/etc/webstack/tls/ca.pem"
EXPOSURE = 3.0
"""systemd's own measure of what a service could do, from 0 to 10."""

HOSTS = {"db1": "198.18.0.31", "db2": "2001:db8::32"}


def checked(name: str, uri: str, interval: str, *extra: str) -> dict[str, Any]:
    """Asks the endpoint over TLS, while what goes through is MySQL's own protocol."""
    return {
        "name": name,
        "mode": "tcp",
        "timeout_server": "1h",
        "http_check": {"uri": uri, "host": "mysql-endpoint"},
        "check_interval": interval,
        "rise": 1,
        "fall": 2,
        "server_extra": ["port 3308", "check-ssl", "verify required", f"ca-file {CA}", *extra],
        "servers": [
            {"name": host, "address": address, "port": 3306, "extra": [f"check-sni {host} verifyhost {host}"]}
            for host, address in HOSTS.items()
        ],
    }


def standing_in(suffix: str, tracked: str) -> list[dict[str, Any]]:
    """Backups whose health is that of another backend's servers."""
    return [
        {"name": f"{name}{suffix}", "address": address, "port": 3306, "check": False, "backup": True}
        | {"extra": [f"track {tracked}/{name}"]}
        for name, address in HOSTS.items()
    ]


FAST = ("fastinter 250ms", "on-marked-down shutdown-sessions")
READ = checked("mysql-read", "/replica", "500ms", *FAST, "on-marked-up shutdown-backup-sessions")
ROUTING = {
    "haproxy_stats": {},
    "haproxy_backends": [checked("mysql-any", "/readable", "1s") | {"fall": 1}],
    "haproxy_listens": [
        checked("mysql-write", "/primary", "500ms", *FAST)
        | {"bind": [{"address": "127.0.0.1", "port": 3306}], "timeout_client": "1h"},
        READ
        | {
            "bind": [{"address": "127.0.0.1", "port": 3307}],
            "timeout_client": "1h",
            "servers": [
                *READ["servers"],
                *standing_in("-primary", "mysql-write"),
                *standing_in("-any", "mysql-any"),
            ],
        },
    ],
}


@pytest.fixture
def unit(render_template: Callable[..., str]) -> Callable[..., str]:
    return lambda **variables: render_template("mysql_endpoint", "mysql-endpoint.service.j2", variables)


@pytest.mark.parametrize("variables", VARIANTS.values(), ids=VARIANTS)
def test_systemd_accepts_the_unit(unit: Any, parser: Parser, variables: Mapping[str, Any]) -> None:
    done = parser(["systemd-analyze", "verify", UNIT], {UNIT: unit(**variables)})
    # The program is not there, which is all that may be wrong.
    complaints = [
        line for line in done.stderr.splitlines() if "mysql-endpoint" in line and "not executable" not in line
    ]
    assert complaints == [], done.stderr


def test_systemd_would_have_said_something(unit: Any, parser: Parser) -> None:
    """The test above is able to fail."""
    done = parser(
        ["systemd-analyze", "verify", UNIT],
        {UNIT: unit() + "[Service]\nNoSuchDirective=x\n"},
    )
    assert "NoSuchDirective" in done.stderr


def test_the_service_can_do_little(unit: Any, parser: Parser) -> None:
    done = parser(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "mysql-endpoint.service"],
        {UNIT: unit(mysql_endpoint_tls=TLS)},
    )
    assert float(re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout)[1]) <= EXPOSURE, done.stdout


REOPEN_UNIT = "/etc/systemd/system/mysql-reopen.service"
REOPEN = {
    "mysql_endpoint_reopen": True,
    "mysql_endpoint_ca": CA,
    "mysql_endpoint_peers": [
        {"name": "db2", "address": "198.18.0.32", "port": 3308},
        {"name": "db3", "address": "2001:db8::33"},
    ],
}


def test_the_service_that_reopens_is_known_to_systemd_and_can_do_little(
    render_template: Callable[..., str], parser: Parser
) -> None:
    rendered = render_template("mysql_endpoint", "mysql-reopen.service.j2", REOPEN)
    assert " --peer=db2,198.18.0.32,3308 --peer=db3,2001:db8::33,3308\n" in rendered
    done = parser(["systemd-analyze", "verify", REOPEN_UNIT], {REOPEN_UNIT: rendered})
    complaints = [line for line in done.stderr.splitlines() if "mysql-reopen" in line and "not executable" not in line]
    assert complaints == [], done.stderr
    done = parser(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", "mysql-reopen.service"],
        {REOPEN_UNIT: rendered},
    )
    assert float(re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout)[1]) <= EXPOSURE, done.stdout


def test_the_lock_is_the_one_of_the_verbs(render_template: Callable[..., str]) -> None:
    """Red when the service keeps another file than the verbs take."""
    rendered = render_template("mysql_endpoint", "mysql-reopen.service.j2", REOPEN)
    assert f"touch {role_lock.FILE} " in rendered
    assert f"chgrp {role_lock.GROUP} {role_lock.FILE} " in rendered


def test_arguments(unit: Any) -> None:
    def arguments(**variables: Any) -> str:
        return re.search(r"^ExecStart=(.*)$", unit(**variables), re.MULTILINE)[1]

    socket = "--mysql-socket=/run/mysqld/mysqld.sock --mysql-user=mysql-endpoint"
    assert arguments() == f"/usr/local/sbin/mysql-endpoint --mode=pair --address=* --port=3308 --max-lag=5 {socket}"
    assert " --mode=group " in arguments(mysql_endpoint_mode="group")
    assert arguments(**VARIANTS["TLS"]).endswith(f" --certificate={TLS['certificate']} --key={TLS['key']}")
    assert "--address=2001:db8::31 --port=4000 --max-lag=0.5 " in arguments(**VARIANTS["one address"])


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> str:
    authority = Authority(tmp_path_factory.mktemp("authority") / "ca")
    authority.make()
    return authority.certificate.read_text()


def test_haproxy_reads_the_routing_without_a_warning(
    render_template: Callable[..., str], parser: Parser, authority: str
) -> None:
    rendered = render_template("haproxy", "haproxy.cfg.j2", ROUTING)
    done = parser(["haproxy", "-c", "-f", "/haproxy.cfg"], {"/haproxy.cfg": rendered, CA: authority})
    # That there is no state to take over is a notice.
    said = [line for line in done.stderr.splitlines() if line.startswith(("[WARNING]", "[ALERT]"))]
    assert (done.returncode, said) == (0, []), done.stderr
    assert rendered.count("check-sni db1 verifyhost db1") == 3
    assert "server db2-primary [2001:db8::32]:3306 weight 100 backup track mysql-write/db2\n" in rendered
