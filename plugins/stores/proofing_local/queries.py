"""Reads the named statements of ``queries.sql``."""

import re
from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """Return the statement *name*."""
    return _all_queries()[name]


def script(name: str) -> list[str]:
    """Return the statements below *name* one by one, where there are several."""
    return [statement for part in query(name).split(";") if (statement := part.strip())]


@cache
def _all_queries() -> dict[str, str]:
    """Split the file at its name lines and drop the comments."""
    text = files("proofing_local").joinpath("queries.sql").read_text(encoding="utf-8")
    pieces = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {
        name: re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }
