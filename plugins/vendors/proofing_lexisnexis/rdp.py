"""The Risk Defense Platform: one POST begins and ends a conversation."""

import uuid
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from proofing.plugin import Applicant, ProofingContext, StreamedBody
from proofing_lexisnexis.authorization import make_authorize
from proofing_lexisnexis.envelope import Conversation, read_conversation, require_accepted
from proofing_lexisnexis.settings import required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proofing_lexisnexis.settings import LexisNexisSettings

#: By version of the API: the last word is singular in the second, and plural in the third.
_PATHS = {
    2: "/restws/identity/v2/{account}/{workflow}/conversation",
    3: "/restws/identity/v3/accounts/{account}/workflows/{workflow}/conversations",
}


class RDPWorkflow:
    """One workflow of one account.

    Attributes:
        name: of the workflow.
        account_id: number of the account.
    """

    def __init__(
        self,
        settings: "LexisNexisSettings",
        account: Literal["identity", "true_id"],
        key: str,
        *,
        version: int,
        vendor_name: str,
    ) -> None:
        """Take address, account, credentials, and the workflow in the setting *key* of the account.

        Raises:
            ConfigurationError: the settings have no such account or workflow.
        """
        own, self.name = required(settings, account, key, product=vendor_name)
        platform, self._base_url = required(settings, "rdp", "base_url", product=vendor_name)
        self.account_id: str = own.account_id
        self._mode: str = platform.request_mode
        self._path = _PATHS[version].format(account=own.account_id, workflow=quote(self.name, safe=""))
        self._authorize = make_authorize(platform, own)
        self._vendor_name = vendor_name

    def settings(self, applicant: Applicant, *, locale: str = "en_US") -> dict[str, str]:
        """Return the block ``Settings`` of a request, without the account."""
        return {
            "Mode": self._mode,
            "Reference": reference_of(applicant),
            "Locale": locale,
            "Venue": "online",
        }

    async def ask(self, question: dict[str, Any], context: ProofingContext, **headers: str) -> Conversation:
        """Send *question*, in which images are `Base64`, and return the transaction.

        Raises:
            VendorError: there is no yes and no no.
        """
        body = StreamedBody.json(question)
        # The signature is made of the same pieces that are sent.
        sent: Mapping[str, str] = {
            **headers,
            "authorization": await self._authorize(body, self._path, context.now()),
        }
        response = await context.http.post(self._base_url + self._path, content=body, headers=sent)
        return read_conversation(require_accepted(response).json(), vendor_name=self._vendor_name)


def reference_of(applicant: Applicant) -> str:
    """Return our reference of the person, with the partner's in front; a random one of nobody in particular.

    It comes back in the answer, and joins the vendor's records with ours.
    """
    person = applicant.uuid or str(uuid.uuid4())
    return f"{applicant.uuid_prefix}:{person}" if applicant.uuid_prefix else person
