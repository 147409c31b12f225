"""How a barcode compares with the print of its card, and with what another vendor read."""

from dataclasses import replace

import pytest
from tests.plugins.vendors.reader.barcodes import LICENSE, TODAY, barcode, changed
from tests.plugins.vendors.reader.test_mrz import SPECIMENS

from proofing_reader.aamva import read_barcode
from proofing_reader.compare import (
    SEVERITIES,
    Agreement,
    Item,
    RecognizedText,
    Severity,
    compare_applicant,
    compare_fields,
    compare_lines,
    differences,
)
from proofing_reader.mrz import read_mrz

#: A card whose issuer knows that no name is cut off.
CARD = read_barcode(barcode(changed(LICENSE, DCU="JR", DAZ="BLN")), today=TODAY)


def card_with(**changes):
    """Return the card with other elements."""
    return read_barcode(barcode(changed(LICENSE, **changes)), today=TODAY)


def one(item, text, *, card=CARD, confidence=0.99):
    """Return how *item* compares with *text*."""
    fields = {item: RecognizedText(text, confidence)}
    if item is Item.MIDDLE_NAME:
        fields = {Item.GIVEN_NAME: RecognizedText(text, confidence)}
    (found,) = (compared for compared in compare_fields(card, fields) if compared.item is item)
    return found.agreement, found.severity


MATCH, WEAK, DIFFERS, NOT_COMPARED = Agreement
MAJOR, MEDIUM, MINOR = Severity

FIELDS = {
    "birth date": (Item.BIRTH_DATE, "06/06/1986", MATCH, MAJOR),
    "birth date with hyphens": (Item.BIRTH_DATE, "06-06-1986", MATCH, MAJOR),
    "another birth date": (Item.BIRTH_DATE, "06/07/1986", DIFFERS, MAJOR),
    "a birth date that is no date": (Item.BIRTH_DATE, "06/O6/1986", NOT_COMPARED, MAJOR),
    "number": (Item.NUMBER, "T64235789", MATCH, MAJOR),
    "number with spaces": (Item.NUMBER, "T64-235-789", MATCH, MAJOR),
    "number with a confusion": (Item.NUMBER, "T6423S7B9", WEAK, MAJOR),
    "another number": (Item.NUMBER, "T64235788", DIFFERS, MAJOR),
    "expiration": (Item.EXPIRATION, "12/10/2028", MATCH, MAJOR),
    "another expiration": (Item.EXPIRATION, "12/10/2030", DIFFERS, MAJOR),
    "family name": (Item.FAMILY_NAME, "Sample", MATCH, MAJOR),
    "family name with the suffix": (Item.FAMILY_NAME, "SAMPLE JR", MATCH, MAJOR),
    "another family name": (Item.FAMILY_NAME, "SIMPLE", DIFFERS, MAJOR),
    "issuer": (Item.ISSUER, "VA", MATCH, MAJOR),
    "another issuer": (Item.ISSUER, "WV", DIFFERS, MAJOR),
    "given names": (Item.GIVEN_NAME, "MICHAEL JOHN", MATCH, MEDIUM),
    "another given name": (Item.GIVEN_NAME, "MICHELLE JOHN", DIFFERS, MEDIUM),
    "middle name": (Item.MIDDLE_NAME, "MICHAEL JOHN", MATCH, MEDIUM),
    "initial": (Item.MIDDLE_NAME, "MICHAEL J", WEAK, MEDIUM),
    "no middle name": (Item.MIDDLE_NAME, "MICHAEL", DIFFERS, MINOR),
    "another middle name": (Item.MIDDLE_NAME, "MICHAEL PAUL", DIFFERS, MEDIUM),
    "suffix": (Item.SUFFIX, "Junior", MATCH, MEDIUM),
    "another suffix": (Item.SUFFIX, "III", DIFFERS, MEDIUM),
    "issue date": (Item.ISSUE_DATE, "06/06/2020", MATCH, MEDIUM),
    "another issue date": (Item.ISSUE_DATE, "06/06/2021", DIFFERS, MEDIUM),
    "sex": (Item.SEX, "M", MATCH, MEDIUM),
    "another sex": (Item.SEX, "F", DIFFERS, MEDIUM),
    "discriminator": (Item.DISCRIMINATOR, "2424244747474786102204", MATCH, MEDIUM),
    "another discriminator": (Item.DISCRIMINATOR, "2424244747474786102205", DIFFERS, MEDIUM),
    "address": (Item.ADDRESS, "2300 West Broad St, Richmond, VA 23269-0000", MATCH, MINOR),
    "address of another house": (Item.ADDRESS, "2301 W BROAD ST RICHMOND VA 23269", DIFFERS, MINOR),
    "address of another ZIP code": (Item.ADDRESS, "2300 W BROAD ST RICHMOND VA 23220", DIFFERS, MINOR),
    "height": (Item.HEIGHT, "5'-08\"", MATCH, MINOR),
    "height in inches": (Item.HEIGHT, "068 IN", MATCH, MINOR),
    "another height": (Item.HEIGHT, "5'-09\"", DIFFERS, MINOR),
    "a height that is no height": (Item.HEIGHT, "tall", NOT_COMPARED, MINOR),
    "eyes": (Item.EYES, "BRN", MATCH, MINOR),
    "other eyes": (Item.EYES, "BLU", DIFFERS, MINOR),
    "eyes that are no color": (Item.EYES, "???", NOT_COMPARED, MINOR),
}


