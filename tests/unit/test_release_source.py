"""From a source to a release: the id follows the content and nothing else, and only what belongs there is packed."""

import functools
import hashlib
import io
import os
import subprocess
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.action import app_release
from ansible_collections.foobar.webstack.plugins.plugin_utils.release_source import (
    Entry,
    Source,
    SourceError,
    find_commit,
    identify,
    select,
    write_tarball,
)
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = {"app.py": b"app = None\n", "static/style.css": b"body {}\n", "bin/run": b"#!/bin/sh\n"}


def entry(path: str, content: bytes = b"", executable: bool = False, target: str = "", modified: int = 0) -> Entry:
    return Entry(path, executable, modified, functools.partial(bytes, content), target)


def make(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o755 if name.startswith("bin/") else 0o644)
    return folder


def no_download(url: str, target: Path) -> None:
    raise AssertionError(url)


def source(download=no_download, **options) -> Source:
    return Source(options, download)


def packed(what: Source, folder: Path) -> tuple[str, dict[str, tuple[bytes, int]]]:
    """The id, and each file's content and mode as they will be unpacked."""
    folder.mkdir(exist_ok=True)
    release = what.cheap_id()
    with what.entries(folder) as entries:
        release = release or identify(entries)
        write_tarball(entries, folder / "release.tar.gz")
    with tarfile.open(folder / "release.tar.gz") as tar:
        files = {
            member.name: (b"" if member.issym() else tar.extractfile(member).read(), member.mode)
            for member in tar.getmembers()
        }
        assert {member.uid for member in tar.getmembers()} == {0}
        assert [member.name for member in tar.getmembers()] == sorted(files)
    return release, files


@pytest.fixture
def git(tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=folder, env=environment, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    run("init")
    make(folder)
    run("add", ".")
    run("commit", "-m", "one")
    run.folder = folder
    return run


class TestIdentity:
    def test_every_kind_of_source_gives_the_same_files(self, tmp_path, git) -> None:
        folder = make(tmp_path / "directory")
        with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as tar:
            tar.add(folder, "top")
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in FILES:
                archive.write(folder / name, f"top/{name}")
        results = [
            packed(source(type="directory", path=str(folder)), tmp_path / "1"),
            packed(source(type="archive", path=str(tmp_path / "a.tar.xz"), subdirectory="top"), tmp_path / "2"),
            packed(source(type="archive", path=str(tmp_path / "a.zip"), subdirectory="/top/"), tmp_path / "3"),
            packed(source(type="git", repo=str(git.folder)), tmp_path / "4"),
        ]
        modes = {name: 0o755 if name.startswith("bin/") else 0o644 for name in FILES}
        assert [files for _id, files in results] == [{name: (FILES[name], modes[name]) for name in sorted(FILES)}] * 4
        assert results[0][0] == results[1][0] == results[2][0]
        assert results[3][0] == git("rev-parse", "HEAD")[:12]

    def test_times_and_owners_do_not_count(self, tmp_path) -> None:
        folder = make(tmp_path / "x")
        before = packed(source(type="directory", path=str(folder)), tmp_path / "1")
        os.utime(folder / "app.py", (1, 1))
        (folder / "app.py").chmod(0o600)
        (folder / "empty").mkdir()
        assert packed(source(type="directory", path=str(folder)), tmp_path / "2") == before

    @pytest.mark.parametrize(
        "change",
        [
            lambda folder: (folder / "app.py").write_text("app = 1\n"),
            lambda folder: (folder / "app.py").chmod(0o755),
            lambda folder: (folder / "app.py").rename(folder / "app2.py"),
            lambda folder: (folder / "app.py").unlink(),
            lambda folder: (folder / "link").symlink_to("app.py"),
        ],
    )
    def test_what_arrives_on_the_host_counts(self, tmp_path, change) -> None:
        folder = make(tmp_path / "x")
        before, _files = packed(source(type="directory", path=str(folder)), tmp_path / "1")
        change(folder)
        assert packed(source(type="directory", path=str(folder)), tmp_path / "2")[0] != before

    @given(
        st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1), st.binary(max_size=99)
        )
    )
    @settings(max_examples=100)
    def test_no_two_contents_share_an_id(self, files) -> None:
        """Names and contents cannot be shifted against each other."""
        entries = [entry(name, content) for name, content in sorted(files.items())]
        if len(entries) > 1:
            first, second = entries[:2]
            merged = [entry(first.path + second.path, first.read() + second.read()), *entries[2:]]
            assert identify(merged) != identify(entries)
        assert identify(entries) == identify([entry(item.path, item.read(), modified=9) for item in entries])

    def test_a_file_cannot_pass_for_two(self) -> None:
        """Red when the parts are hashed without their lengths."""
        assert identify([entry("a", b"bfile 0c")]) != identify([entry("a"), entry("b", b"c")])

    def test_the_same_tree_gives_the_same_bytes(self, tmp_path) -> None:
        folder = make(tmp_path / "x")
        for number in "12":
            packed(source(type="directory", path=str(folder)), tmp_path / number)
        first, second = ((tmp_path / number / "release.tar.gz").read_bytes() for number in "12")
        assert first == second

    def test_files_keep_their_times(self, tmp_path) -> None:
        """nginx makes ETags of time and size: with one time for all, a change of the same size would go unnoticed."""
        folder = make(tmp_path / "x")
        os.utime(folder / "app.py", (1700000000, 1700000000))
        packed(source(type="directory", path=str(folder)), tmp_path / "1")
        with tarfile.open(tmp_path / "1/release.tar.gz") as tar:
            assert tar.getmember("app.py").mtime == 1700000000


