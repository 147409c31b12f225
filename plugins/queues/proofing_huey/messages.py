"""What one job looks like inside a Huey task: plain JSON values, the sealed arguments in base64.

New fields must have a default, so that old and new processes read each other's messages for one release.
"""

import base64
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from proofing.plugin import JobKind, JobMessage, VerificationRef

#: Notes are kept apart from the message, which is not written again for them; a job with an intent never runs
#: again.
_NAMES = frozenset(field.name for field in fields(JobMessage)) - {"notes", "intents", "answers"}


def write_message(message: JobMessage) -> dict[str, Any]:
    """Return *message* as JSON values."""
    values = {name: getattr(message, name) for name in _NAMES}
    return values | {
        "kind": message.kind.value,
        "encrypted_arguments": base64.b64encode(message.encrypted_arguments).decode(),
        "metadata": dict(message.metadata),
        "verification": None if message.verification is None else message.verification.to_text(),
    }


def read_message(values: Mapping[str, Any]) -> JobMessage:
    """Return the message that *values* spell; unknown names, which a newer process wrote, are ignored.

    Raises:
        KeyError, TypeError, ValueError: *values* are no message.
    """
    verification = values.get("verification")
    known = {name: value for name, value in values.items() if name in _NAMES}
    return JobMessage(
        **known
        | {
            "kind": JobKind(values["kind"]),
            "encrypted_arguments": base64.b64decode(values["encrypted_arguments"], validate=True),
            "object_keys": tuple(values.get("object_keys", ())),
            "counter_keys": tuple(values.get("counter_keys", ())),
            "verification": None if verification is None else VerificationRef.from_text(verification),
        }
    )
