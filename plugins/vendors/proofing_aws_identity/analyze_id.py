"""Textract AnalyzeID: what is written on the front of a license, or on the data page of a passport.

Its model is botocore's ``textract/2018-06-27``; the fields are listed in the Textract developer guide,
"Identity Documentation Response Objects". The back is not sent: AnalyzeID reads no barcodes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from proofing.plugin import (
    Applicant,
    Cause,
    DocumentType,
    Finding,
    FindingCode,
    Side,
    VendorError,
    parse_date,
)
from proofing_aws_identity.calls import call
from proofing_aws_identity.mrz import PassportZone, read_zone
from proofing_aws_identity.states import jurisdiction_of

#: The model's ``ImageBlob``.
MAX_BYTES = 10 * 1024 * 1024
#: Errors that say something about the image.
REFUSALS: Mapping[str, FindingCode] = {
    "BadDocumentException": FindingCode.IMAGE_UNREADABLE,
    "DocumentTooLargeException": FindingCode.IMAGE_SIZE,
    "UnsupportedDocumentException": FindingCode.IMAGE_UNREADABLE,
}

_LICENSE, _PASSPORT = "DRIVER LICENSE FRONT", "PASSPORT"
#: ``ID_TYPE``. Cards of people who do not drive are read as licenses, too.
_TYPES = {_LICENSE: DocumentType.DRIVERS_LICENSE, _PASSPORT: DocumentType.PASSPORT}
#: Fields without which nothing was read at all.
_ANY_OF = ("FIRST_NAME", "LAST_NAME", "DATE_OF_BIRTH", "DOCUMENT_NUMBER")


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True)


class Normalized(_Answer):
    """A date; the model names the type in capitals, the service does not."""

    value: str = Field(alias="Value", pattern=r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z?)?$")
    value_type: str = Field(alias="ValueType", pattern=r"^(?i:date)$")


class Detection(_Answer):
    """A text; empty where the document does not show it."""

    text: str = Field(alias="Text")
    confidence: float | None = Field(alias="Confidence", default=None, ge=0, le=100, allow_inf_nan=False)
    normalized: Normalized | None = Field(alias="NormalizedValue", default=None)


class IdentityField(_Answer):
    """One field and its value. Of a field without one nothing was read."""

    type: Detection = Field(alias="Type")
    value: Detection = Field(alias="ValueDetection", default=Detection(Text=""))

    @model_validator(mode="after")
    def _has_confidence(self) -> Self:
        """Refuse a text of which nobody knows how sure the vendor is."""
        if self.value.text.strip() and self.value.confidence is None:
            raise ValueError("a text without confidence")
        return self


class IdentityDocument(_Answer):
    """What was read of one page."""

    index: int = Field(alias="DocumentIndex", ge=1)
    fields: list[IdentityField] = Field(alias="IdentityDocumentFields")


class AnalyzeIDAnswer(_Answer):
    """The answer to one page."""

    documents: list[IdentityDocument] = Field(alias="IdentityDocuments", min_length=1, max_length=1)
    version: str = Field(alias="AnalyzeIDModelVersion", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one page says.

    Attributes:
        uncertain: names of fields that are there, and not read because the vendor is not sure of them.
    """

    document_type: DocumentType | None = None
    applicant: Applicant | None = None
    findings: tuple[Finding, ...] = ()
    uncertain: tuple[str, ...] = ()
    transaction_id: str | None = None

    @property
    def is_clear(self) -> bool:
        """Whether something was read, and nothing speaks against it."""
        return self.applicant is not None and not self.findings


