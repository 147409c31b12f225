"""The named statements of ``queries.sql``."""

from proofing.named_queries import NamedQueries

query = NamedQueries("proofing_postgres").query
