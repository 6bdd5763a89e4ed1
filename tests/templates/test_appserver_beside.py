"""The units of what runs beside an application, derived from its own, as systemd reads them."""

from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils._release import companions, one_off
from ansible_collections.foobar.webstack.plugins.module_utils._release.layout import Layout

AT = Layout("shop")
PROCESS = companions.Process("worker", ["celery", "-A", "shop", "100 %", "$HOME"], environment={"A": 'a "b"'})
JOB = companions.Job("cleanup", ["manage.py", "clearsessions"], "Mon,Tue *-*-* 03:15", persistent=True)
OPTIONS = {"MemoryMax": "512M", "TimeoutStopSec": 5, "ReadWritePaths": ["/var/lib/a"]}


@pytest.fixture
def unit(render_template) -> str:
    return render_template("appserver", "app.service.j2", {"appserver_name": "shop", "appserver_unit_options": OPTIONS})


@pytest.fixture
def texts(unit) -> dict[str, str]:
    """All kinds of them, by path."""
    command = one_off.Command("build", ["make"], unit, "r1", {}, (0, 0), 60, ["/srv/www/shop/releases/r1"], "0022")
    beside = companions.wanted_units(AT, unit, "r1", [PROCESS], [JOB])
    return {
        **{str(path): text for path, text in beside.items()},
        str(AT.one_off_unit("build")): one_off.unit_text(AT, command),
    }


@pytest.mark.parametrize(
    "name", ["shop-worker.service", "shop-cleanup.service", "shop-cleanup.timer", "shop.build.service"]
)
def test_systemd_accepts_it(parser, texts, unit, name) -> None:
    """Red for a directive that is in the wrong section, and for a command that it cannot read."""
    path = next(path for path in texts if Path(path).name == name)
    done = parser(["systemd-analyze", "verify", path], {**texts, str(AT.unit): unit})
    assert [line for line in done.stderr.splitlines() if "shop" in line] == [], done.stderr


@pytest.mark.parametrize("name", ["shop-worker.service", "shop-cleanup.service", "shop.build.service"])
def test_it_is_confined_as_the_application(texts, unit, name) -> None:
    """Every line of the sandbox, in its order. Red if a directive of the sandbox were taken for one of the process."""
    [text] = [text for path, text in texts.items() if Path(path).name == name]
    words = ("Protect", "Private", "Restrict", "System", "Capability", "Ambient", "NoNew", "Lock", "Memory", "Device")
    sandbox = [line for line in unit.splitlines() if line.startswith((*words, "User=", "Group=", "Keyring", "Remove"))]
    assert len(sandbox) > 25
    assert [line for line in text.splitlines() if line in sandbox] == sandbox
    assert "TimeoutStopSec=5" not in text


@pytest.mark.parametrize(("uploads", "umask"), [([], "0077"), (["media"], "0027")])
def test_the_web_server_reads_uploads_alone(render_template, uploads, umask) -> None:
    text = render_template("appserver", "app.service.j2", {"appserver_uploads": uploads})
    assert f"\nUMask={umask}\n" in text
