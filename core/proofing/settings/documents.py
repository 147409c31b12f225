"""The settings of documents and selfies; a part of `proofing.settings.schema.Settings`."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from proofing.contracts.applicant import ACCEPTED_TYPES, DocumentType
from proofing.contracts.cross_checks import CrossCheckMode
from proofing.contracts.results import Assurance
from proofing.contracts.selfies import SelfieMode, SelfieRefusal
from proofing.settings.values import LIVE, LIVE_LOGGED, Count


def _accepted_types(types: tuple[DocumentType, ...]) -> tuple[DocumentType, ...]:
    """Demand documents of which there are rules."""
    if not ACCEPTED_TYPES.issuperset(types):
        raise ValueError(f"must name accepted documents only: {', '.join(sorted(ACCEPTED_TYPES))}")
    return types


DocumentTypes = Annotated[
    tuple[Annotated[DocumentType, Field(strict=False)], ...],
    Field(strict=False, min_length=1),
    AfterValidator(_accepted_types),
]


class DocumentSettings(BaseModel):
    """Which documents are accepted, and whether people take a selfie."""

    document_cross_check: Annotated[CrossCheckMode, Field(strict=False)] = Field(
        CrossCheckMode.NEVER,
        description="Whether document_cross_check_vendor reads the images alongside the document vendor: "
        "never; advise, differences are recorded; or refuse, a major difference is a no.",
        json_schema_extra=LIVE_LOGGED,
    )
    document_cross_check_vendor: str = Field(
        "reader:cross_check",
        description="Document proofer that compares images with what the document vendor has read of them; "
        "it must answer offline.",
        json_schema_extra=LIVE_LOGGED,
    )
    document_requires: Annotated[Assurance, Field(strict=False)] = Field(
        Assurance.AUTHENTICATED,
        description="How far a document must have been checked: authenticated; or read, with which a forged "
        "one may pass, and which production refuses.",
    )
    document_types: DocumentTypes = Field(
        tuple(sorted(ACCEPTED_TYPES)),
        description="Documents that are accepted, if the vendor can verify them. People choose among them: "
        "ID card, passport book, passport card, license on a phone.",
        json_schema_extra=LIVE_LOGGED,
    )
    selfie: Annotated[SelfieMode, Field(strict=False)] = Field(
        SelfieMode.WHERE_NEEDED,
        description="Whom the pages ask for a selfie, which the document vendor compares with the portrait: "
        "never; where_needed, people whose vendor needs one; or required, everybody. Only a match passes.",
        json_schema_extra=LIVE_LOGGED,
    )
    selfie_notice: str | None = Field(
        None,
        description="What the statement about the selfie adds, such as how long the vendor keeps it by your "
        "contract; null: nothing.",
        json_schema_extra=LIVE,
    )
    selfie_other_way: str | None = Field(
        None,
        description="What a person can do who takes no selfie, as the page says it, such as where to come "
        "in person; null: alternative_url and the contacts for help alone.",
        json_schema_extra=LIVE,
    )
    selfie_refusal: Annotated[SelfieRefusal, Field(strict=False)] = Field(
        SelfieRefusal.OTHER_WAY,
        description="Where a person goes who takes no selfie: other_way, a page with selfie_other_way and "
        "the contacts; or continue, the next step, without a comparison.",
        json_schema_extra=LIVE_LOGGED,
    )
    selfie_retention_minutes: Count = Field(
        60,
        description="The longest that a selfie is stored, as the statement says it. It is deleted right "
        "after the comparison; an upload without one within 15 minutes.",
        json_schema_extra=LIVE_LOGGED,
    )