def analyze(client: Any, content: bytes, side: Side, *, min_confidence: float, vendor_name: str) -> Reading:
    """Have the image of *side* read; *content* is what stands for it in a call of *client*.

    Raises:
        RefusedError: by a code of `REFUSALS`.
        VendorError: no answer.
    """
    answer, request_id = call(
        client.analyze_id,
        {"DocumentPages": [{"Bytes": content}]},
        AnalyzeIDAnswer,
        vendor_name=vendor_name,
        refusals=frozenset(REFUSALS),
    )
    page = _Page(answer.documents[0].fields, min_confidence)
    if page.is_renamed():
        message = "a field is missing, and there is one that AnalyzeID does not document"
        raise VendorError(Cause.NONSENSE, message, vendor_name=vendor_name, transaction_id=request_id)
    kind = page.text("ID_TYPE")
    if not kind or not any(page.text(name) for name in _ANY_OF):
        unknown = Finding(code=FindingCode.NOT_RECOGNIZED, side=side)
        return Reading(findings=(unknown,), uncertain=page.uncertain(), transaction_id=request_id)
    if kind not in _TYPES:
        message = "the document is of a type that AnalyzeID does not document"
        raise VendorError(Cause.NONSENSE, message, vendor_name=vendor_name, transaction_id=request_id)
    read = _passport(page, side) if kind == _PASSPORT else _license(page, side)
    return Reading(
        document_type=read.document_type,
        applicant=read.applicant,
        findings=read.findings,
        uncertain=page.uncertain(),
        transaction_id=request_id,
    )


@dataclass(slots=True)
class _Page:
    """The fields of one page, by their names. One that is left out was not read, as an empty one."""

    fields: list[IdentityField]
    min_confidence: float
    _values: dict[str, Detection] = field(init=False)

    def __post_init__(self) -> None:
        self._values = {}
        for item in self.fields:
            name, value = item.type.text, item.value
            before = self._values.get(name)
            # Two values of one field: which one is right, nobody knows.
            is_clear = before is None or before.text == value.text
            self._values[name] = value if is_clear else value.model_copy(update={"confidence": 0.0})

    def is_renamed(self) -> bool:
        """Return whether what decides is left out, and may be there by a name that nobody knows."""
        named = self._values.keys()
        decides = _DECIDING[_PASSPORT if self.text("ID_TYPE") == _PASSPORT else _LICENSE]
        return not named >= decides and not named <= _DOCUMENTED

    def is_uncertain(self, name: str) -> bool:
        """Return whether there is something that is not sure enough to be read."""
        value = self._values.get(name)
        return value is not None and bool(value.text.strip()) and not self._is_sure(value)

    def uncertain(self) -> tuple[str, ...]:
        """Return the names of such fields."""
        return tuple(name for name in self._values if name in _KNOWN and self.is_uncertain(name))

    def text(self, name: str) -> str | None:
        """Return what a field says, None when it says nothing or is not sure enough."""
        value = self._values.get(name)
        if value is None or not self._is_sure(value):
            return None
        return " ".join(value.text.split()) or None

    def lines(self, name: str) -> str | None:
        """Return the same as it is on the page, line by line."""
        return self._values[name].text.strip() if self.text(name) else None

    def date(self, name: str) -> str | None:
        """Return a date in its ISO form, as the vendor normalized it; else one that is written in numbers."""
        if not (text := self.text(name)):
            return None
        normalized = self._values[name].normalized
        return parse_date(normalized.value.partition("T")[0] if normalized is not None else text)

    def _is_sure(self, value: Detection) -> bool:
        return value.confidence is not None and value.confidence >= self.min_confidence


#: Fields that can speak against a document.
_DECIDING: Mapping[str, frozenset[str]] = {
    _LICENSE: frozenset({"ID_TYPE", "EXPIRATION_DATE"}),
    _PASSPORT: frozenset({"ID_TYPE", "DATE_OF_BIRTH", "DOCUMENT_NUMBER", "EXPIRATION_DATE", "MRZ_CODE"}),
}
#: The fields that are read.
_KNOWN = frozenset(
    {
        *("FIRST_NAME", "MIDDLE_NAME", "LAST_NAME", "SUFFIX"),
        *("ADDRESS", "CITY_IN_ADDRESS", "STATE_IN_ADDRESS", "ZIP_CODE_IN_ADDRESS", "STATE_NAME"),
        *("DATE_OF_BIRTH", "DATE_OF_ISSUE", "DOCUMENT_NUMBER", "EXPIRATION_DATE", "ID_TYPE"),
        *("MRZ_CODE", "PLACE_OF_BIRTH"),
    }
)
#: What AnalyzeID calls fields; what has no name of its own is ``OTHER``.
_DOCUMENTED = _KNOWN | {"CLASS", "COUNTY", "ENDORSEMENTS", "OTHER", "RESTRICTIONS", "VETERAN", "other"}


