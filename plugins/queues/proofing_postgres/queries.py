"""The named statements of ``queries.sql``."""

from proofing.plugin.support import NamedQueries

query = NamedQueries("proofing_postgres").query
