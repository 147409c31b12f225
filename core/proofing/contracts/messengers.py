"""The contract of messengers: who delivers a message to a phone, with a confirmation code or a link.

A messenger is asked like a proofer: inside a job, through ``context.http``, within budget, deadline and
intent, by a plain method or ``async def``. It sends one message once, and says whether its vendor took it.
Whether the message was read shows only when the person returns the code, or opens the link.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from proofing.contracts.http import MAX_RESPONSE_BYTES
from proofing.contracts.messages import Channel, Message
from proofing.contracts.plugin_settings import TLSSettings
from proofing.contracts.processes import ProcessContext
from proofing.contracts.proofers import Maturity, ProofingContext
from proofing.contracts.results import Sent


class Messenger(Protocol):
    """Sends messages. It may have `open`, `close` and `check`, too, as a proofer may.

    Raises from `send` only `VendorError`: the vendor did not take the message, or it is not known whether it
    did. The person's attempt is refunded then. A phone that the vendor will not send to is no error: that is
    `Sent` with a `Refusal`.
    """

    def send(self, message: Message, context: ProofingContext) -> Sent | Awaitable[Sent]:
        """Have the vendor take *message*, and return its answer. Waits for no delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessengerDescriptor:
    """What core knows of a messenger before it is made; readable without the vendor's libraries.

    Attributes:
        name: the name that settings.yaml and the logs use, such as ``mock`` or ``twilio``.
        make: builds the messenger from the plugin's settings and what it may know of its process, once a
            process. No I/O.
        channels: reads from the plugin's settings how it can send.
        codes_only: whether the vendor writes the text itself, around the message's code. It is given no
            message without a code then, so it sends no links.
        hosts: reads the host names it may call from the plugin's settings.
        timeout_seconds: reads from the plugin's settings how long one message may take.
        max_response_bytes: an answer is cut off beyond.
        personal_urls: whether its URLs hold something about the person. Their paths are then left out of the
            log.
        tls: reads client certificate and authorities from the plugin's settings; None for public authorities
            and no certificate.
        idempotent: whether the vendor sends once for calls with one idempotency key, so that an interrupted
            call may be repeated.
        maturity: how far it can be trusted; a mock sends nothing, and is refused in production.
    """

    name: str
    make: Callable[[Any, ProcessContext], Messenger]
    channels: Callable[[Any], frozenset[Channel]] = lambda _settings: frozenset(Channel)
    codes_only: bool = False
    hosts: Callable[[Any], frozenset[str]] = lambda _settings: frozenset()
    timeout_seconds: Callable[[Any], float] = lambda _settings: 10.0
    max_response_bytes: int = MAX_RESPONSE_BYTES
    personal_urls: bool = False
    tls: Callable[[Any], TLSSettings | None] = lambda _settings: None
    idempotent: bool = False
    maturity: Maturity = Maturity.DOCUMENTED
