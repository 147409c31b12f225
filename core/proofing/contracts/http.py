"""The HTTP client that an adapter gets, and the answers it reads; `proofing.outbound` implements it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from proofing.base import strict_json
from proofing.base.errors import VendorResponseError, VendorUnavailableError


class HTTPClient(Protocol):
    """A vendor's only way out: its proxy, its hosts, its deadline, nothing else."""

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> "VendorResponse":
        """Send a GET. See `request`."""

    async def post(
        self,
        url: str,
        *,
        content: bytes | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> "VendorResponse":
        """Send a POST. See `request`."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> "VendorResponse":
        """Send one request and read its answer, whatever its status. No retry, no redirect.

        Args:
            method: of HTTP.
            url: of an allowed host.
            content: the body as bytes.
            json_body: the body as plain values, in place of *content*.
            headers: in addition to the usual ones.

        Raises:
            VendorError: the host is not allowed (a fault of the adapter or its settings).
            VendorTimeoutError: no complete answer within the time limit.
            VendorUnavailableError: no connection.
            VendorResponseError: the answer is larger than the cap, or is not HTTP.
        """


MAX_JSON_DEPTH = 32


#: Answers that say "not now" rather than "never".
_UNAVAILABLE = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, repr=False)
class VendorResponse:
    """A vendor's HTTP answer, read to its end within the cap.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    vendor_name: str

    def __repr__(self) -> str:
        return f"VendorResponse({self.status}, {len(self.content)} bytes)"

    @property
    def content_type(self) -> str:
        """The media type without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Return the body as strictly parsed JSON.

        Raises:
            VendorResponseError: no UTF-8, no JSON, deeper than 32, a number that is not finite,
                half a surrogate pair, or a duplicate key.
        """
        return parse_json(self.content, vendor_name=self.vendor_name, what=f"HTTP {self.status}")

    def require_success(self) -> "VendorResponse":
        """Return self for a 2xx answer.

        Raises:
            VendorUnavailableError: the status says that the vendor cannot serve now.
            VendorResponseError: any other status. The message names the status and nothing else.
        """
        if 200 <= self.status < 300:  # noqa: PLR2004 - the success class
            return self
        message = f"the vendor answered with HTTP {self.status} ({self.content_type or 'no type'})"
        kind = VendorUnavailableError if self.status in _UNAVAILABLE else VendorResponseError
        raise kind(message, vendor_name=self.vendor_name, code=str(self.status))


def parse_json(content: bytes, *, vendor_name: str, what: str) -> Any:
    """Return what *content*, which came from a vendor, holds as strictly parsed JSON.

    Raises:
        VendorResponseError: see `VendorResponse.json`.
    """
    try:
        return strict_json.parse_json(content, max_depth=MAX_JSON_DEPTH)
    except ValueError:
        raise VendorResponseError(f"{what}: the body is not valid JSON", vendor_name=vendor_name) from None
