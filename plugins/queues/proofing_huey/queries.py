"""The named statements of ``sqlite.sql``."""

from proofing.plugin.support import NamedQueries

QUERIES = NamedQueries("proofing_huey", "sqlite.sql")
