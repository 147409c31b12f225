"""The named statements of ``queries.sql``."""

from proofing.plugin.support import NamedQueries

_queries = NamedQueries("proofing_local")

query = _queries.query
script = _queries.script
