"""What the readers return: the data of one card, or a typed refusal. Neither prints a value of the card."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from proofing.plugin import Applicant


class CardSource(StrEnum):
    """Where the data was read."""

    #: A PDF417 barcode with AAMVA elements.
    BARCODE = "barcode"
    #: A PDF417 barcode with the text of a magnetic stripe: British Columbia.
    STRIPE = "stripe"
    #: A machine-readable zone.
    MRZ = "mrz"


class RefusalCode(StrEnum):
    """Why nothing is read from a text."""

    #: It is larger than any barcode or zone.
    TOO_LARGE = "too_large"
    #: It does not begin as the text of a license or ID card does.
    HEADER = "header"
    #: Its version is not one of 01 to 11, or no rule reads this issuer's version 00.
    VERSION = "version"
    #: Its issuer is not known.
    ISSUER = "issuer"
    #: The table of subfiles contradicts the data, or there is not exactly one license or ID card in it.
    SUBFILES = "subfiles"
    #: An element has no valid name, or control characters in its value.
    ELEMENTS = "elements"
    #: An element occurs twice.
    DUPLICATE = "duplicate"
    #: An element is missing that the issuer's version requires.
    MISSING = "missing"
    #: The name cannot be divided into its parts by any rule.
    NAME = "name"
    #: The number of the document is missing or malformed.
    NUMBER = "number"
    #: A date is malformed, or no such day exists.
    DATE = "date"
    #: Dates contradict each other or today.
    IMPLAUSIBLE = "implausible"
    #: The data is encrypted: Georgia before 2012.
    ENCRYPTED = "encrypted"
    #: The card is of a kind that is not read, such as a military ID card.
    UNSUPPORTED = "unsupported"
    #: A machine-readable zone has wrong lines or characters.
    ZONE = "zone"
    #: A check digit of a machine-readable zone does not agree, and no repair is provable.
    CHECK_DIGIT = "check_digit"


class Note(StrEnum):
    """What is worth knowing of a card that was read. None of them is a reason to refuse it."""

    #: First and middle name were divided at a space, or their order is not sure.
    NAME_GUESSED = "name_guessed"
    #: A suffix was taken out of the family name.
    SUFFIX_IN_NAME = "suffix_in_name"
    #: A date has the year first where the standard has it last, or the reverse.
    DATE_ORDER = "date_order"
    #: The table of subfiles is inaccurate; the data itself is complete.
    SUBFILE_TABLE = "subfile_table"
    #: The address names another state than the issuer.
    OTHER_STATE = "other_state"
    #: The card names another country than that of its issuer.
    OTHER_COUNTRY = "other_country"
    #: The number is unlike the numbers of this issuer.
    NUMBER_FORMAT = "number_format"
    #: Height, weight, eyes, hair, sex or ZIP code were not understood, and left out.
    VALUE_UNKNOWN = "value_unknown"
    #: The address is a mailing address.
    MAILING_ADDRESS = "mailing_address"
    #: Only year and month of the expiration are on the card; it is valid through the last day of that month.
    EXPIRATION_MONTH = "expiration_month"
    #: A character of a machine-readable zone was repaired; a check digit or another place of it proves it.
    REPAIRED = "repaired"
    #: A name may be cut off.
    NAME_TRUNCATED = "name_truncated"
    #: Day or month of birth are not known to the issuer.
    BIRTH_INCOMPLETE = "birth_incomplete"


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """Nothing is read.

    Attributes:
        code: why.
        explanation: a sentence for logs and operators, without a value from the card.
    """

    def __init__(self, code: RefusalCode, explanation: str) -> None:
        super().__init__(explanation)
        self.code = code
        self.explanation = explanation


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Card:
    """What one card says.

    Attributes:
        applicant: the values, in the formats of `Applicant`.
        source: where they were read.
        issuer: two letters of the state, province or territory; of a zone, the code of the country.
        country: of the issuer: three letters, ISO 3166-1 alpha-3.
        iin: issuer identification number, six digits; None for a zone.
        version: of the AAMVA standard, 0 to 11; None where there is none.
        sex: M, F, or X for neither; None when it is not on the card.
        discriminator: number of this one card (DCF).
        hair_color: three capital letters of ANSI D-20.
        real_id: the card complies with REAL ID; None where it does not say.
        limited_term: the holder's stay is limited (DDD); None where it does not say.
        maybe_truncated: names of attributes that may be cut off, to be compared by their beginning.
        notes: what is worth knowing of the reading.
        elements: raw values of the license or ID card, by element id; for the signature.
        issuer_elements: raw values of the issuer's own subfiles. No identity data is taken from them.
        lines: of a zone, its lines as read and repaired.
    """

    applicant: Applicant
    source: CardSource
    issuer: str
    country: str
    iin: str | None = None
    version: int | None = None
    sex: str | None = None
    discriminator: str | None = None
    hair_color: str | None = None
    real_id: bool | None = None
    limited_term: bool | None = None
    maybe_truncated: frozenset[str] = frozenset()
    notes: frozenset[Note] = frozenset()
    elements: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    issuer_elements: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    lines: tuple[str, ...] = ()

    def __repr__(self) -> str:
        notes = ", ".join(sorted(self.notes))
        return f"Card(source={self.source}, issuer={self.issuer}, version={self.version}, notes=[{notes}])"