@pytest.mark.parametrize(("item", "text", "agreement", "severity"), FIELDS.values(), ids=FIELDS)
def test_fields(item, text, agreement, severity):
    """Each printed value, and one that differs."""
    assert one(item, text) == (agreement, severity)


@pytest.mark.parametrize("item", list(Item))
def test_what_was_read_with_little_confidence_is_not_compared(item):
    """It is neither a match nor a difference, whatever it looks like."""
    for text in ("T64235789", "SAMPLE", "MICHAEL", "06/06/1986", "VA", "X"):
        assert one(item, text, confidence=0.79)[0] is NOT_COMPARED
        assert one(item, "", confidence=1)[0] is NOT_COMPARED


NAMES = {
    "a space for a hyphen": ({"DCS": "SMITH-JONES"}, Item.FAMILY_NAME, "SMITH JONES", MATCH),
    "in another order": ({"DCS": "SMITH JONES"}, Item.FAMILY_NAME, "JONES SMITH", MATCH),
    "without an apostrophe": ({"DCS": "ONEIL"}, Item.FAMILY_NAME, "O'NEIL", WEAK),
    "in one word": ({"DCS": "MCDONALD"}, Item.FAMILY_NAME, "MC DONALD", WEAK),
    "with an accent": ({"DCS": "PENA"}, Item.FAMILY_NAME, "PEÑA", MATCH),
    "an umlaut as a zone has it": ({"DCS": "MUELLER"}, Item.FAMILY_NAME, "Müller", MATCH),
    "an umlaut without dots": ({"DCS": "MULLER"}, Item.FAMILY_NAME, "Müller", MATCH),
    "an umlaut as older zones have it": ({"DCS": "MUXXLLER"}, Item.FAMILY_NAME, "Müller", MATCH),
    "a ring": ({"DCS": "AABERG"}, Item.FAMILY_NAME, "Åberg", MATCH),
    "a tilde": ({"DCS": "PENXXA"}, Item.FAMILY_NAME, "PEÑA", MATCH),
    "a slashed letter": ({"DCS": "SOERENSEN"}, Item.FAMILY_NAME, "Sørensen", MATCH),
    "a sharp s": ({"DCS": "STRASSER"}, Item.FAMILY_NAME, "Straßer", MATCH),
    "cut off": (
        {"DCS": "WOLFESCHLEGELSTEIN", "DDE": "T"},
        Item.FAMILY_NAME,
        "WOLFESCHLEGELSTEINHAUSEN",
        WEAK,
    ),
    "cut off, and another": ({"DCS": "WOLFESCHLEGELSTEIN", "DDE": "T"}, Item.FAMILY_NAME, "WOLFE", DIFFERS),
    "not cut off": ({"DCS": "WOLFE"}, Item.FAMILY_NAME, "WOLFESCHLEGELSTEIN", DIFFERS),
    "first name cut off": ({"DAC": "CHRISTOPH", "DDF": "U"}, Item.GIVEN_NAME, "CHRISTOPHER", WEAK),
    "two first names": ({"DAC": "MARY ANN", "DAD": ""}, Item.GIVEN_NAME, "MARY ANN", MATCH),
    "two first names in one word": ({"DAC": "MARY ANN", "DAD": ""}, Item.GIVEN_NAME, "MARYANN", WEAK),
    "no middle name on both": ({"DAD": ""}, Item.MIDDLE_NAME, "MICHAEL", NOT_COMPARED),
    "a middle name in print alone": ({"DAD": ""}, Item.MIDDLE_NAME, "MICHAEL JOHN", DIFFERS),
    "middle name cut off": ({"DAD": "ALEX", "DDG": "T"}, Item.MIDDLE_NAME, "MICHAEL ALEXANDER", WEAK),
    "no family name": ({"DCS": ""}, Item.FAMILY_NAME, "SAMPLE", NOT_COMPARED),
}


