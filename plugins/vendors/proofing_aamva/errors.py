"""Errors of this vendor: new ones, and ones that come from the outbound client."""

from proofing.plugin import Cause, VendorError
from proofing_aamva.settings import NAME


def nonsense(message: str) -> VendorError:
    """Return the error of an answer that is not what AAMVA documents."""
    return VendorError(Cause.NONSENSE, message, vendor_name=NAME)


def malformed(message: str) -> VendorError:
    """Return the error of a question that cannot be asked. Nothing was sent."""
    return VendorError(Cause.BAD_REQUEST, message, vendor_name=NAME)


def amended(
    error: VendorError,
    *,
    cause: Cause | None = None,
    message: str | None = None,
    codes: tuple[str, ...] | None = None,
    billed: bool | None = None,
) -> VendorError:
    """Return a copy of *error* in which what is given replaces what it had."""
    return VendorError(
        cause or error.cause,
        message or str(error),
        vendor_name=NAME,
        codes=error.codes if codes is None else codes,
        retry_after=error.retry_after,
        billed=error.billed if billed is None else billed,
        transaction_id=error.transaction_id,
    )
