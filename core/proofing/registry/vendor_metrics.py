"""The series of a vendor that may be asked, which begin at 0: docs/reference/metrics.md."""

from proofing.base.errors import Cause
from proofing.base.metrics import VENDOR_BREAKER_CHANGES, VENDOR_CALLS, VENDOR_REFUSALS, VENDOR_SECONDS
from proofing.contracts.results import Outcome
from proofing.contracts.routing import Refusal
from proofing.contracts.vendor_gates import BreakerState

#: Why a question to a vendor has no answer.
_VENDOR_CAUSES = (*(cause.value for cause in Cause), "plugin_error", "canceled")


def begin_vendor(vendor: str, product: str) -> None:
    """Make the series of a vendor that may be asked, all at 0. Idempotent."""
    for outcome in Outcome:
        VENDOR_CALLS.labels(vendor, product, outcome.value, "")
    for cause in _VENDOR_CAUSES:
        VENDOR_CALLS.labels(vendor, product, "error", cause)
    for reason in (
        Refusal.BREAKER_OPEN,
        Refusal.BUDGET,
        Refusal.CONCURRENCY_LIMIT,
        Refusal.RATE_LIMIT,
    ):
        VENDOR_REFUSALS.labels(vendor, product, reason.value)
    for state in (BreakerState.OPEN, BreakerState.CLOSED):
        VENDOR_BREAKER_CHANGES.labels(vendor, product, state.value)
    VENDOR_SECONDS.labels(vendor, product)