def _license(page: _Page, side: Side) -> Reading:
    """Read a license, or a card."""
    city, zipcode = page.text("CITY_IN_ADDRESS"), page.text("ZIP_CODE_IN_ADDRESS")
    written = page.text("STATE_IN_ADDRESS")
    applicant = Applicant(
        first_name=page.text("FIRST_NAME"),
        middle_name=page.text("MIDDLE_NAME"),
        last_name=page.text("LAST_NAME"),
        name_suffix=page.text("SUFFIX"),
        dob=page.date("DATE_OF_BIRTH"),
        address1=_street(page.text("ADDRESS"), city, written, zipcode),
        city=city,
        state=jurisdiction_of(written) if written else None,
        zipcode=zipcode,
        state_id_number=page.text("DOCUMENT_NUMBER"),
        state_id_jurisdiction=jurisdiction_of(page.text("STATE_NAME") or ""),
        state_id_issued=page.date("DATE_OF_ISSUE"),
        state_id_expiration=page.date("EXPIRATION_DATE"),
    )
    findings = () if applicant.state_id_expiration else (_no_expiration(side),)
    return Reading(document_type=_TYPES[_LICENSE], applicant=applicant, findings=findings)


def _passport(page: _Page, side: Side) -> Reading:
    """Read a passport, and compare its page with the zone below."""
    zone = read_zone(page.lines("MRZ_CODE") or "")
    applicant = Applicant(
        first_name=page.text("FIRST_NAME"),
        middle_name=page.text("MIDDLE_NAME"),
        last_name=page.text("LAST_NAME"),
        name_suffix=page.text("SUFFIX"),
        dob=page.date("DATE_OF_BIRTH"),
        birth_place=page.text("PLACE_OF_BIRTH"),
        document_number=page.text("DOCUMENT_NUMBER"),
        passport_issued=page.date("DATE_OF_ISSUE"),
        passport_expiration=page.date("EXPIRATION_DATE"),
        mrz=zone.text if zone else None,
        issuing_country_code=zone.issuer if zone else None,
        nationality_code=zone.nationality if zone else None,
    )
    findings = [] if applicant.passport_expiration else [_no_expiration(side)]
    kind = _TYPES[_PASSPORT]
    if zone is not None:
        if not (applicant.document_number and applicant.dob):
            # What cannot be compared with the zone does not agree with it.
            findings.append(Finding(code=FindingCode.UNREADABLE, side=side))
        findings += [Finding(code=code, side=side) for code in _differences(applicant, zone)]
        if zone.issuer != "USA":
            kind = DocumentType.OTHER
            findings.append(Finding(code=FindingCode.UNSUPPORTED_DOCUMENT, side=side))
    return Reading(document_type=kind, applicant=applicant, findings=tuple(findings))


def _no_expiration(side: Side) -> Finding:
    """Return the finding of a document that does not say when it expires: it may have."""
    return Finding(code=FindingCode.EXPIRATION_DATE, side=side)


def _differences(applicant: Applicant, zone: PassportZone) -> list[FindingCode]:
    """Return in what the page differs from its zone; what was not read differs in nothing."""
    number = re.sub(r"[^A-Z0-9]", "", (applicant.document_number or "").upper())
    compared = (
        (number, zone.number, FindingCode.DOCUMENT_NUMBER),
        (_short(applicant.dob), zone.dob, FindingCode.BIRTH_DATE),
        (_short(applicant.passport_expiration), zone.expiration, FindingCode.EXPIRATION_DATE),
    )
    return [code for page, below, code in compared if page and page != below]


def _short(day: str | None) -> str:
    """Return an ISO date as a zone writes it."""
    return (day or "")[2:].replace("-", "")


def _street(text: str | None, city: str | None, state: str | None, zipcode: str | None) -> str | None:
    """Return the street of an address that may continue with city, state and ZIP code."""
    rest = [part for part in (city, state, zipcode) if part]
    if not text or not rest:
        return text
    tail = r"[\s,]+".join(re.escape(part) for part in rest)
    return re.sub(rf"[\s,]+{tail}\s*$", "", text, flags=re.IGNORECASE) or text
