"""Errors of this vendor."""

from proofing.plugin import Cause, VendorError
from proofing_aamva.settings import NAME


def nonsense(message: str) -> VendorError:
    """Return the error of an answer that is not what AAMVA documents."""
    return VendorError(Cause.NONSENSE, message, vendor_name=NAME)


def malformed(message: str) -> VendorError:
    """Return the error of a question that cannot be asked. Nothing was sent."""
    return VendorError(Cause.BAD_REQUEST, message, vendor_name=NAME)
