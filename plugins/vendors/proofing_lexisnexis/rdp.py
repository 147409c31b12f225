"""The Risk Defense Platform: one POST begins and ends a conversation."""

import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proofing.plugin import Applicant, ProofingContext, StreamedBody
from proofing_lexisnexis.authorization import make_authorize
from proofing_lexisnexis.envelope import Conversation, read_conversation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proofing_lexisnexis.settings import AccountSettings, RDPSettings

#: By version of the API: the last word is singular in the second, and plural in the third.
_PATHS = {
    2: "/restws/identity/v2/{account}/{workflow}/conversation",
    3: "/restws/identity/v3/accounts/{account}/workflows/{workflow}/conversations",
}


class RDPWorkflow:
    """One workflow of one account.

    Attributes:
        name: of the workflow.
    """

    def __init__(
        self, settings: "RDPSettings", account: "AccountSettings", workflow: str, *, version: int
    ) -> None:
        """Take address, account and credentials."""
        self.name = workflow
        self._mode = settings.request_mode
        self._base_url = settings.base_url
        self._path = _PATHS[version].format(account=account.account_id, workflow=quote(workflow, safe=""))
        self._authorize = make_authorize(settings, account)

    def settings(self, applicant: Applicant, *, locale: str) -> dict[str, str]:
        """Return the block ``Settings`` of a request."""
        return {
            "Mode": self._mode,
            "Reference": reference_of(applicant),
            "Locale": locale,
            "Venue": "online",
        }

    async def ask(
        self, question: dict[str, Any], context: ProofingContext, *, vendor_name: str, **headers: str
    ) -> Conversation:
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
        return read_conversation(response.require_success().json(), vendor_name=vendor_name)


def reference_of(applicant: Applicant) -> str:
    """Return our reference of the person, with the partner's in front; a random one of nobody in particular.

    It comes back in the answer, and joins the vendor's records with ours.
    """
    person = applicant.uuid or str(uuid.uuid4())
    return f"{applicant.uuid_prefix}:{person}" if applicant.uuid_prefix else person
