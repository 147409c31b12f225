"""The proofer of DLDV: Driver's License Data Verification, version 2.1."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element

from proofing.plugin import (
    Cause,
    ProofingContext,
    ProofingRequest,
    StateIDResult,
    VendorContext,
    VendorError,
)
from proofing_aamva.answer import read_result
from proofing_aamva.authentication import Authentication
from proofing_aamva.request import VERIFY, sent_values, verification_request
from proofing_aamva.settings import AAMVASettings
from proofing_aamva.soap import call

#: Errors after which the token must not be used again: it is refused, or nothing says what else is wrong.
_TOKEN_CAUSES = frozenset({Cause.AUTHENTICATION, Cause.BAD_REQUEST})


class AAMVAStateID:
    """Asks the state that issued a license whether its record agrees."""

    def __init__(self, settings: AAMVASettings) -> None:
        """Take addresses, credentials and states from *settings*."""
        self._settings = settings
        self._authentication = Authentication(settings)

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> StateIDResult:
        """Ask, and ask once more with a new token when AAMVA refuses the one that the workers share."""
        applicant = request.applicant
        sent = sent_values(applicant, self._settings)
        locator = applicant.uuid or context.question_id
        token = await self._authentication.token(context)
        try:
            root = await self._verify(context, sent, token, locator)
        except VendorError as error:
            if error.cause is not Cause.AUTHENTICATION:
                raise
            # It was refused before the state was asked, so that this cannot be billed twice.
            token = await self._authentication.token(context)
            root = await self._verify(context, sent, token, locator)
        return read_result(root, applicant, sent)

    async def check(self, context: VendorContext) -> str | None:
        """Authenticate, whatever token the workers share. AAMVA charges nothing for that."""
        await self._authentication.new_token(context)
        return None

    async def _verify(
        self, context: ProofingContext, sent: Mapping[str, str], token: str, locator: str
    ) -> Element:
        """Return the answer to the question, without a fault. A token that may be at fault is dropped."""
        message = verification_request(sent, token, locator=locator, settings=self._settings)
        try:
            return await call(
                context,
                self._settings.verification_url,
                VERIFY,
                message,
                what="the verification",
                timeout_seconds=self._settings.verification_timeout_seconds,
            )
        except VendorError as error:
            if error.cause in _TOKEN_CAUSES:
                await self._authentication.drop(context, token)
            raise
