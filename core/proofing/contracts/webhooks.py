"""The contract of a vendor's webhook: what the vendor posts is judged, and becomes an event of a question.

A web process receives it and makes nothing else of the plugin: no proofer, and none of its credentials but
the webhook's secrets. It never waits for the vendor. What resumes the question is a worker.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from proofing.base.errors import ProofingError
from proofing.contracts.continuation import Event
from proofing.contracts.processes import ProcessContext

#: The largest body of a webhook unless its descriptor allows less.
MAX_WEBHOOK_BYTES = 1024 * 1024


class NotAuthenticError(ProofingError):
    """What was posted is not the vendor's: signature, secret or time is wrong. It is answered with 401."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Incoming:
    """What was posted.

    Attributes:
        headers: names in lower case; of a header that was sent several times the last one.
        body: the bytes as they came, over which vendors sign.
    """

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the vendor gets back, as its protocol wants it."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


class Webhook(Protocol):
    """One address that a vendor posts to: ``/webhooks/NAME``."""

    def receive(self, incoming: Incoming, now: datetime) -> tuple[Event | None, Reply]:
        """Judge a post and return its event, None for one that says nothing of a question, and the reply.

        Pure and quick: no I/O, less than 5 ms. The reply is sent once the event is kept; where that fails,
        the vendor gets 503 and sends the event again.

        Raises:
            NotAuthenticError: it is not the vendor's, or too old.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDescriptor:
    """What core knows of a webhook before it is made.

    Attributes:
        name: the last part of its address: lower-case letters, digits and hyphens; one for all plugins.
        make: builds it from the plugin's settings and what it may know of the process, once a web process. No
            I/O.
        max_body_bytes: a longer body is refused unread.
        production: whether it is served in production.
    """

    name: str
    make: Callable[[Any, ProcessContext], Webhook]
    max_body_bytes: int = MAX_WEBHOOK_BYTES
    production: bool = True
