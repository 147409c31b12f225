"""Acme's resolution API, version 1: one JSON request, one JSON answer."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofing.plugin import (
    Applicant,
    Cause,
    Match,
    Outcome,
    ProofingContext,
    ProofingRequest,
    ResolutionResult,
    VendorError,
    VendorResponse,
)

if TYPE_CHECKING:
    from proofing_acme import AcmeSettings

_NAME = "acme"
_OUTCOMES = {"match": Outcome.PASSED, "no_match": Outcome.FAILED, "review": Outcome.REVIEW}
_MATCHES = {"match": Match.MATCH, "mismatch": Match.MISMATCH, "unknown": Match.UNAVAILABLE}
#: Acme's names of what it compared, in our words.
_ATTRIBUTES = {"name": "name", "birth_date": "dob", "ssn": "ssn", "address": "address"}


class AcmeAnswer(BaseModel):
    """What Acme promises to answer; anything else is nonsense."""

    model_config = ConfigDict(strict=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    decision: Literal["match", "no_match", "review"]
    checks: dict[Literal["name", "birth_date", "ssn", "address"], Literal["match", "mismatch", "unknown"]] = (
        Field(default_factory=dict)
    )


class AcmeResolution:
    """Translates our question into Acme's words, and Acme's answer into ours."""

    def __init__(self, settings: "AcmeSettings") -> None:
        """Take address and key from *settings*."""
        self._url = f"{settings.base_url}/v1/resolutions"
        self._api_key = settings.api_key

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:
        """Ask Acme once."""
        response = await context.http.post(
            self._url,
            json_body=_question(request.applicant),
            headers={
                "authorization": f"Bearer {self._api_key.get_secret_value()}",
                "idempotency-key": context.idempotency_key,
            },
        )
        return _result(_read(response.require_success()))


def _question(applicant: Applicant) -> dict[str, object]:
    """Return the request's body."""
    return {
        "person": {
            "given_name": applicant.first_name,
            "family_name": applicant.last_name,
            "birth_date": applicant.dob,
            "ssn": applicant.ssn,
            "address": {
                "lines": [line for line in (applicant.address1, applicant.address2) if line],
                "city": applicant.city,
                "state": applicant.state,
                "zip": (applicant.zipcode or "")[:5],  # Acme takes five digits
            },
        }
    }


def _read(response: VendorResponse) -> AcmeAnswer:
    """Return the answer, if it is one.

    Raises:
        VendorError: it is not a valid answer. The message holds nothing of the body.
    """
    try:
        return AcmeAnswer.model_validate(response.json())
    except ValidationError:
        # Pydantic's own message quotes the body, so it ends here.
        raise VendorError(Cause.NONSENSE, "the answer is not Acme's", vendor_name=_NAME) from None


def _result(answer: AcmeAnswer) -> ResolutionResult:
    """Return Acme's answer in our words."""
    attributes = {_ATTRIBUTES[check]: _MATCHES[said] for check, said in answer.checks.items()}
    return ResolutionResult(
        vendor_name=_NAME,
        outcome=_OUTCOMES[answer.decision],
        attributes=attributes,
        reasons=tuple(
            f"{name}_{match.value}" for name, match in attributes.items() if match is not Match.MATCH
        ),
        transaction_id=answer.id,
    )
