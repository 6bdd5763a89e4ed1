"""The unit and gunicorn's configuration, as systemd and gunicorn themselves read them."""

import json
from typing import Any

import pytest

APPLICATION = {"/srv/app/hello.py": "def app(environ, start_response):\n    return []\n"}


@pytest.fixture
def unit(render_template):
    return lambda **variables: render_template("appserver", "app.service.j2", variables)


@pytest.fixture
def config(render_template):
    return lambda **variables: render_template(
        "appserver", "gunicorn.conf.py.j2", {"appserver_wsgi": "hello:app", **variables}
    )


@pytest.fixture
def settings(config, parser):
    """What gunicorn makes of it, setting by setting."""

    def run(**variables: Any) -> dict[str, Any]:
        program = (
            "import json\n"
            "from gunicorn.app.wsgiapp import WSGIApplication\n"
            "c = WSGIApplication('%(prog)s').cfg\n"
            "print(json.dumps({n: s.get() for n, s in c.settings.items()}, default=repr))"
        )
        done = parser(
            ["sh", "-c", f'cd /srv/app && exec python3 -c "{program}" --config /srv/gunicorn.conf.py --check-config'],
            {**APPLICATION, "/srv/gunicorn.conf.py": config(**variables)},
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "another application": {
        "appserver_name": "shop-2",
        "appserver_requirements": "requirements.txt",
        "appserver_start_timeout": 5,
        "appserver_graceful_timeout": 60,
    },
    "further directives": {
        "appserver_unit_options": {
            "MemoryMax": "512M",
            "MemoryDenyWriteExecute": False,
            "TasksMax": 100,
            "ReadWritePaths": ["/var/lib/a", "/var/lib/b"],
        }
    },
}


@pytest.mark.parametrize("variables", VARIANTS.values(), ids=VARIANTS)
def test_systemd_accepts_the_unit(unit, parser, variables) -> None:
    name = variables.get("appserver_name", "guestbook")
    done = parser(
        ["systemd-analyze", "verify", f"/etc/systemd/system/{name}.service"],
        {f"/etc/systemd/system/{name}.service": unit(**variables)},
    )
    complaints = [line for line in done.stderr.splitlines() if name in line]
    assert complaints == [], done.stderr


def test_systemd_would_have_said_something(unit, parser) -> None:
    """The test above is able to fail."""
    done = parser(
        ["systemd-analyze", "verify", "/etc/systemd/system/guestbook.service"],
        {"/etc/systemd/system/guestbook.service": unit(appserver_unit_options={"NoSuchDirective": "x"})},
    )
    assert "NoSuchDirective" in done.stderr


def test_the_unit_belongs_to_the_application(unit) -> None:
    text = lines(unit(appserver_name="shop"))
    for line in (
        "User=shop",
        "Group=shop",
        "WorkingDirectory=/srv/www/shop/current",
        "EnvironmentFile=/etc/appserver/shop/environment",
        "ReadWritePaths=/srv/www/shop/shared",
        "ExecStart=/usr/bin/python3 -m gunicorn --config /etc/appserver/shop/gunicorn.conf.py",
    ):
        assert line in text


def test_a_virtual_environment_is_the_releases_own(unit) -> None:
    """By a path relative to the release: by way of current, a running process would see the next one's files."""
    command = "ExecStart=/usr/bin/env .venv/bin/python3 -m gunicorn --config /etc/appserver/guestbook/gunicorn.conf.py"
    assert command in lines(unit(appserver_requirements="requirements.txt"))


def test_further_directives_come_last(unit) -> None:
    """systemd takes the last word."""
    text = lines(unit(**VARIANTS["further directives"]))
    assert text[-9:-4] == [
        "MemoryDenyWriteExecute=false",
        "MemoryMax=512M",
        "ReadWritePaths=/var/lib/a",
        "ReadWritePaths=/var/lib/b",
        "TasksMax=100",
    ]
    assert text.index("MemoryDenyWriteExecute=true") < text.index("MemoryDenyWriteExecute=false")


def test_gunicorn_reads_the_defaults(settings) -> None:
    found = settings()
    assert found["bind"] == ["127.0.0.1:8000"]
    assert found["workers"] >= 3
    assert (found["threads"], found["timeout"], found["graceful_timeout"], found["max_requests"]) == (1, 30, 30, 0)
    assert found["forwarded_allow_ips"] == ["127.0.0.1", "::1"]
    assert (found["accesslog"], found["preload_app"], found["wsgi_app"]) == (None, False, "hello:app")
    assert "when_ready" in found["when_ready"]


def test_gunicorn_reads_every_setting(settings) -> None:
    found = settings(
        appserver_bind={"address": "2001:db8::1", "port": 80},
        appserver_workers=7,
        appserver_threads=2,
        appserver_timeout=11,
        appserver_graceful_timeout=12,
        appserver_max_requests=1000,
        appserver_max_requests_jitter=100,
        appserver_forwarded_allow_ips=["198.18.0.21", "198.18.0.22"],
        appserver_access_log=True,
        appserver_preload=True,
        appserver_gunicorn_settings={
            "keepalive": 5,
            "loglevel": "warning",
            "proc_name": 'a "b" \\ ü',
            "reuse_port": True,
            "pidfile": None,
            "raw_env": ["A=b"],
        },
    )
    expected = {
        "bind": ["[2001:db8::1]:80"],
        "workers": 7,
        "threads": 2,
        "timeout": 11,
        "graceful_timeout": 12,
        "max_requests": 1000,
        "max_requests_jitter": 100,
        "forwarded_allow_ips": ["198.18.0.21", "198.18.0.22"],
        "accesslog": "-",
        "preload_app": True,
        "keepalive": 5,
        "loglevel": "warning",
        "proc_name": 'a "b" \\ ü',
        "reuse_port": True,
        "pidfile": None,
        "raw_env": ["A=b"],
    }
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("bind", "listens"),
    [
        ({"port": 81}, "127.0.0.1:81"),
        ({"address": "198.18.0.21"}, "198.18.0.21:8000"),
        ({"address": "*", "port": 80}, "0.0.0.0:80"),
        ({"address": "::", "port": 80}, "[::]:80"),
    ],
)
def test_every_kind_of_address(config, bind, listens) -> None:
    assert f'bind = ["{listens}"]' in lines(config(appserver_bind=bind))


def test_both_start_with_the_notice(unit, config) -> None:
    assert unit().startswith("#\n# Ansible managed\n#\n")
    assert config().startswith("#\n# Ansible managed\n#\n")
