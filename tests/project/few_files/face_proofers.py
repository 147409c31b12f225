"""Answers by what it was given, without a call."""

from proofing.plugin import (
    Applicant,
    Assurance,
    DocumentResult,
    DocumentType,
    Outcome,
    ResolutionResult,
    SelfieCheck,
    Side,
)

_PERSON = Applicant(
    first_name="FAKEY",
    last_name="MCFAKERSON",
    dob="1938-10-06",
    address1="1 FAKE RD",
    city="GREAT FALLS",
    state="MT",
    zipcode="59010",
    state_id_number="1111111111111",
    state_id_jurisdiction="ND",
    state_id_expiration="2099-12-31",
)


class Document:
    """Reads one person from every document."""

    async def proof(self, request, context):
        """Pass with a selfie."""
        has_selfie = Side.SELFIE in request.images
        return DocumentResult(
            vendor_name="face:document",
            outcome=Outcome.PASSED if has_selfie else Outcome.FAILED,
            assurance=Assurance.AUTHENTICATED,
            document_type=DocumentType.DRIVERS_LICENSE,
            applicant=_PERSON,
            selfie=SelfieCheck.MATCH if has_selfie else SelfieCheck.NOT_CHECKED,
        )


class Resolution:
    """Knows one county."""

    async def proof(self, request, context):
        """Pass where the county is right."""
        is_right = request.applicant.county == "Cascade"
        return ResolutionResult(
            vendor_name="face:resolution", outcome=Outcome.PASSED if is_right else Outcome.FAILED
        )
