"""A stream of webhooks to a receiver: genuine, repeated and reordered ones, and those that it must refuse.

What is forged would be seen if it were taken: it names a sequence that no genuine event has.
"""

import base64
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from proofing.verifications.signatures import (
    Ed25519Key,
    SigningKey,
    new_private_key,
    new_secret,
    parse_signing_key,
    signed_headers,
)

#: Of everything that no genuine event says.
FORGED_SEQUENCE = 999
_TOLERANCE_SECONDS = 300
_EVENTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request.

    Attributes:
        kind: what is wrong with it; ``genuine`` or ``repeated`` for nothing.
        is_genuine: whether it must be taken for what it is.
    """

    kind: str
    is_genuine: bool
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of one relying party's endpoint."""

    secret: str
    private: str

    @property
    def public(self) -> str:
        """The public key of the private one."""
        key = parse_signing_key(self.private)
        assert isinstance(key, Ed25519Key)
        return key.public_text

    @property
    def signing(self) -> Sequence[SigningKey]:
        """What signs for the endpoint."""
        return parse_signing_key(self.secret), parse_signing_key(self.private)


def new_keys() -> Keys:
    """Return keys of an endpoint."""
    return Keys(secret=new_secret(), private=new_private_key())


class Attacks:
    """Makes the stream; the same seed makes the same one, but for keys and time."""

    def __init__(self, keys: Keys, *, now: int, seed: int = 0) -> None:
        """Attack an endpoint with *keys* at *now*, in epoch seconds."""
        self._keys = keys
        self._other = new_keys()
        self._now = now
        self._random = random.Random(seed)  # noqa: S311 - a repeatable stream
        self._forgeries: Sequence[Callable[[str, bytes], Mapping[str, str]]] = (
            self._by_another_secret,
            self._by_the_public_key,
            self._by_an_empty_secret,
            self._late,
            self._early,
            self._another_id,
            self._another_time,
            self._without_id_and_time,
            self._bits_flipped,
            self._truncated,
            self._versions_exchanged,
            self._unsigned,
            self._malformed,
        )

    def stream(self, count: int) -> Iterator[Case]:
        """Yield *count* cases: about a third genuine, reordered, with repetitions; the rest refused."""
        genuine = self._genuine(max(1, count // 5 // _EVENTS))
        cases = [*genuine, *(self._repeated(self._random.choice(genuine)) for _ in range(count // 8))]
        while len(cases) < count:
            cases.append(self._forged())
        self._random.shuffle(cases)
        yield from cases

    def _genuine(self, verifications: int) -> list[Case]:
        """Return the events of so many verifications."""
        return [
            self._case("genuine", f"evt_{number}_{sequence}", _body(f"ver_{number}", sequence))
            for number in range(verifications)
            for sequence in range(1, _EVENTS + 1)
        ]

    def _case(self, kind: str, event: str, body: bytes) -> Case:
        at = self._now + self._random.randint(-100, 100)
        headers = signed_headers(self._keys.signing, event, at, body)
        return Case(kind=kind, is_genuine=True, headers=headers, body=body)

    def _repeated(self, case: Case) -> Case:
        """Return a later attempt of the same event, or the same request again."""
        if self._random.random() < 0.5:
            return Case(kind="repeated", is_genuine=True, headers=case.headers, body=case.body)
        return self._case("repeated", case.headers["webhook-id"], case.body)

    def _forged(self) -> Case:
        """Return a request that must be refused."""
        body = _body(f"ver_{self._random.randrange(1000)}", FORGED_SEQUENCE)
        event = f"evt_forged_{self._random.randrange(10**9)}"
        if self._random.random() < 0.1:
            # A genuine signature over another body.
            headers = signed_headers(self._keys.signing, event, self._now, body.replace(b"999", b"1"))
            return Case(kind="another_body", is_genuine=False, headers=headers, body=body)
        forge = self._random.choice(self._forgeries)
        return Case(kind=forge.__name__.strip("_"), is_genuine=False, headers=forge(event, body), body=body)

    def _by_another_secret(self, event: str, body: bytes) -> Mapping[str, str]:
        """Return what another relying party's endpoint would get: cross-tenant, or a wrong secret."""
        return signed_headers(self._other.signing, event, self._now, body)

    def _by_the_public_key(self, event: str, body: bytes) -> Mapping[str, str]:
        public = base64.b64decode(self._keys.public.removeprefix("whpk_"))
        return self._by_hmac(public, event, body)

    def _by_an_empty_secret(self, event: str, body: bytes) -> Mapping[str, str]:
        return self._by_hmac(self._random.choice((b"", bytes(32), b"whsec_")), event, body)

    def _by_hmac(self, secret: bytes, event: str, body: bytes) -> Mapping[str, str]:
        content = f"{event}.{self._now}.".encode() + body
        mac = base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
        return _headers(event, str(self._now), f"v1,{mac} v1a,{mac}")

    def _late(self, event: str, body: bytes) -> Mapping[str, str]:
        """Return a genuine request that was recorded, and is replayed when it is too old."""
        return self._signed_at(self._now - _TOLERANCE_SECONDS - self._random.randint(60, 10**6), event, body)

    def _early(self, event: str, body: bytes) -> Mapping[str, str]:
        return self._signed_at(self._now + _TOLERANCE_SECONDS + self._random.randint(60, 10**6), event, body)

    def _signed_at(self, at: int, event: str, body: bytes) -> Mapping[str, str]:
        return signed_headers(self._keys.signing, event, at, body)

    def _another_id(self, event: str, body: bytes) -> Mapping[str, str]:
        return {**self._signed_at(self._now, event, body), "webhook-id": f"{event}1"}

    def _another_time(self, event: str, body: bytes) -> Mapping[str, str]:
        """Return an old request whose time was brought up to date."""
        return {**self._signed_at(self._now - 3600, event, body), "webhook-timestamp": str(self._now)}

    def _without_id_and_time(self, event: str, body: bytes) -> Mapping[str, str]:
        """Return a signature over the body alone."""
        key = parse_signing_key(self._keys.secret)
        return _headers(event, str(self._now), key.sign(body))

    def _bits_flipped(self, event: str, body: bytes) -> Mapping[str, str]:
        return self._changed(event, body, self._flip)

    def _truncated(self, event: str, body: bytes) -> Mapping[str, str]:
        return self._changed(event, body, lambda raw: raw[: self._random.randrange(len(raw))])

    def _flip(self, raw: bytes) -> bytes:
        place, bit = self._random.randrange(len(raw)), 1 << self._random.randrange(8)
        return bytes([*raw[:place], raw[place] ^ bit, *raw[place + 1 :]])

    def _changed(self, event: str, body: bytes, change: Callable[[bytes], bytes]) -> Mapping[str, str]:
        """Return a genuine request with *change* in each signature."""
        headers = self._signed_at(self._now, event, body)
        entries = [entry.split(",") for entry in headers["webhook-signature"].split(" ")]
        spoiled = [
            f"{version},{base64.b64encode(change(base64.b64decode(text))).decode()}"
            for version, text in entries
        ]
        return {**headers, "webhook-signature": " ".join(spoiled)}

    def _versions_exchanged(self, event: str, body: bytes) -> Mapping[str, str]:
        headers = self._signed_at(self._now, event, body)
        texts = [entry.partition(",")[2] for entry in headers["webhook-signature"].split(" ")]
        return {**headers, "webhook-signature": f"v1a,{texts[0]} v1,{texts[1]} v2,{texts[0]}"}

    def _unsigned(self, event: str, body: bytes) -> Mapping[str, str]:
        headers = dict(self._signed_at(self._now, event, body))
        del headers[self._random.choice(list(headers))]
        return headers

    def _malformed(self, event: str, body: bytes) -> Mapping[str, str]:
        headers = self._signed_at(self._now, event, body)
        name = self._random.choice(list(headers))
        text = self._random.choice(
            ("", "v1", "v1,", ",", "v1,,", "v1,=", "-1", "NaN", "Infinity", "1e9", "x" * 500)
        )
        return {**headers, name: text}


def _headers(event: str, time: str, signature: str) -> Mapping[str, str]:
    return {"webhook-id": event, "webhook-timestamp": time, "webhook-signature": signature}


def _body(verification: str, sequence: int) -> bytes:
    data = {"id": verification, "sequence": sequence, "state": "verified"}
    event = {"type": "verification.verified", "timestamp": "2026-11-30T00:00:00Z", "data": data}
    return json.dumps(event, separators=(",", ":")).encode()
