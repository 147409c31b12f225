"""What DocV posts while a person is in the capture app.

The last word of the header ``Authorization`` is the secret; nothing is signed. Those who have the secret are
believed that something happened, and the fetch says what came of it. ``event.data`` can hold what is on the
document: it is not read. Repeated events have no id by which they could be known, and only make us look.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from proofing.plugin import Event, EventKind, Incoming, NotAuthenticError, Reply
from proofing.plugin.support import parse_json

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

#: What the person's link is worth nothing after; `Event.data` of it is `FINISHED`.
_SESSION_COMPLETE = "SESSION_COMPLETE"
FINISHED: Mapping[str, Any] = MappingProxyType({"finished": True})

_KINDS: Mapping[str, EventKind] = MappingProxyType(
    {
        "DOCUMENTS_UPLOADED": EventKind.READY,
        _SESSION_COMPLETE: EventKind.PROGRESS,
        "SESSION_EXPIRED": EventKind.EXPIRED,
        "WAITING_FOR_USER_TO_REDIRECT": EventKind.PROGRESS,
        "APP_OPENED": EventKind.PROGRESS,
        "DOCUMENT_FRONT_UPLOADED": EventKind.PROGRESS,
        "DOCUMENT_BACK_UPLOADED": EventKind.PROGRESS,
    }
)
#: Socure has spelled it both ways.
_TOKENS = ("docvTransactionToken", "docVTransactionToken")
_MAX_TOKEN_CHARACTERS = 256
#: ``event.data`` is as deep as Socure likes.
_MAX_DEPTH = 32
#: The same whatever the event says, as long as it is one.
_TAKEN = Reply(body=b'{"message":"ok"}', content_type="application/json")
_MALFORMED = Reply(status=400, body=b'{"message":"no event"}', content_type="application/json")


class SocureWebhook:
    """Judges what is posted to ``/webhooks/socure``. Without a secret it refuses everything."""

    def __init__(self, settings: "SocureSettings") -> None:
        """Take the secrets from *settings*."""
        known = [settings.webhook_secret, *settings.webhook_previous_secrets]
        self._secrets = [secret.get_secret_value().encode() for secret in known if secret is not None]

    def receive(self, incoming: Incoming, now: datetime) -> tuple[Event | None, Reply]:  # noqa: ARG002 - nothing is signed with a time
        """Judge a post: its secret, then what it says."""
        self._require_secret(incoming.headers.get("authorization", ""))
        try:
            body = parse_json(incoming.body, max_depth=_MAX_DEPTH)
        except ValueError:
            return None, _MALFORMED
        event = body.get("event") if isinstance(body, dict) else None
        if not isinstance(event, dict) or not event:
            return None, _MALFORMED
        return _read(event), _TAKEN

    def _require_secret(self, header: str) -> None:
        """Raise `NotAuthenticError` unless the last word of *header* is one of the secrets."""
        word = (header.split() or [""])[-1].encode()
        # Each is compared, so that the time does not say which one it was.
        matches = [hmac.compare_digest(word, secret) for secret in self._secrets]
        if not any(matches):
            raise NotAuthenticError


def _read(event: Mapping[str, Any]) -> Event | None:
    """Return what *event* says of a question, None when it names none."""
    tokens = {event[name] for name in _TOKENS if isinstance(event.get(name), str)}
    token = tokens.pop() if len(tokens) == 1 else ""
    if not 0 < len(token) <= _MAX_TOKEN_CHARACTERS:
        return None
    kind = event.get("eventType")
    return Event(
        kind=_KINDS.get(kind, EventKind.OTHER) if isinstance(kind, str) else EventKind.OTHER,
        reference=token,
        data=dict(FINISHED) if kind == _SESSION_COMPLETE else {},
    )
