"""Reads the named statements of ``queries.sql``."""

import re
from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> str:
    """Return the statement *name*, without its comments."""
    return _all_queries()[name]


@cache
def _all_queries() -> dict[str, str]:
    """Split the file at its name lines."""
    text = files("proofing_postgres").joinpath("queries.sql").read_text(encoding="utf-8")
    pieces = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {
        name: re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip()
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }
