"""scripts/step, with which `make` runs everything: steps and times on the screen, what a step prints in a file."""

import os
import re
import subprocess
from pathlib import Path

import pytest

STEP = Path(__file__).resolve().parents[2] / "scripts/step"
FAILING = """
PLAY [Base] *******

TASK [Good] *******
ok: [lb1]

TASK [Open the port] *******
fatal: [lb1]: FAILED! =>
  msg: port 443 is taken

PLAY [Goes on elsewhere] *******

TASK [Later] *******
ok: [web1]
"""


def step(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", STEP, *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_logged_step_that_works_is_two_lines(tmp_path: Path) -> None:
    run = step(tmp_path, "--log", "Make the hosts of x/y: all", "echo", "details")
    assert run.returncode == 0
    log = "build/log/make-the-hosts-of-x-y-all.log"
    assert run.stdout.split("\n")[1:] == [
        "==> Make the hosts of x/y: all",
        f"<== Make the hosts of x/y: all: done in 0:00 ({log})",
        "",
    ]
    assert (tmp_path / log).read_text() == "details\n"


def test_the_play_that_runs_is_shown(tmp_path: Path) -> None:
    """Otherwise a slow step looks like one that hangs."""
    run = step(tmp_path, "--log", "Slow", "sh", "-c", "echo 'PLAY [Base] ***'; echo 'TASK [Wait] ***'; sleep 3")
    assert "  Base\n" in run.stdout


def test_the_task_that_failed_is_shown_and_where_all_of_it_is(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(FAILING + "ok: [web1]\n" * 100)
    run = step(tmp_path, "--log", "Converge", "sh", "-c", "cat log; exit 4")
    assert run.returncode == 4
    assert "TASK [Open the port]" in run.stderr
    assert "port 443 is taken" in run.stderr
    assert "TASK [Good]" not in run.stderr
    assert "build/log/converge.log" in run.stderr
    assert "Converge: FAILED (exit 4) after 0:0" in run.stderr.splitlines()[-1]


@pytest.mark.parametrize("arguments", [("--last",), ("--last", "--log")])
def test_the_last_step_leaves_the_last_word_to_its_command(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    run = step(tmp_path, *arguments, "Tests", "echo", "5 passed", VERBOSE="1")
    assert run.stdout.endswith("5 passed\n")


def test_verbose_shows_everything(tmp_path: Path) -> None:
    assert "details" in step(tmp_path, "--log", "Step", "echo", "details", VERBOSE="1").stdout


def test_a_line_whose_end_has_the_reason_is_not_cut_off_there(tmp_path: Path) -> None:
    """The build of an image fails with one line of many thousand characters."""
    (tmp_path / "log").write_text(
        f"TASK [Build] ***\nfatal: [localhost]: FAILED! => {'x' * 5000} Unable to locate it\n"
    )
    said = step(tmp_path, "--log", "Build", "sh", "-c", "cat log; exit 1").stderr
    assert "Unable to locate it" in said.split("how it ends")[0]


@pytest.mark.parametrize("name", ["Makefile", "scripts/step", "scripts/tools"])
def test_a_controller_may_have_the_tools_of_bsd(name: str) -> None:
    """macOS' grep, sed, cut, tail and cmp know no long options."""
    text = (STEP.parents[1] / name).read_text()
    assert re.findall(r"\b(?:grep|sed|cut|expand|tail|head|cmp|awk|tr|sort) --\w+", text) == []