@pytest.mark.parametrize(("changes", "item", "text", "agreement"), NAMES.values(), ids=NAMES)
def test_names(changes, item, text, agreement):
    """As print, barcodes and zones write them."""
    assert one(item, text, card=card_with(**changes))[0] is agreement


def test_dates_of_canada_have_the_year_first():
    """Printed as in the barcode."""
    card = read_barcode(barcode(changed(LICENSE, DCG="CAN"), iin="636012"), today=TODAY)
    assert one(Item.BIRTH_DATE, "1986/06/06", card=card)[0] is MATCH
    assert one(Item.BIRTH_DATE, "06/06/1986", card=card)[0] is NOT_COMPARED


def by_item(compared):
    """Return the agreements by item."""
    return {found.item: found.agreement for found in compared}


FRONT = [
    "VIRGINIA",
    "DRIVER'S LICENSE",
    "4d DL T64235789",
    "4b EXP 12/10/2028",
    "3 DOB 06/06/1986",
    "1 LN SAMPLE",
    "2 FN MICHAEL JOHN",
    "2300 W BROAD STREET",
    "RICHMOND, VA 23269",
    "15 SEX M",
    "16 HGT 5'-08\"",
    "18 EYES BRN",
    "4a ISS 06/06/2020",
    "5 DD 2424244747474786102204",
]


def lines_of(texts, **confidences):
    """Return recognized lines; those that begin with a key have another confidence."""
    return [RecognizedText(text, confidences.get(text.split()[0], 0.95)) for text in texts]


def test_a_front_that_agrees():
    """Each item is found by its label, or anywhere."""
    found = by_item(compare_lines(CARD, lines_of(FRONT)))
    assert found == dict.fromkeys(Item, MATCH) | {Item.ISSUER: NOT_COMPARED, Item.SUFFIX: NOT_COMPARED}


CHANGED_LINES = {
    "3 DOB 06/06/1996": Item.BIRTH_DATE,
    "4d DL T64235780": Item.NUMBER,
    "4b EXP 12/10/2029": Item.EXPIRATION,
    "1 LN SIMPLE": Item.FAMILY_NAME,
    "2 FN MARK": Item.GIVEN_NAME,
    "15 SEX F": Item.SEX,
    "16 HGT 6'-08\"": Item.HEIGHT,
    "18 EYES BLU": Item.EYES,
    "4a ISS 06/06/2021": Item.ISSUE_DATE,
    "5 DD 2424244747474786102299": Item.DISCRIMINATOR,
}


