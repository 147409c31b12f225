"""What a vendor that could not be asked comes to, in the causes that rules and fallbacks know."""

from collections.abc import Mapping

from proofing.base.errors import Cause, VendorError
from proofing.contracts.routing import Refusal

_CAUSES: Mapping[Refusal, Cause] = {
    Refusal.OUTAGE: Cause.MAINTENANCE,
    Refusal.MAINTENANCE: Cause.MAINTENANCE,
    Refusal.BREAKER_OPEN: Cause.UNREACHABLE,
    Refusal.RATE_LIMIT: Cause.QUOTA,
    Refusal.CONCURRENCY_LIMIT: Cause.QUOTA,
    Refusal.BUDGET: Cause.QUOTA,
    Refusal.UNSUITABLE: Cause.BAD_REQUEST,
}


def refusal_error(vendor: str, reason: Refusal) -> VendorError:
    """Return the error of a *vendor* that was not asked for this *reason*, and so bills nothing."""
    code = "budget_reached" if reason is Refusal.BUDGET else reason.value
    return VendorError(
        _CAUSES[reason], "the vendor could not be asked", vendor_name=vendor, codes=(code,), billed=False
    )
