"""The webhook of `mock:hosted`: signed as Standard Webhooks describes, with the secret as UTF-8 text.

HMAC-SHA256 over ``id.timestamp.body``; several signatures are separated by spaces. Source:
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from proofing.plugin import Event, EventKind, Incoming, NotAuthenticError, ProcessContext, Reply
from proofing.plugin.support import MACKeys, parse_json
from proofing_mock.hosted.credentials import credentials

if TYPE_CHECKING:
    from proofing_mock import MockSettings

#: How old or early a signature may be: five minutes, as the specification's libraries have it.
TOLERANCE_SECONDS = 300.0
_VERSION = "v1,"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_MAX_DEPTH = 4
_KINDS = {
    "session.started": EventKind.PROGRESS,
    "session.processing": EventKind.PROGRESS,
    "session.decided": EventKind.READY,
    "session.abandoned": EventKind.ABANDONED,
    "session.expired": EventKind.EXPIRED,
}


class HostedWebhook:
    """Judges what the mock vendor posts. It refuses everything while it has no secret."""

    def __init__(self, settings: "MockSettings", process: ProcessContext) -> None:
        """Take the secrets from *settings*, or have *process* derive them."""
        known = credentials(settings, process)
        secret, previous = known.webhook_secret, known.webhook_previous_secret
        self._keys: MACKeys | None = None
        if secret is not None:
            self._keys = MACKeys(secret.encode(), [previous.encode()] if previous is not None else [])

    def receive(self, incoming: Incoming, now: datetime) -> tuple[Event | None, Reply]:
        """Judge a post. Raises `NotAuthenticError`."""
        event_id = _verified_id(self._keys, incoming, now)
        try:
            event = _read(event_id, parse_json(incoming.body, max_depth=_MAX_DEPTH))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None, Reply(status=400)
        return event, Reply(status=204)


def signature(keys: MACKeys, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``."""
    return _VERSION + base64.b64encode(keys.sign(_signed(event_id, str(timestamp), body))).decode()


def _signed(event_id: str, timestamp: str, body: bytes) -> bytes:
    """Return what is signed."""
    return b".".join((event_id.encode(), timestamp.encode(), body))


def _verified_id(keys: MACKeys | None, incoming: Incoming, now: datetime) -> str:
    """Return the event's id, once signature and time are right. Raises `NotAuthenticError`."""
    headers = incoming.headers
    event_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if keys is None or not (_ID.fullmatch(event_id) and _TIMESTAMP.fullmatch(timestamp)):
        raise NotAuthenticError
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_SECONDS:
        raise NotAuthenticError
    signed = _signed(event_id, timestamp, incoming.body)
    if not any(keys.verify(signed, mac) for mac in _macs(headers)):
        raise NotAuthenticError
    return event_id


def _macs(headers: Mapping[str, str]) -> list[bytes]:
    """Return the signatures of a version that we know; nothing for one that is not base64."""
    found = []
    for text in headers.get("webhook-signature", "").split(" "):
        if text.startswith(_VERSION):
            try:
                found.append(base64.b64decode(text.removeprefix(_VERSION), validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _read(event_id: str, body: Any) -> Event:
    """Return the event of a body. Raises ValueError, KeyError, TypeError or AttributeError: it has none."""
    session, ours = body["data"]["session"], body["data"].get("customer_reference")
    if not (isinstance(session, str) and _ID.fullmatch(session)):
        raise ValueError
    # Text of another length or alphabet is not our id; core reads the rest.
    if not (ours is None or (isinstance(ours, str) and _ID.fullmatch(ours))):
        raise ValueError
    kind = _KINDS.get(body["type"], EventKind.OTHER)
    return Event(kind=kind, id=event_id, question_id=ours, reference=session)
