"""A write of another connection changes the version; reading and our own writing do not."""

import contextlib
import sqlite3

from proofing.base.sqlite_changes import data_version


def test_only_others_change_the_version(tmp_path):
    """As the documentation of SQLite says."""
    path = tmp_path / "database"
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as own,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        own.execute("create table t (n)")
        other.execute("select * from t").fetchall()
        before = data_version(own)
        own.execute("insert into t values (1)")
        assert data_version(own) == before
        other.execute("insert into t values (2)")
        assert data_version(own) != before
