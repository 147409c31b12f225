"""Barcodes of North American licenses and ID cards.

AAMVA DL/ID Card Design Standard, versions 01 (2000) to 11 (2025). A strict parser: what no rule reads is
refused, and never read in part. Structure: `aamva_subfiles`; oddities of issuers: `aamva_oddities`; rules of
acceptance: `aamva_rules`; values: `aamva_values`; names: `aamva_names`.
"""

import unicodedata
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from proofing.plugin import Applicant, DocumentType, parse_text
from proofing_reader import aamva_values as values
from proofing_reader.aamva_names import Names, read_names
from proofing_reader.aamva_rules import CardDates, check_dates, check_elements, check_number
from proofing_reader.aamva_subfiles import Barcode, split_barcode
from proofing_reader.bc_stripe import read_stripe
from proofing_reader.card import Card, CardSource, Note, RefusalCode, Refused
from proofing_reader.issuers import CANADA, USA, is_usual_number

#: Sex as an `Applicant` has it.
_SEXES = {"M": "male", "F": "female"}
_COUNTRIES = {"USA": "USA", "CAN": "CAN", "CDN": "CAN", "MEX": "MEX"}
_UNTIL_AGE = ("DDH", "DDI", "DDJ")

_Value = TypeVar("_Value")


def read_barcode(payload: bytes, *, today: date) -> Card:
    """Return what the barcode *payload* says.

    Args:
        payload: the bytes of the symbol, as decoded.
        today: by the calendar of the person; what is issued later than tomorrow is refused.

    Raises:
        Refused: no rule reads it. Nothing of it was read.
    """
    if payload.startswith(b"%BC"):
        return read_stripe(payload, today=today)
    try:
        barcode = split_barcode(payload)
        check_elements(barcode)
    except Refused as refused:
        if refused.code in {RefusalCode.ELEMENTS, RefusalCode.SUBFILES} and _is_encrypted(payload):
            raise Refused(RefusalCode.ENCRYPTED, "Georgia encrypted its cards before 2012") from refused
        raise
    return _Reading(barcode).card(today)


