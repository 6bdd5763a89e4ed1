"""What apt offers for MySQL's packages and would do, and the new mysqld that is tried before it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import _process
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.reasons import Reason, reason
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.server import Server, ServerError
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade import service, trial
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.packages import Code as Held
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.packages import (
    Offer,
    Package,
    changes,
    family,
    look,
    waiting,
)
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.path import Version
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.preflight import Found
from ansible_collections.foobar.webstack.plugins.module_utils._mysql.upgrade.trial import complaints, unpacked
from ansible_collections.foobar.webstack.plugins.modules.mysql_upgrade_info import against, asked, backup
from reading import read

OLD, NEW = "9.7.4-2", "9.7.4-2+lab1"
LISTING = (
    f"mysql-server\t{OLD}\tmysql-9.7\tinstalled\n"
    f"mysql-server-core\t{OLD}\tmysql-9.7\tinstalled\n"
    f"mysql-client\t{OLD}\tmysql-9.7\tinstalled\n"
    "mysql-common\t5.8+1.1.1\tmysql-defaults\tinstalled\n"
    "libstdc++6\t14\tgcc-14\tinstalled\n"
    f"mysql-router\t{OLD}\tmysql-9.7\tconfig-files\n"
)
SIMULATION = (
    f"Inst libstdc++6 [14] (16 Debian:unstable [amd64])\n"
    f"Inst mysql-server-core [{OLD}] ({NEW} localhost [amd64])\n"
    f"Inst mysql-new ({NEW} localhost [amd64])\n"
    f"Conf mysql-server-core ({NEW} localhost [amd64])\n"
)


def policy(**candidates: str) -> str:
    return "".join(
        f"{name.replace('_', '-')}:\n  Installed: {OLD}\n  Candidate: {version}\n  Version table:\n"
        for name, version in candidates.items()
    )


class Host:
    """A host whose commands answer by what they are called with."""

    def __init__(self, **answers: str | tuple[int, str, str]) -> None:
        self.answers = {"search": "mysql-server-core: /usr/sbin/mysqld\n", "show": LISTING, **answers}
        self.ran: list[str] = []

    def __call__(self, *words: str) -> CompletedProcess[str]:
        line = " ".join(words)
        self.ran.append(line)
        for part, answer in self.answers.items():
            if f"{part} " in f"{line} ".replace("--", "").replace("-", "_"):
                code, out, error = answer if isinstance(answer, tuple) else (0, answer, "")
                return CompletedProcess(words, code, out, error)
        return CompletedProcess(words, 0, "", "")


SAME = policy(mysql_server=OLD, mysql_server_core=OLD, mysql_client=OLD)
NEWER = policy(mysql_server=NEW, mysql_server_core=NEW, mysql_client=OLD)


def test_nothing_is_simulated_where_nothing_waits() -> None:
    host = Host(policy=SAME)
    assert look(host) == Offer(installed=OLD, candidate=OLD)
    assert not [line for line in host.ran if "apt-get" in line]


def test_what_waits_is_simulated() -> None:
    """Packages of the same source, and no others: red where mysql-common, or what is removed, is upgraded, too."""
    host = Host(policy=NEWER, simulate=SIMULATION)
    found = look(host)
    assert found.names == ("mysql-server", "mysql-server-core")
    assert found.changes == {
        "libstdc++6": ("14", "16"),
        "mysql-server-core": (OLD, NEW),
        "mysql-new": ("", NEW),
    }
    assert (found.installed, found.candidate, found.refusals) == (OLD, NEW, ())
    assert found.packages == [f"mysql-server-core={NEW}"], "and not what comes out meanwhile"
    (line,) = [line for line in host.ran if "apt-get" in line]
    assert line.endswith("--no-install-recommends install mysql-server mysql-server-core")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"search": ""}, "/usr/sbin/mysqld belongs to no package"),
        ({"showhold": "mysql-server-core\nvim\n"}, "mysql-server-core are held. Release them with apt-mark unhold"),
        (
            {"simulate": (100, "", "E: Unable to correct problems, you have held broken packages.\n")},
            "apt cannot upgrade mysql-server, mysql-server-core: Unable to correct problems, you have held broken",
        ),
        ({"simulate": f"{SIMULATION}Remv guestbook [1.0]\n"}, "apt would remove guestbook, which are not MySQL's"),
    ],
)
def test_what_apt_cannot_or_must_not_do(answers: dict[str, str], said: str) -> None:
    (why,) = look(Host(**{"policy": NEWER, "simulate": SIMULATION, **answers})).refusals
    assert read(why).startswith(said)


def test_the_old_series_may_be_replaced() -> None:
    """Packages of another series have other names on some distributions."""
    host = Host(policy=NEWER, simulate=f"{SIMULATION}Remv mysql-server-core [{OLD}]\n")
    assert look(host).refusals == ()


def test_an_interrupted_installation_waits_whatever_its_version_is() -> None:
    own = [Package("mysql-server", NEW, "mysql-9.7", "half-configured"), Package("mysql-client", NEW, "mysql-9.7")]
    assert waiting(own, {"mysql-server": (NEW, NEW), "mysql-client": (NEW, NEW)}) == ("mysql-server",)


def test_a_package_of_no_source_has_no_family() -> None:
    assert family("mysqld", [Package("mysqld", "1"), Package("vim", "9")]) == []
    assert changes("") == {}


class Packages(Host):
    """A host whose apt downloads a package that dpkg-deb unpacks to these files."""

    def __init__(self, files: dict[str, str], downloads: bool = True, **answers: str | tuple[int, str, str]) -> None:
        super().__init__(**answers)
        self.files, self.downloads = files, downloads

    def __call__(self, *words: str) -> CompletedProcess[str]:
        if "--download-only" in words and self.downloads:
            archives = next(word for word in words if "Dir::Cache::archives=" in word).rpartition("=")[2]
            Path(archives, "mysql-server-core.deb").touch()
        if "--extract" in words:
            for name, content in self.files.items():
                file = Path(words[-1], name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
        return super().__call__(*words)


FILES = {
    "usr/sbin/mysqld": "",
    "usr/lib/x86_64-linux-gnu/libnew.so.6": "",
    "usr/lib/mysql/plugin/auth_socket.so": "",
}
VERSION = "/x/usr/sbin/mysqld  Ver 9.7.5-1 for Linux on x86_64 ((Debian))\n"
NAMES = ("mysql-server",)


def test_the_new_server_checks_the_configuration_with_its_own_libraries(tmp_path: Path) -> None:
    host = Packages(FILES, version=VERSION)
    with unpacked(host, NAMES, ["--max-connections=7"], tmp_path) as trial:
        assert (trial.version, trial.refusals) == ("9.7.5-1", ())
        assert trial.has("auth_socket.so")
        assert not trial.has("component_audit.so")
    (line,) = [line for line in host.ran if line.endswith("--validate-config")]
    assert line.startswith(f"env LD_LIBRARY_PATH={trial.root}/usr/lib/x86_64-linux-gnu {trial.root}/usr/sbin/mysqld ")
    assert " --defaults-file=/etc/mysql/my.cnf --max-connections=7 --user=mysql " in line
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_a_new_libc_brings_its_own_loader(tmp_path: Path) -> None:
    """Red where the old loader gets the new library, which ends the program before it begins."""
    host = Packages({**FILES, "usr/lib64/ld-linux-x86-64.so.2": ""}, version=VERSION)
    with unpacked(host, NAMES, [], tmp_path) as trial:
        assert trial.version == "9.7.5-1"
    assert [
        line for line in host.ran if line.startswith(f"{trial.root}/usr/lib64/ld-linux-x86-64.so.2 --library-path ")
    ]


SAID = (
    "2026-11-27T20:00:00.000000Z 0 [Warning] [MY-011068] [Server] The syntax 'x' is deprecated.\n"
    "2026-11-27T20:00:00.000000Z 0 [ERROR] [MY-000067] [Server] unknown variable 'default_authentication_plugin=x'.\n"
    "2026-11-27T20:00:00.000000Z 0 [ERROR] [MY-010119] [Server] Aborting\n"
)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            Packages(FILES, version=VERSION, validate_config=(1, "", SAID)),
            "mysqld 9.7.5-1 does not take /etc/mysql/my.cnf: unknown variable 'default_authentication_plugin=x'.",
        ),
        (
            Packages(FILES, version=(127, "", "mysqld: error while loading shared libraries: libicu.so.78")),
            "the new mysqld does not run on this host: mysqld: error while loading shared libraries: libicu.so.78",
        ),
        (
            Packages(FILES, downloads=False, download_only=(100, "", "E: Failed to fetch http://x/y.deb\n")),
            "the new packages cannot be downloaded: E: Failed to fetch http://x/y.deb",
        ),
        (
            Packages({}, extract=(2, "", "dpkg-deb: error: not a Debian format archive")),
            "mysql-server-core.deb cannot be unpacked: dpkg-deb: error: not a Debian format archive",
        ),
        (
            Packages(FILES, print_uris=f"'http://x/y.deb' y.deb {1 << 60} SHA256:0\n"),
            "there is no room to unpack the new packages; make ",
        ),
    ],
    ids=["configuration", "libraries", "download", "unpack", "room"],
)
def test_a_new_server_that_would_not_start_is_refused(tmp_path: Path, host: Packages, said: str) -> None:
    with unpacked(host, NAMES, [], tmp_path) as trial:
        (why,) = trial.refusals
    assert read(why).startswith(said)


def test_a_package_in_a_folder_of_the_host_is_taken_from_there(tmp_path: Path) -> None:
    """apt does not copy it: red where only what was downloaded is unpacked."""
    local = "'file:/srv/archive/y_1.deb' y_1.deb 1000 SHA256:0\n"
    host = Packages(FILES, downloads=False, print_uris=local, version=VERSION)
    with unpacked(host, NAMES, [], tmp_path) as trial:
        assert trial.refusals == ()
    assert [line for line in host.ran if line.startswith("dpkg-deb --extract /srv/archive/y_1.deb ")]


def test_what_the_new_server_says_is_brought_to_the_point() -> None:
    assert complaints(SAID) == ["unknown variable 'default_authentication_plugin=x'"]
    assert complaints("mysqld: Can't read file") == ["mysqld: Can't read file"]
    assert complaints("") == ["no reason was given"]


def test_a_program_that_was_replaced_is_seen(tmp_path: Path) -> None:
    program = tmp_path / "mysqld"
    shutil.copy("/bin/sleep", program)
    for number, target in (("1", str(program)), ("2", f"{program} (deleted)")):
        (tmp_path / number).mkdir()
        (tmp_path / number / "exe").symlink_to(target)
    assert [service.runs_old_file(number, tmp_path) for number in (1, 2, 3)] == [False, True, False]


def test_the_mark_stays_until_the_server_is_back(tmp_path: Path) -> None:
    mark = str(tmp_path / "folder" / "mark")
    assert not service.is_out(mark)
    assert service.mark_out(mark)
    assert not service.mark_out(mark)
    assert service.is_out(mark)
    assert service.mark_back(mark)
    assert not service.mark_back(mark)


def test_whoever_starts_the_server_meanwhile_writes_no_binary_log(tmp_path: Path) -> None:
    """The last file of the folder wins; where there is none, nothing reads it."""
    quiet = str(tmp_path / "zz-webstack-upgrade.cnf")
    assert service.silence(quiet)
    assert not service.silence(quiet)
    assert "\nskip_log_bin\n" in Path(quiet).read_text()
    assert service.unsilence(quiet)
    assert not service.unsilence(quiet)
    assert not service.silence(str(tmp_path / "nowhere" / "zz.cnf"))
    assert sorted(["webstack.cnf", "webstack-initial.cnf", Path(service.QUIET).name])[-1] == Path(service.QUIET).name


def test_what_would_run_is_asked_for_its_version() -> None:
    assert service.installed_version(Host(version=VERSION)) == "9.7.5-1"
    assert service.installed_version(Host()) == ""
    assert service.process(Host(show="4711\n"), "mysql") == 4711
    assert service.process(Host(show=""), "mysql") == 0


def offer(candidate: str, *refusals: Reason) -> Offer:
    return Offer(NAMES, {"mysql-server": ("1", candidate)}, "1", candidate, refusals)


def test_what_is_wrong_is_found_before_anything_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path, what apt says, and what the server has: red where the trial begins all the same."""
    host = Host()
    monkeypatch.setattr(_process, "run", host)
    running = Version(9, 7, 4)
    for found, why, said in (
        (offer("9.7.3-1"), Found(), "9.7.3 is offered, and 9.7.4 runs"),
        (offer("26.7.0-1"), Found(), "26.7.0 is offered in the place of 9.7.4"),
        (offer("9.7.5-1"), Found(prepared=1), "1 distributed transactions are prepared"),
        (offer("9.7.5-1", reason(Held.HELD, packages=["mysql-server"])), Found(), "mysql-server are held"),
    ):
        version, reasons = against(found, why, running)
        assert read(reasons[0]).startswith(said)
        assert version == str(Version.parse(found.candidate))
    assert host.ran == []


