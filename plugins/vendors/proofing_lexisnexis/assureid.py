"""The words of AssureID, which TrueID has inherited, and what they are in Proofing's words.

An alert is a check of the document; a metric says how good an image is.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from proofing.plugin import Barcode, DocumentType, Finding, FindingCode, Inspection, SelfieCheck, Side

if TYPE_CHECKING:
    from proofing_lexisnexis.settings import TrueIDThresholds

#: What the engine, or one check, comes to.
RESULTS = frozenset({"Passed", "Failed", "Attention", "Caution", "Skipped", "Unknown"})
#: With these it has checked the security features and does not deny them.
AUTHENTICATED = frozenset({"Passed", "Attention", "Caution"})
ATTENTION = "Attention"
BARCODE_READ = "2D Barcode Read"

#: Name of a check to what its failure is, and the side that it looks at; None for the whole document.
ALERTS: Mapping[str, tuple[FindingCode, Side | None]] = MappingProxyType(
    {
        "1D Control Number Valid": (FindingCode.BARCODE_CONTROL_NUMBER, Side.BACK),
        "2D Barcode Content": (FindingCode.BARCODE_CONTENT, Side.BACK),
        BARCODE_READ: (FindingCode.BARCODE_UNREADABLE, Side.BACK),
        "Birth Date Crosscheck": (FindingCode.BIRTH_DATE, None),
        "Birth Date Valid": (FindingCode.BIRTH_DATE, None),
        "Control Number Crosscheck": (FindingCode.CONTROL_NUMBER, Side.BACK),
        "Document Classification": (FindingCode.NOT_RECOGNIZED, None),
        "Document Crosscheck Aggregation": (FindingCode.SIDES_DIFFER, None),
        "Document Expired": (FindingCode.EXPIRATION_DATE, None),
        "Document Number Crosscheck": (FindingCode.DOCUMENT_NUMBER, None),
        "Expiration Date Crosscheck": (FindingCode.EXPIRATION_DATE, None),
        "Expiration Date Valid": (FindingCode.EXPIRATION_DATE, None),
        "Full Name Crosscheck": (FindingCode.NAME, None),
        "Issue Date Crosscheck": (FindingCode.ISSUE_DATE, None),
        "Issue Date Valid": (FindingCode.ISSUE_DATE, None),
        "Layout Valid": (FindingCode.NOT_GENUINE, None),
        "Near-Infrared Response": (FindingCode.NOT_GENUINE, None),
        "Photo Printing": (FindingCode.PORTRAIT, Side.FRONT),
        "Physical Document Presence": (FindingCode.NOT_GENUINE, None),
        "Sex Crosscheck": (FindingCode.SEX, None),
        "Visible Color Response": (FindingCode.COLORS, None),
        "Visible Pattern": (FindingCode.NOT_GENUINE, None),
        "Visible Photo Characteristics": (FindingCode.PORTRAIT, Side.FRONT),
    }
)
#: The name of a check that has no word here is kept when it is a few words, one of which is of such names.
_NAME = re.compile(r"(?=.{3,64}$)[A-Za-z0-9]{1,2}?[A-Za-z-]*( [A-Za-z-]+){1,4}")
_NAME_WORDS = frozenset(
    "Aggregation Barcode Characteristics Check Classification Content Crosscheck Detection Digit Document "
    "Encoding Expired Pattern Presence Printing Read Response Tampering Valid".split()
)

_PASSPORT_CARD = frozenset({"Passport Card", "PassportCard"})
#: What a document is, by its class. Any other name is a document that is not accepted.
_TYPES: Mapping[str, DocumentType] = MappingProxyType(
    {
        "Drivers License": DocumentType.DRIVERS_LICENSE,
        "Identification Card": DocumentType.STATE_ID_CARD,
        "Passport": DocumentType.PASSPORT,
        **dict.fromkeys(_PASSPORT_CARD, DocumentType.PASSPORT_CARD),
    }
)
_UNKNOWN = "Unknown"
_ISSUERS = frozenset({"StateProvince", "Country", _UNKNOWN})
#: The United States and their territories.
_COUNTRIES = frozenset("US GU VI AS MP PR USA GUM VIR ASM MNP PRI".split())

_PRESENCE = "Physical Document Presence"
#: The barcode was read, and what it holds agrees with the print.
_BARCODE_AGREES = frozenset({BARCODE_READ, "Document Crosscheck Aggregation"})

_LIVE = "Successful. Liveness: Live"
#: Messages of a comparison in a workflow that does not look for life.
_COMPARED = frozenset({"Successful", "Successful."})
_NOT_LIVE = "Liveness: NotLive"
_POOR_QUALITY = "Liveness: PoorQuality"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One check of a document; the result may be missing."""

    name: str
    result: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetrics:
    """How good one image is. None where the vendor does not say."""

    side: Side
    horizontal_resolution: float | None
    vertical_resolution: float | None
    sharpness: float | None
    glare: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What the engine takes the document for; None where it does not say.

    Attributes:
        class_name: kind of document.
        issue_type: name of the series; passport cards are recognized by it.
        country: that issued it.
        issuer: kind of issuer.
    """

    class_name: str | None
    issue_type: str | None
    country: str | None
    issuer: str | None

    @property
    def is_named(self) -> bool:
        """Whether the engine says anything of what the document is, if only that it does not know."""
        return self.class_name is not None or self.is_passport_card

    @property
    def is_passport_card(self) -> bool:
        """Whether either name says so; the class alone is often that of an identification card."""
        return not _PASSPORT_CARD.isdisjoint({self.class_name, self.issue_type})

    @property
    def document_type(self) -> DocumentType | None:
        """What the document is; None when the engine does not know, OTHER for any other class."""
        if self.issue_type == "Passport Card":
            return DocumentType.PASSPORT_CARD
        if self.class_name is None or self.class_name == _UNKNOWN:
            return None
        return _TYPES.get(self.class_name, DocumentType.OTHER)

    def findings(self) -> Iterator[Finding]:
        """Yield the words that name a document which is not accepted.

        What the engine does not say is not held against the document.
        """
        unsupported = {
            "DocClassName": self.class_name not in {None, _UNKNOWN, *_TYPES},
            "Fields_CountryCode": self.country not in {None, *_COUNTRIES},
            "DocIssuerType": self.issuer not in {None, *_ISSUERS},
        }
        for name, is_unsupported in unsupported.items():
            if is_unsupported:
                yield Finding(code=FindingCode.UNSUPPORTED_DOCUMENT, vendor_code=name)


def alert_name(text: str | None) -> str:
    """Return the name of a check, ``unnamed`` when *text* could be anything else: names are logged."""
    is_name = text is not None and _NAME.fullmatch(text) and not _NAME_WORDS.isdisjoint(text.split())
    return text if text is not None and (is_name or text in ALERTS) else "unnamed"


def alert_findings(alerts: Iterable[Alert]) -> Iterator[Finding]:
    """Yield what failed checks found."""
    for alert in alerts:
        code, side = ALERTS.get(alert.name, (FindingCode.OTHER, None))
        yield Finding(code=code, side=side, vendor_code=alert.name)


def has_barcode_attention(result: str | None, alerts: Iterable[Alert]) -> bool:
    """Return whether the engine wants attention for a barcode that it could not read."""
    return result == ATTENTION and Alert(name=BARCODE_READ, result=ATTENTION) in alerts


def inspection(passed: Collection[str], selfie_message: str | None) -> Inspection:
    """Return what was done to find a document genuine, by the checks that it *passed*.

    Our page takes the photos, so nothing here knows that they were captured live.
    """
    return Inspection(
        presence=_PRESENCE in passed,
        barcode=Barcode.MATCH if _BARCODE_AGREES.issubset(passed) else Barcode.NOT_CHECKED,
        liveness=selfie_message == _LIVE,
    )


def metric_findings(images: Iterable[ImageMetrics], least: "TrueIDThresholds") -> Iterator[Finding]:
    """Yield what is bad about the images. A resolution that is not given counts as none."""
    for image in images:
        if min(image.horizontal_resolution or 0, image.vertical_resolution or 0) < least.dpi_threshold:
            yield Finding(code=FindingCode.LOW_RESOLUTION, side=image.side)
        if image.sharpness is not None and image.sharpness < least.sharpness_threshold:
            yield Finding(code=FindingCode.BLUR, side=image.side)
        if image.glare is not None and image.glare < least.glare_threshold:
            yield Finding(code=FindingCode.GLARE, side=image.side)


def selfie_check(result: str | None, message: str | None) -> SelfieCheck:
    """Return what the comparison came to, by its result and message; only a live match is one.

    Raises:
        ValueError: nobody knows the result, or the message of a match.
    """
    if result is None:
        return SelfieCheck.NOT_CHECKED
    if result not in {"Pass", "Fail"}:
        raise ValueError
    if message == _NOT_LIVE:
        return SelfieCheck.NOT_LIVE
    if message == _POOR_QUALITY:
        return SelfieCheck.BAD_QUALITY
    if result == "Fail":
        return SelfieCheck.NO_MATCH
    if message in {None, _LIVE, *_COMPARED}:
        return SelfieCheck.MATCH
    # Any other message of a match may deny the match or the life of the selfie.
    raise ValueError