class _Reading:
    """One barcode as its values are understood, and what is to be noted of them."""

    def __init__(self, barcode: Barcode) -> None:
        self._barcode = barcode
        self._texts = {name: _text(value) for name, value in barcode.elements.items()}
        self._notes = set(barcode.notes)

    def card(self, today: date) -> Card:
        barcode = self._barcode
        self._require_ascii("DAQ", RefusalCode.NUMBER)
        number = check_number(self._of("DAQ"))
        dates = self._dates()
        check_dates(dates, barcode, today)
        names = read_names(
            self._of, version=barcode.version, issuer=barcode.issuer.code, oddity=barcode.oddity
        )
        self._notes |= names.notes
        if not is_usual_number(barcode.issuer.code, number):
            self._notes.add(Note.NUMBER_FORMAT)
        if self._country() != barcode.issuer.country:
            self._notes.add(Note.OTHER_COUNTRY)
        sex = self._understood("DBC", values.read_sex)
        return Card(
            applicant=self._applicant(names, number, dates, sex),
            source=CardSource.BARCODE,
            issuer=barcode.issuer.code,
            country=barcode.issuer.country,
            iin=barcode.iin,
            version=barcode.version,
            sex=sex,
            discriminator=self._of("DCF") if self._has("DCF") else None,
            hair_color=self._understood("DAZ", values.read_hair_color),
            real_id={"F": True, "M": True, "N": False}.get(self._of("DDA").upper()),
            limited_term=True if self._of("DDD") == "1" else None,
            maybe_truncated=names.maybe_truncated,
            notes=frozenset(self._notes),
            elements=barcode.elements,
            issuer_elements=barcode.issuer_elements,
        )

    def _applicant(self, names: Names, number: str, dates: CardDates, sex: str | None) -> Applicant:
        street, street2, city, state, postal_code = self._address()
        barcode = self._barcode
        return Applicant(
            first_name=names.first,
            middle_name=names.middle,
            last_name=names.last,
            name_suffix=names.suffix,
            dob=dates.birth.isoformat(),
            sex=_SEXES.get(sex or ""),
            height=self._height(),
            weight=self._weight(),
            eye_color=self._understood("DAY", values.read_eye_color),
            address1=street,
            address2=street2,
            city=city,
            state=state,
            zipcode=postal_code,
            state_id_number=number,
            state_id_jurisdiction=barcode.issuer.code,
            state_id_issued=_iso(dates.issue),
            state_id_expiration=_iso(dates.expiry),
            issuing_country_code=barcode.issuer.country,
            document_type_received=self._document_type(),
        )

    def _document_type(self) -> DocumentType:
        if self._barcode.subfile_type == "ID":
            return DocumentType.STATE_ID_CARD
        # Version 11.
        return DocumentType.DRIVERS_PERMIT if self._of("DDP") == "1" else DocumentType.DRIVERS_LICENSE

    def _country(self) -> str:
        """Return the country that the card names, by which the order of its dates goes; else the issuer's."""
        return _COUNTRIES.get(self._of("DCG").upper(), self._barcode.issuer.country)

    def _dates(self) -> CardDates:
        birth = self._date("DBB")
        if birth is None:
            raise Refused(RefusalCode.DATE, "the card has no date of birth")
        until_age = {
            name: day
            for name in _UNTIL_AGE
            if name not in self._barcode.oddity.ignored and (day := self._date(name)) is not None
        }
        return CardDates(birth=birth, issue=self._date("DBD"), expiry=self._date("DBA"), until_age=until_age)

    def _date(self, name: str) -> date | None:
        version = self._barcode.version
        self._require_ascii(name, RefusalCode.DATE)
        try:
            found = values.read_date(self._of(name), hyphens=version == 0)
        except values.NotUnderstoodError:
            raise Refused(RefusalCode.DATE, "a date is malformed, or no such day exists") from None
        if found is None:
            return None
        # Version 02 has the month first in Canada, too.
        is_canadian = version > 2 and self._country() == CANADA  # noqa: PLR2004
        if found.year_first != (version == 1 or is_canadian) and self._country() in {USA, CANADA}:
            self._notes.add(Note.DATE_ORDER)
        return found.day

    def _require_ascii(self, name: str, code: RefusalCode) -> None:
        """Refuse digits of other scripts, which the normal form of text would turn into ASCII."""
        if not self._barcode.elements.get(name, b"").isascii():
            raise Refused(code, "a number or date has other characters than those of ASCII")

    def _address(self) -> tuple[str | None, ...]:
        """Return street, second line, city, state and postal code: of the home, where the card has it."""
        mail, home = ("DAG", "DAH", "DAI", "DAJ", "DAK"), ("DAL", "DAM", "DAN", "DAO", "DAP")
        oddity, version = self._barcode.oddity, self._barcode.version
        ids = mail
        if version <= 1 and all(self._has(name) for name in ("DAL", "DAN", "DAO", "DAP")):
            ids = home
        elif oddity.street_in_residence and not self._has("DAG"):
            ids = ("DAL", *mail[1:])
        elif version <= 1:
            self._notes.add(Note.MAILING_ADDRESS)
        street, second, city = (self._line(name) for name in ids[:3])
        state = self._understood(ids[3], values.read_state)
        repeats_city = oddity.city_in_second_line and city and second and second.startswith(city)
        if repeats_city or (second or "").upper() == "NONE":
            second = None
        if state and state != self._barcode.issuer.code:
            self._notes.add(Note.OTHER_STATE)
        zip5 = oddity.zip5
        code = self._understood(ids[4], lambda text: values.read_postal_code(text, zip5=zip5))
        return street, second, city, state, code

    def _height(self) -> int | None:
        if height := self._understood("DAU", values.read_height):
            return height
        return self._understood("DAV", lambda text: values.read_height(text, centimeters=True))

    def _weight(self) -> int | None:
        metric = self._barcode.oddity.kilograms
        if weight := self._understood("DAW", lambda text: values.read_weight(text, kilograms=metric)):
            return weight
        return self._understood("DAX", lambda text: values.read_weight(text, kilograms=True))

    def _of(self, name: str) -> str:
        return self._texts.get(name, "").strip()

    def _has(self, name: str) -> bool:
        return values.has_value(self._of(name))

    def _line(self, name: str) -> str | None:
        """Return a line of the address without the commas behind it."""
        text = self._of(name).rstrip(", ")
        return text if values.has_value(text) else None

    def _understood(self, name: str, read: Callable[[str], _Value | None]) -> _Value | None:
        """Return what *read* makes of an element; a value that is not understood is noted and left out."""
        try:
            return read(self._of(name))
        except values.NotUnderstoodError:
            self._notes.add(Note.VALUE_UNKNOWN)
            return None


def _text(value: bytes) -> str:
    """Return a value in the normal form of text. Issuers write UTF-8 or Latin-1.

    Raises:
        Refused: it has characters that no text has.
    """
    try:
        text = value.decode()
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    if not text.strip():
        return ""
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise Refused(RefusalCode.ELEMENTS, "a value has control characters")
    normal = parse_text(text)
    if normal is None:
        raise Refused(RefusalCode.ELEMENTS, "a value has characters that no text has")
    return normal


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _is_encrypted(payload: bytes) -> bool:
    """Return whether this is a card of Georgia from before its versions of 2012."""
    return payload[9:15] == b"636055" and payload[15:17] < b"07"
