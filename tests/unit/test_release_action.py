"""The action plugin of app_release: which files it sends, and what it says of a source that is none."""

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.action.app_release import ActionModule, PackedSource


class Task:
    def __init__(self, args: dict[str, Any]) -> None:
        self.args = args


class Action(ActionModule):
    """Without Ansible's machinery: `answers` are the module's, one a call."""

    def __init__(self, args: dict[str, Any], *answers: dict[str, Any]) -> None:
        self._task = Task(args)
        self._answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def _module(self, arguments: dict[str, Any], _task_vars: Any) -> dict[str, Any]:
        self.calls.append(dict(arguments))
        return self._answers.pop(0)

    def _sent(self, _tarball: Any) -> str:
        return "/tmp/release.tar.gz"  # noqa: S108

    def _find_needle(self, _folder: str, needle: str) -> str:
        return needle


@pytest.fixture(autouse=True)
def plain(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda *_arguments: {})
    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path))


SOURCE = {"type": "directory", "path": "/nowhere"}


def test_a_host_that_lacks_the_release_gets_its_files(tmp_path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/app.py").write_text("")
    args = {"name": "shop", "source": {"type": "directory", "path": str(tmp_path / "app")}}
    action = Action(args, {"missing": True}, {"release": "x"})
    assert action.run(task_vars={}) == {"release": "x"}
    assert [call.get("archive") for call in action.calls] == [None, "/tmp/release.tar.gz"]  # noqa: S108


def test_a_source_that_cannot_be_read_fails_as_a_module_does() -> None:
    """Raised, it would end the run of a host that deploy.yml asks together with the others."""
    result = Action({"name": "shop", "source": SOURCE}).run(task_vars={})
    assert result["failed"]
    assert result["msg"].startswith("source of the application shop: ")


def test_who_goes_back_never_gets_the_files_of_another_release(monkeypatch) -> None:
    """The source is the inventory's. Red where it is packed under the name of the release that served before."""
    monkeypatch.setattr(PackedSource, "tarball", lambda _self: pytest.fail("it was packed"))
    args = {"name": "shop", "source": SOURCE, "release": "a", "goes_back": True}
    result = Action(args, {"missing": True}).run(task_vars={})
    assert result["failed"]
    assert "release a is not on the host, and no source is given" in result["msg"]
