"""Named SQL statements: a plugin keeps its SQL in ``.sql`` files and asks for each statement by name.

A statement begins below a line ``-- name: its_name``; lines that begin with ``--`` are its comment.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files


class NamedQueries:
    """The statements of one file, which is read when the first of them is requested."""

    def __init__(self, package: str, file_name: str = "queries.sql") -> None:
        """Take the file *file_name* in the folder of *package*."""
        self._package = package
        self._file_name = file_name

    def query(self, name: str) -> str:
        """Return the statement *name*, without comments and last semicolon. Raises `KeyError`."""
        return self._statements[name]

    def script(self, name: str) -> list[str]:
        """Return the statements below *name* one by one, where there are several. Raises `KeyError`."""
        return [statement for part in self.query(name).split(";") if (statement := part.strip())]

    @cached_property
    def _statements(self) -> Mapping[str, str]:
        """Split the file at its name lines and drop the comments."""
        text = files(self._package).joinpath(self._file_name).read_text(encoding="utf-8")
        pieces = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
        return {
            name: re.sub(r"^--.*\n", "", body, flags=re.MULTILINE).strip().rstrip(";")
            for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
        }
