"""The classes of error that a document's images can come to, and the tables that lead to them.

Codes only: the server's catalog holds a text for each member of `ErrorCode`. The alert names are those that
document vendors share (the AssureID family); a vendor with other names translates them in its adapter.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

#: Below these an image is too bad: dots per inch on either axis; sharpness and glare from 0 to 100.
MIN_DPI = 290
MIN_SHARPNESS = 40
MIN_GLARE = 40


class Part(StrEnum):
    """Where on a document an alert looks."""

    #: The side with the portrait.
    FRONT = "front"
    #: The side with the barcode.
    BACK = "back"
    #: All sides.
    WHOLE = "whole"


class ErrorCode(StrEnum):
    """What is wrong with a document, in the words of the catalog of texts."""

    # Before the vendor is asked.

    #: A side is missing.
    MISSING_IMAGE = "missing_image"
    #: The bytes are no acceptable image.
    NOT_AN_IMAGE = "not_an_image"
    #: This very image failed before in this session.
    FAILED_BEFORE = "image_failed_before"

    # The vendor refused an image.

    #: The image could not be loaded.
    IMAGE_LOAD = "image_load_failure"
    #: The image has the wrong depth of color.
    PIXEL_DEPTH = "pixel_depth_failure"
    #: The image has the wrong size.
    IMAGE_SIZE = "image_size_failure"

    # The document is of a kind that is not taken.

    #: Unsupported type, issuer or country.
    DOC_TYPE = "doc_type_check"
    #: Another type than the person chose.
    DOC_TYPE_MISMATCH = "doc_type_mismatch"

    # Quality of the images: one side, or both.

    DPI_LOW = "dpi_low"  #: too few dots per inch
    DPI_LOW_BOTH = "dpi_low_both_sides"  #: the same, on both sides
    SHARP_LOW = "sharp_low"  #: blurred
    SHARP_LOW_BOTH = "sharp_low_both_sides"  #: the same, on both sides
    GLARE_LOW = "glare_low"  #: glare
    GLARE_LOW_BOTH = "glare_low_both_sides"  #: the same, on both sides

    # Alerts, by the table below.

    REF_CONTROL_NUMBER = "ref_control_number_check"  #: control number in the one-dimensional barcode
    BARCODE_CONTENT = "barcode_content_check"  #: content of the two-dimensional barcode
    BARCODE_READ = "barcode_read_check"  #: the two-dimensional barcode cannot be read
    BIRTH_DATE = "birth_date_checks"  #: birth date
    CONTROL_NUMBER = "control_number_check"  #: control number
    ID_NOT_RECOGNIZED = "id_not_recognized"  #: unknown kind of document
    DOC_CROSSCHECK = "doc_crosscheck"  #: the sides disagree
    EXPIRATION = "expiration_checks"  #: expiration date
    DOC_NUMBER = "doc_number_checks"  #: document number
    FULL_NAME = "full_name_check"  #: name
    ISSUE_DATE = "issue_date_checks"  #: issue date
    ID_NOT_VERIFIED = "id_not_verified"  #: layout, material or pattern
    VISIBLE_PHOTO = "visible_photo_check"  #: printing of the portrait
    SEX = "sex_check"  #: sex
    VISIBLE_COLOR = "visible_color_check"  #: colors

    #: Several alerts of the front.
    MULTIPLE_FRONT = "multiple_front_id_failures"
    #: Several alerts of the back.
    MULTIPLE_BACK = "multiple_back_id_failures"
    #: Alerts of several sides, or nothing that we know.
    GENERAL = "general_error"

    # The selfie.

    #: Not live, or too bad to tell.
    SELFIE_QUALITY = "selfie_not_live_or_poor_quality"
    #: Another face, or no comparison.
    SELFIE_FAILED = "selfie_fail"

    # What was read from the document.

    NAME = "name"  #: no name
    DOB = "dob"  #: birth date missing
    UNDERAGE = "dob_min_age"  #: too young
    ADDRESS = "address1"  #: street missing
    STATE = "state"  #: state missing or unknown
    ZIPCODE = "zipcode"  #: ZIP code missing or malformed
    JURISDICTION = "state_id_jurisdiction"  #: issuing state missing or unknown
    STATE_ID_NUMBER = "state_id_number"  #: license number missing
    EXPIRATION_DATE = "expiration_date"  #: expiration date is not a date
    EXPIRED = "document_expired"  #: expired
    MRZ = "mrz"  #: machine-readable zone missing
    ISSUING_COUNTRY = "issuing_country_code"  #: issuing country missing
    #: Text that shows another text than it is, or that no document holds.
    UNREADABLE_TEXT = "unreadable_text"
    #: Several of these.
    UNREADABLE_PII = "multiple_pii_failures"

    # After that.

    #: The issuer does not confirm the passport.
    PASSPORT = "passport_check"
    #: The licensing agency does not confirm the document.
    STATE_ID = "state_id_verification"
    #: The vendor gave no answer.
    NETWORK = "network"


#: Alert name to its class and part. Names that are not here are logged and not counted.
ALERTS: Mapping[str, tuple[ErrorCode, Part]] = MappingProxyType(
    {
        "1D Control Number Valid": (ErrorCode.REF_CONTROL_NUMBER, Part.BACK),
        "2D Barcode Content": (ErrorCode.BARCODE_CONTENT, Part.BACK),
        "2D Barcode Read": (ErrorCode.BARCODE_READ, Part.BACK),
        "Birth Date Crosscheck": (ErrorCode.BIRTH_DATE, Part.WHOLE),
        "Birth Date Valid": (ErrorCode.BIRTH_DATE, Part.WHOLE),
        "Control Number Crosscheck": (ErrorCode.CONTROL_NUMBER, Part.BACK),
        "Document Classification": (ErrorCode.ID_NOT_RECOGNIZED, Part.WHOLE),
        "Document Crosscheck Aggregation": (ErrorCode.DOC_CROSSCHECK, Part.WHOLE),
        "Document Expired": (ErrorCode.EXPIRATION, Part.WHOLE),
        "Document Number Crosscheck": (ErrorCode.DOC_NUMBER, Part.WHOLE),
        "Expiration Date Crosscheck": (ErrorCode.EXPIRATION, Part.WHOLE),
        "Expiration Date Valid": (ErrorCode.EXPIRATION, Part.WHOLE),
        "Full Name Crosscheck": (ErrorCode.FULL_NAME, Part.WHOLE),
        "Issue Date Crosscheck": (ErrorCode.ISSUE_DATE, Part.WHOLE),
        "Issue Date Valid": (ErrorCode.ISSUE_DATE, Part.WHOLE),
        "Layout Valid": (ErrorCode.ID_NOT_VERIFIED, Part.WHOLE),
        "Near-Infrared Response": (ErrorCode.ID_NOT_VERIFIED, Part.WHOLE),
        "Photo Printing": (ErrorCode.VISIBLE_PHOTO, Part.FRONT),
        "Physical Document Presence": (ErrorCode.ID_NOT_VERIFIED, Part.WHOLE),
        "Sex Crosscheck": (ErrorCode.SEX, Part.WHOLE),
        "Visible Color Response": (ErrorCode.VISIBLE_COLOR, Part.WHOLE),
        "Visible Pattern": (ErrorCode.ID_NOT_VERIFIED, Part.WHOLE),
        "Visible Photo Characteristics": (ErrorCode.VISIBLE_PHOTO, Part.FRONT),
    }
)
#: The one alert that, alone, asks the person to confirm what was read.
BARCODE_READ_ALERT = "2D Barcode Read"

#: HTTP status by which a vendor refuses one image, to its class.
IMAGE_FAILURES: Mapping[int, ErrorCode] = MappingProxyType(
    {438: ErrorCode.IMAGE_LOAD, 439: ErrorCode.PIXEL_DEPTH, 440: ErrorCode.IMAGE_SIZE}
)

#: What is taken, in vendors' words in lower case. What a vendor does not say is not held against the person.
SUPPORTED_CLASSES = frozenset(
    {"drivers license", "identification card", "passport", "passport card", "unknown"}
)
SUPPORTED_ISSUERS = frozenset({"state or province", "country", "unknown"})
#: The United States and their territories, in the three-letter and two-letter codes of ISO 3166-1.
SUPPORTED_COUNTRIES = frozenset("USA ASM GUM MNP PRI VIR US AS GU MP PR VI".split())

#: The classes that switch on the tips for taking photos: what an alert comes to, and what nobody can explain.
WITH_TIPS = frozenset(
    {
        *(code for code, _ in ALERTS.values()),
        ErrorCode.MULTIPLE_FRONT,
        ErrorCode.MULTIPLE_BACK,
        ErrorCode.GENERAL,
    }
)
