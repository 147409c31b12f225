"""The named statements of ``queries.sql``."""

from proofing.named_queries import NamedQueries

_queries = NamedQueries("proofing_local")

query = _queries.query
script = _queries.script
