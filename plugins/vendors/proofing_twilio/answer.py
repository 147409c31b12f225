"""What Lookup answers: Twilio's API reference "Lookup v2 API", and the pages of its data packages.

Strict where Twilio lists words, and open for fields that it may add. The reference and its own example differ
in the name of one field, ``address_line_match``; both are read.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from proofing.plugin import Cause, VendorError, VendorResponse
from proofing_twilio.settings import LineType, MatchLevel

_Level = MatchLevel | Literal["no_match", "no_data_available"]
_Invalid = Literal[
    "INVALID_BUT_POSSIBLE",
    "INVALID_COUNTRY_CODE",
    "INVALID_LENGTH",
    "NOT_A_NUMBER",
    "TOO_LONG",
    "TOO_SHORT",
]


def _code(value: object) -> object:
    """Return an error code as a number: the package of reassigned numbers writes it as text."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value


_ErrorCode = Annotated[Annotated[int, Field(ge=0, le=999_999)] | None, BeforeValidator(_code)]


class _Package(BaseModel):
    model_config = ConfigDict(strict=True)

    error_code: _ErrorCode = None


class LineTypeIntelligence(_Package):
    """Package ``line_type_intelligence``; one that failed may have nothing but the error."""

    type: LineType | Literal["unknown"] | None = None

    @model_validator(mode="after")
    def _has_type(self) -> Self:
        """Refuse a package that says nothing."""
        if self.error_code is None and "type" not in self.model_fields_set:
            raise ValueError("neither a type nor an error")
        return self


class IdentityMatch(_Package):
    """Package ``identity_match``: how each value compares with what is known of the number's owner."""

    first_name_match: _Level | None = None
    last_name_match: _Level | None = None
    address_line_match: _Level | None = Field(
        default=None, validation_alias=AliasChoices("address_line_match", "address_lines_match")
    )
    city_match: _Level | None = None
    state_match: _Level | None = None
    postal_code_match: _Level | None = None
    address_country_match: _Level | None = None
    date_of_birth_match: _Level | None = None
    national_id_match: _Level | None = None
    summary_score: Annotated[int, Field(ge=0, le=100)] | None = None


class LastSIMSwap(BaseModel):
    """When the SIM was changed last; dates are null where the carrier tells only whether."""

    model_config = ConfigDict(strict=True)

    swapped_in_period: bool | None = None


class SIMSwap(_Package):
    """Package ``sim_swap``."""

    last_sim_swap: LastSIMSwap | None = None


class ReassignedNumber(_Package):
    """Package ``reassigned_number``."""

    is_number_reassigned: Literal["yes", "no", "no_data_available"] | None = None


class LookupAnswer(BaseModel):
    """One number."""

    model_config = ConfigDict(strict=True)

    #: Of a number that is not valid it may be null.
    phone_number: str | None
    valid: bool
    validation_errors: list[_Invalid] | None = None
    line_type_intelligence: LineTypeIntelligence | None = None
    identity_match: IdentityMatch | None = None
    sim_swap: SIMSwap | None = None
    reassigned_number: ReassignedNumber | None = None


class _Refusal(BaseModel):
    model_config = ConfigDict(strict=True)

    code: int = Field(ge=0, le=999_999)


#: Error codes of packages and calls, by what they mean: "Error and Warning Dictionary".
CAUSES: Mapping[int, Cause] = {
    20003: Cause.AUTHENTICATION,  # the credentials are refused
    20005: Cause.AUTHENTICATION,  # the account is not active
    20008: Cause.AUTHENTICATION,  # not with the credentials for tests
    20429: Cause.QUOTA,
    21611: Cause.QUOTA,  # too many messages wait
    60606: Cause.AUTHENTICATION,  # the package is not enabled for the account
    60608: Cause.SOURCE_DOWN,  # the provider of the data answered with an error
    60614: Cause.BAD_REQUEST,  # another region has to be asked
    60617: Cause.BAD_REQUEST,  # a parameter is missing
    60619: Cause.BAD_REQUEST,  # the region does not have the package
}
#: Error codes by which a package says that it has no data of the number.
NO_DATA = frozenset(
    {
        60607,  # not for this country
        60610,  # not provisioned, or of a carrier that is not covered
    }
)
#: The same of the package ``sim_swap``, whose carriers may answer in part: "treat the result as unavailable".
NO_SIM_SWAP_DATA = NO_DATA | {60620}


def read_answer(response: VendorResponse) -> LookupAnswer:
    """Return what *response* says.

    Raises:
        VendorError: an error of Twilio's, or not what it documents; without its texts.
    """
    try:
        response.require_success()
    except VendorError as error:
        raise explained(error, response) from None
    try:
        return LookupAnswer.model_validate(response.json())
    except ValidationError:
        # Pydantic's own message quotes the body, so it ends here.
        message = "the answer is not a lookup"
    raise VendorError(Cause.NONSENSE, message, vendor_name=response.vendor_name)


def package_error(code: int, vendor_name: str) -> VendorError:
    """Return the error of a package that was asked for and failed with *code*."""
    cause = CAUSES.get(code, Cause.NONSENSE)
    message = "a package of Lookup gave no answer"
    return VendorError(cause, message, vendor_name=vendor_name, codes=(str(code),), billed=False)


def explained(error: VendorError, response: VendorResponse) -> VendorError:
    """Return *error* with Twilio's code."""
    try:
        code = _Refusal.model_validate(response.json()).code
    except (VendorError, ValidationError):
        return error
    return VendorError(
        CAUSES.get(code, error.cause),
        str(error),
        vendor_name=error.vendor_name,
        codes=(*error.codes, str(code)),
        retry_after=error.retry_after,
    )
