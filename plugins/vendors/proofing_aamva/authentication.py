"""The token that each verification carries: made by two calls, and shared by all workers for its life."""

import secrets

from proofing.plugin import Cause, VendorContext, VendorError
from proofing_aamva.credentials import read_credentials
from proofing_aamva.settings import AAMVASettings
from proofing_aamva.soap import call
from proofing_aamva.token_messages import (
    AUTHENTICATE,
    authenticate_request,
    read_authentication_token,
    read_security_token,
    security_token_request,
)

_SECRET_BYTES = 32
#: Less than a token is valid.
_TOKEN_SECONDS = 28 * 60.0
_CACHED = "token"


class Authentication:
    """Gets tokens from the authentication service."""

    def __init__(self, settings: AAMVASettings) -> None:
        """Take address, credentials and time limit from *settings*."""
        self._url = settings.authentication_url
        self._credentials = read_credentials(settings.private_key.get_secret_value(), settings.certificate)
        self._timeout_seconds = settings.authentication_timeout_seconds

    async def token(self, context: VendorContext) -> str:
        """Return the token that the workers share; where there is none, one of them gets it.

        Raises:
            VendorError: there is none to be had.
        """

        async def make() -> tuple[str, float]:
            return await self.new_token(context), _TOKEN_SECONDS

        return await context.cache.get_or_make(_CACHED, make)

    async def drop(self, context: VendorContext, token: str) -> None:
        """Have the next question get a new token, unless somebody has replaced *token* meanwhile."""
        await context.cache.drop(_CACHED, token)

    async def new_token(self, context: VendorContext) -> str:
        """Get a token, whatever the workers share. Not billed.

        Raises:
            VendorError: there is no answer, it is a refusal, or it is not what AAMVA documents.
        """
        try:
            with context.unbilled():
                return await self._ask(context)
        except VendorError as error:
            # What is malformed about these messages can be nothing but our credentials.
            is_refused = error.cause is Cause.BAD_REQUEST
            cause = Cause.AUTHENTICATION if is_refused else error.cause
            raise error.amended(cause=cause, billed=False) from None

    async def _ask(self, context: VendorContext) -> str:
        client_secret = secrets.token_bytes(_SECRET_BYTES)
        root = await call(
            context,
            self._url,
            AUTHENTICATE,
            security_token_request(self._url, self._credentials, client_secret, context.now()),
            what="the security token",
            timeout_seconds=self._timeout_seconds,
        )
        granted = read_security_token(root)
        root = await call(
            context,
            self._url,
            AUTHENTICATE,
            authenticate_request(self._url, granted, client_secret, context.now()),
            what="the authentication token",
            timeout_seconds=self._timeout_seconds,
        )
        return read_authentication_token(root)
