"""The ID+ endpoint, which all three products share: key, error bodies, and what every answer has.

One address answers everything; ``modules`` of the body chooses. Answers are read strictly: a body without the
type of JSON, with a ``status`` (which errors alone have, whatever the HTTP status), or with anything of
another type than documented is no answer.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from proofing.plugin import Applicant, Cause, ProofingContext, VendorError, VendorResponse
from proofing_socure.settings import ReasonCode

if TYPE_CHECKING:
    from proofing_socure.settings import SocureSettings

AnswerT = TypeVar("AnswerT", bound="Part")
_REFERENCE = r"^[A-Za-z0-9_.:-]{1,64}$"
_PATH = "/api/3.0/EmailAuthScore"
#: Types of JSON, with a suffix or without; RFC 6839, section 3.1.
_JSON = re.compile(r"[a-z]+/([a-z0-9.-]+\+)?json")

ReasonCodes = Annotated[list[ReasonCode], Field(max_length=200)]
#: Scores and field validations.
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of an answer, by Socure's names."""

    model_config = ConfigDict(strict=True, alias_generator=to_camel)


class CustomerProfile(Part):
    """The person, as Socure echoes our reference of them."""

    customer_user_id: str | None = None
    user_id: str | None = None


class Answer(Part):
    """What every answer of ID+ has."""

    reference_id: str = Field(pattern=_REFERENCE)
    customer_profile: CustomerProfile | None = None

    def echo(self, applicant: Applicant) -> str | None:
        """Return our reference of the person if Socure repeats it. What else it repeats is not kept."""
        profile = self.customer_profile
        echoed = (profile.customer_user_id or profile.user_id) if profile else None
        return echoed if echoed == applicant.uuid else None


class IDPlus:
    """Asks ID+ on behalf of one product."""

    def __init__(self, settings: "SocureSettings", vendor_name: str) -> None:
        """Take address and key from *settings*; errors name *vendor_name*."""
        self._url = settings.base_url + _PATH
        self._vendor_name = vendor_name
        self.headers = {"authorization": f"SocureApiKey {settings.api_key.get_secret_value()}"}

    async def ask(
        self, context: ProofingContext, question: Mapping[str, Any], model: type[AnswerT]
    ) -> AnswerT:
        """Ask once, and return the answer as *model* reads it. Socure charges for it.

        Raises:
            VendorError: there is no answer, or not Socure's; with the id of the call where Socure gave one.
        """
        response = await context.http.post(self._url, json_body=question, headers=self.headers)
        return self.read(response, model)

    def read(self, response: VendorResponse, model: type[AnswerT]) -> AnswerT:
        """Return what *response* says. Raises `VendorError`, which holds nothing else of the body."""
        try:
            response.require_success()
        except VendorError as error:
            error.transaction_id = _reference_of(response)
            raise
        if not _JSON.fullmatch(response.content_type):
            raise self.nonsense("the answer is not JSON")
        body = response.json()
        if isinstance(body, dict) and body.get("status") is not None:
            raise self.nonsense("the answer is an error", transaction_id=_reference(body))
        try:
            return model.model_validate(body)
        except ValidationError:
            # Pydantic's own message quotes the body, so it ends here.
            raise self.nonsense("the answer is not Socure's", transaction_id=_reference(body)) from None

    def nonsense(self, message: str, *, transaction_id: str | None = None) -> VendorError:
        """Return the error of an answer that is not as documented."""
        return VendorError(
            Cause.NONSENSE, message, vendor_name=self._vendor_name, transaction_id=transaction_id
        )

    def missing(self, attribute: str) -> VendorError:
        """Return the error of a question that cannot be asked."""
        return VendorError(
            Cause.BAD_REQUEST, f"{attribute} of the applicant is not known", vendor_name=self._vendor_name
        )


def person(applicant: Applicant) -> dict[str, Any]:
    """Return what KYC and PhoneRisk are both sent of the *applicant*; null for what is not known."""
    return {
        "customerUserId": applicant.uuid,
        "firstName": applicant.first_name,
        "surName": applicant.last_name,
        "country": "US",
        "physicalAddress": applicant.address1,
        "physicalAddress2": applicant.address2,
        "city": applicant.city,
        "state": applicant.state,
        "zip": applicant.zipcode,
        "email": applicant.email,
    }


def _reference_of(response: VendorResponse) -> str | None:
    """Return Socure's id of a call that failed, if its body has one."""
    try:
        return _reference(response.json())
    except VendorError:
        return None


def _reference(body: Any) -> str | None:
    """Return Socure's id of a call."""
    value = body.get("referenceId") if isinstance(body, dict) else None
    return value if isinstance(value, str) and re.fullmatch(_REFERENCE, value) else None
