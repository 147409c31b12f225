"""Write the tables of docs/reference/assurance.md that come from the code.

    python scripts/assurance.py

What evidence is worth is `proofing.rules.assurance_table`; everything else on the page is written by hand.
"""

import re
import sys
from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import Path

from proofing.contracts.evidence import Strength
from proofing.rules.assurance_table import (
    FLAGS,
    KINDS,
    MAX_CODE_SECONDS,
    METHODS,
    MIN_CODE_DIGITS,
    NEEDS,
    STOPS,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "assurance.md"
_MARK = "<!-- Made by scripts/assurance.py: {} -->"
_DAY_SECONDS = 24 * 3600


def main() -> int:
    """Write the page."""
    PAGE.write_text(render(PAGE.read_text()))
    return 0


def render(page: str) -> str:
    """Return *page* with the tables as the code has them."""
    tables = {"kinds": _kinds(), "methods": _methods(), "needs": _needs(), "flags": _flags()}
    for name, table in tables.items():
        mark = _MARK.format(name)
        old = re.search(rf"{re.escape(mark)}\n\n(\|.*\n)*", page)
        if old is None:
            sys.exit(f"{PAGE} has no mark: {mark}")
        page = page[: old.start()] + "\n".join([mark, "", *table]) + "\n" + page[old.end() :]
    return page


def _kinds() -> Iterator[str]:
    """Yield the lines of the table of kinds of evidence."""
    yield "| Kind | Strength | Validated by | Verified by |"
    yield "|---|---|---|---|"
    for kind, row in KINDS.items():
        strength = row.strength.value if row.strength else "none"
        if row.strength is Strength.SUPERIOR and len(row.validated_by) > 1:
            strength = "superior by signature, else strong"
        yield f"| `{kind}` | {strength} | {_words(row.validated_by)} | {_words(row.verified_by)} |"


def _methods() -> Iterator[str]:
    """Yield the lines of the table of ways to verify a piece."""
    yield "| Method | At IAL2 verifies | Pathway | Section | Bounds |"
    yield "|---|---|---|---|---|"
    for method, row in METHODS.items():
        bounds = ""
        if method in MAX_CODE_SECONDS:
            bounds = f"{MIN_CODE_DIGITS} digits or more, returned within {_time(MAX_CODE_SECONDS[method])}"
        strengths = [strength.value for strength in Strength if strength in row.strengths]
        cells = (f"`{method}`", ", ".join(strengths), _words(row.pathways), row.clause, bounds)
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _needs() -> Iterator[str]:
    """Yield the lines of the table of what a level can lack."""
    yield "| Code | What to do | Section |"
    yield "|---|---|---|"
    for need, row in NEEDS.items():
        yield f"| `{need}` | {row.text} | {row.clause} |"


def _flags() -> Iterator[str]:
    """Yield the lines of the table of flags."""
    yield "| Code | Means | Section | No level |"
    yield "|---|---|---|---|"
    for flag, row in FLAGS.items():
        stops = " yes " if flag in STOPS else " "
        yield f"| `{flag}` | {row.text} | {row.clause} |{stops}|"


def _words(codes: Collection[StrEnum]) -> str:
    return ", ".join(f"`{code}`" for code in sorted(codes)) or "nothing"


def _time(seconds: float) -> str:
    return f"{seconds / _DAY_SECONDS:g} days" if seconds >= _DAY_SECONDS else f"{seconds / 60:g} minutes"


if __name__ == "__main__":
    raise SystemExit(main())
