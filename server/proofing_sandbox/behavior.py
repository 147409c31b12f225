"""What a tester has chosen: verdicts, latency and faults, for one product or for all."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from starlette.responses import Response, StreamingResponse

from proofing_sandbox.inputs import Verdict

#: All products.
EVERY = "*"
#: Longer than any deadline of a vendor call.
HANG_SECONDS = 120.0
_DRIP_SECONDS = 0.5
_MAX_SECONDS = 600.0
_MAX_TIMES = 1_000_000


class Fault(StrEnum):
    """What goes wrong between the vendor's judgment and the product."""

    #: HTTP 500, with a page of a web server.
    ERROR_500 = "error_500"
    #: HTTP 503, with ``Retry-After: 7``.
    ERROR_503 = "error_503"
    #: HTTP 429, with ``Retry-After: 7``.
    ERROR_429 = "error_429"
    #: HTTP 401, whatever the credentials.
    ERROR_401 = "error_401"
    #: No answer within two minutes.
    HANG = "hang"
    #: The right answer, one byte each half second.
    DRIP = "drip"
    #: The first half of the right answer, and the connection is closed.
    TRUNCATED = "truncated"
    #: HTTP 200 with a page of HTML.
    HTML = "html"
    #: HTTP 200 without a body.
    EMPTY = "empty"
    #: A redirect to another host.
    REDIRECT = "redirect"


_PAGE = b"<!doctype html><html><head><title>Error</title></head><body><h1>Error</h1></body></html>"
_LATER = {"retry-after": "7"}
#: Fault to body, status and headers.
_SPOILED: Mapping[Fault, tuple[bytes, int, dict[str, str]]] = {
    Fault.ERROR_500: (_PAGE, 500, {}),
    Fault.ERROR_503: (_PAGE, 503, _LATER),
    Fault.ERROR_429: (_PAGE, 429, _LATER),
    Fault.ERROR_401: (b"", 401, {}),
    Fault.HTML: (_PAGE, 200, {}),
    Fault.EMPTY: (b"", 200, {}),
    Fault.REDIRECT: (b"", 307, {"location": "https://elsewhere.example.org/"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """How one product answers.

    Attributes:
        verdict: in place of what the test inputs ask for; None for those.
        latency_seconds: before each answer.
        fault: what happens to each answer; None for nothing.
        times: how many answers this holds for; then the product answers as before. None for all.
    """

    verdict: Verdict | None = None
    latency_seconds: float = 0.0
    fault: Fault | None = None
    times: int | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Behavior":
        """Read what a tester sent. Raises ValueError or TypeError for anything else."""
        unknown = set(values) - {"verdict", "latency_seconds", "fault", "times"}
        if unknown:
            raise ValueError(f"there is no {min(unknown)}")
        seconds, times = float(values.get("latency_seconds", 0.0)), values.get("times")
        if not 0 <= seconds <= _MAX_SECONDS:
            raise ValueError(f"latency_seconds must be from 0 to {_MAX_SECONDS:.0f}")
        if times is not None and (type(times) is not int or not 1 <= times <= _MAX_TIMES):
            raise ValueError(f"times must be a whole number from 1 to {_MAX_TIMES:,}")
        return cls(
            verdict=Verdict(values["verdict"]) if values.get("verdict") is not None else None,
            latency_seconds=seconds,
            fault=Fault(values["fault"]) if values.get("fault") is not None else None,
            times=times,
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "verdict": self.verdict,
            "latency_seconds": self.latency_seconds,
            "fault": self.fault,
            "times": self.times,
        }


@dataclass(slots=True)
class Behaviors:
    """How all products answer, and how often each was asked.

    Attributes:
        products: names of all products.
        calls: product to how many requests it got, refused ones included.
    """

    products: frozenset[str]
    calls: dict[str, int] = field(default_factory=dict)
    _chosen: dict[str, Behavior] = field(default_factory=dict)

    def choose(self, product: str, behavior: Behavior) -> None:
        """Have *product*, or all with `EVERY`, answer by *behavior* from now on. Raises ValueError."""
        if product not in {*self.products, EVERY}:
            raise ValueError("there is no such product")
        self._chosen[product] = behavior

    def reset(self) -> None:
        """Have all products answer by the test inputs, at once, and forget the calls."""
        self._chosen.clear()
        self.calls.clear()

    def take(self, product: str) -> Behavior:
        """Return how *product* answers the request that has come, and count it."""
        self.calls[product] = self.calls.get(product, 0) + 1
        name = product if product in self._chosen else EVERY
        behavior = self._chosen.get(name, Behavior())
        if behavior.times is not None:
            if behavior.times > 1:
                self._chosen[name] = replace(behavior, times=behavior.times - 1)
            else:
                del self._chosen[name]
        return behavior

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "products": sorted(self.products),
            "behavior": {name: behavior.to_json() for name, behavior in self._chosen.items()},
            "calls": dict(self.calls),
        }


async def hang() -> Response:
    """Return an answer after every deadline."""
    await asyncio.sleep(HANG_SECONDS)
    return Response(status_code=504)


async def answer_badly(fault: Fault, good: Response) -> Response:
    """Return what *fault* makes of the right answer."""
    body, status = bytes(good.body), good.status_code
    kind = good.headers.get("content-type", "application/octet-stream")
    if fault is Fault.HANG:
        return await hang()
    if fault is Fault.DRIP:
        return StreamingResponse(_drip(body), status, media_type=kind)
    if fault is Fault.TRUNCATED:
        # The length that is promised is not what comes, so the server closes the connection.
        headers = {"content-length": str(len(body) + 1)}
        return StreamingResponse(_pieces([body[: len(body) // 2]]), status, headers, kind)
    text, status, headers = _SPOILED[fault]
    return Response(text, status, headers, "text/html" if text else kind)


async def _drip(body: bytes) -> AsyncIterator[bytes]:
    for byte in body:
        yield bytes([byte])
        await asyncio.sleep(_DRIP_SECONDS)


async def _pieces(pieces: Iterable[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
