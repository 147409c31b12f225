"""Write the tables of docs/reference/pages.md that come from the code.

    python scripts/steps.py

The order of the pages is `proofing.sessions.steps.STEPS`; what a session holds is `SessionData`. Everything
else on the page is written by hand.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from proofing.sessions.data import SessionData
from proofing.sessions.steps import STEPS, Page, pages_after

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "pages.md"
_MARK = "<!-- Made by scripts/steps.py: {} -->"


def main() -> int:
    """Write the page."""
    PAGE.write_text(render(PAGE.read_text()))
    return 0


def render(page: str) -> str:
    """Return *page* with the tables as the code has them."""
    for name, table in (("steps", _order()), ("session", _session())):
        mark = _MARK.format(name)
        old = re.search(rf"{re.escape(mark)}\n\n(\|.*\n)*", page)
        if old is None:
            sys.exit(f"{PAGE} has no mark: {mark}")
        page = page[: old.start()] + "\n".join([mark, "", *table]) + "\n" + page[old.end() :]
    return page


def _order() -> Iterator[str]:
    """Yield the lines of the table of pages."""
    yield "| Page | Does | Goes on to | Closed by the limit |"
    yield "|---|---|---|---|"
    yield f"| `{Page.WELCOME}` | says what this is and what one needs | `{STEPS[0].page}` | |"
    for step in STEPS:
        limits = ", ".join(f"`{limit.name}`" for limit in step.limits)
        after = pages_after(step)[-1]
        if not step.submits:
            yield f"| `{step.page}` | {step.does} | `{after}` | {limits} |"
            continue
        yield f"| `{step.page}` | {step.does} | `{step.wait_page}` | {limits} |"
        yield f"| `{step.wait_page}` | follows the job | `{after}`, or `{step.problem_page}` | |"
    done = "says that the person is verified; the session holds only what their evidence is worth"
    yield f"| `{Page.DONE}` | {done} | | |"


def _session() -> Iterator[str]:
    """Yield the lines of the table of what a session holds."""
    text = (inspect.getdoc(SessionData) or "").partition("Attributes:\n")[2]
    yield "| Key | Holds |"
    yield "|---|---|"
    for name, holds in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE):
        yield f"| `{name}` | {' '.join(holds.split()).replace('``', '`').removesuffix('.')} |"


if __name__ == "__main__":
    sys.exit(main())
