"""A picture of a site in the language of Graphviz (https://graphviz.org/doc/info/lang.html), which lays it out.

Pure: the same picture gives the same text. Its identifier is a digest of the rest, and stands in the SVG that is made
of it: so it can be seen whether an SVG is that of a description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from textwrap import wrap

from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.graph import (
    Arrow,
    Box,
    Graph,
    Host,
    Kind,
    Replication,
    Source,
    Virtual,
)

PER_ROW = 5
"""Hosts beside each other in a box; more make another row, so that the text of a large site stays readable."""

# Wider than what a browser takes in its place, so that the text fits.
FONT = "DejaVu Sans,Verdana,sans-serif"
INK, FAINT, PAPER = "#1f2937", "#6b7280", "#ffffff"
VIRTUAL = "#b45309"
# Fill and border of a group's box, in turn.
COLOURS = (
    ("#e0f2fe", "#0284c7"),
    ("#ede9fe", "#7c3aed"),
    ("#dcfce7", "#16a34a"),
    ("#ffedd5", "#ea580c"),
    ("#f3f4f6", "#6b7280"),
    ("#fce7f3", "#db2777"),
    ("#fef9c3", "#ca8a04"),
    ("#ccfbf1", "#0d9488"),
)


def dot(graph: Graph, title: str) -> str:
    """The description of the picture."""
    body = "\n".join(f"  {line}" for line in _lines(graph, title))
    digest = sha256(body.encode()).hexdigest()[:16]
    return f'digraph site {{\n  id="site_{digest}"\n{body}\n}}\n'


def _lines(graph: Graph, title: str) -> Iterator[str]:
    rest = "".join(f"  ·  {escape(line)}" for line in graph.everywhere)
    font = f"fontname={_quoted(FONT)} fontcolor={_quoted(INK)}"
    yield "compound=true rankdir=TB nodesep=0.3 ranksep=0.55 pad=0.25"
    yield f"bgcolor={_quoted(PAPER)} {font} fontsize=11 labelloc=t labeljust=l label=<<b>{escape(title)}</b>{rest}>"
    yield f"node [{font} fontsize=10 shape=plain]"
    yield f"edge [{font} fontsize=9 color={_quoted(FAINT)} arrowsize=0.7]"
    for source in graph.sources:
        yield _source(source)
    for virtual in graph.virtuals:
        yield _virtual(virtual)
    places = _Places(graph)
    for number, box in enumerate(graph.boxes):
        yield from _box(box, places, *COLOURS[number % len(COLOURS)])
    for virtual in graph.virtuals:
        yield from _holders(virtual, places)
    for arrow in graph.arrows:
        yield _arrow(arrow, places)
    for source_name, replica in graph.replication.pairs:
        ends = [places.host(graph.replication.group, name) for name in (source_name, replica)]
        yield f"{ends[0]}:s -> {ends[1]}:n [label={_beside(['replication'])} style=dashed]"


class _Places:
    """Where each host is: a level of a box is one node of the graph, and a host a cell of it."""

    def __init__(self, graph: Graph) -> None:
        self.levels = {box.group: _levels(box, graph.replication) for box in graph.boxes}
        self.crossed = {virtual.group for virtual in graph.virtuals}

    def host(self, group: str, name: str) -> str:
        """The cell of a host."""
        for number, level in enumerate(self.levels[group]):
            for cell, host in enumerate(level):
                if host.name == name:
                    return f"{self.level(group, number)}:{_cell(cell)}"
        raise ValueError(f"{name} is not in {group}")

    def level(self, group: str, number: int) -> str:
        """The node of a level; -1 is the last one."""
        return _quoted(f"{group} {number % len(self.levels[group])}")


def _levels(box: Box, replication: Replication) -> list[list[Host]]:
    """The hosts of a box; a replica is below the host from which it replicates."""
    source_of = {replica: source for source, replica in replication.pairs} if replication.group == box.group else {}
    levels: dict[int, list[Host]] = {}
    for host in box.hosts:
        levels.setdefault(_level(host.name, source_of), []).append(host)
    return [hosts for _depth, hosts in sorted(levels.items())]


def _level(name: str, source_of: Mapping[str, str]) -> int:
    return 1 + _level(source_of[name], source_of) if name in source_of else 0


# --- nodes ------------------------------------------------------------------------------------------------------------


def _source(source: Source) -> str:
    label = "\\n".join(_escaped(line) for line in source.lines)
    return f'{_end(source.name)} [label="{label}" shape=ellipse color={_quoted(FAINT)}]'


def _virtual(virtual: Virtual) -> str:
    several = "es" if len(virtual.addresses) > 1 else ""
    lines = [f'<font point-size="8" color="{VIRTUAL}">virtual address{several}</font>', *map(escape, virtual.addresses)]
    looks = f'shape=box style=rounded margin="0.15,0.08" color={_quoted(VIRTUAL)} penwidth=1.5'
    return f"{_end(virtual.name)} [label=<{'<br/>'.join(lines)}> {looks}]"


def _box(box: Box, places: _Places, fill: str, border: str) -> Iterator[str]:
    small = [", ".join(box.roles)] if box.roles else []
    small += [f"between them: {', '.join(box.among)}"] if box.among else []
    lines = [f"<b>{escape(box.group)}</b>", *(_small(line, size=9) for text in small for line in _wrapped(text))]
    title = "".join(f'{line}<br align="left"/>' for line in lines)
    # Not in the way of lines that lead to its hosts.
    side = "b" if box.group in places.crossed else "t"
    yield f"subgraph {_quoted(f'cluster_{box.group}')} {{"
    yield f"  id={_quoted(f'group_{box.group}')}"
    yield f"  label=<{title}> fontsize=12 fontcolor={_quoted(border)} labeljust=l labelloc={side}"
    yield f'  style="filled,rounded" fillcolor={_quoted(fill)} color={_quoted(border)} margin=8'
    for number, level in enumerate(places.levels[box.group]):
        cells = [_host(host, cell, border) for cell, host in enumerate(level)]
        rows = "".join(f"<tr>{''.join(cells[at : at + PER_ROW])}</tr>" for at in range(0, len(cells), PER_ROW))
        table = f'<table border="0" cellborder="0" cellspacing="10">{rows}</table>'
        yield f"  {places.level(box.group, number)} [label=<{table}>]"
    yield "}"


def _host(host: Host, cell: int, border: str) -> str:
    role = f" · {escape(host.role)}" if host.role else ""
    lines = [f"<b>{escape(host.name)}</b>{role}", _small(host.address, size=9)]
    for program in host.programs:
        ports = f" <b>{' '.join(program.ports)}</b>" if program.ports else ""
        local = f" {_small('local ' + ' '.join(program.local), size=9)}" if program.local else ""
        lines.append(f"{escape(program.name)}{ports}{local}")
    lines += [_small(line, size=8) for line in _wrapped(f"also {', '.join(host.also)}", 40)] if host.also else []
    looks = f'border="1" color="{border}" bgcolor="{PAPER}" cellpadding="7" valign="top" align="left" balign="left"'
    return f'<td port="{_cell(cell)}" {looks}>{"<br/>".join(lines)}</td>'


def _small(text: str, size: int) -> str:
    return f'<font point-size="{size}" color="{FAINT}">{escape(text)}</font>'


def _wrapped(text: str, width: int = 60) -> list[str]:
    return wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _cell(number: int) -> str:
    return f"host{number}"


# --- edges ------------------------------------------------------------------------------------------------------------


def _holders(virtual: Virtual, places: _Places) -> Iterator[str]:
    for number, name in enumerate(virtual.holders):
        label, style = ("takes over", "dashed") if number else ("holds it", "bold")
        looks = f"style={style} color={_quoted(VIRTUAL)} fontcolor={_quoted(VIRTUAL)}"
        yield f"{_end(virtual.name)} -> {places.host(virtual.group, name)}:n [label={_beside([label])} {looks}]"


def _arrow(arrow: Arrow, places: _Places) -> str:
    ends, clipped = [], ""
    for end, side, level in ((arrow.source, "ltail", -1), (arrow.target, "lhead", 0)):
        if end.kind is Kind.GROUP:
            # An edge joins two nodes; it is cut off at the border of the box.
            ends.append(places.level(end.name, level))
            clipped += f" {side}={_quoted(f'cluster_{end.name}')}"
        elif end.kind is Kind.HOST:
            ends.append(f"{places.host(end.group, end.name)}:n")
        else:
            ends.append(_end(end.name))
    return f"{ends[0]} -> {ends[1]} [label={_beside(arrow.labels)}{clipped}]"


def _beside(lines: Sequence[str]) -> str:
    """A label with a gap to its line."""
    text = "<br/>".join(map(escape, lines))
    cells = f'<tr><td width="6"></td><td align="left" balign="left">{text}</td></tr>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>>'


# --- text -------------------------------------------------------------------------------------------------------------


def _end(name: str) -> str:
    return _quoted(f"outside {name}")


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
