"""The MAC over a status record, so that a writer of the store cannot turn a no into a yes."""

from dataclasses import replace

from proofing.contracts.records import StatusRecord
from proofing.crypto.encryption import KeyRing

#: Label of the MAC over status records.
_LABEL = "status record"


def sign_record(keys: KeyRing, record: StatusRecord) -> StatusRecord:
    """Return *record* with its MAC."""
    return replace(record, mac=keys.sign(record.signed_part(), _LABEL))


def is_genuine(keys: KeyRing, record: StatusRecord) -> bool:
    """Return whether Proofing wrote *record*, by its MAC."""
    return keys.verify(record.signed_part(), record.mac, _LABEL)