class TestSelection:
    def test_caches_and_excluded_files_stay_out(self, tmp_path) -> None:
        unwanted = [
            ".git/config",
            "__pycache__/app.pyc",
            "pkg/x.pyc",
            ".venv/bin/python",
            "tests/test_app.py",
            "a/secret.env",
        ]
        folder = make(tmp_path / "x", {**FILES, **dict.fromkeys([*unwanted, ".release.json"], b"")})
        _release, files = packed(
            source(type="directory", path=str(folder), exclude=["tests", "a/*.env"]), tmp_path / "1"
        )
        assert sorted(files) == sorted(FILES)

    def test_a_pointer_of_git_lfs_is_refused(self, tmp_path) -> None:
        """Red if a site went live with 130 bytes of text in place of its pictures."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12345\n"
        (tmp_path / "logo.png").write_text(pointer)
        (tmp_path / "app.py").touch()
        source = Source({"type": "directory", "path": str(tmp_path)}, None)
        for use in (identify, lambda entries: write_tarball(entries, tmp_path.with_name("packed"))):
            with (
                source.entries(tmp_path) as entries,
                pytest.raises(SourceError, match=r"logo\.png is a pointer of Git LFS"),
            ):
                use(entries)
        excluded = Source({"type": "directory", "path": str(tmp_path), "exclude": ["*.png"]}, None)
        with excluded.entries(tmp_path) as entries:
            assert identify(entries)

    @pytest.mark.parametrize("target", ["/etc/passwd", "../x", "a/../../x", "a/../../../etc/passwd"])
    def test_links_that_leave_are_refused(self, target) -> None:
        with pytest.raises(SourceError, match="outside of the release"):
            select([entry("link", target=target)], "", ())

    @pytest.mark.parametrize(("path", "target"), [("link", "app.py"), ("a/link", "../app.py"), ("a/b/link", "../../c")])
    def test_links_that_stay_are_kept(self, path, target) -> None:
        assert [item.target for item in select([entry(path, target=target)], "", ())] == [target]

    @pytest.mark.parametrize("path", ["/etc/cron.d/x", "../x", "a/../../x"])
    def test_paths_that_leave_are_refused(self, path) -> None:
        with pytest.raises(SourceError, match="outside of the release"):
            select([entry(path)], "", ())

    def test_nothing_is_no_release(self, tmp_path) -> None:
        with pytest.raises(SourceError, match="there is no file below nowhere"):
            packed(source(type="directory", path=str(make(tmp_path / "x")), subdirectory="nowhere"), tmp_path / "1")

    def test_a_device_is_refused(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            device = tarfile.TarInfo("null")
            device.type = tarfile.CHRTYPE
            tar.addfile(device)
        with pytest.raises(SourceError, match="null is neither"):
            packed(source(type="archive", path=str(tmp_path / "a.tar")), tmp_path / "1")

    def test_a_hard_link_is_a_file(self, tmp_path) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            file = tarfile.TarInfo("a")
            file.size = 2
            tar.addfile(file, io.BytesIO(b"hi"))
            link = tarfile.TarInfo("b")
            link.type, link.linkname = tarfile.LNKTYPE, "a"
            tar.addfile(link)
        _release, files = packed(source(type="archive", path=str(tmp_path / "a.tar")), tmp_path / "1")
        assert files["b"] == (b"hi", 0o644)


class TestGit:
    def test_branch_tag_and_commit(self, git) -> None:
        first = git("rev-parse", "HEAD")
        git("tag", "-a", "v1", "-m", "v1")
        git("checkout", "-q", "-b", "next")
        git("commit", "-q", "--allow-empty", "-m", "two")
        repository = str(git.folder)
        assert find_commit(repository, "v1") == first
        assert find_commit(repository, "main") == first
        assert find_commit(repository, "next") == find_commit(repository, "HEAD") == git("rev-parse", "HEAD")
        assert find_commit("/nowhere", first) == first

    def test_an_older_commit_can_be_released(self, tmp_path, git) -> None:
        first = git("rev-parse", "HEAD")
        (git.folder / "app.py").write_text("changed\n")
        git("commit", "-q", "-a", "-m", "two")
        release, files = packed(source(type="git", repo=str(git.folder), version=first), tmp_path / "1")
        assert (release, files["app.py"][0]) == (first[:12], FILES["app.py"])

    def test_part_of_a_commit_is_another_release(self, git) -> None:
        whole = source(type="git", repo=str(git.folder)).cheap_id()
        assert source(type="git", repo=str(git.folder), subdirectory="static").cheap_id() != whole
        assert source(type="git", repo=str(git.folder), exclude=["bin"]).cheap_id() != whole

    @pytest.mark.parametrize(
        ("version", "problem"), [("nothing", "no branch or tag nothing"), ("abc1234", "all of its 40 characters")]
    )
    def test_unknown_versions(self, git, version, problem) -> None:
        with pytest.raises(SourceError, match=problem):
            find_commit(str(git.folder), version)

    def test_unknown_repository(self) -> None:
        with pytest.raises(SourceError, match="git ls-remote failed"):
            find_commit("/nowhere", "main")

    def test_options_of_git_are_not_taken(self) -> None:
        with pytest.raises(SourceError, match="write a branch, a tag or a commit"):
            source(type="git", repo="x", version="--upload-pack=touch /tmp/x")
        with pytest.raises(SourceError, match="git ls-remote failed"):
            find_commit("--upload-pack=touch /tmp/x", "main")


class TestPackedSource:
    def test_hosts_share_what_one_run_packs(self, tmp_path, monkeypatch) -> None:
        """Each host has a process of its own; red without the lock, or without remembering."""
        monkeypatch.setattr(app_release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
        folder = make(tmp_path / "x")
        packings = tmp_path / "packings"

        def packing(entries, target) -> None:
            with packings.open("a") as file:
                file.write("packed\n")
            time.sleep(0.2)
            write_tarball(entries, target)

        monkeypatch.setattr(app_release, "write_tarball", packing)
        children = []
        for _host in range(4):
            child = os.fork()
            if not child:
                packed_source = app_release.PackedSource(source(type="directory", path=str(folder)))
                os._exit(0 if packed_source.tarball().exists() else 1)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
        assert packings.read_text() == "packed\n"

    def test_a_source_that_changes_within_a_run_is_packed_anew(self, tmp_path, monkeypatch) -> None:
        monkeypatch.setattr(app_release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
        folder = make(tmp_path / "x")
        before = app_release.PackedSource(source(type="directory", path=str(folder))).identity()
        (folder / "app.py").write_text("changed = True\n")
        assert app_release.PackedSource(source(type="directory", path=str(folder))).identity() != before

    def test_all_hosts_of_a_run_get_the_same_commit(self, tmp_path, git, monkeypatch) -> None:
        monkeypatch.setattr(app_release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
        first = app_release.PackedSource(source(type="git", repo=str(git.folder))).identity()
        git("commit", "-q", "--allow-empty", "-m", "two")
        assert app_release.PackedSource(source(type="git", repo=str(git.folder))).identity() == first


class TestDownload:
    def archive(self, tmp_path: Path) -> bytes:
        make(tmp_path / "x")
        with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
            tar.add(tmp_path / "x", ".")
        return (tmp_path / "a.tar.gz").read_bytes()

    def test_the_id_is_known_without_downloading(self, tmp_path) -> None:
        content = self.archive(tmp_path)
        what = source(
            lambda _url, target: target.write_bytes(content),
            type="archive",
            url="https://example.com/a.tar.gz",
            checksum=f"sha256:{hashlib.sha256(content).hexdigest()}",
        )
        release = what.cheap_id()
        assert packed(what, tmp_path / "1")[0] == release
        assert sorted(packed(what, tmp_path / "1")[1]) == sorted(FILES)

    def test_another_content_is_refused(self, tmp_path) -> None:
        what = source(
            lambda _url, target: target.write_bytes(b"evil"),
            type="archive",
            url="https://x",
            checksum=f"sha256:{'0' * 64}",
        )
        with pytest.raises(SourceError, match="has the checksum sha256:"):
            packed(what, tmp_path / "1")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"type": "svn"}, "write directory, archive or git"),
        ({"type": "directory"}, "needs path"),
        ({"type": "git"}, "needs repo"),
        ({"type": "archive"}, "needs path or url"),
        ({"type": "archive", "url": "https://x"}, "needs a checksum"),
        ({"type": "archive", "url": "https://x", "checksum": "sha256:12"}, "needs a checksum"),
        ({"type": "archive", "url": "https://x", "path": "y", "checksum": f"sha256:{'0' * 64}"}, "either a path"),
    ],
)
def test_incomplete_sources_say_what_is_missing(options, problem) -> None:
    with pytest.raises(SourceError, match=problem):
        source(**options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"type": "directory", "path": "/nowhere"}, "is not a directory"),
        ({"type": "archive", "path": "/nowhere"}, "is not a file"),
        ({"type": "archive", "path": __file__}, "is not a tar archive"),
    ],
)
def test_unreadable_sources_are_named(tmp_path, options, problem) -> None:
    with pytest.raises(SourceError, match=problem):
        packed(source(**options), tmp_path)
