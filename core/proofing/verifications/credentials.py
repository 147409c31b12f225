"""API keys and client secrets of relying parties: made, shown once, recognized, rotated, retired.

What is handed out is a *token*::

    proofing_key_test_ 0123…cdef _ k9X… 1aB2c3
    prefix             id         secret  checksum

The prefix says what it is and for which mode, so that scanners of source code find one that leaked. The
checksum tells a typing mistake from a wrong key without asking a store. The store has the id and a keyed
digest over id and secret; nobody can read a token back. docs/adr/0048-api.md
"""

import re
import secrets
import string
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from proofing.base.errors import ProofingError
from proofing.contracts.verification_store import Credential, CredentialKind, VerificationStore
from proofing.contracts.verifications import Mode, new_id
from proofing.crypto.encryption import KeyRing

#: 160 bits: 27 characters of 62 kinds.
_SECRET_CHARACTERS = 27
_CHECKSUM_CHARACTERS = 6
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
#: What the id of a credential begins with; a token has the digits alone.
_ID_PREFIX = "key"
_LABEL = "relying party credential"
#: How many characters of a token are kept for lists: the prefix and the beginning of its id.
_SHOWN_ID_CHARACTERS = 6
#: A use is noted again after so many seconds.
USE_NOTED_SECONDS = 60.0
#: Usable keys that a relying party may have in one mode.
MAX_KEYS = 20

#: How the tokens of each kind begin, before their mode.
_WORDS = {CredentialKind.API_KEY: "proofing_key", CredentialKind.CLIENT_SECRET: "proofing_secret"}
_KINDS = {word: kind for kind, word in _WORDS.items()}
_TOKEN = re.compile(
    rf"({'|'.join(_WORDS.values())})_({'|'.join(Mode)})_([0-9a-f]{{32}})_"
    rf"([0-9A-Za-z]{{{_SECRET_CHARACTERS}}})([0-9A-Za-z]{{{_CHECKSUM_CHARACTERS}}})",
    re.ASCII,
)


class Scope(StrEnum):
    """What an API key may do."""

    #: Create, cancel and redact verifications, and make links.
    VERIFICATIONS_WRITE = "verifications:write"
    #: Read and list verifications.
    VERIFICATIONS_READ = "verifications:read"
    #: Collect released claims, once.
    CLAIMS_READ = "claims:read"
    #: Decide reviews.
    REVIEWS_WRITE = "reviews:write"
    #: Read events.
    EVENTS_READ = "events:read"


#: Of a new key: all but deciding reviews, which is for other people than the relying party's back end.
DEFAULT_SCOPES = tuple(scope for scope in Scope if scope is not Scope.REVIEWS_WRITE)


