"""Whether another connection has written to a SQLite database, asked without reading a table.

Source: https://sqlite.org/pragma.html#pragma_data_version.
"""

import sqlite3


def data_version(connection: sqlite3.Connection) -> int:
    """Return a number that differs from the last one when another connection has written meanwhile.

    Reads shared memory alone. Ask before looking at tables: what is written between the two is then found by
    the next look.
    """
    version: int = connection.execute("pragma data_version").fetchone()[0]
    return version
