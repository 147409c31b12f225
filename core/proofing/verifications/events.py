"""What relying parties hear of a verification: its view without personal data, and the events.

An event has the shape of Standard Webhooks 1.0: ``type``, ``timestamp``, ``data``. Its bytes are made once;
they are what is signed, sent, sent again, and polled.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from proofing.contracts.verification_store import NewEvent
from proofing.contracts.verifications import EventType, VerificationRecord, VerificationState, new_id
from proofing.rules.assurance import explain
from proofing.rules.assurance_table import Need
from proofing.settings import Settings


def make_event(
    record: VerificationRecord, event_type: EventType, at: float, *, endpoints: tuple[str, ...] = ()
) -> NewEvent:
    """Return the event of a change.

    Args:
        record: after the change.
        event_type: what happened.
        at: when, in seconds since the epoch.
        endpoints: of the relying party to which it is sent; see `endpoints_of`.
    """
    body = {"type": event_type.value, "timestamp": iso_time(at), "data": view(record)}
    return NewEvent(
        id=new_id("evt"),
        type=event_type,
        created_at=at,
        body=json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(),
        endpoints=endpoints,
    )


def endpoints_of(settings: Settings, record: VerificationRecord, event_type: EventType) -> tuple[str, ...]:
    """Return the names of the relying party's webhooks that get an event of this type, in this mode."""
    party = settings.relying_parties.get(record.relying_party)
    if party is None:
        return ()
    return tuple(
        name
        for name, webhook in party.webhooks.items()
        if webhook.mode == record.mode.value and event_type in webhook.events
    )


def view(record: VerificationRecord) -> dict[str, Any]:
    """Return what a relying party may know of its verification, as JSON values without personal data.

    What has not happened is absent. Which attributes disagreed, or were not confirmed, is left out, and so is
    who issued a document.
    """
    findings = record.findings
    values: dict[str, Any] = {
        "id": record.id,
        "object": "verification",
        "livemode": record.mode.value == "live",
        "policy": record.policy,
        "state": record.state.value,
        "sequence": record.sequence,
        "created_at": iso_time(record.created_at),
        "updated_at": iso_time(record.updated_at),
        "expires_at": None if record.state.is_end else iso_time(record.expires_at),
        "ended_at": _iso_time(record.ended_at),
        "redacted_at": _iso_time(record.redacted_at),
        "claims_expire_at": _iso_time(record.claims_expire_at),
        "claims_collected_at": _iso_time(record.claims_collected_at),
        "checks": {name: state.value for name, state in sorted(findings.checks.items())} or None,
        "reasons": list(findings.reasons) or None,
        "assurance": _assurance(record),
        "review": _review(record),
    }
    return {name: value for name, value in values.items() if value is not None}


def iso_time(at: float) -> str:
    """Return a time as ISO 8601 in UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _iso_time(at: float | None) -> str | None:
    return None if at is None else iso_time(at)


def _assurance(record: VerificationRecord) -> Mapping[str, Any] | None:
    """Return what the evidence supports; None before it was judged."""
    findings = record.findings
    if findings.supports is None:
        return None
    return {
        "supports": findings.supports,
        "target": record.terms.target,
        "pathway": findings.pathway or None,
        "missing": [{"code": code, "detail": explain(code)} for code in _missing(record)],
        "flags": list(findings.flags),
        "evidence": [
            {
                "kind": piece.kind.value,
                "validated_by": piece.validated_by.value,
                "verified_by": [way.method.value for way in piece.verified_by],
            }
            for piece in findings.evidence.pieces
        ],
    }


def _missing(record: VerificationRecord) -> Sequence[str]:
    """Return codes of what the next level lacks. None tells which datum that the person typed was wrong."""
    codes = record.findings.missing
    plain = [Need.ATTRIBUTES if code.startswith(f"{Need.ATTRIBUTES}:") else code for code in codes]
    if record.state is not VerificationState.VERIFIED:
        # After a no, an identifier that no source confirmed would be the wrong one.
        plain = [Need.ATTRIBUTES if code == Need.IDENTIFIER else code for code in plain]
    return list(dict.fromkeys(map(str, plain)))


def _review(record: VerificationRecord) -> Mapping[str, Any] | None:
    review = record.review
    if review is None:
        return None
    return {
        "outcome": "approved" if review.is_approved else "rejected",
        "reason": review.reason,
        "decided_at": iso_time(review.at),
    }
