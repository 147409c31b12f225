"""Make the drawings of the docs: each docs/drawings/NAME.yaml becomes NAME.svg in the same folder.

    python scripts/drawings.py [--check]

With ``--check`` nothing is written, and a drawing that differs from its source fails. A source has ``title``
and ``description``, which screen readers read, and one of two forms.

Boxes and arrows, in pixels::

    boxes:
      web: {at: [x, y, width, height], kind: process, text: [web, second line]}
    arrows:
      - {from: web.right, to: queue.left, text: job}

``from`` and ``to`` name a box and a side of it: top, right, bottom or left, with ``@`` and the place along it
in percent (``web.right@25``). ``through`` lists corners on the way, ``label`` moves the text by [x, y],
``dashed`` and ``both`` say how the line looks. A box of kind ``group`` lies behind the others.

A sequence, from the top::

    lanes: {web: process, queue: store}
    steps:
      - {name: "1. Submit", messages: [{from: web, to: queue, text: job}, {at: web, text: seals}]}

A message with ``at`` is what a lane does by itself; ``dashed`` marks an answer.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import yaml

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "drawings"
_MARGIN = 16
_LINE = 18
_LANE = 152
_ROW = 40
_STEP_NAME = 30

#: Fill and outline by kind of box; all pairs of text and fill have a contrast above 7:1.
_COLORS = {
    "group": ("#f6f7f9", "#a9b1bd"),
    "person": ("#fff1d0", "#8a6100"),
    "process": ("#dce9ff", "#1d4f9c"),
    "store": ("#dff3e2", "#1f6b35"),
    "outside": ("#ececec", "#5b5b5b"),
}
_STYLE = """\
text { font: 14px "Public Sans", "Segoe UI", "DejaVu Sans", Arial, sans-serif; fill: #1b1b1b; }
.name { font-weight: 600; }
.label { font-size: 13px; paint-order: stroke; stroke: #fff; stroke-width: 4px; stroke-linejoin: round; }
.line { fill: none; stroke: #3d4551; stroke-width: 1.6; }
.dashed { stroke-dasharray: 5 4; }"""
_MARKER = (
    '<marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
    'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z" fill="#3d4551"/></marker>'
)

Point = tuple[float, float]


def main(arguments: Sequence[str]) -> int:
    """Write every drawing, or compare it; return how many differ."""
    is_check = list(arguments) == ["--check"]
    stale = []
    for source in sorted(FOLDER.glob("*.yaml")):
        target = source.with_suffix(".svg")
        made = draw(yaml.safe_load(source.read_text()))
        if target.exists() and target.read_text() == made:
            continue
        stale.append(target.name)
        if not is_check:
            target.write_text(made)
    for name in stale:
        print(f"{name}: {'differs from its source; run scripts/drawings.py' if is_check else 'written'}")
    return len(stale) if is_check else 0


def draw(source: Mapping[str, Any]) -> str:
    """Return the SVG of one source."""
    (width, height), body = _sequence(source) if "lanes" in source else _boxes(source)
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
            f'<title id="title">{escape(source["title"])}</title>',
            f'<desc id="description">{escape(" ".join(source["description"].split()))}</desc>',
            f"<style>{_STYLE}</style>",
            f"<defs>{_MARKER}</defs>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#fff"/>',
            *body,
            "</svg>",
            "",
        )
    )


def _boxes(source: Mapping[str, Any]) -> tuple[Point, list[str]]:
    """Return size and body of boxes and arrows."""
    boxes = source["boxes"]
    groups = [box for box in boxes.values() if box["kind"] == "group"]
    others = [box for box in boxes.values() if box["kind"] != "group"]
    body = [line for box in groups for line in _box(box["at"], "group", box["text"], is_group=True)]
    arrows = [_arrow(boxes, arrow) for arrow in source.get("arrows", ())]
    body += [line for line, _label in arrows]
    body += [line for box in others for line in _box(box["at"], box["kind"], box["text"])]
    body += [label for _line, labels in arrows for label in labels]
    right = max(box["at"][0] + box["at"][2] for box in boxes.values())
    bottom = max(box["at"][1] + box["at"][3] for box in boxes.values())
    return (right + _MARGIN, bottom + _MARGIN), body


def _box(at: Sequence[float], kind: str, lines: Sequence[str], *, is_group: bool = False) -> Iterator[str]:
    """Yield a box with its lines of text: in its middle, those of a group at its top left."""
    x, y, width, height = at
    fill, outline = _COLORS[kind]
    dash = ' stroke-dasharray="6 4"' if is_group else ""
    yield (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{fill}" '
        f'stroke="{outline}" stroke-width="1.4"{dash}/>'
    )
    top = y + _LINE + 2 if is_group else y + height / 2 - _LINE * (len(lines) - 1) / 2 + 5
    for number, line in enumerate(lines):
        place = (x + 10, "start") if is_group else (x + width / 2, "middle")
        style = ' class="name"' if number == 0 else ""
        yield _text(place[0], top + _LINE * number, line, place[1], style)


def _arrow(boxes: Mapping[str, Any], arrow: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the line of an arrow, and the lines of its text."""
    points = [_end(boxes, arrow["from"]), *map(tuple, arrow.get("through", ())), _end(boxes, arrow["to"])]
    line = _line(points, is_dashed=arrow.get("dashed", False), is_both=arrow.get("both", False))
    words = arrow.get("text", [])
    words = [words] if isinstance(words, str) else words
    (x1, y1), (x2, y2) = max(
        pairwise(points), key=lambda pair: abs(pair[0][0] - pair[1][0]) + abs(pair[0][1] - pair[1][1])
    )
    dx, dy = arrow.get("label", (0, 0))
    top = (y1 + y2) / 2 + dy - (6 + _LINE * (len(words) - 1) if y1 == y2 else -4)
    labels = [
        _text((x1 + x2) / 2 + dx, top + 15 * number, word, "middle", ' class="label"')
        for number, word in enumerate(words)
    ]
    return line, labels


def _end(boxes: Mapping[str, Any], where: str) -> Point:
    """Return the point that ``box.side@percent`` names."""
    name, _, rest = where.partition(".")
    side, _, percent = rest.partition("@")
    x, y, width, height = boxes[name]["at"]
    along = float(percent or 50) / 100
    return {
        "left": (x, y + height * along),
        "right": (x + width, y + height * along),
        "top": (x + width * along, y),
        "bottom": (x + width * along, y + height),
    }[side]


def _sequence(source: Mapping[str, Any]) -> tuple[Point, list[str]]:
    """Return size and body of a sequence."""
    lanes = source["lanes"]
    centers = {name: _MARGIN + _LANE * (number + 0.5) for number, name in enumerate(lanes)}
    width = 2 * _MARGIN + _LANE * len(lanes)
    y = _MARGIN + 56.0
    rows: list[str] = []
    for step in source["steps"]:
        height = _STEP_NAME + sum(_height(message) for message in step["messages"]) + 8
        rows += _box((_MARGIN, y, width - 2 * _MARGIN, height), "group", [step["name"]], is_group=True)
        y += _STEP_NAME
        for message in step["messages"]:
            y += _height(message)
            rows += _message(message, centers, y - 12)
        y += 8 + 10
    bands = [row for row in rows if row.startswith("<rect") and _COLORS["group"][0] in row]
    marks = [row for row in rows if row not in bands]
    stems = [
        f'<line x1="{x:g}" y1="{_MARGIN + 40}" x2="{x:g}" y2="{y:g}" stroke="#b9c0ca" stroke-width="1.2"/>'
        for x in centers.values()
    ]
    heads = [
        line
        for name, kind in lanes.items()
        for line in _box((centers[name] - _LANE / 2 + 12, _MARGIN, _LANE - 24, 40), kind, [name])
    ]
    return (width, y + _MARGIN - 10), [*bands, *stems, *heads, *marks]


def _height(message: Mapping[str, Any]) -> float:
    """Return how much room a message takes."""
    lines = 1 if isinstance(message["text"], str) else len(message["text"])
    return _ROW + (lines - 1) * 15 - (4 if "at" in message else 0)


def _message(message: Mapping[str, Any], centers: Mapping[str, float], y: float) -> Iterator[str]:
    """Yield the line of a message with its text above it, or the note of a lane."""
    lines = [message["text"]] if isinstance(message["text"], str) else message["text"]
    if "at" in message:
        x = centers[message["at"]]
        width = max(len(line) for line in lines) * 7.1 + 18
        height = 15 * len(lines) + 9
        yield (
            f'<rect x="{x - width / 2:g}" y="{y - height + 6:g}" width="{width:g}" height="{height:g}" '
            'rx="4" fill="#fff" stroke="#8d97a5"/>'
        )
        for number, line in enumerate(lines):
            yield _text(x, y - height + 21 + 15 * number, line, "middle", ' style="font-size:13px"')
        return
    start, end = centers[message["from"]], centers[message["to"]]
    yield _line([(start, y), (end, y)], is_dashed=message.get("dashed", False))
    for number, line in enumerate(lines):
        place = (start + end) / 2
        yield _text(place, y - 6 - 15 * (len(lines) - 1 - number), line, "middle", ' class="label"')


def _line(points: Sequence[Sequence[float]], *, is_dashed: bool = False, is_both: bool = False) -> str:
    """Return a line with an arrowhead at its end, or at both."""
    path = " ".join(f"{x:g},{y:g}" for x, y in points)
    style = "line dashed" if is_dashed else "line"
    start = ' marker-start="url(#end)"' if is_both else ""
    return f'<polyline class="{style}" points="{path}" marker-end="url(#end)"{start}/>'


def _text(x: float, y: float, words: str, anchor: str, style: str) -> str:
    """Return one line of text."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{escape(words)}</text>'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
