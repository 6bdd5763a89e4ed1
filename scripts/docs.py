"""Write the variable tables of the roles' READMEs and of docs/variables.md from the argument specifications.

The table stands between the lines ``<!-- variables -->`` and ``<!-- /variables -->``, that of what is said on the
command line between ``<!-- verbs -->`` and ``<!-- /verbs -->``. With ``--check`` nothing is written, and the exit
status is 1 when a README is not what would be written.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TABLES = {"main": "variables", "verbs": "verbs"}
"""What a table's place is called, by entry point."""


def plain(text: str | list[str]) -> str:
    """Turn Ansible's documentation markup into Markdown on one line, fit for a table cell."""
    line = " ".join(text) if isinstance(text, list) else text
    line = re.sub(r"\b[PM]\(([^)#]*)(?:#\w+)?\)", r"`\1`", line)
    line = re.sub(r"\b[CVOE]\(((?:[^()]|\([^()]*\))*)\)", r"`\1`", line)
    line = re.sub(r"\bL\(([^,]*), *([^)]*)\)", r"[\1](\2)", line)
    line = re.sub(r"\bU\(([^)]*)\)", r"<\1>", line)
    line = re.sub(r"\bB\(([^)]*)\)", r"**\1**", line)
    return " ".join(line.split()).replace("|", "\\|")


def rows(options: dict[str, Any], depth: int = 0) -> list[str]:
    """Rows of the table, sub-options under their option."""
    found = []
    for name, option in options.items():
        kind = option["type"] + (f" of {option['elements']}" if "elements" in option else "")
        meaning = plain(option["description"])
        if "choices" in option:
            meaning += " One of " + ", ".join(f"`{choice}`" for choice in option["choices"]) + "."
        default = "**required**" if option.get("required") else ""
        if "default" in option:
            default = f"`{json.dumps(option['default'], ensure_ascii=False)}`".replace("|", "\\|")
        mark = "&nbsp;&nbsp;" * depth + ("." if depth else "")
        found.append(f"| {mark}`{name}` | {kind} | {default} | {meaning} |")
        found += rows(option.get("options", {}), depth + 1)
    return found


def documented(page: Path, specification: Path) -> str:
    """The page with its table as the specification has it."""
    text = page.read_text()
    specifications = yaml.safe_load(specification.read_text())["argument_specs"]
    for entry, place in TABLES.items():
        if entry not in specifications:
            continue
        table = "\n".join(
            ["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows(specifications[entry]["options"])]
        )
        marked = re.compile(rf"(<!-- {place} -->\n).*(<!-- /{place} -->)", re.DOTALL)
        text, found = marked.subn(lambda match, table=table: f"{match[1]}\n{table}\n\n{match[2]}", text)
        if found != 1:
            sys.exit(f"{page}: put the table's place between <!-- {place} --> and <!-- /{place} -->, once")
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
