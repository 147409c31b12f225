"""From an authorization request to a verification, and from its end back to the client.

There are no accounts: a person proves who they are, for one client. What a login is to other providers is
here a verification that ended a few minutes ago in the same browser. docs/adr/0046
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode, urlsplit, urlunsplit

from proofing.app.openid import OpenIDConnect
from proofing.app.verifications import Request, Verifications
from proofing.base.errors import (
    InvalidInputError,
    LimitReachedError,
    VerificationNotFoundError,
    VerificationStateError,
)
from proofing.contracts.people import PartyRef, PersonRef
from proofing.contracts.verifications import VerificationRecord, VerificationState
from proofing.routing.shared_limits import SharedLimits
from proofing.verifications.grants import CodeGrant, Login, browser_digest
from proofing.verifications.subjects import MAX_SUBJECT_CHARACTERS
from proofing.verifications.terms import OIDC_CHANNEL
from proofing_server.oidc.authorization_requests import AuthorizationRequest, Parameters, check_authorization
from proofing_server.oidc.clients import Client
from proofing_server.oidc.discovery import ID_TOKEN_ALGORITHMS, RETURN_PREFIX
from proofing_server.oidc.errors import AuthorizationRefusedError, ErrorCode, RefusedError, UnsafeRequestError
from proofing_server.oidc.pending import PendingAuthorization

#: For how long a verification that ended counts as a login. Short: computers are shared.
LOGIN_SECONDS: Final = 900.0
_DAY_SECONDS: Final = 86400.0
_BROWSER_BYTES: Final = 32
#: What references of people begin with: those that browsers keep, and those that are hints of clients.
_OF_BROWSER: Final = "browser:"
_OF_CLIENT: Final = "hint:"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Destination:
    """Where the browser goes next.

    Attributes:
        url: with a code, an error, or the token of a link.
        browser: what its cookie must hold from now on; None for what it holds.
    """

    url: str
    browser: str | None = None


class Authorizations:
    """Goes through the flow; one for a request."""

    def __init__(
        self,
        verifications: Verifications,
        openid: OpenIDConnect,
        shared_limits: SharedLimits,
        clients: Mapping[str, Client],
    ) -> None:
        """Serve *clients* of the settings in effect."""
        self._shared_limits = shared_limits
        self._verifications = verifications
        self._openid = openid
        self._grants = openid.grants
        self._clients = clients

    async def begin(self, parameters: Parameters, browser: str | None, network: str) -> Destination:
        """Answer an authorization request.

        Args:
            parameters: of the query or form.
            browser: what the browser's cookie holds; None for none.
            network: the client's address or IPv6 prefix, for the limit of sessions by address.

        Raises:
            UnsafeRequestError: nothing may be sent to where the request says.
            AuthorizationRefusedError: the client hears why.
        """
        request = check_authorization(parameters, self._clients)
        client = self._clients[request.client_id]
        try:
            wanted = await self._wanted_subject(request, client)
            login = await self._grants.login(browser, client.id) if browser else None
            record = await self._record(client, login)
            if login and record and await self._is_answered_by(request, wanted, login, record):
                return _to(client, request, await self._grants.issue_code(_grant(request, login, record)))
            self._refuse_before(request, client, wanted, record)
            await self._count(network)
            return await self._create(request, client, login, record, browser)
        except RefusedError as error:
            raise _to_client(error, request) from None

    async def finish(self, client_id: str, browser: str | None, person: PersonRef | None) -> Destination:
        """Bring the outcome of a verification to the client that asked for it.

        A code goes only to the browser that began, and only if this browser's session did the verification:
        so nobody gets the verdict about a person whom they sent the link to.

        Args:
            client_id: of the client.
            browser: what the browser's cookie holds.
            person: of the browser's session; None without one.

        Raises:
            UnsafeRequestError: no authorization of this client waits in this browser.
            AuthorizationRefusedError: there is no code; the client hears why.
        """
        client = self._clients.get(client_id)
        login = await self._grants.login(browser, client_id) if client and browser else None
        record = await self._record(client, login) if client else None
        if client is None or browser is None or login is None or record is None:
            raise UnsafeRequestError("no authorization waits in this browser")
        request = await self._pending(client, record, browser)
        try:
            if record.state.is_open:
                # The person came too early, and continues.
                return Destination(url="/")
            self._refuse_after(record)
            if not _did(person, record):
                raise RefusedError(ErrorCode.LOGIN_REQUIRED, "the person's session has ended")
        except RefusedError as error:
            if record.state is VerificationState.NEEDS_REVIEW and _did(person, record):
                ttl_seconds = record.terms.review_days * _DAY_SECONDS
                awaiting = replace(login, is_own=True, awaits_review=True)
                await self._grants.save_login(
                    browser, client.id, awaiting, person=record.person, ttl_seconds=ttl_seconds
                )
            raise _to_client(error, request) from None
        code = await self._grants.code_of_answer(_grant(request, login, record))
        if code is None:
            raise UnsafeRequestError("the authorization was answered before")
        if not login.is_own:
            own = replace(login, is_own=True)
            await self._grants.save_login(browser, client.id, own, person=record.person)
        return _to(client, request, code)

    async def _record(self, client: Client, login: Login | None) -> VerificationRecord | None:
        """Return the verification of a login."""
        if login is None:
            return None
        try:
            return await self._verifications.get(_party(client), login.verification_id)
        except VerificationNotFoundError:
            return None

    async def _pending(
        self, client: Client, record: VerificationRecord, browser: str
    ) -> AuthorizationRequest:
        """Return the request that a verification answers."""
        context = await self._verifications.open_context(_party(client), record.id)
        try:
            pending = PendingAuthorization.from_bytes(context or b"{}")
        except ValueError:
            raise UnsafeRequestError("no authorization waits in this browser") from None
        if pending.browser != browser_digest(browser):
            raise UnsafeRequestError("no authorization waits in this browser")
        if pending.request.redirect_uri not in client.settings.redirect_uris:
            raise UnsafeRequestError("redirect_uri is not one of the client's")
        return pending.request

    async def _is_answered_by(
        self, request: AuthorizationRequest, wanted: str | None, login: Login, record: VerificationRecord
    ) -> bool:
        """Return whether a verification that ended before answers a request.

        Only where the client asks for that, by prompt=none or max_age: at a shared computer the next person
        would otherwise get the answer of the one before. Only where this browser's session did it, as
        `finish` has seen. After a review, which nobody waits for, once.
        """
        if (
            not login.is_own
            or record.state is not VerificationState.VERIFIED
            or record.ended_at is None
            or record.policy != request.policy
            or wanted not in (None, login.subject)
        ):
            return False
        is_asked_for = "none" in request.prompt or (request.max_age is not None and not request.prompt)
        age = self._verifications.now() - record.ended_at
        if not is_asked_for or (request.max_age is not None and age >= request.max_age):
            return False
        return age < LOGIN_SECONDS or (
            login.awaits_review and await self._grants.is_first_after_review(record.id)
        )

    async def _wanted_subject(self, request: AuthorizationRequest, client: Client) -> str | None:
        """Return the subject that alone may be answered with; None for any."""
        wanted = {request.wanted.subject} - {None}
        if request.id_token_hint is not None:
            wanted.add(await self.subject_of_hint(request.id_token_hint, client) or "")
        if reference := _hinted_reference(request, client):
            wanted.add(self._openid.subject(client.sector, client.mode, reference))
        if len(wanted) > 1 or "" in wanted:
            raise RefusedError(
                ErrorCode.LOGIN_REQUIRED, "the hints are about different people, or id_token_hint is not ours"
            )
        return next(iter(wanted), None)

    async def subject_of_hint(self, token: str, client: Client) -> str | None:
        """Return whom an ID token of this provider for *client* is about, expired or not; else None."""
        # Imported late: few requests have a hint.
        from proofing_server.oidc import jose  # noqa: PLC0415

        try:
            claims = jose.verify(token, await self._openid.keys.jwks(), algorithms=ID_TOKEN_ALGORITHMS)
        except jose.InvalidTokenError:
            return None
        subject = claims.get("sub")
        is_ours = claims.get("iss") == client.issuer and claims.get("aud") == client.id
        return subject if is_ours and isinstance(subject, str) else None

    @staticmethod
    def _refuse_before(
        request: AuthorizationRequest, client: Client, wanted: str | None, record: VerificationRecord | None
    ) -> None:
        """Refuse what a new verification could not answer."""
        if "none" in request.prompt:
            raise RefusedError(ErrorCode.LOGIN_REQUIRED, "nobody was verified in this browser just now")
        if wanted is not None and not _hinted_reference(request, client):
            raise RefusedError(
                ErrorCode.LOGIN_REQUIRED, "a new verification is about a new subject; ask for anybody"
            )
        is_review = record is not None and record.state is VerificationState.NEEDS_REVIEW
        if is_review and record is not None and record.policy == request.policy:
            raise RefusedError(ErrorCode.ACCESS_DENIED, _REVIEW)

    @staticmethod
    def _refuse_after(record: VerificationRecord) -> None:
        """Refuse a verification that did not verify."""
        if record.state is VerificationState.NEEDS_REVIEW:
            raise RefusedError(ErrorCode.ACCESS_DENIED, _REVIEW)
        if record.state is not VerificationState.VERIFIED:
            raise RefusedError(ErrorCode.ACCESS_DENIED, f"the verification is {record.state}")

    async def _count(self, network: str) -> None:
        """Count what anybody can begin, as a session of its address."""
        try:
            await self._shared_limits.count_session(network)
        except LimitReachedError:
            raise RefusedError(
                ErrorCode.TEMPORARILY_UNAVAILABLE, "too many people began from this address; try again later"
            ) from None

    async def _create(
        self,
        request: AuthorizationRequest,
        client: Client,
        login: Login | None,
        record: VerificationRecord | None,
        browser: str | None,
    ) -> Destination:
        """Create a verification, and send the browser to its start page."""
        reference = _reference(request, client, login, record)
        subject = self._openid.subject(client.sector, client.mode, reference)
        kept_browser = browser or secrets.token_urlsafe(_BROWSER_BYTES)
        pending = PendingAuthorization(request=request, browser=browser_digest(kept_browser), subject=subject)
        wanted = Request(
            subject=reference,
            policy=request.policy,
            return_url=f"{client.issuer}{RETURN_PREFIX}{client.id}",
            locale=request.locale,
            channel=OIDC_CHANNEL,
            context=pending.to_bytes(),
        )
        try:
            created = await self._verifications.create(_party(client), wanted)
            if created.open is not None:
                # The person begins again; the request that the verification before would answer is over.
                await self._cancel(client, created.open)
                created = await self._verifications.create(_party(client), wanted)
        except InvalidInputError as error:
            # Settings that changed just now.
            names = ", ".join(sorted(error.fields))
            raise RefusedError(ErrorCode.INVALID_REQUEST, f"not accepted: {names}") from None
        if created.record is None or created.token is None:
            raise RefusedError(ErrorCode.TEMPORARILY_UNAVAILABLE, "the person began elsewhere; try again")
        begun = Login(
            reference=reference if reference.startswith(_OF_BROWSER) else "",
            subject=subject,
            verification_id=created.record.id,
        )
        await self._grants.save_login(kept_browser, client.id, begun, person=created.record.person)
        url = f"{client.issuer}/start/{created.token}"
        return Destination(url=url, browser=None if browser else kept_browser)

    async def _cancel(self, client: Client, record: VerificationRecord) -> None:
        try:
            await self._verifications.cancel(_party(client), record.id)
        except VerificationStateError:
            if record.state is VerificationState.NEEDS_REVIEW:
                raise RefusedError(ErrorCode.ACCESS_DENIED, _REVIEW) from None


_REVIEW: Final = "a reviewer decides; ask again later with prompt=none, in the same browser"


def _did(person: PersonRef | None, record: VerificationRecord) -> bool:
    """Return whether a session did the verification: one of its latest used link, which no other replaced."""
    done = person.verification if person is not None else None
    return done is not None and (done.id, done.link) == (record.id, record.started_link)


def _grant(request: AuthorizationRequest, login: Login, record: VerificationRecord) -> CodeGrant:
    """Return what a code stands for that answers *request* with a verification that ended."""
    return CodeGrant(
        client_id=request.client_id,
        redirect_uri=request.redirect_uri,
        challenge=request.challenge,
        nonce=request.nonce,
        scopes=request.scopes,
        verification_id=record.id,
        person=record.person,
        subject=login.subject,
        auth_time=record.updated_at if record.ended_at is None else record.ended_at,
        acr=request.acr,
        claims=request.claims,
        verified_claims=request.wanted.verified_claims,
    )


def _to(client: Client, request: AuthorizationRequest, code: str) -> Destination:
    """Return where the browser brings *code*."""
    return Destination(
        url=with_query(request.redirect_uri, code=code, state=request.state, iss=client.issuer)
    )


def with_query(url: str, **parameters: str | None) -> str:
    """Return *url* with those *parameters* added to its query that are not None."""
    parts = urlsplit(url)
    added = urlencode({name: value for name, value in parameters.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def _to_client(error: RefusedError, request: AuthorizationRequest) -> AuthorizationRefusedError:
    return AuthorizationRefusedError(
        error.code, error.description, redirect_uri=request.redirect_uri, state=request.state
    )


def _reference(
    request: AuthorizationRequest, client: Client, login: Login | None, record: VerificationRecord | None
) -> str:
    """Return the reference of the person.

    It is random, and kept while nobody was verified under it, so that limits hold in a browser that tries
    again. After that the next person may be somebody else. A hint counts only where the settings say so.
    """
    if hinted := _hinted_reference(request, client):
        return hinted
    was_used = record is not None and record.state is VerificationState.VERIFIED
    if login is not None and not was_used and login.reference:
        return login.reference
    return f"{_OF_BROWSER}{secrets.token_hex(16)}"


def _hinted_reference(request: AuthorizationRequest, client: Client) -> str | None:
    """Return the client's own reference of the person, where the settings say that its hint is that."""
    hint = (request.login_hint or "").strip()
    if not client.settings.login_hint_is_subject or not hint:
        return None
    most = MAX_SUBJECT_CHARACTERS - len(_OF_CLIENT)
    if len(hint) > most:
        raise RefusedError(ErrorCode.INVALID_REQUEST, f"login_hint is longer than {most} characters")
    return f"{_OF_CLIENT}{hint}"


def _party(client: Client) -> PartyRef:
    return PartyRef(client.id, client.mode)
