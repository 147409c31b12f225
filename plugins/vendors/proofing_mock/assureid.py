"""The words of AssureID, in which testers write the document form, and what they are in Proofing's words.

LexisNexis TrueID and others of that family speak them. The form is written as their answers are, so that a
tester can repeat what was seen there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from proofing.plugin import DocumentType, Finding, FindingCode, SelfieCheck, Side

#: Below these an image is bad: dots per inch on either axis; sharpness and glare from 0 (bad) to 100 (good).
_MIN_DPI = 290
_MIN_SHARPNESS = 40
_MIN_GLARE = 40


class DocAuthResult(StrEnum):
    """The vendor's verdict on the images of a document, or on one check of them."""

    #: Genuine.
    PASSED = "Passed"
    #: Not genuine.
    FAILED = "Failed"
    #: Something, such as an unreadable barcode, wants attention.
    ATTENTION = "Attention"
    #: Suspicious.
    CAUTION = "Caution"
    #: The vendor could not decide.
    UNKNOWN = "Unknown"
    #: The vendor did not look.
    SKIPPED = "Skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One check of a document's image by its vendor's name, such as ``2D Barcode Read``."""

    name: str
    result: DocAuthResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMetrics:
    """How good an image is: dots per inch on both axes; sharpness and glare from 0 (bad) to 100 (good)."""

    horizontal_resolution: int = 600
    vertical_resolution: int = 600
    sharpness: int = 100
    glare: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """What the vendor takes one side of the document for, in the vendor's words."""

    class_name: str | None = None
    country_code: str | None = None
    issuer_type: str | None = None


#: Name of a check to what its failure is, and the side that it looks at.
ALERTS: Mapping[str, tuple[FindingCode, Side | None]] = MappingProxyType(
    {
        "1D Control Number Valid": (FindingCode.BARCODE_CONTROL_NUMBER, Side.BACK),
        "2D Barcode Content": (FindingCode.BARCODE_CONTENT, Side.BACK),
        "2D Barcode Read": (FindingCode.BARCODE_UNREADABLE, Side.BACK),
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
_BARCODE_READ = "2D Barcode Read"
#: HTTP status by which one image is refused.
REFUSED: Mapping[int, FindingCode] = MappingProxyType(
    {438: FindingCode.IMAGE_UNREADABLE, 439: FindingCode.IMAGE_COLORS, 440: FindingCode.IMAGE_SIZE}
)
#: What is accepted, in lower case. What the vendor does not say is not held against the person.
_CLASSES = frozenset({"drivers license", "identification card", "passport", "passport card", "unknown"})
_ISSUERS = frozenset({"state or province", "country", "unknown"})
#: The United States and their territories, in the three-letter and two-letter codes of ISO 3166-1.
_COUNTRIES = frozenset("USA ASM GUM MNP PRI VIR US AS GU MP PR VI".split())
#: What the vendor calls the type that it read. Any other text is a document that is not accepted.
_TYPES: Mapping[str, DocumentType] = MappingProxyType(
    {
        **{kind.value: kind for kind in DocumentType},
        "identification_card": DocumentType.STATE_ID_CARD,
    }
)
#: Words of the message of a failed comparison with the portrait.
#: The last three are not AssureID's: what other vendors tell apart.
_SELFIES: Mapping[str, SelfieCheck] = MappingProxyType(
    {
        "NotLive": SelfieCheck.NOT_LIVE,
        "PoorQuality": SelfieCheck.BAD_QUALITY,
        "NoFace": SelfieCheck.NO_FACE,
        "SeveralFaces": SelfieCheck.SEVERAL_FACES,
        "TooDark": SelfieCheck.TOO_DARK,
    }
)


def document_type(text: str | None) -> DocumentType | None:
    """Return what the vendor calls *text*; None when it says nothing."""
    return None if text is None else _TYPES.get(text, DocumentType.OTHER)


def selfie_check(message: str | None) -> SelfieCheck:
    """Return what a comparison came to, by the message of its failure; None: it did not fail."""
    if message is None:
        return SelfieCheck.MATCH
    return next((check for word, check in _SELFIES.items() if word in message), SelfieCheck.NO_MATCH)


def alert_findings(alerts: tuple[Alert, ...]) -> Iterator[Finding]:
    """Yield what failed checks found; a list of them may hold one that passed."""
    for alert in alerts:
        if alert.result is not DocAuthResult.PASSED:
            code, side = ALERTS.get(alert.name, (FindingCode.OTHER, None))
            yield Finding(code=code, side=side, vendor_code=alert.name)


def metric_findings(metrics: Mapping[Side, ImageMetrics]) -> Iterator[Finding]:
    """Yield what is bad about the images."""
    for side, image in metrics.items():
        if min(image.horizontal_resolution, image.vertical_resolution) < _MIN_DPI:
            yield Finding(code=FindingCode.LOW_RESOLUTION, side=side)
        if image.sharpness < _MIN_SHARPNESS:
            yield Finding(code=FindingCode.BLUR, side=side)
        if image.glare < _MIN_GLARE:
            yield Finding(code=FindingCode.GLARE, side=side)


def class_findings(classification: Mapping[Side, Classification]) -> Iterator[Finding]:
    """Yield the sides that show a document which is not accepted."""
    for side, seen in classification.items():
        if (
            (seen.class_name or "unknown").lower() not in _CLASSES
            or (seen.issuer_type or "unknown").lower() not in _ISSUERS
            or (seen.country_code or "USA").upper() not in _COUNTRIES
        ):
            yield Finding(code=FindingCode.UNSUPPORTED_DOCUMENT, side=side)


def has_barcode_attention(verdict: DocAuthResult, alerts: tuple[Alert, ...]) -> bool:
    """Return whether the only thing wrong with the images is that the barcode could not be read."""
    failing = [alert for alert in alerts if alert.result is not DocAuthResult.PASSED]
    return (
        verdict is DocAuthResult.ATTENTION
        and bool(failing)
        and all(alert.name == _BARCODE_READ and alert.result is DocAuthResult.ATTENTION for alert in failing)
    )
