"""The classes of error that a document's images can come to, and the tables that lead to them from findings.

Codes only: the server's catalog holds a text for each member of `ErrorCode`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from proofing.contracts.results import FindingCode, SelfieCheck


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

    # Failed checks, by the table below.

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

    #: Several failed checks of the front.
    MULTIPLE_FRONT = "multiple_front_id_failures"
    #: Several failed checks of the back.
    MULTIPLE_BACK = "multiple_back_id_failures"
    #: Failed checks of several sides, or nothing that we know.
    GENERAL = "general_error"

    # The selfie.

    SELFIE_NO_FACE = "selfie_no_face"  #: no face
    SELFIE_SEVERAL_FACES = "selfie_several_faces"  #: more faces than one
    SELFIE_TOO_DARK = "selfie_too_dark"  #: too dark
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
    #: Several of these, or nothing that the vendor could read.
    UNREADABLE_PII = "multiple_pii_failures"

    # After that.

    #: It was read, and nothing says that it is genuine.
    NOT_AUTHENTICATED = "not_authenticated"
    #: The issuer does not confirm the passport.
    PASSPORT = "passport_check"
    #: The licensing agency does not confirm the document.
    STATE_ID = "state_id_verification"
    #: The vendor gave no answer.
    NETWORK = "network"


#: What an image, or a document, comes to that the vendor refused.
REFUSALS: Mapping[FindingCode, ErrorCode] = MappingProxyType(
    {
        FindingCode.IMAGE_UNREADABLE: ErrorCode.IMAGE_LOAD,
        FindingCode.IMAGE_COLORS: ErrorCode.PIXEL_DEPTH,
        FindingCode.IMAGE_SIZE: ErrorCode.IMAGE_SIZE,
        FindingCode.UNREADABLE: ErrorCode.UNREADABLE_PII,
        FindingCode.UNDERAGE: ErrorCode.UNDERAGE,
        FindingCode.ISSUER_RECORD: ErrorCode.STATE_ID,
    }
)
#: What bad images come to, on one side and on both; the first that there is counts.
QUALITY: Mapping[FindingCode, tuple[ErrorCode, ErrorCode]] = MappingProxyType(
    {
        FindingCode.LOW_RESOLUTION: (ErrorCode.DPI_LOW, ErrorCode.DPI_LOW_BOTH),
        FindingCode.BLUR: (ErrorCode.SHARP_LOW, ErrorCode.SHARP_LOW_BOTH),
        FindingCode.GLARE: (ErrorCode.GLARE_LOW, ErrorCode.GLARE_LOW_BOTH),
    }
)
#: What a failed check comes to. `FindingCode.OTHER` explains nothing, and is logged.
CHECKS: Mapping[FindingCode, ErrorCode] = MappingProxyType(
    {
        FindingCode.BARCODE_UNREADABLE: ErrorCode.BARCODE_READ,
        FindingCode.BARCODE_CONTENT: ErrorCode.BARCODE_CONTENT,
        FindingCode.BARCODE_CONTROL_NUMBER: ErrorCode.REF_CONTROL_NUMBER,
        FindingCode.CONTROL_NUMBER: ErrorCode.CONTROL_NUMBER,
        FindingCode.NAME: ErrorCode.FULL_NAME,
        FindingCode.BIRTH_DATE: ErrorCode.BIRTH_DATE,
        FindingCode.SEX: ErrorCode.SEX,
        FindingCode.DOCUMENT_NUMBER: ErrorCode.DOC_NUMBER,
        FindingCode.ISSUE_DATE: ErrorCode.ISSUE_DATE,
        FindingCode.EXPIRATION_DATE: ErrorCode.EXPIRATION,
        FindingCode.SIDES_DIFFER: ErrorCode.DOC_CROSSCHECK,
        FindingCode.NOT_RECOGNIZED: ErrorCode.ID_NOT_RECOGNIZED,
        FindingCode.NOT_GENUINE: ErrorCode.ID_NOT_VERIFIED,
        FindingCode.PORTRAIT: ErrorCode.VISIBLE_PHOTO,
        FindingCode.COLORS: ErrorCode.VISIBLE_COLOR,
    }
)
#: What a selfie comes to that cannot be compared; whatever else is no match.
SELFIES: Mapping[SelfieCheck, ErrorCode] = MappingProxyType(
    {
        SelfieCheck.NO_FACE: ErrorCode.SELFIE_NO_FACE,
        SelfieCheck.SEVERAL_FACES: ErrorCode.SELFIE_SEVERAL_FACES,
        SelfieCheck.TOO_DARK: ErrorCode.SELFIE_TOO_DARK,
        SelfieCheck.NOT_LIVE: ErrorCode.SELFIE_QUALITY,
        SelfieCheck.BAD_QUALITY: ErrorCode.SELFIE_QUALITY,
    }
)
#: What a vendor's yes outweighs.
OUTWEIGHED = frozenset({*QUALITY, FindingCode.BARCODE_UNREADABLE})

#: The classes that switch on the tips for taking photos: what a check comes to, and what nobody can explain.
WITH_TIPS = frozenset(
    {*CHECKS.values(), ErrorCode.MULTIPLE_FRONT, ErrorCode.MULTIPLE_BACK, ErrorCode.GENERAL}
)
