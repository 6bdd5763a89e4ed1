"""Uploads: what the web server reads below shared/, what it does not, and where it cannot work."""

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.filter.stack_errors import stack_errors
from ansible_collections.foobar.webstack.plugins.module_utils._release import gunicorn, health, parameters
from ansible_collections.foobar.webstack.plugins.module_utils._release.errors import ReleaseError
from ansible_collections.foobar.webstack.plugins.module_utils._release.shared import Uploads
from release_host import Host
from stack_variables import rendered

ROOT = Path(__file__).resolve().parents[2]
MEDIA = Uploads(["media"], os.getegid())


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(tmp_path / "host")
    monkeypatch.setattr(health, "ask", host.ask)
    monkeypatch.setattr(gunicorn, "check_listener", lambda wanted, present: None)
    return host


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


class TestDirectories:
    def test_the_web_server_passes_through_to_what_it_serves(self, host) -> None:
        host.deploy("a", uploads=MEDIA)
        assert mode(host.at.shared) == 0o710
        assert mode(host.at.shared / "media") == 0o2750
        assert host.deploy("a", uploads=MEDIA) == []

    def test_they_come_and_go_without_a_restart(self, host) -> None:
        host.deploy("a")
        host.restarted.clear()
        assert host.deploy("a", uploads=MEDIA) == [str(host.at.shared), str(host.at.shared / "media")]
        assert host.deploy("a") == [str(host.at.shared)]
        assert mode(host.at.shared) == 0o750
        assert host.restarted == []

    def test_what_was_there_before_is_made_readable_once(self, host) -> None:
        """Red if pictures of before the change were answered with 403."""
        host.deploy("a")
        old = host.at.shared / "media/2025"
        old.mkdir(mode=0o700, parents=True)
        (old / "a.jpg").touch(mode=0o600)
        (old / "link").symlink_to("/etc/shadow")
        (host.at.shared / "private").touch(mode=0o600)
        host.deploy("a", uploads=MEDIA)
        assert (mode(old), mode(old / "a.jpg"), mode(host.at.shared / "private")) == (0o2750, 0o640, 0o600)
        (old / "a.jpg").chmod(0o600)
        assert host.deploy("a", uploads=MEDIA) == []
        assert mode(old / "a.jpg") == 0o600

    def test_a_symlink_in_its_place_is_not_followed(self, host, tmp_path) -> None:
        """The application could have root give it any directory."""
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir(mode=0o700)
        host.deploy("a")
        (host.at.shared / "media").symlink_to(elsewhere)
        with pytest.raises(ReleaseError, match=r"shared/media is not a directory \(.+\); remove it, and mount"):
            host.deploy("a", uploads=MEDIA)
        assert mode(elsewhere) == 0o700

    def test_what_is_to_be_mounted_has_to_be(self, host, monkeypatch) -> None:
        """Red if uploads went to the disk of one host while the mount is missing."""
        mounted = Uploads(["media"], os.getegid(), mounted=True)
        with pytest.raises(ReleaseError, match=r"shared/media is not on a mounted file system; mount the shared one"):
            host.deploy("a", uploads=mounted)
        (host.at.shared / "media").mkdir(parents=True, mode=0o777)
        for place in (host.at.shared / "media", host.at.shared):
            monkeypatch.setattr(os.path, "ismount", lambda path, place=place: path == place)
            host.deploy("a", uploads=mounted)
            assert mode(host.at.shared / "media") == 0o777 & ~os.umask(os.umask(0o022))
        assert host.serves == "a"

    def test_a_group_that_is_not_there_is_named(self) -> None:
        given = {"uploads": ["media"], "uploads_group": "nobody-has-it", "uploads_mounted": False}
        with pytest.raises(ReleaseError, match="the group nobody-has-it does not exist on this host; set appserver_up"):
            parameters._uploads(given)


class TestInventory:
    def said(self, uploads: object, hosts: list[str] | None = None, **more: object) -> list[str]:
        return stack_errors({"webstack_app_uploads": uploads, **more}, application_hosts=hosts or ["web1"])

    def test_one_host_has_its_uploads(self) -> None:
        assert self.said({"/media/": "media", "/files/public/": "public"}) == []

    @pytest.mark.parametrize("shared", [False, "no", None])
    def test_several_hosts_have_to_share_them(self, shared) -> None:
        [error] = self.said({"/media/": "media"}, ["web1", "web2"], webstack_app_uploads_shared=shared)
        assert "webstack_app_uploads: web1 and web2 would each have the files that it received itself" in error
        assert "object storage" in error
        assert "set webstack_app_uploads_shared: true" in error

    @pytest.mark.parametrize("shared", [True, "yes"])
    def test_and_may_when_they_do(self, shared) -> None:
        assert self.said({"/media/": "media"}, ["web1", "web2"], webstack_app_uploads_shared=shared) == []
        assert self.said({}, ["web1", "web2"]) == []

    @pytest.mark.parametrize(
        ("uploads", "said"),
        [
            ({"media/": "media"}, '"media/" is not a path that begins and ends with /; write one such as /media/.'),
            ({"/": "media"}, '"/" is not a path'),
            ({"/a b/": "media"}, '"/a b/" is not a path'),
            (
                {"/media/": "../x"},
                'leads to "../x", which is no directory below shared/; write a name such as media',
            ),
            ({"/media/": None}, 'leads to "None"'),
        ],
    )
    def test_what_cannot_be_is_said(self, uploads, said) -> None:
        [error] = self.said(uploads)
        assert said in error

    def test_nginx_serves_them_where_the_application_is(self, tmp_path) -> None:
        """As data and nothing more: red if a visitor's page could run a script in the name of the site."""
        found = rendered(
            "{{ __webstack_site.static }}", ROOT / "inventories/lab", webstack_app_uploads={"/media/": "media"}
        )
        *_own, uploads = found["web1"]
        assert uploads["location"] == "/media/"
        assert uploads["alias"] == "/srv/www/guestbook/shared/media/"
        assert "sandbox" in uploads["headers"]["Content-Security-Policy"]
        names = rendered(
            "{{ __webstack_own_locations }}", ROOT / "inventories/lab", webstack_app_uploads={"/media/": "media"}
        )
        assert "/media/" in names["web1"]
