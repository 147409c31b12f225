"""The named statements of ``queries.sql``, run on a connection."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from proofing.plugin.support import NamedQueries

QUERIES = NamedQueries("proofing_local.verifications")
query = QUERIES.query
script = QUERIES.script

Row = tuple[Any, ...]


def one(db: sqlite3.Connection, name: str, values: Mapping[str, Any]) -> Any:
    """Run a statement to its end and return its first row, or None."""
    rows = db.execute(query(name), values).fetchall()
    return rows[0] if rows else None


def every(db: sqlite3.Connection, name: str, values: Mapping[str, Any]) -> list[Row]:
    """Run a statement and return its rows."""
    return db.execute(query(name), values).fetchall()
