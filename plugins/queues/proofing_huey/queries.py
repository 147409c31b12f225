"""Reads the named statements of this package's ``.sql`` files."""

import re
from functools import cache
from importlib.resources import files


def query(file_name: str, name: str) -> str:
    """Return the statement *name* of a file."""
    return _read(file_name)[name]


def script(file_name: str, name: str) -> list[str]:
    """Return the statements below *name* one by one, where there are several."""
    return [statement for part in query(file_name, name).split(";") if (statement := part.strip())]


@cache
def _read(file_name: str) -> dict[str, str]:
    """Split a file at its name lines and drop the comments."""
    text = files("proofing_huey").joinpath(file_name).read_text(encoding="utf-8")
    pieces = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return {
        name: re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
        for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }
