"""The HTTP client that an adapter gets, and the answers it reads; `proofing.outbound` implements it."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Protocol

from proofing.base import strict_json, strict_xml
from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import StreamedBody

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
MAX_JSON_DEPTH = 32


class HTTPClient(Protocol):
    """A vendor's only way out: its proxy, its hosts, its certificates, its deadline, nothing else."""

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, timeout_seconds: float | None = None
    ) -> "VendorResponse":
        """Send a GET. See `request`."""

    async def post(
        self,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> "VendorResponse":
        """Send a POST. See `request`."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        json_body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> "VendorResponse":
        """Send one request and read its answer, whatever its status. No redirect.

        A call that found no connection is repeated once, within its time; one that may have reached the
        vendor never is. Outside `VendorContext.unbilled` the call is noted before it is made, so that it
        is not made again when this process dies.

        Args:
            method: of HTTP.
            url: of an allowed host.
            content: the body as bytes, or one that is made while it is sent.
            json_body: the body as plain values, in place of *content*; may hold `Base64` images.
            headers: in addition to the usual ones.
            timeout_seconds: the most that this call may take; never more than is left of the question's time.

        Raises:
            VendorError: `Cause.BAD_REQUEST`: the host is not allowed (a fault of the adapter or its
            settings);
                `TIMEOUT`: no complete answer within the time limit; `UNREACHABLE`: no connection; `NONSENSE`:
                the answer is larger than the cap, or is not HTTP.
        """


#: Statuses that say why there is no answer; other 4xx are a bad request, and the rest is nonsense.
_CAUSES: Mapping[int, Cause] = {
    401: Cause.AUTHENTICATION,
    403: Cause.AUTHENTICATION,
    429: Cause.QUOTA,
    **dict.fromkeys((408, 425, 500, 502, 503, 504), Cause.UNREACHABLE),
}


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

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the vendor wants to be asked again (``Retry-After``), or None."""
        return parse_retry_after(self.headers.get("retry-after", ""), now=datetime.now(UTC))

    def json(self) -> Any:
        """Return the body as strictly parsed JSON.

        Raises:
            VendorError: `Cause.NONSENSE`: no UTF-8, no JSON, deeper than 32, a number that is not finite,
                half a surrogate pair, or a duplicate key.
        """
        return parse_json(self.content, vendor_name=self.vendor_name, what=f"HTTP {self.status}")

    def xml(self) -> "Element":
        """Return the root of the body, strictly parsed as XML; names are ``{namespace}local``.

        Raises:
            VendorError: `Cause.NONSENSE`: not well-formed, or it has a document type, entities of its own or
                processing instructions, or more elements, attributes or depth than
                `proofing.base.strict_xml` lets through.
        """
        try:
            # A template's empty line may be before the declaration, where XML has nothing.
            return strict_xml.parse_xml(self.content.lstrip())
        except ValueError:
            message = f"HTTP {self.status}: the body is not valid XML"
        raise VendorError(Cause.NONSENSE, message, vendor_name=self.vendor_name) from None

    def require_success(self) -> "VendorResponse":
        """Return self for a 2xx answer.

        Raises:
            VendorError: any other status, by its cause, with the status as its code. The message names the
                status and nothing else.
        """
        if 200 <= self.status < 300:  # noqa: PLR2004 - the success class
            return self
        is_refused = self.status // 100 == 4  # noqa: PLR2004 - the class of the client's errors
        other = Cause.BAD_REQUEST if is_refused else Cause.NONSENSE
        raise VendorError(
            _CAUSES.get(self.status, other),
            f"the vendor answered with HTTP {self.status} ({self.content_type or 'no type'})",
            vendor_name=self.vendor_name,
            codes=(str(self.status),),
            retry_after=self.retry_after,
        )


def parse_retry_after(text: str, *, now: datetime) -> float | None:
    """Return the seconds that a header ``Retry-After``, a number or a date, asks for, else None."""
    value = text.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a time zone
        return None


def parse_json(content: bytes, *, vendor_name: str, what: str) -> Any:
    """Return what *content*, which came from a vendor, holds as strictly parsed JSON.

    Raises:
        VendorError: see `VendorResponse.json`.
    """
    try:
        # Servers must not add the mark, and some do: RFC 8259, section 8.1, lets a reader ignore it.
        return strict_json.parse_json(content.removeprefix(codecs.BOM_UTF8), max_depth=MAX_JSON_DEPTH)
    except ValueError:
        message = f"{what}: the body is not valid JSON"
    raise VendorError(Cause.NONSENSE, message, vendor_name=vendor_name) from None