def test_what_the_new_server_says_of_itself_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what it has no file of is in its way."""
    monkeypatch.setattr(_process, "run", Packages(FILES, version=VERSION))
    monkeypatch.setattr(trial, "HOME", tmp_path)
    assert against(offer("9.7.5-1"), Found(), Version(9, 7, 4)) == ("9.7.5-1", [])
    version, (why,) = against(offer("9.7.5-1"), Found(libraries=("component_audit.so",)), Version(9, 7, 4))
    assert version == "9.7.5-1"
    assert read(why).startswith("the packages of 9.7.5 have no component_audit.so")


def test_nothing_is_tried_where_nothing_changes() -> None:
    assert against(Offer(candidate=OLD), Found(), Version(9, 7, 4)) == ("", [])
    assert against(offer("9.7.5-1"), Found(), None) == ("", []), "it is not known what runs"


def test_a_server_that_does_not_answer_says_nothing() -> None:
    class Silent(Server):
        def rows(self, statement: str, values: object = ()) -> list[dict[str, object]]:
            raise ServerError(2002, "nobody")

    assert asked(Silent()) == ("", Found())


def test_backups_are_asked_of_the_program_that_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "run", Host(status='{"backup": {"ok": true}}'))
    assert backup("/usr/local/sbin/mysql-backup") == {"backup": {"ok": True}}
    monkeypatch.setattr(_process, "run", Host(status=(1, "", "it is broken")))
    assert backup("/usr/local/sbin/mysql-backup") == {}
