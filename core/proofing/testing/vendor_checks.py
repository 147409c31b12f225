"""What tests of vendors and of the outbound client check in errors."""

from collections.abc import Callable

from proofing.base.errors import Cause, VendorError


def caused_by(*causes: Cause) -> Callable[[VendorError], bool]:
    """Return a check of an error's cause: ``pytest.raises(VendorError, check=caused_by(Cause.QUOTA))``."""
    return lambda error: error.cause in causes