class CredentialError(ProofingError):
    """A credential cannot be made or rotated; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NewCredential:
    """A credential that was made just now.

    Attributes:
        token: to be shown once, and to be kept nowhere.
    """

    credential: Credential
    token: str


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    """A token taken apart."""

    kind: CredentialKind
    mode: Mode
    digits: str
    secret: str

    @property
    def credential_id(self) -> str:
        return f"{_ID_PREFIX}_{self.digits}"


class Credentials:
    """Makes and recognizes credentials of which the store has a digest alone."""

    def __init__(self, store: VerificationStore, keys: KeyRing) -> None:
        """Keep them in *store*.

        Args:
            store: open.
            keys: under which digests are made: those that fingerprint, which are not rotated as others are,
                because every API key would have to be made again with them.
        """
        self._store = store
        self._keys = keys

    async def add(
        self,
        relying_party: str,
        mode: Mode,
        *,
        kind: CredentialKind = CredentialKind.API_KEY,
        scopes: Sequence[str] = (),
    ) -> NewCredential:
        """Make a credential that is usable now.

        Raises:
            CredentialError: the relying party has `MAX_KEYS` usable ones.
        """
        usable = await self.usable(relying_party, mode, kind)
        if len(usable) >= MAX_KEYS:
            raise CredentialError(f"{relying_party} has {MAX_KEYS} usable credentials: retire one")
        return await self._add(relying_party, mode, kind, tuple(scopes))

    async def rotate(
        self,
        relying_party: str,
        mode: Mode,
        *,
        kind: CredentialKind = CredentialKind.API_KEY,
        overlap_seconds: float,
    ) -> list[NewCredential]:
        """Make a successor of each usable credential, with the same scopes; the old ones end after a time.

        Args:
            relying_party: whose.
            mode: of which.
            kind: of which.
            overlap_seconds: for how long each old one is still accepted alongside its successor.

        Raises:
            CredentialError: there is none, or the rotation before has not ended.
        """
        usable = await self.usable(relying_party, mode, kind)
        if not usable:
            raise CredentialError(f"{relying_party} has no usable credential of mode {mode}: add one")
        if ending := [one for one in usable if one.retire_at is not None]:
            raise CredentialError(
                f"the rotation before has not ended: retire {', '.join(one.id for one in ending)}"
            )
        made = []
        for old in usable:
            made.append(await self._add(relying_party, mode, kind, old.scopes))
            await self._store.retire_credential(old.id, at=self._store.now() + overlap_seconds)
        return made

    async def retire(self, credential_id: str) -> bool:
        """Have a credential be refused from now on, on every host; False when there is no such one."""
        found = await self._store.credential(credential_id)
        if found is None or found.kind not in _WORDS:
            return False
        return await self._store.retire_credential(credential_id, at=self._store.now())

    async def usable(
        self, relying_party: str, mode: Mode, kind: CredentialKind = CredentialKind.API_KEY
    ) -> list[Credential]:
        """Return the credentials that are accepted now, oldest first."""
        now = self._store.now()
        found = await self._store.credentials(relying_party=relying_party, kind=kind)
        return [one for one in found if one.mode is mode and _is_usable(one, now)]

    async def recognize(self, token: str, kind: CredentialKind = CredentialKind.API_KEY) -> Credential | None:
        """Return the usable credential that *token* is, and note its use; None for anything else.

        The same work is done for a wrong secret of a known id as for an unknown id.

        Raises:
            StoreUnavailableError: nothing is known of the token.
        """
        parts = _parse(token)
        if parts is None or parts.kind is not kind:
            return None
        found = await self._store.credential(parts.credential_id)
        expected = found.digest.hex() if found is not None else ""
        is_genuine = self._keys.verify(_digested(parts), expected, _LABEL)
        now = self._store.now()
        if (
            found is None
            or not is_genuine
            or (found.kind, found.mode) != (parts.kind, parts.mode)
            or not _is_usable(found, now)
        ):
            return None
        if found.last_used_at is None or now - found.last_used_at >= USE_NOTED_SECONDS:
            await self._store.note_use(found.id, at=now)
        return found

    async def _add(
        self, relying_party: str, mode: Mode, kind: CredentialKind, scopes: tuple[str, ...]
    ) -> NewCredential:
        """Make and keep a credential."""
        credential_id = new_id(_ID_PREFIX)
        digits = credential_id.removeprefix(f"{_ID_PREFIX}_")
        secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_CHARACTERS))
        parts = _Token(kind, mode, digits, secret)
        now = self._store.now()
        credential = Credential(
            id=credential_id,
            relying_party=relying_party,
            mode=mode,
            kind=kind,
            prefix=f"{_WORDS[kind]}_{mode}_{digits[:_SHOWN_ID_CHARACTERS]}",
            digest=bytes.fromhex(self._keys.sign(_digested(parts), _LABEL)),
            scopes=scopes,
            created_at=now,
            usable_at=now,
        )
        await self._store.add_credential(credential)
        return NewCredential(credential=credential, token=_write(parts))


def looks_like_token(text: str) -> bool:
    """Return whether *text* is a token without a typing mistake; it may still be unknown."""
    return _parse(text) is not None


def _is_usable(credential: Credential, now: float) -> bool:
    return credential.usable_at <= now and (credential.retire_at is None or now < credential.retire_at)


def _digested(parts: _Token) -> bytes:
    """Return what the digest is made over: the id is its salt."""
    return f"{parts.kind}|{parts.mode}|{parts.digits}|{parts.secret}".encode()


def _write(parts: _Token) -> str:
    text = f"{_WORDS[parts.kind]}_{parts.mode}_{parts.digits}_{parts.secret}"
    return text + _checksum(text)


def _parse(text: str) -> _Token | None:
    """Return the parts of a token whose checksum is right."""
    match = _TOKEN.fullmatch(text)
    if match is None or _checksum(text[:-_CHECKSUM_CHARACTERS]) != match[5]:
        return None
    return _Token(_KINDS[match[1]], Mode(match[2]), match[3], match[4])


def _checksum(text: str) -> str:
    """Return the CRC-32 of *text* in base 62, as GitHub's tokens have it."""
    return "".join(_digits_of(zlib.crc32(text.encode())))


def _digits_of(number: int) -> Iterator[str]:
    for power in reversed(range(_CHECKSUM_CHARACTERS)):
        yield _ALPHABET[number // len(_ALPHABET) ** power % len(_ALPHABET)]