@pytest.mark.parametrize(("line", "item"), CHANGED_LINES.items(), ids=list(CHANGED_LINES))
def test_a_line_with_a_label_that_differs(line, item):
    """Is a difference, of its severity."""
    label = " ".join(line.split()[:2])
    front = [line if text.startswith(label) else text for text in FRONT]
    compared = compare_lines(CARD, lines_of(front))
    found = {one.item: one.severity for one in differences(compared)}
    assert found[item] is SEVERITIES[item]
    assert found.keys() - {item} <= {Item.MIDDLE_NAME}


def test_lines_without_labels_match_or_are_not_compared():
    """A date that nothing names may be any date."""
    found = by_item(
        compare_lines(CARD, lines_of(["06/06/1986", "01/01/2001", "SAMPLE", "OTHER", "T64235789"]))
    )
    assert found[Item.BIRTH_DATE] is found[Item.FAMILY_NAME] is found[Item.NUMBER] is MATCH
    assert found[Item.EXPIRATION] is found[Item.GIVEN_NAME] is NOT_COMPARED
    nothing = by_item(compare_lines(CARD, lines_of(["01/01/2001", "OTHER", "T1"])))
    assert set(nothing.values()) == {NOT_COMPARED}


def test_a_label_with_two_values_says_nothing():
    """As on a card that is photographed with another."""
    both = lines_of(["3 DOB 06/06/1990", "3 DOB 06/06/1991"])
    assert by_item(compare_lines(CARD, both))[Item.BIRTH_DATE] is NOT_COMPARED


def test_lines_with_little_confidence_do_not_count():
    """Neither to match nor to differ."""
    unsure = [RecognizedText(text, 0.5) for text in [*FRONT, "3 DOB 06/06/1990"]]
    assert set(by_item(compare_lines(CARD, unsure)).values()) == {NOT_COMPARED}
    assert by_item(compare_lines(CARD, unsure, min_confidence=0.4))[Item.NUMBER] is MATCH


def test_what_another_vendor_read():
    """Is compared exactly: it was not recognized here."""
    read = CARD.applicant
    found = by_item(compare_applicant(CARD, read))
    assert found == dict.fromkeys(Item, MATCH) | {Item.DISCRIMINATOR: NOT_COMPARED}
    other = replace(read, state_id_number="T6423S789", first_name="MARK", dob="1986-06-07", height=70)
    order = [one.item for one in differences(compare_applicant(CARD, other))]
    assert order == [Item.BIRTH_DATE, Item.NUMBER, Item.GIVEN_NAME, Item.HEIGHT]
    little = by_item(compare_applicant(CARD, replace(read, address1=None, dob=None, sex=None)))
    assert little[Item.ADDRESS] is little[Item.BIRTH_DATE] is little[Item.SEX] is NOT_COMPARED


def test_a_zone_and_what_another_vendor_read():
    """By the attributes of passports."""
    card = read_mrz(SPECIMENS["TD3"][0], today=TODAY)
    found = by_item(compare_applicant(card, card.applicant))
    same = {
        Item.BIRTH_DATE,
        Item.NUMBER,
        Item.EXPIRATION,
        Item.FAMILY_NAME,
        Item.GIVEN_NAME,
        Item.ISSUER,
        Item.SEX,
    }
    assert all(found[item] is MATCH for item in same)
    differing = replace(card.applicant, document_number="L898902C4")
    assert [one.item for one in differences(compare_applicant(card, differing))] == [Item.NUMBER]


def test_nothing_that_is_printed_has_a_value():
    """Neither comparisons nor recognized lines."""
    shown = repr(compare_lines(CARD, lines_of(FRONT))) + repr(lines_of(FRONT))
    for value in ("SAMPLE", "T64235789", "1986", "BROAD"):
        assert value not in shown
