"""What plugins would otherwise repeat.

Seams for foreign exceptions and their kinds of trouble, waits that grow, bounded threads, MACs under previous
keys, authenticated encryption, strict JSON, XML and YAML, boto3 clients carried by the outbound client, SQL
in files, rows of verification and call stores, and what all state ID vendors share.

Heavier than `proofing.plugin`: import it in the modules that do the work, not in the plugin's package.
"""

from proofing.base.backoff import Backoff, jittered
from proofing.base.errors import os_error_reason, unreadable
from proofing.base.foreign import calls_back, seam, translated
from proofing.base.hosts import LOOPBACK
from proofing.base.libpq import libpq_problem
from proofing.base.log_output import silence_foreign
from proofing.base.macs import MACKeys
from proofing.base.named_queries import NamedQueries
from proofing.base.sqlite_changes import data_version
from proofing.base.strict_json import parse_json
from proofing.base.strict_xml import parse_xml
from proofing.base.strict_yaml import parse_yaml
from proofing.base.threads import BoundedThreads
from proofing.base.troubles import WORDS as TROUBLE_WORDS
from proofing.base.troubles import trouble_of, trouble_of_postgres, trouble_of_redis
from proofing.contracts.call_rows import (
    SQLCallStore,
    call_columns,
    decision_columns,
)
from proofing.contracts.verification_rows import (
    SQLVerificationStore,
    answer_columns,
    answer_of,
    delivery_of,
    endpoint_columns,
    read_json,
    verification_columns,
)
from proofing.crypto.encryption import KEY_BYTES, aead_open, aead_seal, canonical_context
from proofing.outbound.botocore_calls import carry_botocore
from proofing.rules.state_id import JURISDICTIONS, judge_matches

__all__ = [
    "JURISDICTIONS",
    "KEY_BYTES",
    "LOOPBACK",
    "TROUBLE_WORDS",
    "Backoff",
    "BoundedThreads",
    "MACKeys",
    "NamedQueries",
    "SQLCallStore",
    "SQLVerificationStore",
    "aead_open",
    "aead_seal",
    "answer_columns",
    "answer_of",
    "call_columns",
    "calls_back",
    "canonical_context",
    "carry_botocore",
    "data_version",
    "decision_columns",
    "delivery_of",
    "endpoint_columns",
    "jittered",
    "judge_matches",
    "libpq_problem",
    "os_error_reason",
    "parse_json",
    "parse_xml",
    "parse_yaml",
    "read_json",
    "seam",
    "silence_foreign",
    "translated",
    "trouble_of",
    "trouble_of_postgres",
    "trouble_of_redis",
    "unreadable",
    "verification_columns",
]
