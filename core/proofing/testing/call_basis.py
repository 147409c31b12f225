"""What the cases of the call store contract share: making stores, call records and decisions."""

import secrets
import time
import uuid
from decimal import Decimal
from typing import Any

from proofing.contracts.call_records import CallRecord, CallStore, RecordedDecision
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal, RoutingDecision, RoutingQuestion, RoutingRule
from proofing.testing.durable_stores import DurableStoreBasis

#: By when a store that cannot be reached must have failed.
GIVE_UP_SECONDS = 20.0
#: 2026-11-01 in UTC, and what is before and after that month.
NOVEMBER, DECEMBER = 1793491200.0, 1796083200.0


def make_call(**changes: Any) -> CallRecord:
    """Return the record of a call of November with every field filled."""
    given: dict[str, Any] = {
        "id": secrets.token_hex(32),
        "at": NOVEMBER + 3600.0,
        "vendor": "acme:resolution",
        "kind": ProoferKind.RESOLUTION,
        "transaction_id": "T-900",
        "relying_party": "agency",
        "outcome": "passed",
        "permissible_purpose": "fraud prevention",
        "price": Decimal("0.45"),
        "currency": "USD",
    }
    return CallRecord(**{**given, **changes})


def make_decision(
    *,
    job: str = "",
    person: str = "",
    at: float | None = None,
    step: str = "resolution",
    number: int = 0,
    **changes: Any,
) -> RecordedDecision:
    """Return a decision of a job and person of its own."""
    given: dict[str, Any] = {
        "kind": ProoferKind.RESOLUTION,
        "person": person or secrets.token_hex(32),
        "bucket": 12.5,
        "at": time.time() if at is None else at,
        "refused": {"other:resolution": Refusal.BREAKER_OPEN},
        "tried": (("first:resolution", "timeout"),),
    }
    decision = RoutingDecision(
        question=RoutingQuestion(**{**given, **changes}),
        vendor="acme:resolution",
        rule=RoutingRule.FALLBACK,
        passed_over=(("other:resolution", Refusal.BREAKER_OPEN),),
    )
    job = job or str(uuid.uuid4())
    return RecordedDecision(id=f"{job}:{step}:{number}", job=job, step=step, decision=decision)


class CallStoreBasis(DurableStoreBasis[CallStore]):
    """How the cases get their stores."""


async def all_calls(store: CallStore) -> list[CallRecord]:
    """Return every call record that is stored."""
    return list(await store.calls(begin=0.0, end=1e12, limit=100_000))
