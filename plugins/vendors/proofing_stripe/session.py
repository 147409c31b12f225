"""Stripe's verification session, as its API answers it: the types of Stripe's SDK, version 2026-10-28.endive.

What Stripe may add later is left unread; a value that is not among those of the SDK is nonsense.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proofing.plugin import Cause, VendorError, VendorResponse

#: The version whose answers are read here, sent with each call, whatever the account's own is.
API_VERSION = "2026-10-28.endive"
_Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
_Text = Annotated[str, Field(max_length=1000)]


class _Object(BaseModel):
    model_config = ConfigDict(strict=True)


class Day(_Object):
    """A date; parts that the document does not show are null."""

    day: int | None = None
    month: int | None = None
    year: int | None = None

    def iso(self) -> str | None:
        """Return it as ISO date, None when a part is missing; core refuses what is no date."""
        if self.day is None or self.month is None or self.year is None:
            return None
        return f"{self.year:04d}-{self.month:02d}-{self.day:02d}"


class Address(_Object):
    """An address as the document shows it."""

    line1: _Text | None = None
    line2: _Text | None = None
    city: _Text | None = None
    state: _Text | None = None
    postal_code: _Text | None = None
    country: _Text | None = None


class CheckError(_Object):
    """Why a check failed. Its ``reason`` is a text for people, and not read."""

    code: _Code | None = None


class _Check(_Object):
    status: Literal["verified", "unverified"]
    error: CheckError | None = None

    @property
    def is_verified(self) -> bool:
        """Whether it is a clear yes."""
        return self.status == "verified" and self.error is None


class DocumentReport(_Check):
    """The check of the document."""

    type: Literal["driving_license", "id_card", "passport"] | None = None
    issuing_country: _Text | None = None
    first_name: _Text | None = None
    last_name: _Text | None = None
    dob: Day | None = None
    number: _Text | None = None
    address: Address | None = None
    issued_date: Day | None = None
    expiration_date: Day | None = None
    sex: Literal["female", "male", "unknown"] | None = None


class SelfieReport(_Check):
    """The check of the face."""


class Report(_Object):
    """The report of one attempt."""

    id: _Text
    object: Literal["identity.verification_report"]
    document: DocumentReport | None = None
    selfie: SelfieReport | None = None


class Redaction(_Object):
    """Set once the data is deleted, or about to be."""

    status: Literal["processing", "redacted", "validated"]


class Session(_Object):
    """One verification of one person."""

    id: str = Field(pattern=r"^vs_[A-Za-z0-9_]{1,100}$")
    object: Literal["identity.verification_session"]
    livemode: bool
    status: Literal["requires_input", "processing", "verified", "canceled"]
    metadata: dict[str, str]
    url: str | None = Field(default=None, max_length=2048)
    last_error: CheckError | None = None
    last_verification_report: Report | str | None = None
    redaction: Redaction | None = None


class _Problem(_Object):
    type: _Code
    code: _Code | None = None


class _Refusal(_Object):
    error: _Problem


#: Types and codes of Stripe's errors that say more than their status.
_CAUSES = {
    "rate_limit": Cause.QUOTA,
    "lock_timeout": Cause.UNREACHABLE,
    "idempotency_key_in_use": Cause.UNREACHABLE,
    "permission_error": Cause.AUTHENTICATION,
    "authentication_error": Cause.AUTHENTICATION,
}


def read_session(response: VendorResponse) -> Session:
    """Return the session of an answer.

    Raises:
        VendorError: it is an error of Stripe's, or not a session.
    """
    try:
        response.require_success()
    except VendorError as error:
        raise _explained(error, response) from None
    try:
        return Session.model_validate(response.json())
    except ValidationError:
        # Pydantic's own message quotes the body, so it ends here.
        raise nonsense("the answer is not a verification session", response.vendor_name) from None


def nonsense(message: str, vendor_name: str, codes: tuple[str, ...] = ()) -> VendorError:
    """Return the error of an answer that is not what Stripe documents."""
    return VendorError(Cause.NONSENSE, message, vendor_name=vendor_name, codes=codes)


def _explained(error: VendorError, response: VendorResponse) -> VendorError:
    """Return *error* with what Stripe says of it, without its text."""
    try:
        problem = _Refusal.model_validate(response.json()).error
    except (VendorError, ValidationError):
        return error
    said = tuple(code for code in (problem.type, problem.code) if code)
    cause = next((_CAUSES[code] for code in said if code in _CAUSES), error.cause)
    return VendorError(
        cause,
        str(error),
        vendor_name=error.vendor_name,
        codes=(*error.codes, *said),
        retry_after=error.retry_after,
    )
