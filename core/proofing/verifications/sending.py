"""One attempt to deliver an event: judged target, signed request, bounded answer. Nothing here is kept.

The body is the one that was stored with the event: it was serialized once, and is signed and sent as it is.
docs/adr/0047.
"""

import asyncio
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from proofing import __version__
from proofing.base.errors import Cause, ProofingError, VendorError
from proofing.contracts.verification_store import Delivery
from proofing.contracts.verifications import Mode
from proofing.outbound.transport import Call, OutboundTransport, parse_url
from proofing.settings import LiveSettings
from proofing.settings.relying_parties import WebhookSettings
from proofing.verifications.endpoints import Answer, Failure, answer_of
from proofing.verifications.signatures import HMACKey, SigningKey, signed_headers
from proofing.verifications.targets import Resolve, SystemResolver, Target, TargetGuard, parse_target

if TYPE_CHECKING:
    from yarl import URL

#: Of one attempt, from the resolver to the end of the answer.
TIMEOUT_SECONDS: Final = 15.0
#: Bytes of an answer's body that are read, so that its connection can be used again; nothing reads them.
MAX_ANSWER_BYTES: Final = 16 * 1024
#: Version of the payload of events; a new one is dated, and announced before it is sent.
PAYLOAD_VERSION: Final = "2026-11-30"
_USER_AGENT: Final = f"Proofing/{__version__}"
_FAILURES: Final = {Cause.TIMEOUT: Failure.TIMEOUT, Cause.NONSENSE: Failure.INVALID_ANSWER}


class KeySource(Protocol):
    """Knows what signs the events of an endpoint."""

    async def signing_keys(self, relying_party: str, mode: Mode, endpoint: str) -> Sequence[SigningKey]:
        """Return the live keys of an endpoint; empty where none was made.

        Raises:
            ProofingError: they cannot be read now.
        """


class EventSender:
    """Makes attempts, with connections that are kept between them. One instance a process."""

    def __init__(
        self,
        live: LiveSettings,
        keys: KeySource,
        *,
        allows_loopback: bool,
        proxy: str | None = None,
        resolve: Resolve | None = None,
        max_connections: int = 1000,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """Prepare; nothing is opened before the first attempt.

        Args:
            live: names the endpoints; a change holds for the next attempt.
            keys: sign.
            allows_loopback: call targets on this machine, too; they never go by the proxy.
            proxy: URL of the forward proxy, whose address rules then hold; None connects directly, to
                addresses that the target guard has judged.
            resolve: replaces the resolver of this machine, in tests.
            max_connections: at least the deliveries that are made at once.
            timeout_seconds: of one attempt.
        """
        self._live = live
        self._keys = keys
        self._allows_loopback = allows_loopback
        self._timeout_seconds = timeout_seconds
        self._resolver = SystemResolver()
        self._guard = TargetGuard(resolve or self._resolver)
        self._direct = OutboundTransport(addresses=self._guard.addresses, max_connections=max_connections)
        self._proxied = (
            OutboundTransport(proxy=proxy, max_connections=max_connections) if proxy is not None else None
        )

    async def send(self, delivery: Delivery, *, now: float) -> Answer:
        """Make one attempt at *now*, in epoch seconds, and return what came of it.

        Raises nothing for what the endpoint does.
        """
        prepared = await self._prepare(delivery)
        if isinstance(prepared, Failure):
            return Answer(failure=prepared)
        target, keys = prepared
        event = delivery.event
        headers = {
            **signed_headers(keys, event.id, int(now), event.body),
            "accept-encoding": "identity",
            "content-type": "application/json",
            "proofing-attempt": str(delivery.attempts),
            "proofing-payload-version": PAYLOAD_VERSION,
            "user-agent": _USER_AGENT,
        }
        try:
            async with asyncio.timeout(self._timeout_seconds):
                transport = self._direct
                if self._proxied is not None and not target.is_loopback:
                    transport = self._proxied
                elif (refusal := await self._guard.check(target)) is not None:
                    return Answer(failure=Failure(refusal))
                return await self._post(transport, target.url, event.body, headers, now)
        except TimeoutError:
            return Answer(failure=Failure.TIMEOUT)
        except VendorError as error:
            return Answer(failure=_FAILURES.get(error.cause, Failure.UNREACHABLE))

    async def _prepare(self, delivery: Delivery) -> tuple[Target, Sequence[SigningKey]] | Failure:
        """Return where *delivery* goes and what signs it, or why it cannot be sent."""
        webhook = self._webhook(delivery)
        if webhook is None:
            return Failure.UNKNOWN_ENDPOINT
        try:
            target = parse_target(webhook.url, allows_loopback=self._allows_loopback)
        except ValueError:
            return Failure.REFUSED_URL
        event = delivery.event
        try:
            keys = await self._keys.signing_keys(event.relying_party, event.mode, delivery.endpoint)
        except ProofingError:
            return Failure.SECRET_UNAVAILABLE
        is_signed = any(isinstance(key, HMACKey) for key in keys)
        return (target, keys) if is_signed else Failure.NO_SECRET

    async def close(self) -> None:
        """Close all connections."""
        await self._direct.close()
        if self._proxied is not None:
            await self._proxied.close()
        self._resolver.close()

    def _webhook(self, delivery: Delivery) -> WebhookSettings | None:
        """Return the endpoint of the settings in effect; one of the other mode is another endpoint."""
        party = self._live.current.relying_parties.get(delivery.event.relying_party)
        webhook = party.webhooks.get(delivery.endpoint) if party is not None else None
        return webhook if webhook is not None and webhook.mode == delivery.event.mode.value else None

    async def _post(
        self, transport: OutboundTransport, url: str, body: bytes, headers: dict[str, str], now: float
    ) -> Answer:
        """Send the request, and read as much of the answer as is of use."""
        parsed = _parsed(url)
        if parsed is None:
            return Answer(failure=Failure.REFUSED_URL)
        call = Call(
            method="POST",
            target=parsed,
            content=body,
            headers=headers,
            vendor_name="webhook",
            max_response_bytes=MAX_ANSWER_BYTES,
            cuts_response=True,
        )
        response = await transport.send(call, tls=None)
        return answer_of(response.status, response.headers.get("retry-after"), now=now)


@lru_cache(maxsize=1024)
def _parsed(url: str) -> "URL | None":
    """Return *url* as the transport takes it; endpoints are few, and called often."""
    return parse_url(url)
