"""Write the lists of variables in the roles' READMEs and in docs/variables.md from the argument specifications.

The list stands between the lines ``<!-- variables -->`` and ``<!-- /variables -->``, that of what is said on the
command line between ``<!-- verbs -->`` and ``<!-- /verbs -->``. With ``--check`` nothing is written, and the exit
status is 1 when a README is not what would be written.
"""

import json
import re
import sys
import textwrap
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 120
"""Of a line. A link or a word may be longer."""
PLACES = {"main": "variables", "verbs": "verbs"}
"""What a list's place is called, by entry point."""


def plain(text: str | list[str]) -> str:
    """Turn Ansible's documentation markup into Markdown on one line."""
    line = " ".join(text) if isinstance(text, list) else text
    line = re.sub(r"\b[PM]\(([^)#]*)(?:#\w+)?\)", r"`\1`", line)
    line = re.sub(r"\b[CVOE]\(((?:[^()]|\([^()]*\))*)\)", r"`\1`", line)
    line = re.sub(r"\bL\(([^,]*), *([^)]*)\)", r"[\1](\2)", line)
    line = re.sub(r"\bU\(([^)]*)\)", r"<\1>", line)
    line = re.sub(r"\bB\(([^)]*)\)", r"**\1**", line)
    return " ".join(line.split())


def entries(options: dict[str, Any], depth: int = 0) -> list[str]:
    """Lines of the list, sub-options below their option."""
    found = []
    for name, option in options.items():
        kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
        facts = [kind]
        if option.get("required"):
            facts.append("**required**")
        if "default" in option:
            facts.append(f"default `{json.dumps(option['default'], ensure_ascii=False)}`")
        meaning = plain(option["description"])
        if "choices" in option:
            meaning += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        indent = "  " * depth
        found += textwrap.wrap(
            f"- `{name}` ({', '.join(facts)}): {meaning}",
            WIDTH,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        found += entries(option.get("options", {}), depth + 1)
    return found


def documented(page: Path, specification: Path) -> str:
    """The page with its lists as the specification has it."""
    text = page.read_text()
    specifications = yaml.safe_load(specification.read_text())["argument_specs"]
    for entry, place in PLACES.items():
        if entry not in specifications:
            continue
        listed = "\n".join(entries(specifications[entry]["options"]))
        marked = re.compile(rf"(<!-- {place} -->\n).*(<!-- /{place} -->)", re.DOTALL)
        text, found = marked.subn(lambda match, listed=listed: f"{match[1]}\n{listed}\n\n{match[2]}", text)
        if found != 1:
            sys.exit(f"{page}: put the list's place between <!-- {place} --> and <!-- /{place} -->, once")
    return text


def main() -> int:
    """Write or check every page."""
    check = "--check" in sys.argv[1:]
    pages = {ROOT / "docs/variables.md": ROOT / "playbooks/meta/argument_specs.yml"}
    pages |= {role / "README.md": role / "meta/argument_specs.yml" for role in sorted((ROOT / "roles").iterdir())}
    stale = {page: text for page, spec in pages.items() if (text := documented(page, spec)) != page.read_text()}
    for page, text in stale.items():
        print(f"{page}: {'is not up to date; run make docs' if check else 'written'}")
        if not check:
            page.write_text(text)
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
