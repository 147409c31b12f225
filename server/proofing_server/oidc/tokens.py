"""The token endpoint: a code for tokens, once. RFC 6749 section 4.1.3, OpenID Connect Core section 3.1.3."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from proofing.app.openid import OpenIDConnect
from proofing.app.verifications import Verifications
from proofing.base.errors import VerificationNotFoundError, VerificationStateError
from proofing.base.logs import get_logger, log
from proofing.contracts.people import PartyRef
from proofing.contracts.verification_store import CredentialKind
from proofing.settings.relying_parties import ClientAuthentication
from proofing.verifications.assurance_requests import select
from proofing.verifications.credentials import Credentials
from proofing.verifications.grants import CodeGrant
from proofing.verifications.identity_assurance import verified_claims_of
from proofing.verifications.released_claims import claims_of
from proofing_server.oidc.client_authentication import (
    LEEWAY_SECONDS,
    check_assertion,
    read_authentication,
)
from proofing_server.oidc.clients import Client
from proofing_server.oidc.discovery import TOKEN_PATH
from proofing_server.oidc.errors import ErrorCode, RefusedError
from proofing_server.oidc.id_tokens import TOKEN_SECONDS, id_token_claims, is_verifier

_logger = get_logger(__name__)
_NOT_GOOD: Final = "the code is not good: unknown, expired, used, or of another request"


class Tokens:
    """Issues tokens; one for a request."""

    def __init__(
        self,
        *,
        verifications: Verifications,
        openid: OpenIDConnect,
        credentials: Credentials,
        clients: Mapping[str, Client],
    ) -> None:
        """Serve *clients* of the settings in effect, whose secrets are among *credentials*."""
        self._credentials = credentials
        self._verifications = verifications
        self._openid = openid
        self._clients = clients

    async def issue(self, form: Mapping[str, str], authorization: str | None) -> dict[str, Any]:
        """Return the answer of the token endpoint.

        Args:
            form: parameters, none of which is repeated.
            authorization: header; None for none.

        Raises:
            RefusedError: with ``invalid_client`` where the client is not who it says.
        """
        client = await self._authenticate(form, authorization)
        if "grant_type" not in form:
            raise RefusedError(ErrorCode.INVALID_REQUEST, "grant_type is missing")
        if form["grant_type"] != "authorization_code":
            raise RefusedError(ErrorCode.UNSUPPORTED_GRANT_TYPE, "grant_type must be authorization_code")
        for name in ("code", "redirect_uri"):
            if name not in form:
                raise RefusedError(ErrorCode.INVALID_REQUEST, f"{name} is missing")
        code = form["code"]
        grant = await self._grant(client, form)
        # Before anything is used up: there may be none.
        key = await self._openid.keys.signing_key(client.settings.id_token_algorithm)
        if not await self._openid.grants.redeem(code):
            log(_logger, "oidc_code_reused", level=logging.WARNING, relying_party=client.id)
            raise RefusedError(ErrorCode.INVALID_GRANT, _NOT_GOOD)
        userinfo = await self._userinfo(client, grant)
        access_token = await self._openid.grants.issue_token(code, grant, userinfo)
        claims = id_token_claims(
            issuer=client.issuer,
            subject=grant.subject,
            client_id=client.id,
            nonce=grant.nonce,
            auth_time=grant.auth_time,
            acr=grant.acr,
            access_token=access_token,
            now=self._verifications.now(),
        )
        # Imported late: no start of a process waits for it.
        from proofing_server.oidc import jose  # noqa: PLC0415

        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": " ".join(grant.scopes),
            "id_token": jose.sign(
                json.dumps(claims).encode(), key.private_key, key_id=key.id, algorithm=key.algorithm
            ),
        }

    async def _authenticate(self, form: Mapping[str, str], authorization: str | None) -> Client:
        """Return the client that proved who it is."""
        presented = read_authentication(form, authorization)
        client = self._clients.get(presented.client_id)
        try:
            if client is None or presented.method is not client.settings.authentication:
                raise RefusedError(
                    ErrorCode.INVALID_CLIENT, "the client is not known, or must authenticate otherwise"
                )
            if presented.method is ClientAuthentication.PRIVATE_KEY_JWT:
                now = self._verifications.now()
                assertion = check_assertion(presented, client, token_url=client.issuer + TOKEN_PATH, now=now)
                ttl = assertion.expires_at - now + LEEWAY_SECONDS
                if not await self._openid.grants.use_assertion(client.id, assertion.jti, ttl_seconds=ttl):
                    raise RefusedError(ErrorCode.INVALID_CLIENT, "the client_assertion was used before")
            elif presented.method is not ClientAuthentication.NONE:
                found = await self._credentials.recognize(presented.proof, CredentialKind.CLIENT_SECRET)
                if found is None or (found.relying_party, found.mode) != (client.id, client.mode):
                    raise RefusedError(ErrorCode.INVALID_CLIENT, "the client secret is wrong, or retired")
        except RefusedError:
            name = client.id if client else None
            log(_logger, "oidc_client_refused", level=logging.WARNING, relying_party=name)
            raise
        return client

    async def _grant(self, client: Client, form: Mapping[str, str]) -> CodeGrant:
        """Return what the code stands for, if it is this client's and of this request."""
        grant = await self._openid.grants.code(form["code"])
        if grant is None:
            if await self._openid.grants.was_redeemed(form["code"]):
                await self._openid.grants.redeem(form["code"])
                log(_logger, "oidc_code_reused", level=logging.WARNING, relying_party=client.id)
            raise RefusedError(ErrorCode.INVALID_GRANT, _NOT_GOOD)
        if (
            grant.client_id != client.id
            or grant.redirect_uri != form["redirect_uri"]
            or not is_verifier(grant.challenge, form.get("code_verifier"))
        ):
            raise RefusedError(ErrorCode.INVALID_GRANT, _NOT_GOOD)
        return grant

    async def _userinfo(self, client: Client, grant: CodeGrant) -> dict[str, Any]:
        """Return what userinfo will answer; what is released of the person is collected here, once."""
        answer: dict[str, Any] = {"sub": grant.subject}
        if not grant.claims and grant.verified_claims is None:
            return answer
        party = PartyRef(client.id, client.mode)
        try:
            record = await self._verifications.get(party, grant.verification_id)
            released = await self._verifications.collect_claims(party, grant.verification_id)
        except (VerificationNotFoundError, VerificationStateError):
            # Nothing is released, or it was collected before.
            return answer
        known = claims_of(released)
        answer |= {name: known[name] for name in grant.claims if name in known}
        complete = verified_claims_of(record, released, issuer=client.issuer)
        if grant.verified_claims is not None:
            now = self._verifications.now()
            if (given := select(complete, grant.verified_claims, now=now)) is not None:
                answer["verified_claims"] = given
        return answer
