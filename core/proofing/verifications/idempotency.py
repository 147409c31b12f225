"""Idempotency keys of `/v1`: a request that is sent again is answered again, and changes nothing twice.

The first answer is kept in one transaction with the change that it reports, so that a killed process leaves
either both or none. What is kept has no secret and no personal data: the key as an HMAC, the body as a keyed
hash, and the record from which the answer is made again. IETF draft-ietf-httpapi-idempotency-key-header-07;
docs/adr/0048-api.md
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from proofing.base.errors import ProofingError
from proofing.contracts.verification_store import IdempotentAnswer, VerificationStore
from proofing.contracts.verifications import Mode
from proofing.crypto.encryption import KeyRing

#: How long a request waits for one with the same key that is in progress in this process. One that is in
#: progress elsewhere is waited for by the store.
TWIN_SECONDS = 2.0
MAX_KEY_CHARACTERS = 255
_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY_CHARACTERS}}}")
#: A string of RFC 9651, without its quotes.
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')
_KEY_LABEL = "idempotency key"
_BODY_LABEL = "idempotency fingerprint"


class IdempotencyKeyReusedError(ProofingError):
    """The key was used for another request."""


class RequestInProgressError(ProofingError):
    """A request with the same key is still in progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotentRequest:
    """One request with an idempotency key, without anything that was sent.

    Attributes:
        scope: relying party, mode, method and route.
        key: HMAC of the key.
        fingerprint: keyed hash of path, version and body.
    """

    scope: str
    key: str
    fingerprint: str

    def answer(self, status: int, answer: Mapping[str, Any], *, at: float) -> IdempotentAnswer:
        """Return what is kept of the first answer; *answer* must hold no secret and no personal data."""
        return IdempotentAnswer(
            scope=self.scope,
            key=self.key,
            fingerprint=self.fingerprint,
            status=status,
            answer=json.dumps(answer, separators=(",", ":")).encode(),
            created_at=at,
        )

    def require_same(self, kept: IdempotentAnswer) -> IdempotentAnswer:
        """Return *kept*, the answer to this very request.

        Raises:
            IdempotencyKeyReusedError: it was the answer to another one.
        """
        if kept.fingerprint != self.fingerprint:
            raise IdempotencyKeyReusedError("the key was used for another request")
        return kept


class Idempotency:
    """Finds and keeps first answers. One instance a process."""

    def __init__(
        self, store: VerificationStore, keys: KeyRing, *, twin_seconds: float = TWIN_SECONDS
    ) -> None:
        """Keep answers in *store*, under HMACs of *keys*, which are not rotated."""
        self._store = store
        self._keys = keys
        self._twin_seconds = twin_seconds
        self._in_progress: dict[tuple[str, str], asyncio.Event] = {}

    def request(
        self,
        *,
        relying_party: str,
        mode: Mode,
        method: str,
        route: str,
        key: str,
        path: str,
        version: str,
        body: Mapping[str, Any],
    ) -> IdempotentRequest:
        """Return the request with *key*, as `read_key` returned it."""
        scope = f"{relying_party}|{mode}|{method} {route}"
        canonical = json.dumps([path, version, body], sort_keys=True, separators=(",", ":"))
        return IdempotentRequest(
            scope=scope,
            key=self._keys.sign(f"{scope}|{key}".encode(), _KEY_LABEL),
            fingerprint=self._keys.sign(f"{scope}|{canonical}".encode(), _BODY_LABEL),
        )

    @asynccontextmanager
    async def only_one(self, request: IdempotentRequest) -> AsyncIterator[IdempotentAnswer | None]:
        """Give the first answer to *request*, if there is one; hold twins in this process until the exit.

        Raises:
            IdempotencyKeyReusedError: the key was used for another request.
            RequestInProgressError: a twin was still in progress after a short wait.
        """
        name = (request.scope, request.key)
        try:
            async with asyncio.timeout(self._twin_seconds):
                while (twin := self._in_progress.get(name)) is not None:
                    await twin.wait()
        except TimeoutError:
            raise RequestInProgressError("a request with this key is in progress") from None
        done = self._in_progress[name] = asyncio.Event()
        try:
            kept = await self._store.idempotent_answer(request.scope, request.key)
            yield None if kept is None else request.require_same(kept)
        finally:
            del self._in_progress[name]
            done.set()

    async def keep_refusal(self, answer: IdempotentAnswer) -> None:
        """Keep a decided refusal, which changed nothing. One that was kept before stays."""
        await self._store.keep_answer(answer)


def read_key(header: str) -> str:
    """Return the key in an ``Idempotency-Key`` header, quoted as the draft has it or bare as most send it.

    Raises:
        ValueError: it is neither, empty, or too long.
    """
    quoted = _QUOTED.fullmatch(header.strip(" \t"))
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header.strip(" \t")
    if not _KEY.fullmatch(key) or (quoted is None and '"' in key):
        raise ValueError("not an idempotency key")
    return key
