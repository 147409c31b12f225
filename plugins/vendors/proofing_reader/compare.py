"""What a barcode or zone says, compared with the print of the card or with what another vendor read.

Pure rules; a difference is a finding, never a verdict alone. Text that was recognized with little confidence
is not compared: it is neither a match nor a difference.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from proofing.plugin import Applicant, parse_iso_date
from proofing_reader.aamva_values import NotUnderstoodError, inches_of, read_eye_color, read_sex
from proofing_reader.card import Card
from proofing_reader.print_text import (
    address_words,
    fold,
    is_suffix,
    look_alike,
    number_of,
    printed_dates,
    spellings,
    suffix_of,
)

#: Below it, recognized text counts as not read.
MIN_CONFIDENCE = 0.8
#: Shorter numbers could be part of anything.
_MIN_NUMBER_CHARACTERS = 5


class Item(StrEnum):
    """What is compared."""

    BIRTH_DATE = "birth_date"
    NUMBER = "number"
    EXPIRATION = "expiration"
    FAMILY_NAME = "family_name"
    ISSUER = "issuer"
    GIVEN_NAME = "given_name"
    MIDDLE_NAME = "middle_name"
    SUFFIX = "suffix"
    ISSUE_DATE = "issue_date"
    SEX = "sex"
    DISCRIMINATOR = "discriminator"
    ADDRESS = "address"
    HEIGHT = "height"
    EYES = "eyes"


class Severity(StrEnum):
    """How much a difference says."""

    MAJOR = "major"
    MEDIUM = "medium"
    MINOR = "minor"


class Agreement(StrEnum):
    """How two values compare."""

    #: They are the same.
    MATCH = "match"
    #: They are the same but for characters that recognition confuses, or for what one side leaves out.
    WEAK_MATCH = "weak_match"
    #: They are not the same.
    DIFFERS = "differs"
    #: One of them is missing, or was not read well enough.
    NOT_COMPARED = "not_compared"


SEVERITIES: Mapping[Item, Severity] = MappingProxyType(
    {
        **dict.fromkeys(
            (Item.BIRTH_DATE, Item.NUMBER, Item.EXPIRATION, Item.FAMILY_NAME, Item.ISSUER), Severity.MAJOR
        ),
        **dict.fromkeys(
            (
                Item.GIVEN_NAME,
                Item.MIDDLE_NAME,
                Item.SUFFIX,
                Item.ISSUE_DATE,
                Item.SEX,
                Item.DISCRIMINATOR,
            ),
            Severity.MEDIUM,
        ),
        **dict.fromkeys((Item.ADDRESS, Item.HEIGHT, Item.EYES), Severity.MINOR),
    }
)


@dataclass(frozen=True, slots=True)
class Compared:
    """How one item compares. Has no value of the card.

    Attributes:
        severity: of the difference; a name that one side leaves out is a minor one.
    """

    item: Item
    agreement: Agreement
    severity: Severity


@dataclass(frozen=True, slots=True, repr=False)
class RecognizedText:
    """A line of the card as it was recognized.

    Attributes:
        confidence: of the recognition, 0 to 1.
    """

    text: str
    confidence: float


def compare_fields(
    card: Card, fields: Mapping[Item, RecognizedText], *, min_confidence: float = MIN_CONFIDENCE
) -> tuple[Compared, ...]:
    """Return how *card* compares with the printed *fields*, for every item.

    Args:
        card: as read from barcode or zone.
        fields: what is printed, by item; given and middle name together in `Item.GIVEN_NAME`.
        min_confidence: below it a field counts as not read.
    """
    texts = {item: field.text for item, field in fields.items() if field.confidence >= min_confidence}
    return _compared(card, texts, recognized=True)


def compare_lines(
    card: Card, lines: Sequence[RecognizedText], *, min_confidence: float = MIN_CONFIDENCE
) -> tuple[Compared, ...]:
    """Return how *card* compares with the *lines* of its front, for every item.

    A line differs only where its label says what it is, such as ``DOB`` or ``4b EXP``. What has no label can
    match, and is otherwise not compared: it may be anything.
    """
    sure = [line.text for line in lines if line.confidence >= min_confidence]
    labeled = _compared(card, _labeled(sure), recognized=True)
    found = _found_anywhere(card, sure)
    return tuple(
        Compared(one.item, Agreement.MATCH, one.severity)
        if one.agreement is Agreement.NOT_COMPARED and one.item in found
        else one
        for one in labeled
    )


def compare_applicant(card: Card, other: Applicant) -> tuple[Compared, ...]:
    """Return how *card* compares with what another vendor read of the same document, for every item."""
    given = " ".join(filter(None, (other.first_name, other.middle_name)))
    texts = {
        Item.BIRTH_DATE: other.dob,
        Item.NUMBER: other.state_id_number or other.document_number,
        Item.EXPIRATION: other.state_id_expiration or other.passport_expiration,
        Item.FAMILY_NAME: other.last_name,
        Item.ISSUER: other.state_id_jurisdiction or other.issuing_country_code,
        Item.GIVEN_NAME: given or None,
        Item.SUFFIX: other.name_suffix,
        Item.ISSUE_DATE: other.state_id_issued or other.passport_issued,
        Item.SEX: other.sex,
        Item.ADDRESS: _address_text(other),
        Item.HEIGHT: None if other.height is None else f"{other.height} in",
        Item.EYES: other.eye_color,
    }
    return _compared(card, {item: text for item, text in texts.items() if text}, recognized=False)


def differences(compared: Iterable[Compared]) -> tuple[Compared, ...]:
    """Return those that differ, the most severe first."""
    order = list(Severity)
    found = (one for one in compared if one.agreement is Agreement.DIFFERS)
    return tuple(sorted(found, key=lambda one: (order.index(one.severity), one.item)))


#: Compares the value of a card with a text; the severity where it is not the usual one of the item.
_Result = tuple[Agreement, Severity | None]

_LABELS: Mapping[Item, str] = MappingProxyType(
    {
        Item.BIRTH_DATE: r"(?:\b(?:DOB|DATE OF BIRTH)\b|^3 )[ :.]*(\d[\d/ .-]{7,9})",
        Item.EXPIRATION: r"\b(?:4B|EXP|EXPIRES)\b[ :.]*(?:EXP\b[ :.]*)?(\d[\d/ .-]{7,9})",
        Item.ISSUE_DATE: r"\b(?:4A|ISS|ISSUED)\b[ :.]*(?:ISS\b[ :.]*)?(\d[\d/ .-]{7,9})",
        Item.NUMBER: (
            r"^(?:(?:4D ?)?(?:(?:DL|ID|LIC)(?: NO)?|DLN|LICENSE)[ :.#]+|4D[ :.]+)([A-Z0-9][A-Z0-9 *-]{4,})$"
        ),
        Item.DISCRIMINATOR: r"^(?:(?:5 ?)?DD|5)[ :.]+([A-Z0-9/ -]{4,})$",
        Item.FAMILY_NAME: r"^(?:(?:1 ?)?LN[ :.]+|1 )(\D+)$",
        Item.GIVEN_NAME: r"^(?:(?:2 ?)?FN[ :.]+|2 )(\D+)$",
        Item.SEX: r"\b(?:SEX|15)[ :.]+([MFX])\b",
        Item.HEIGHT: r"\b(?:HGT|HT|16)[ :.]+([3-8]'? ?-? ?\d{1,2}\"?|\d{3} ?CM)",
        Item.EYES: r"\b(?:EYES?|18)[ :.]+([A-Z]{3})\b",
    }
)


def _compared(card: Card, texts: Mapping[Item, str], *, recognized: bool) -> tuple[Compared, ...]:
    rules = _rules(card, recognized=recognized)
    found = []
    for item in Item:
        # Middle names are printed with the given ones.
        text = texts.get(Item.GIVEN_NAME if item is Item.MIDDLE_NAME else item)
        agreement, severity = rules[item](text) if text else (Agreement.NOT_COMPARED, None)
        found.append(Compared(item, agreement, severity or SEVERITIES[item]))
    return tuple(found)


def _rules(card: Card, *, recognized: bool) -> Mapping[Item, Callable[[str], _Result]]:
    read = card.applicant

    def days(value: str | None) -> Callable[[str], _Result]:
        return lambda text: _same(parse_iso_date(value or ""), _day(text, card))

    def number(value: str | None) -> Callable[[str], _Result]:
        return lambda text: _numbers(value, text, recognized=recognized)

    return {
        Item.BIRTH_DATE: days(read.dob),
        Item.NUMBER: number(read.state_id_number or read.document_number),
        Item.EXPIRATION: days(read.state_id_expiration or read.passport_expiration),
        Item.FAMILY_NAME: lambda text: _family_names(card, text),
        Item.ISSUER: lambda text: _same(card.issuer, text.strip().upper()),
        Item.GIVEN_NAME: lambda text: _given_names(card, text),
        Item.MIDDLE_NAME: lambda text: _middle_names(card, text),
        Item.SUFFIX: lambda text: _same(suffix_of(read.name_suffix or "") or None, suffix_of(text)),
        Item.ISSUE_DATE: days(read.state_id_issued or read.passport_issued),
        Item.SEX: lambda text: _same(card.sex, _understood(lambda: read_sex(text[:1]))),
        Item.DISCRIMINATOR: number(card.discriminator),
        Item.ADDRESS: lambda text: _addresses(read, text),
        Item.HEIGHT: lambda text: _same(read.height, _height(text)),
        Item.EYES: lambda text: _same(read.eye_color, _understood(lambda: read_eye_color(text))),
    }


def _same(value: object, other: object) -> _Result:
    if value is None or other is None:
        return Agreement.NOT_COMPARED, None
    return (Agreement.MATCH if value == other else Agreement.DIFFERS), None


def _numbers(value: str | None, text: str, *, recognized: bool) -> _Result:
    first, second = number_of(value or ""), number_of(text)
    if not first or not second:
        return Agreement.NOT_COMPARED, None
    if first == second:
        return Agreement.MATCH, None
    weak = recognized and look_alike(first, second)
    return (Agreement.WEAK_MATCH if weak else Agreement.DIFFERS), None


def _family_names(card: Card, text: str) -> _Result:
    own = _without_suffix(fold(card.applicant.last_name or ""))
    if not own:
        return Agreement.NOT_COMPARED, None
    others = {_without_suffix(spelling) for spelling in spellings(text)} - {()}
    if any(set(own) == set(other) for other in others):
        return Agreement.MATCH, None
    joined, joined_others = "".join(own), {"".join(other) for other in others}
    if joined in joined_others or (
        "last_name" in card.maybe_truncated and _is_beginning(joined, joined_others)
    ):
        return Agreement.WEAK_MATCH, None
    return Agreement.DIFFERS, None


def _given_names(card: Card, text: str) -> _Result:
    """Compare the first of the given names; the others are middle names, wherever a side divides them."""
    own = fold(_given(card)).split()
    others = [spelling.split() for spelling in spellings(text) if spelling]
    if not own or not others:
        return Agreement.NOT_COMPARED, None
    if any(own[0] == other[0] for other in others):
        return Agreement.MATCH, None
    joined_others = {"".join(other) for other in others}
    truncated = "first_name" in card.maybe_truncated and _is_beginning(own[0], joined_others)
    weak = truncated or "".join(own) in joined_others or any(set(own) == set(other) for other in others)
    return (Agreement.WEAK_MATCH if weak else Agreement.DIFFERS), None


def _middle_names(card: Card, text: str) -> _Result:
    own = fold(_given(card)).split()[1:]
    others = [spelling.split()[1:] for spelling in spellings(text) if spelling]
    if not own and not any(others):
        return Agreement.NOT_COMPARED, None
    if not own or not any(others):
        return Agreement.DIFFERS, Severity.MINOR
    if any(own == other for other in others):
        return Agreement.MATCH, None
    if any(_are_middle_names_alike(own, other) for other in others):
        return Agreement.WEAK_MATCH, None
    truncated = "middle_name" in card.maybe_truncated
    if truncated and _is_beginning("".join(own), {"".join(other) for other in others}):
        return Agreement.WEAK_MATCH, None
    return Agreement.DIFFERS, None


def _are_middle_names_alike(own: list[str], other: list[str]) -> bool:
    """Return whether each name of the shorter list is in the longer one, or is the initial of one in it."""
    shorter, longer = sorted((own, other), key=len)

    def alike(first: str, second: str) -> bool:
        return first == second or (min(len(first), len(second)) == 1 and first[0] == second[0])

    return all(any(alike(name, one) for one in longer) for name in shorter)


def _is_beginning(own: str, others: Iterable[str]) -> bool:
    return any(other.startswith(own) for other in others)


def _addresses(read: Applicant, text: str) -> _Result:
    street = " ".join(filter(None, (read.address1, read.address2)))
    code = (read.zipcode or "")[:5]
    if not street or not code:
        return Agreement.NOT_COMPARED, None
    words = address_words(re.sub(r"\b(\d{5})-\d{4}\b", r"\1", text))
    holds = code in words and address_words(street) <= words
    return (Agreement.MATCH if holds else Agreement.DIFFERS), None


def _labeled(lines: Iterable[str]) -> dict[Item, str]:
    """Return what has a label, by item; a label with two values says nothing."""
    found: dict[Item, set[str]] = {}
    for line in lines:
        for item, pattern in _LABELS.items():
            if match := re.search(pattern, " ".join(line.upper().split())):
                found.setdefault(item, set()).add(match[1].strip())
    return {item: texts.pop() for item, texts in found.items() if len(texts) == 1}


def _found_anywhere(card: Card, lines: list[str]) -> frozenset[Item]:
    """Return the items whose value is in a line, whatever that line is."""
    read = card.applicant
    days = {day for line in lines for day in printed_dates(line, country=card.country)}
    found = {
        item
        for item, value in (
            (Item.BIRTH_DATE, read.dob),
            (Item.EXPIRATION, read.state_id_expiration or read.passport_expiration),
            (Item.ISSUE_DATE, read.state_id_issued or read.passport_issued),
        )
        if parse_iso_date(value or "") in days
    }
    joined = [number_of(line) for line in lines]
    for item, value in (
        (Item.NUMBER, read.state_id_number or read.document_number),
        (Item.DISCRIMINATOR, card.discriminator),
    ):
        number = number_of(value or "")
        if len(number) >= _MIN_NUMBER_CHARACTERS and any(number in line for line in joined):
            found.add(item)
    words = [{word for spelling in spellings(line) for word in spelling.split()} for line in lines]
    for item, names in (
        (Item.FAMILY_NAME, fold(read.last_name or "").split()),
        (Item.GIVEN_NAME, fold(_given(card)).split()[:1]),
    ):
        if names and any(set(names) <= line for line in words):
            found.add(item)
    if _addresses(read, " ".join(lines))[0] is Agreement.MATCH:
        found.add(Item.ADDRESS)
    return frozenset(found)


def _given(card: Card) -> str:
    return " ".join(filter(None, (card.applicant.first_name, card.applicant.middle_name)))


def _without_suffix(folded: str) -> tuple[str, ...]:
    words = folded.split()
    return tuple(words[:-1] if len(words) > 1 and is_suffix(words[-1]) else words)


def _address_text(other: Applicant) -> str | None:
    if not other.address1 or not other.zipcode:
        return None
    parts = (other.address1, other.address2, other.city, other.state, other.zipcode)
    return " ".join(filter(None, parts))


def _day(text: str, card: Card) -> date | None:
    days = printed_dates(text, country=card.country)
    return days[0] if len(days) == 1 else None


def _height(text: str) -> int | None:
    """Return a printed height in inches: ``5'-06"``, ``066 in``, ``168 cm``."""
    value = text.strip().upper()
    if found := re.fullmatch(r"([3-8])'? ?-? ?(\d{1,2})\"?", value, re.ASCII):
        return int(found[1]) * 12 + int(found[2])
    if found := re.fullmatch(r"(\d{2,3}) ?(IN|CM)", value, re.ASCII):
        return inches_of(int(found[1])) if found[2] == "CM" else int(found[1])
    return None


def _understood(read: Callable[[], str | None]) -> str | None:
    try:
        return read()
    except NotUnderstoodError:
        return None
