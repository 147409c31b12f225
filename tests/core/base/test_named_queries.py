"""Statements are found by name, without their comments, in a file that is read when it is needed."""

import sys

import pytest

from proofing.base.named_queries import NamedQueries

FILE = """-- What the file is for.

-- name: one
-- Why there is one.
select 1
from somewhere; -- kept, since it does not begin the line

-- name: several
create table a (b);
create table c (d);
"""


@pytest.fixture
def queries(tmp_path, monkeypatch):
    """Return the statements of a package that exists for this test."""
    folder = tmp_path / "package_with_queries"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "queries.sql").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)
    yield NamedQueries("package_with_queries")
    sys.modules.pop("package_with_queries", None)


def test_a_statement_comes_without_its_comment(queries):
    """Lines of comment and the last semicolon are dropped."""
    assert queries.query("one") == "select 1\nfrom somewhere; -- kept, since it does not begin the line"
    assert queries.query("several") == "create table a (b);\ncreate table c (d)"


def test_a_script_comes_statement_by_statement(queries):
    """Empty ones do not exist."""
    assert queries.script("several") == ["create table a (b)", "create table c (d)"]


def test_a_name_that_is_none(queries):
    """A misspelled name is reported at once."""
    with pytest.raises(KeyError):
        queries.query("missing")


def test_nothing_is_read_before_it_is_needed():
    """A plugin may name its file when it is imported."""
    assert NamedQueries("no_such_package")
