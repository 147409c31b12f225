"""The transactions that claim and finish deliveries."""

from collections.abc import Sequence

from proofing.plugin import ClaimedDelivery, Delivery, EndpointState
from proofing.plugin.support import delivery_of
from proofing_postgres.exchange import Exchange

#: Our key of the advisory lock by which claims wait for each other.
_LOCK_KEY = 0x64656C6976657279


async def claim(
    exchange: Exchange, *, limit: int, per_endpoint: int, lease_seconds: float
) -> Sequence[ClaimedDelivery]:
    """Do the work of `VerificationStore.claim_deliveries`."""
    async with exchange.transaction() as transaction:
        await transaction.rows("claim_alone", {"key": _LOCK_KEY})
        now = exchange.now()
        values = {
            "limit": limit,
            "per_endpoint": per_endpoint,
            "now": now,
            "lease_end": now + lease_seconds,
        }
        rows = await transaction.rows("claim", values)
    return [ClaimedDelivery(delivery=delivery_of(row[1:]), lease=row[0]) for row in rows]


async def finish(
    exchange: Exchange, claimed: ClaimedDelivery, outcome: Delivery, endpoint: EndpointState | None
) -> bool:
    """Do the work of `VerificationStore.finish_delivery`."""
    remembered = ("failures", "failing_since", "paused_until", "disabled_reason")
    values = {
        **{name: getattr(endpoint, name, None) for name in remembered},
        "event_id": claimed.delivery.event.id,
        "endpoint": claimed.delivery.endpoint,
        "lease": claimed.lease,
        "state": outcome.state,
        "next_at": outcome.next_at,
        "status": outcome.status,
        "failure": outcome.failure,
        "now": exchange.now(),
    }
    return bool(await exchange.run("finish_delivery", values))
