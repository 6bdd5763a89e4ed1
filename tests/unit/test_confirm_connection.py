"""The action confirm_connection: a new connection first, then the command, and what its exit status means."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from ansible_collections.foobar.webstack.plugins.action.confirm_connection import ActionModule

ARGUMENTS = {"argv": ["tool", "keep"], "rollback_seconds": 60, "fail_msg": "host1: the host has rolled back"}


@pytest.fixture
def confirm():
    """Runs the action on a host that answers like this; the result, and what was done in which order."""

    def run(wait: dict[str, Any], command: dict[str, Any], check_mode: bool = False, **arguments: Any):
        done: list[tuple[str, Any]] = []

        def wait_for_connection(**given: Any) -> SimpleNamespace:
            return SimpleNamespace(run=lambda task_vars: done.append(("wait", given["task"].args)) or wait)

        def execute(module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            done.append((module_name, module_args))
            return command

        task = MagicMock(args=ARGUMENTS | arguments, check_mode=check_mode, async_val=0)
        task.copy.side_effect = lambda: SimpleNamespace(args={})
        loaders = MagicMock()
        loaders.action_loader.get.side_effect = lambda name, **given: wait_for_connection(**given)
        action = ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        action._shared_loader_obj = loaders
        action._execute_module = execute
        return action.run(task_vars={}), done

    return run


def test_it_confirms_over_a_new_connection(confirm) -> None:
    """Catches a command over the open connection, which a firewall lets through whatever its new rules are."""
    result, done = confirm({"elapsed": 1}, {"rc": 0, "changed": True})
    assert (result["changed"], result["elapsed"], result.get("failed", False)) == (True, 1, False)
    assert done == [
        # Longer than the host needs to roll back, so that a host that was cut off is found again.
        ("wait", {"timeout": 240, "sleep": 3}),
        ("ansible.legacy.command", {"argv": ["tool", "keep"]}),
    ]


def test_exit_status_3_is_the_message_of_the_role(confirm) -> None:
    result, _done = confirm({"elapsed": 70}, {"rc": 3, "failed": True, "msg": "non-zero return code"})
    assert (result["failed"], result["msg"]) == (True, ARGUMENTS["fail_msg"])


def test_another_exit_status_is_the_command_s_own_failure(confirm) -> None:
    result, _done = confirm({"elapsed": 1}, {"rc": 1, "failed": True, "msg": "non-zero return code", "stderr": "Why."})
    assert (result["failed"], result["stderr"]) == (True, "Why.")


def test_a_host_that_does_not_come_back_is_not_asked(confirm) -> None:
    result, done = confirm({"failed": True, "msg": "timed out waiting for ping module test"}, {})
    assert (result["failed"], [step for step, _ in done]) == (True, ["wait"])
    assert result["msg"].startswith(
        "No new connection within 240 seconds, although the host rolls back after 60. timed"
    )


def test_check_mode_leaves_the_connection_alone(confirm) -> None:
    result, done = confirm({}, {}, check_mode=True)
    assert (result["skipped"], done) == (True, [])
