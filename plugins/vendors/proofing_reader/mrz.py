"""Machine-readable zones of passports and cards, formats TD1, TD2 and TD3: ICAO Doc 9303, parts 3 to 6.

What a check digit contradicts is refused. A character is repaired only in a place that can hold nothing but a
digit, where it looks like one, and where the check digits then agree: elsewhere a check digit shows that
something is wrong, and not what. No check digit covers names, issuer, nationality and sex.
"""

import re
from dataclasses import dataclass
from datetime import date

from proofing.plugin import Applicant, DocumentType
from proofing_reader.card import Card, CardSource, Note, RefusalCode, Refused

#: Values and weights of characters; part 3, section 4.9.
_VALUES = {character: value for value, character in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {
    "<": 0
}
_WEIGHTS = (7, 3, 1)
_LINE = re.compile(r"[A-Z0-9<]+", re.ASCII)
#: More than any zone with white space.
_MAX_CHARACTERS = 500
#: What is read for a digit.
_LOOKALIKES = str.maketrans("OQDUILZASGTB", "000011245678")
#: What is read for the filler.
_FILLERS = str.maketrans({"\u00ab": "<<", "\u2039": "<"})
_SEXES = {"M": "M", "F": "F", "<": "X", "X": "X"}
#: Of the United States: the first character may be a letter.
_DIGITS_OF_US_NUMBERS = slice(1, 9)
_YEARS_AHEAD = 20
#: Of the first edition of Doc 9303; nothing older has a zone.
_FIRST_ZONES = 1980
_CENTURY = 100
_NUMBER_LENGTH = 9

#: A part of a line: index of the line, first character, the one behind the last.
_Span = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class _Format:
    """Where things are, counted from 0. Parts 4, 5 and 6 of the standard, section 4.2.2.

    Attributes:
        number: its check digit is the character behind it; so is that of the dates.
        optional: optional data; of a card, where a long number continues.
        optional_digit: where its own check digit is, if it has one.
        composite: what the last check digit covers.
    """

    name: str
    lines: int
    length: int
    number: _Span
    birth: _Span
    sex: _Span
    expiry: _Span
    nationality: _Span
    names: _Span
    optional: _Span
    optional_digit: _Span | None
    composite: tuple[_Span, ...]
    composite_digit: _Span


_FORMATS = (
    _Format(
        name="TD3",
        lines=2,
        length=44,
        number=(1, 0, 9),
        nationality=(1, 10, 13),
        birth=(1, 13, 19),
        sex=(1, 20, 21),
        expiry=(1, 21, 27),
        optional=(1, 28, 42),
        optional_digit=(1, 42, 43),
        composite=((1, 0, 10), (1, 13, 20), (1, 21, 43)),
        composite_digit=(1, 43, 44),
        names=(0, 5, 44),
    ),
    _Format(
        name="TD2",
        lines=2,
        length=36,
        number=(1, 0, 9),
        nationality=(1, 10, 13),
        birth=(1, 13, 19),
        sex=(1, 20, 21),
        expiry=(1, 21, 27),
        optional=(1, 28, 35),
        optional_digit=None,
        composite=((1, 0, 10), (1, 13, 20), (1, 21, 35)),
        composite_digit=(1, 35, 36),
        names=(0, 5, 36),
    ),
    _Format(
        name="TD1",
        lines=3,
        length=30,
        number=(0, 5, 14),
        nationality=(1, 15, 18),
        birth=(1, 0, 6),
        sex=(1, 7, 8),
        expiry=(1, 8, 14),
        optional=(0, 15, 30),
        optional_digit=None,
        composite=((0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 29)),
        composite_digit=(1, 29, 30),
        names=(2, 0, 30),
    ),
)


def read_mrz(text: str, *, today: date) -> Card:
    """Return what the zone *text* says.

    Args:
        text: its lines, one a line, or all in one; spaces between characters do not count.
        today: by the calendar of the person; two-digit years are understood by it.

    Raises:
        Refused: it is no zone of these formats, or a check digit contradicts it.
    """
    lines = _lines(text)
    layout = next(
        (
            one
            for one in _FORMATS
            if len(lines) == one.lines and {len(line) for line in lines} == {one.length}
        ),
        None,
    )
    if layout is None:
        raise Refused(RefusalCode.ZONE, "the lines are not those of a passport or card")
    if lines[0].startswith("V"):
        raise Refused(RefusalCode.UNSUPPORTED, "visas are not read")
    return _Zone(layout, lines).card(today)


def check_digit(text: str) -> str:
    """Return the check digit of *text*, which has capital letters, digits and fillers."""
    return str(sum(_VALUES[character] * _WEIGHTS[i % 3] for i, character in enumerate(text)) % 10)


def _lines(text: str) -> list[str]:
    if len(text) > _MAX_CHARACTERS:
        raise Refused(RefusalCode.TOO_LARGE, "the text is longer than a zone")
    lines = ["".join(line.split()).upper().translate(_FILLERS) for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not all(_LINE.fullmatch(line) for line in lines):
        raise Refused(RefusalCode.ZONE, "the zone has characters that no zone has")
    if len(lines) == 1:
        for one in _FORMATS:
            if len(lines[0]) == one.lines * one.length:
                return [lines[0][i : i + one.length] for i in range(0, len(lines[0]), one.length)]
    return lines


class _Zone:
    """The lines of a zone, its repairs, and what it says."""

    def __init__(self, layout: _Format, lines: list[str]) -> None:
        self._layout = layout
        self._rows = [list(line) for line in lines]
        self._notes = set[Note]()
        self._issuer = "".join(self._rows[0][2:5])

    def card(self, today: date) -> Card:
        layout = self._layout
        self._repair()
        number = self._number()
        self._check_digits()
        nationality = self._of(layout.nationality)
        if not all(re.fullmatch("[A-Z]+<*", code) for code in (self._issuer, nationality)):
            raise Refused(RefusalCode.ZONE, "issuer or nationality is not a code of letters")
        birth, expiry = self._birth(today), self._expiry(today)
        if birth is not None and birth >= expiry:
            raise Refused(RefusalCode.IMPLAUSIBLE, "the document expires before its holder is born")
        sex = _SEXES.get(self._of(layout.sex))
        if sex is None:
            raise Refused(RefusalCode.ZONE, "the sex is not one of the codes")
        last, first, middle, truncated = self._names()
        lines = tuple("".join(row) for row in self._rows)
        country = self._issuer.rstrip("<")
        return Card(
            applicant=Applicant(
                first_name=first,
                middle_name=middle,
                last_name=last,
                dob=None if birth is None else birth.isoformat(),
                sex={"M": "male", "F": "female"}.get(sex),
                mrz="".join(lines),
                document_number=number,
                passport_expiration=expiry.isoformat(),
                issuing_country_code=country,
                nationality_code=nationality.rstrip("<"),
                document_type_received=self._document_type(),
            ),
            source=CardSource.MRZ,
            issuer=country,
            country=country,
            sex=sex,
            maybe_truncated=truncated,
            notes=frozenset(self._notes),
            lines=lines,
        )

    def _document_type(self) -> DocumentType:
        code = "".join(self._rows[0][:2])
        if self._layout.name == "TD3" and code[0] == "P":
            return DocumentType.PASSPORT
        return DocumentType.PASSPORT_CARD if code == "IP" and self._issuer == "USA" else DocumentType.OTHER

    def _of(self, span: _Span) -> str:
        line, start, end = span
        return "".join(self._rows[line][start:end])

    def _repair(self) -> None:
        """Put digits where only digits can be; the check digits decide whether that was right."""
        layout = self._layout
        for line, start, end in (layout.birth, layout.expiry):
            # With the check digit behind it.
            self._put_digits(line, start, end + 1)
        self._put_digits(*layout.composite_digit)
        line, start, end = layout.number
        self._put_digits(line, end, end + 1)
        if layout.optional_digit:
            self._put_digits(*layout.optional_digit)
        if self._issuer == "USA" and self._rows[0][0] in "PI":
            self._put_digits(line, start + _DIGITS_OF_US_NUMBERS.start, start + _DIGITS_OF_US_NUMBERS.stop)

    def _put_digits(self, line: int, start: int, end: int) -> None:
        read = "".join(self._rows[line][start:end])
        repaired = read.translate(_LOOKALIKES)
        if repaired != read:
            self._rows[line][start:end] = repaired
            self._notes.add(Note.REPAIRED)

    def _number(self) -> str:
        """Return the number of the document; one of more than nine characters continues in the optional data.

        Raises:
            Refused: its check digit does not agree.
        """
        line, _, end = self._layout.number
        number, digit = self._of(self._layout.number), self._rows[line][end]
        if digit == "<" and self._layout.name != "TD3":
            rest = self._of(self._layout.optional).partition("<")[0]
            number, digit = number + rest[:-1], rest[-1:]
            if len(number) <= _NUMBER_LENGTH or "<" in number:
                raise Refused(RefusalCode.CHECK_DIGIT, "the check digit of the number is missing")
        if check_digit(number) != digit:
            raise Refused(RefusalCode.CHECK_DIGIT, "the check digit of the number does not agree")
        number = number.rstrip("<")
        if not number or "<" in number:
            raise Refused(RefusalCode.NUMBER, "the zone has no number")
        return number

    def _check_digits(self) -> None:
        for line, start, end in (self._layout.birth, self._layout.expiry):
            if check_digit(self._of((line, start, end))) != self._rows[line][end]:
                raise Refused(RefusalCode.CHECK_DIGIT, "the check digit of a date does not agree")
        if self._layout.optional_digit:
            optional, digit = self._of(self._layout.optional), self._of(self._layout.optional_digit)
            empty = not optional.strip("<")
            if digit != check_digit(optional) and not (empty and digit == "<"):
                raise Refused(RefusalCode.CHECK_DIGIT, "the check digit of the optional data does not agree")
        covered = "".join(self._of(span) for span in self._layout.composite)
        if check_digit(covered) != self._of(self._layout.composite_digit):
            raise Refused(RefusalCode.CHECK_DIGIT, "the check digit over all does not agree")

    def _birth(self, today: date) -> date | None:
        """Return the day of birth, the latest that is not in the future; None where a part is not known."""
        text = self._of(self._layout.birth)
        if re.fullmatch(r"(\d\d|<<)(\d\d<<|<<<<)", text, re.ASCII):
            self._notes.add(Note.BIRTH_INCOMPLETE)
            return None
        return _latest_day(text, not_after=today)

    def _expiry(self, today: date) -> date:
        """Return the day of expiration, the latest within twenty years.

        Raises:
            Refused: there is no such day, or only one before there were zones.
        """
        last = date(today.year + _YEARS_AHEAD, 12, 31)
        day = _latest_day(self._of(self._layout.expiry), not_after=last)
        if day.year < _FIRST_ZONES:
            raise Refused(
                RefusalCode.DATE, "the document expires before there were zones, or in more than twenty years"
            )
        return day

    def _names(self) -> tuple[str, str | None, str | None, frozenset[str]]:
        """Return family, first and middle name, and which may be cut off."""
        text = self._of(self._layout.names)
        found = re.fullmatch(r"([A-Z]+(?:<[A-Z]+)*)(?:<<([A-Z]+(?:<[A-Z]+)*))?<*", text)
        if found is None:
            raise Refused(RefusalCode.NAME, "the name is not in the form of a zone")
        family = found[1].replace("<", " ")
        first, _, middle = (found[2] or "").replace("<", " ").partition(" ")
        if middle:
            self._notes.add(Note.NAME_GUESSED)
        truncated = frozenset[str]()
        if not text.endswith("<"):
            self._notes.add(Note.NAME_TRUNCATED)
            truncated = frozenset({"last_name", "first_name", "middle_name"})
        return family, first or None, middle or None, truncated


def _latest_day(text: str, *, not_after: date) -> date:
    """Return the latest day up to *not_after* that the six digits *text* name.

    Raises:
        Refused: there is no such day.
    """
    if re.fullmatch(r"\d{6}", text, re.ASCII):
        century = not_after.year - not_after.year % _CENTURY
        for first in (century, century - _CENTURY):
            try:
                day = date(first + int(text[:2]), int(text[2:4]), int(text[4:]))
            except ValueError:
                continue
            if day <= not_after:
                return day
    raise Refused(RefusalCode.DATE, "a date is malformed, or no such day exists")
