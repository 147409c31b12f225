"""How `/v1` shows verifications and events: as webhooks do, and what only who asks needs besides."""

import json
from collections.abc import Mapping
from typing import Any

from proofing.contracts.verification_store import StoredEvent
from proofing.contracts.verifications import VerificationRecord
from proofing.verifications.events import iso_time, view


def verification_view(record: VerificationRecord, *, url: str | None = None) -> dict[str, Any]:
    """Return a verification; *url* is that of its link, for the answers that made it."""
    values: dict[str, Any] = {
        **view(record),
        "steps": [step.value for step in record.terms.steps],
        "claims": list(record.terms.claims),
        "failures": {step.value: count for step, count in record.failures.items()},
        "exceptions": record.exceptions,
    }
    if record.return_url is not None:
        values["return_url"] = record.return_url
    if record.locale is not None:
        values["locale"] = record.locale
    if (link := record.link) is not None:
        values["link"] = {
            **({"url": url} if url is not None else {}),
            "expires_at": iso_time(link.expires_at),
            **({"used_at": iso_time(link.used_at)} if link.used_at is not None else {}),
        }
    return values


def full_view(
    record: VerificationRecord, *, subject: str | None, metadata: Mapping[str, str], url: str | None = None
) -> dict[str, Any]:
    """Return a verification with what the relying party sent when it created it."""
    sent = {"subject": subject} if subject is not None else {}
    return {**verification_view(record, url=url), **sent, "metadata": dict(metadata)}


def event_view(stored: StoredEvent, cursor: str) -> dict[str, Any]:
    """Return an event with the members of its webhook."""
    body: dict[str, Any] = json.loads(stored.body)
    return {"id": stored.id, "cursor": cursor, **body}
