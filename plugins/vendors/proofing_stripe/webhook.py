"""Stripe's webhook: ``Stripe-Signature: t=SECONDS,v1=HEX,…``, an HMAC-SHA-256 over ``SECONDS.BODY``.

The key is the whole text of the secret. After it was rolled Stripe signs with both: a ``v1`` for each.
Source: Stripe's SDK, ``WebhookSignature``.
"""

import re
from datetime import datetime
from typing import Any

from proofing.plugin import Event, EventKind, Incoming, NotAuthenticError, Reply
from proofing.plugin.support import MACKeys, parse_json
from proofing_stripe.settings import StripeSettings

#: How old or early a signature may be, as in Stripe's SDK.
TOLERANCE_SECONDS = 300.0
_TIME = re.compile(r"t=([0-9]{1,12})", re.ASCII)
_MAC = re.compile(r"v1=([0-9a-f]{64})", re.ASCII)
_MAX_PARTS = 16
_MAX_DEPTH = 16
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_OBJECT = "identity.verification_session"
_KINDS = {
    "created": EventKind.OTHER,
    "processing": EventKind.PROGRESS,
    "verified": EventKind.READY,
    "requires_input": EventKind.READY,
    "canceled": EventKind.ABANDONED,
    "redacted": EventKind.OTHER,
}


class StripeWebhook:
    """Judges what is posted to ``/webhooks/stripe``. It refuses everything while it has no secret."""

    def __init__(self, settings: StripeSettings) -> None:
        """Take the secrets from *settings*."""
        secret, previous = settings.webhook_secret, settings.webhook_previous_secret
        self._keys: MACKeys | None = None
        if secret is not None:
            old = [previous.get_secret_value().encode()] if previous is not None else []
            self._keys = MACKeys(secret.get_secret_value().encode(), old)

    def receive(self, incoming: Incoming, now: datetime) -> tuple[Event | None, Reply]:
        """Judge a post: the signature over the bytes as they came, then its time, then what it says."""
        _verify(self._keys, incoming, now)
        try:
            return _read(parse_json(incoming.body, max_depth=_MAX_DEPTH)), Reply()
        except (ValueError, KeyError, TypeError, AttributeError):
            return None, Reply(status=400)


def _verify(keys: MACKeys | None, incoming: Incoming, now: datetime) -> None:
    """Raise `NotAuthenticError` unless one signature is right and not too old."""
    parts = incoming.headers.get("stripe-signature", "").split(",", _MAX_PARTS)
    times = [found[1] for part in parts if (found := _TIME.fullmatch(part))]
    macs = [bytes.fromhex(found[1]) for part in parts if (found := _MAC.fullmatch(part))]
    if keys is None or len(times) != 1:
        raise NotAuthenticError
    if abs(now.timestamp() - int(times[0])) > TOLERANCE_SECONDS:
        raise NotAuthenticError
    signed = times[0].encode() + b"." + incoming.body
    if not any(keys.verify(signed, mac) for mac in macs):
        raise NotAuthenticError


def _read(body: Any) -> Event | None:
    """Return the event, None for one that is not about our sessions.

    Raises ValueError, KeyError, TypeError or AttributeError for what is not an event of Stripe's.
    """
    event_id, kind, about = body["id"], body["type"], body["data"]["object"]
    if body["object"] != "event" or not (_is_id(event_id) and isinstance(kind, str)):
        raise ValueError
    if not kind.startswith(f"{_OBJECT}.") or about["object"] != _OBJECT:
        return None
    question_id = about["metadata"].get("question_id")
    if question_id is None:  # somebody else in the account uses Stripe Identity, too
        return None
    if not _is_id(question_id):
        raise ValueError
    return Event(
        kind=_KINDS.get(kind.removeprefix(f"{_OBJECT}."), EventKind.OTHER),
        id=event_id,
        question_id=question_id,
    )


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
