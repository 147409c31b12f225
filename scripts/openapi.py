"""Write docs/reference/openapi.json, as served at /v1/openapi.json, and the tables of docs/reference/api.md.

    python scripts/openapi.py

Both are made from the operations of `proofing_server.api`; everything else on the page is written by hand.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from proofing_server.api.openapi import openapi_bytes
from proofing_server.api.operations import OPERATIONS, codes_of
from proofing_server.api.problems import REFUSALS, Code

_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
FILE, PAGE = _FOLDER / "openapi.json", _FOLDER / "api.md"
_MARK = "<!-- Made by scripts/openapi.py: {} -->"


def main() -> None:
    """Write the document and the page."""
    FILE.write_bytes(openapi_bytes())
    PAGE.write_text(render(PAGE.read_text()))


def render(page: str) -> str:
    """Return *page* with the tables as the code has them."""
    for name, table in {"operations": _operations(), "codes": _codes()}.items():
        mark = _MARK.format(name)
        old = re.search(rf"{re.escape(mark)}\n\n(\|.*\n)*", page)
        if old is None:
            sys.exit(f"{PAGE} has no mark: {mark}")
        page = page[: old.start()] + "\n".join([mark, "", *table]) + "\n" + page[old.end() :]
    return page


def _operations() -> Iterator[str]:
    """Yield the lines of the table of operations."""
    yield "| Operation | Does | Scope | Idempotency-Key | Answers |"
    yield "|---|---|---|---|---|"
    for one in OPERATIONS:
        key = "yes" if one.is_idempotent else ""
        refusals = sorted({REFUSALS[code].status for code in codes_of(one)})
        answers = ", ".join(map(str, [one.status, *refusals]))
        cells = (f"`{one.method} {one.path}`", one.summary, f"`{one.scope}`", key, answers)
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _codes() -> Iterator[str]:
    """Yield the lines of the table of codes."""
    yield "| Code | Status | What happened, and what to do |"
    yield "|---|---|---|"
    for code in Code:
        refusal = REFUSALS[code]
        yield f"| `{code}` | {refusal.status} | {refusal.detail} |"


if __name__ == "__main__":
    main()
