"""Pages for people: lines of a readable length, and references to what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# CHANGELOG.md is rendered by antsibull-changelog, which breaks no lines.
PAGES = [
    *(page for page in ROOT.glob("*.md") if page.name != "CHANGELOG.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("roles/*/README.md"),
]
LONGEST = 160

pages = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])


@pages
def test_no_line_is_too_long(page):
    """Tables, too: what is longer is read by nobody in a terminal at night."""
    long = [number for number, line in enumerate(page.read_text().splitlines(), 1) if len(line) > LONGEST]
    assert long == [], f"{page.name}: make these lines shorter than {LONGEST} characters, or a table a list"


@pages
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    gone = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert gone == []


@pages
def test_files_that_are_named_are_there(page):
    """A playbook, role, plugin or test in `code`. Red when one is renamed."""
    folders = "playbooks|roles|plugins|tests|molecule|inventories|scripts"
    named = re.findall(rf"`((?:{folders})/[\w./*-]+)[` ]", page.read_text())
    gone = [name for name in named if "*" not in name and not (ROOT / name).exists()]
    assert gone == []


def test_make_targets_that_are_named_are_there():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(page.read_text() for page in PAGES)
    named = {target for words in re.findall(r"`make ([a-z0-9 -]+)[`A-Z]", text) for target in words.split()}
    assert named - targets == set()
    assert {"test", "nightly", "molecule", "lab"} <= named
