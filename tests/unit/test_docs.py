"""Pages for people: lines of a readable length, and references to what is there."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


CODE = [
    *ROOT.glob("playbooks/**/*.yml"),
    *ROOT.glob("roles/*/tasks/*.yml"),
    *ROOT.glob("roles/*/files/**/*.py"),
    *ROOT.glob("plugins/**/*.py"),
]
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]

guides = pytest.mark.parametrize("page", GUIDES, ids=[str(page.relative_to(ROOT)) for page in GUIDES])


def words(text: str) -> str:
    """The text without what a line break or an adjoining string literal puts between its words."""
    return re.sub(r'"\s*f?"', "", re.sub(r"\s+", " ", text))


def test_messages_that_are_explained_are_printed_by_something():
    """What stands in quotation marks in troubleshooting.md. Red when a sentence was worded anew."""
    page = (ROOT / "docs/troubleshooting.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith('| "')]
    quoted = [message for cell in cells for message in re.findall(r'"([^"]+)"', cell)]
    code = words("\n".join(path.read_text() for path in CODE))
    assert [message for message in quoted if message not in code] == []
    assert len(quoted) > 20


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("docs/examples/*/inventory/**/*.yml")), ids=lambda file: str(file.relative_to(ROOT))
)
def test_the_files_of_the_examples_are_shown(file):
    """Whole, as the lane releases them. Red when a file or the page is changed alone."""
    shown = re.findall(
        r"```yaml\n(?:# group_vars/[^\n]*\n)?(.*?)```", (ROOT / "docs/applications.md").read_text(), re.DOTALL
    )
    assert file.read_text().removeprefix("---\n") in shown


@guides
def test_playbooks_that_are_named_are_there(page):
    """In commands, and as foobar.webstack.<playbook>, which is a plugin or role else."""
    text = page.read_text()
    named = set(re.findall(r"playbooks/[\w/]+\.yml", text))
    assert {name for name in named if not (ROOT / name).exists()} == set()
    known = {path.stem for folder in ("playbooks", "roles", "plugins/*") for path in ROOT.glob(f"{folder}/*")}
    known |= {f"lab.{path.stem}" for path in ROOT.glob("playbooks/lab/*.yml")}
    called = {match.rstrip(".") for match in re.findall(r"foobar\.webstack\.((?:lab\.)?[a-z_]+)", text)}
    assert called - known == set()


def variables() -> set[str]:
    """Of the stack, of hosts, and of roles: all entry points, and what the lab adds."""
    found: set[str] = set()
    for path in [ROOT / "playbooks/meta/argument_specs.yml", *ROOT.glob("roles/*/meta/argument_specs.yml")]:
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            found |= set(entry.get("options", {}))
    stack = (ROOT / "playbooks/group_vars/all/stack.yml").read_text()
    return found | set(yaml.safe_load(stack)["__webstack_host_variables"])


@guides
def test_variables_that_are_named_are_there(page):
    """As `name` or as a key of an example in YAML. Red when one is renamed."""
    known = variables()
    prefixes = {name.partition("_")[0] for name in known}
    named = re.findall(r"(?:`|^[ #{]*)([a-z]+_[a-z_0-9]+)(?:`|: )", page.read_text(), re.MULTILINE)
    modules = {path.stem for path in ROOT.glob("plugins/*/*.py")} | {path.name for path in ROOT.glob("roles/*")}
    of_ours = {name for name in named if name.partition("_")[0] in prefixes} - modules
    assert of_ours - known - NO_VARIABLES == set()


NO_VARIABLES = {
    # Options of HAProxy's entries, of nginx and of MySQL, and names of secrets.
    "dns_acme",
    "dns_signing",
    "dns_transfer",
    "monitoring_page",
    "mysql_application",
    "mysql_clone",
    "mysql_migration",
    "mysql_replication",
    "mysql_verbs",
}


def test_the_configuration_to_copy_is_the_checkouts_own():
    """The checkout's comfort for an installed collection. Red when a setting is added to one of them alone."""
    ours, copied = (configparser.ConfigParser(interpolation=None) for _ in range(2))
    ours.read(ROOT / "ansible.cfg")
    copied.read(ROOT / "docs/ansible.cfg")
    assert copied["defaults"].pop("inventory") == "my-inventory"
    assert ours["defaults"].pop("collections_path") == ".collections"
    assert {name: dict(copied[name]) for name in copied} == {name: dict(ours[name]) for name in ours}


def test_ansible_knows_what_is_in_it(tmp_path):
    """Ansible takes an unknown setting without a word."""
    (tmp_path / "ansible.cfg").write_text((ROOT / "docs/ansible.cfg").read_text())
    command = [
        Path(sys.executable).with_name("ansible-config"),
        "dump",
        "--only-changed",
        "--type",
        "all",
        "--format",
        "json",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment["ANSIBLE_CONFIG"] = str(tmp_path / "ansible.cfg")
    dumped = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    given = configparser.ConfigParser(interpolation=None)
    given.read(tmp_path / "ansible.cfg")
    count = sum(len(given[section]) for section in given.sections())
    assert dumped.count(f'"origin": "{tmp_path}/ansible.cfg"') >= count, dumped


# What a guide says, the role, its variable and the default that the sentence is about.
NUMBERS = [
    ("operations.md", "a replica that is at most five seconds behind", "mysql_endpoint_max_lag", 5),
    ("operations.md", "is open for more than 10 s", "mysql_replication_switchover_max_transaction", 10),
    ("operations.md", "2 s for commits under way", "mysql_replication_switchover_lock_timeout", 2),
    ("operations.md", "writes wait ten seconds for it", "mysql_replication_semisync_timeout_ms", 10000),
    ("security.md", "They are valid for 397 days", "certificates_lifetime_days", 397),
    ("security.md", "renews what ends within 30", "certificates_renewal_days", 30),
    ("security.md", "is therefore taken back after a minute", "firewall_rollback_seconds", 60),
    ("first-hour.md", "half of the memory becomes the buffer pool", "mysql_replication_memory_fraction", 0.5),
    ("first-hour.md", "binary logs of a week", "mysql_replication_binlog_expire_seconds", 7 * 24 * 3600),
    ("first-hour.md", "SSH is open to everybody until", "firewall_ssh_sources", ["0.0.0.0/0", "::/0"]),
]


@pytest.mark.parametrize(("page", "sentence", "variable", "default"), NUMBERS, ids=[entry[2] for entry in NUMBERS])
def test_numbers_are_the_defaults(page, sentence, variable, default):
    """Red when a default changes and the guide does not, or the other way round."""
    assert sentence in words((ROOT / "docs" / page).read_text())
    defaults = {}
    for path in ROOT.glob("roles/*/defaults/main.yml"):
        defaults |= yaml.safe_load(path.read_text())
    assert defaults[variable] == default
