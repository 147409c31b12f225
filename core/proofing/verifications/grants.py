"""What OpenID Connect keeps for minutes: logins of browsers, codes, access tokens, used assertions.

All of it is in the result store, sealed, under digests of what browsers and clients hold. A code is redeemed
by adding a mark, which the store does once; who comes second revokes the tokens of the first.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from proofing.base.errors import EncryptionError
from proofing.base.typed_json import read_typed, write_typed
from proofing.contracts.stores import ResultStore
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import SealContext, Sealer
from proofing.sessions.erasure_index import DataFootprint, ErasureIndex

CODE_SECONDS: Final = 60.0
TOKEN_SECONDS: Final = 300.0
#: How long a browser is remembered, so that limits hold over authorizations that are begun again.
BROWSER_SECONDS: Final = 24 * 3600.0
#: Marks outlive whatever they speak about.
_MARK_SECONDS: Final = CODE_SECONDS + 2 * TOKEN_SECONDS
_ANSWERED_SECONDS: Final = 24 * 3600.0
#: As long as a review may take.
_REVIEWED_SECONDS: Final = 90 * 24 * 3600.0
_SECRET_BYTES: Final = 32

GrantT = TypeVar("GrantT")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """The latest verification that one browser began for one client.

    Attributes:
        reference: of the person, under which it was created; empty where the client's hint is that.
        subject: as the client knows the person.
        is_own: whether the browser came back with the session that did the verification; only then may it be
            used again.
        awaits_review: whether the client has heard that a reviewer decides.
    """

    reference: str
    subject: str
    verification_id: str
    is_own: bool = False
    awaits_review: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CodeGrant:
    """What a code stands for.

    Attributes:
        challenge: of PKCE; None of a client that need not use it.
        person: reference of the person, by which an erasure finds it.
        auth_time: when the verification ended, in seconds since the epoch.
        claims: names of claims for userinfo.
        verified_claims: what is asked of verified claims; None for nothing.
    """

    client_id: str
    redirect_uri: str
    challenge: str | None
    nonce: str | None
    scopes: tuple[str, ...]
    verification_id: str
    person: str
    subject: str
    auth_time: float
    acr: str
    claims: tuple[str, ...] = ()
    verified_claims: Any = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenGrant:
    """What an access token stands for.

    Attributes:
        code: digest of the code that it was issued for.
        userinfo: what userinfo answers.
    """

    client_id: str
    code: str
    userinfo: dict[str, Any] = field(default_factory=dict)


class Grants:
    """Keeps and finds them. One instance a process."""

    def __init__(self, results: ResultStore, sealer: Sealer, index: ErasureIndex) -> None:
        """Keep them in *results*, sealed by *sealer*, and note them in *index*."""
        self._index = index
        self._results = results
        self._sealer = sealer

    async def save_login(
        self,
        browser: str,
        client_id: str,
        login: Login,
        *,
        person: str,
        ttl_seconds: float = BROWSER_SECONDS,
    ) -> None:
        """Remember *login* of *person* for *browser*, which is what its cookie holds."""
        key = _login_key(browser, client_id)
        await self._save(key, login, login.verification_id, person, ttl_seconds)

    async def login(self, browser: str, client_id: str) -> Login | None:
        """Return what is remembered of *browser* for the client."""
        return await self._load(_login_key(browser, client_id), Login)

    async def end_login(self, browser: str, client_id: str) -> None:
        """Forget *browser* for the client."""
        await self._results.delete(_login_key(browser, client_id))

    async def is_first_after_review(self, verification_id: str) -> bool:
        """Return whether the decision of a reviewer is asked for the first time."""
        return await self._results.add(
            f"oidc:reviewed:{verification_id}", b"1", ttl_seconds=_REVIEWED_SECONDS
        )

    async def code_of_answer(self, grant: CodeGrant) -> str | None:
        """Return the code that answers the authorization which began a verification.

        A second click while it lives gets the same one; later there is none.
        """
        key = f"oidc:answer:{grant.verification_id}"
        code = await self.issue_code(grant)
        now = self._results.now()
        plain = json.dumps({"code": code, "at": now}).encode()
        sealed = await self._sealer.seal(plain, _context(key))
        if await self._results.add(key, sealed, ttl_seconds=_ANSWERED_SECONDS):
            return code
        kept = await self._results.load(key)
        if kept is None:
            return None
        first = json.loads(await self._sealer.open(kept, _context(key)))
        return first["code"] if now - first["at"] < CODE_SECONDS else None

    async def issue_code(self, grant: CodeGrant) -> str:
        """Return a new code for *grant*."""
        code = secrets.token_urlsafe(_SECRET_BYTES)
        await self._save(_key("code", code), grant, grant.verification_id, grant.person, CODE_SECONDS)
        return code

    async def code(self, code: str) -> CodeGrant | None:
        """Return what *code* stands for, also when it was redeemed; None for none, or an old one."""
        return await self._load(_key("code", code), CodeGrant)

    async def redeem(self, code: str) -> bool:
        """Redeem *code*; False when it was before: then the tokens that were issued for it are revoked."""
        digest = _digest(code)
        if await self._results.add(f"oidc:redeemed:{digest}", b"1", ttl_seconds=_MARK_SECONDS):
            return True
        await self._results.save(f"oidc:revoked:{digest}", b"1", ttl_seconds=_MARK_SECONDS)
        return False

    async def was_redeemed(self, code: str) -> bool:
        """Return whether a code that may have expired was redeemed."""
        return await self._results.load(f"oidc:redeemed:{_digest(code)}") is not None

    async def issue_token(self, code: str, grant: CodeGrant, userinfo: dict[str, Any]) -> str:
        """Return a new access token for a code that was redeemed."""
        token = secrets.token_urlsafe(_SECRET_BYTES)
        kept = TokenGrant(client_id=grant.client_id, code=_digest(code), userinfo=userinfo)
        await self._save(_key("token", token), kept, grant.verification_id, grant.person, TOKEN_SECONDS)
        return token

    async def token(self, token: str) -> TokenGrant | None:
        """Return what an access token stands for; None for none, an old one, or a revoked one."""
        grant = await self._load(_key("token", token), TokenGrant)
        if grant is None or await self._results.load(f"oidc:revoked:{grant.code}") is not None:
            return None
        return grant

    async def use_assertion(self, client_id: str, jti: str, *, ttl_seconds: float) -> bool:
        """Return whether the client uses the assertion with this id for the first time."""
        key = f"oidc:assertion:{_digest(f'{client_id}|{jti}')}"
        return await self._results.add(key, b"1", ttl_seconds=max(1.0, ttl_seconds))

    async def _save(
        self, key: str, grant: Any, verification_id: str, person: str, ttl_seconds: float
    ) -> None:
        """Keep a grant where an erasure of *person*, or a redaction of the verification, finds it."""
        sealed = await self._sealer.seal(write_typed(grant), _context(key))
        footprint = DataFootprint(verification=verification_id, keys=[key])
        await self._index.record(person, footprint, ttl_seconds=ttl_seconds)
        await self._results.save(key, sealed, ttl_seconds=ttl_seconds)

    async def _load(self, key: str, kind: type[GrantT]) -> GrantT | None:
        sealed = await self._results.load(key)
        if sealed is None:
            return None
        try:
            return read_typed(kind, await self._sealer.open(sealed, _context(key)))
        except (EncryptionError, ValueError):
            # Of another version, or not ours.
            return None


def browser_digest(browser: str) -> str:
    """Return by what a browser is known where its cookie must not be."""
    return _digest(browser)


def _context(key: str) -> SealContext:
    """Return what a value is bound to: its place. Web processes alone seal and open it, as sessions."""
    return SealContext(purpose=Purpose.SESSION, subject=key)


def _login_key(browser: str, client_id: str) -> str:
    return f"oidc:login:{_digest(browser)}:{client_id}"


def _key(kind: str, secret: str) -> str:
    return f"oidc:{kind}:{_digest(secret)}"


def _digest(secret: str) -> str:
    """Return a digest; what is digested has entropy enough to need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()
