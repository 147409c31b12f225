"""The Dynamic Decision Platform: credentials in the body or in headers, and an answer inside the answer.

A request has no ``Authorization`` header, whatever the other platform uses. Failures come with HTTP 200.
``review_status`` of the outer answer decides for ThreatMetrix alone.
"""

from typing import TYPE_CHECKING, Any

from proofing.plugin import Cause, ProofingContext, StreamedBody, VendorError
from proofing.plugin.support import parse_json
from proofing_lexisnexis.envelope import (
    Conversation,
    not_understood,
    read_conversation,
    require_accepted,
    short_codes,
)
from proofing_lexisnexis.settings import required

if TYPE_CHECKING:
    from pydantic import SecretStr

    from proofing_lexisnexis.settings import LexisNexisSettings

#: Nesting of an answer that comes as text, as of any answer.
_MAX_DEPTH = 32
_TRUE_ID_PATH = "/authentication/v1/trueid/"


class DDPPolicy:
    """One policy of the organization."""

    def __init__(self, settings: "LexisNexisSettings", key: str, *, vendor_name: str) -> None:
        """Take address, credentials, and the policy in the setting *key*.

        Raises:
            ConfigurationError: the settings have no organization, or no such policy.
        """
        platform, policy = required(settings, "ddp", key, product=vendor_name)
        self._base_url: str = platform.base_url
        self._api_key: SecretStr = platform.api_key
        self._org_id: str = platform.org_id
        self._policy: str = policy
        self._name = vendor_name

    async def query(self, kind: str, fields: dict[str, Any], context: ProofingContext) -> dict[str, Any]:
        """Send a ``session`` or ``attribute`` query with *fields*, and return its answer."""
        question = {
            "api_key": self._api_key.get_secret_value(),
            "org_id": self._org_id,
            "policy": self._policy,
            "service_type": "all",
            "event_type": "ACCOUNT_CREATION",
            **fields,
        }
        return await self._post(f"/api/{kind}-query", question, context)

    async def authenticate(self, fields: dict[str, Any], context: ProofingContext) -> dict[str, Any]:
        """Send the images in *fields* to TrueID, and return its answer."""
        question = {"policy": self._policy, "service_type": "basic", **fields}
        headers = {
            "x-api-key": self._api_key.get_secret_value(),
            "x-org-id": self._org_id,
        }
        return await self._post(_TRUE_ID_PATH, question, context, **headers)

    async def _post(
        self, path: str, question: dict[str, Any], context: ProofingContext, **headers: str
    ) -> dict[str, Any]:
        """Send *question* and return the outer answer. Raises `VendorError`: the request is refused."""
        response = await context.http.post(
            self._base_url + path, content=StreamedBody.json(question), headers=headers
        )
        answer = require_accepted(response).json()
        if not isinstance(answer, dict):
            raise not_understood(self._name)
        result = answer.get("request_result")
        if result == "success":
            return answer
        if not isinstance(result, str) or not result.startswith("fail_"):
            raise not_understood(self._name)
        raise VendorError(
            Cause.BAD_REQUEST,
            "the vendor refuses the request",
            vendor_name=self._name,
            codes=short_codes([result]),
        )

    def conversation(self, answer: dict[str, Any], service: str) -> Conversation:
        """Return the transaction that *answer* carries for a step of the policy.

        Raises:
            VendorError: `Cause.SOURCE_TIMEOUT`: the platform got no answer from the product in time;
                `NONSENSE`: there is none for another reason, such as a policy or a name of the step that
                differs from the settings'; else as `read_conversation`.
        """
        place = f"{self._org_id}:{self._policy}"
        block: Any = answer.get("integration_hub_results")
        for key in (place, service):
            block = block.get(key) if isinstance(block, dict) else None
        if not isinstance(block, dict):
            raise not_understood(self._name, "an answer without a result of this policy and service")
        nested = block.get("tps_vendor_raw_response")
        if nested in (None, "", {}) and block.get("tps_was_timeout") == "yes":
            raise VendorError(
                Cause.SOURCE_TIMEOUT, "the product did not answer in time", vendor_name=self._name
            )
        if isinstance(nested, str):
            try:
                nested = parse_json(nested.encode(), max_depth=_MAX_DEPTH)
            except ValueError:
                raise not_understood(self._name, "the answer inside the answer") from None
        return read_conversation(nested, vendor_name=self._name)
