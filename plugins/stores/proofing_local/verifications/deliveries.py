"""The transactions that claim, finish and purge events and their deliveries."""

import sqlite3

from proofing.plugin import ClaimedDelivery, Delivery, EndpointState
from proofing.plugin.support import delivery_of, endpoint_columns
from proofing_local.verifications.statements import every, one, query, script


def claim(
    db: sqlite3.Connection, *, limit: int, per_endpoint: int, now: float, lease_end: float
) -> list[ClaimedDelivery]:
    """Do the work of `VerificationStore.claim_deliveries`."""
    values = {"limit": limit, "per_endpoint": per_endpoint, "now": now, "lease_end": lease_end}
    claimed = [
        ClaimedDelivery(
            delivery=delivery_of(one(db, "delivery", {"event_id": event_id, "endpoint": endpoint})),
            lease=lease,
        )
        for event_id, endpoint, lease in every(db, "claim", values)
    ]
    return sorted(claimed, key=lambda one: (one.delivery.event.created_at, one.delivery.event.cursor))


def finish(
    db: sqlite3.Connection,
    claimed: ClaimedDelivery,
    outcome: Delivery,
    endpoint: EndpointState | None,
    now: float,
) -> bool:
    """Do the work of `VerificationStore.finish_delivery`."""
    values = {
        "event_id": claimed.delivery.event.id,
        "endpoint": claimed.delivery.endpoint,
        "lease": claimed.lease,
        "state": outcome.state,
        "next_at": outcome.next_at,
        "status": outcome.status,
        "failure": outcome.failure,
        "now": now,
    }
    if one(db, "finish_delivery", values) is None:
        return False
    if endpoint is not None:
        db.execute(query("set_endpoint"), endpoint_columns(endpoint))
    return True


def purge(db: sqlite3.Connection, before: float) -> int:
    """Delete old events whose deliveries have ended; return how many."""
    old = every(db, "old_events", {"before": before})
    for (event_id,) in old:
        for statement in script("delete_event"):
            db.execute(statement, {"id": event_id})
    return len(old)
