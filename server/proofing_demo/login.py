"""A client of OpenID Connect: code flow with PKCE, state and nonce; the ID token is verified.

OpenID Connect Core 1.0, sections 3.1 and 5.3; RFC 7636; RFC 9207.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from proofing_demo.config import CALLBACK_PATH, DemoConfig

_DISCOVERY_PATH = "/.well-known/openid-configuration"
_SCOPE = "openid profile"


class LoginError(Exception):
    """The login did not succeed; the message says why, for the page."""


class Login:
    """Logs visitors in with the product."""

    def __init__(self, config: DemoConfig, http: httpx.AsyncClient) -> None:
        """Ask the provider of *config* through *http*."""
        self._config = config
        self._http = http

    async def begin(self, reference: str) -> tuple[str, Mapping[str, str]]:
        """Return where to send the browser, and what to keep of it for the way back."""
        provider = await self._provider()
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        challenge = hashlib.sha256(kept["verifier"].encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._config.own_url + CALLBACK_PATH,
            "scope": _SCOPE,
            "state": kept["state"],
            "nonce": kept["nonce"],
            "code_challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "login_hint": reference,
        }
        return f"{provider['authorization_endpoint']}?{urlencode(query)}", kept

    async def finish(self, kept: Mapping[str, str], answer: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the claims of the person who came back.

        Raises:
            LoginError: the provider refused, or what came back is not an answer to what was asked.
        """
        provider = await self._provider()
        if not hmac.compare_digest(answer.get("state", ""), kept["state"]):
            raise LoginError("the answer belongs to another login")
        if answer.get("iss") != provider["issuer"]:
            raise LoginError("the answer comes from another provider")
        if "error" in answer:
            raise LoginError(f"the provider answered {answer['error']}")
        tokens = await self._redeem(provider, answer.get("code", ""), kept["verifier"])
        claims = await self._verified(provider, str(tokens.get("id_token")), kept["nonce"])
        response = await self._http.get(
            provider["userinfo_endpoint"], headers={"Authorization": f"Bearer {tokens.get('access_token')}"}
        )
        found = response.json() if response.status_code == httpx.codes.OK else {}
        if found.get("sub") != claims["sub"]:
            raise LoginError("userinfo is about somebody else")
        return {"id_token": claims, "userinfo": found}

    async def _provider(self) -> Mapping[str, Any]:
        """Return what the provider says of itself."""
        response = await self._http.get(self._config.proofing_url + _DISCOVERY_PATH)
        found: Mapping[str, Any] = response.raise_for_status().json()
        if found["issuer"] != self._config.proofing_url:
            raise LoginError("the provider has another name")
        return found

    async def _redeem(self, provider: Mapping[str, Any], code: str, verifier: str) -> Mapping[str, Any]:
        """Return the tokens for a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._config.own_url + CALLBACK_PATH,
            "code_verifier": verifier,
        }
        response = await self._http.post(
            provider["token_endpoint"], data=form, auth=(self._config.client_id, self._config.client_secret)
        )
        found: Mapping[str, Any] = response.json()
        if response.status_code != httpx.codes.OK:
            raise LoginError(f"the provider answered {found.get('error')}")
        return found

    async def _verified(self, provider: Mapping[str, Any], token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token that was made for this very login."""
        keys = (await self._http.get(provider["jwks_uri"])).raise_for_status().json()
        try:
            decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=["ES256", "RS256"])
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": provider["issuer"]},
                aud={"essential": True, "value": self._config.client_id},
                exp={"essential": True},
                nonce={"essential": True, "value": nonce},
                sub={"essential": True},
            ).validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise LoginError("the ID token is not valid") from error
        return dict(decoded.claims)
