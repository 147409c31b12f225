"""What psycopg's errors mean to an operator: the kind of trouble, and where to look."""

import psycopg

from proofing.plugin import Trouble
from proofing.plugin.support import TROUBLE_WORDS as WORDS
from proofing.plugin.support import trouble_of_postgres

_TEXTS = {
    Trouble.CREDENTIALS: "refuses our credentials: see postgres.dsn",
    Trouble.NOT_FOUND: "does not exist: see postgres.dsn",
    Trouble.PERMISSION: "refuses our role; see proofing_postgres/roles.sql",
}


def explain(error: Exception) -> tuple[str, Trouble]:
    """Return what happened, for operators, and its kind. The error's own text may show values."""
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "its tables are missing; run proofing migrate", Trouble.NOT_FOUND
    trouble = trouble_of_postgres(error)
    if text := _TEXTS.get(trouble):
        return f"the PostgreSQL database {text}", trouble
    if trouble is Trouble.UNAVAILABLE:
        return f"the PostgreSQL database cannot serve now ({type(error).__name__})", trouble
    return f"the PostgreSQL database cannot be reached: {WORDS[trouble]}", trouble
