"""A `requests` session under the outbound rules, for vendor SDKs that are built on it.

Needs the extra ``requests``. The session runs in a thread; its calls obey the client's proxy, allow-list and
time limit, follow no redirects and ignore the environment.
"""

from typing import TYPE_CHECKING, Any

from proofing.errors import VendorError, VendorTimeoutError
from proofing.outbound import OutboundBounds

if TYPE_CHECKING:
    import requests


def make_session(bounds: OutboundBounds) -> "requests.Session":
    """Return a session held to *bounds*.

    Raises:
        VendorError: the extra ``requests`` is not installed; also from a call to a host that is not allowed.
        VendorTimeoutError: from a call, when the job's time is over.
    """
    try:
        import requests  # noqa: PLC0415 - an optional extra
    except ModuleNotFoundError:
        raise VendorError("install proofing[requests]", vendor_name=bounds.vendor_name) from None

    class BoundSession(requests.Session):
        """Holds every request, also those of the SDK's own helpers, to the bounds."""

        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            """Send one request."""
            bounds.check_url(request.url or "")
            seconds = bounds.seconds_left()
            if seconds <= 0:
                raise VendorTimeoutError("no time is left", vendor_name=bounds.vendor_name)
            options |= {"timeout": seconds, "allow_redirects": False}
            return super().send(request, **options)

    session = BoundSession()
    session.trust_env = False
    if bounds.proxy:
        session.proxies = {"http": bounds.proxy, "https": bounds.proxy}
    return session
