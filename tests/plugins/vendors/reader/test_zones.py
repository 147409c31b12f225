"""Zones in recognized text: found in any order, repaired where something proves it, else refused."""

from datetime import date

import pytest

from proofing_reader.card import Note, RefusalCode, Refused
from proofing_reader.compare import RecognizedText
from proofing_reader.zones import find_zone

TODAY = date(2026, 11, 30)
FIRST = "P<UTOOKONKWO<DA<SILVA<<MARIA<ELENA<<<<<<<<<<"
SECOND = "X407198365UTO8702148F3109306<<<<<<<<<<<<<<<6"
CARD = ("IPUTOC805519378<<<<<<<<<<<<<<<", "8702148F3109306UTO<<<<<<<<<<<0", "OKONKWO<DA<SILVA<<MARIA<ELENA<")
PRINT = ("Surname", "OKONKWO DA SILVA", "Given names", "MARIA ELENA", "14 FEB 1987")


def lines(*texts, confidence=0.98):
    """Return recognized text."""
    return [RecognizedText(text, confidence) for text in texts]


def zone(*texts, printed=PRINT):
    """Return what the zone of a page with these lines says."""
    return find_zone(lines(*printed, *texts), today=TODAY)


def refusal(*texts, printed=PRINT):
    """Return why nothing is read of them."""
    with pytest.raises(Refused) as caught:
        zone(*texts, printed=printed)
    return caught.value.code


READ = {
    "as it is": (FIRST, SECOND),
    "upside down": (SECOND, FIRST),
    "with spaces": ("P < UTOOKONKWO<DA<SILVA < <MARIA<ELENA<<<<<<<<<<", SECOND),
    "fillers missing at the end": (FIRST[:-4], SECOND),
    "more fillers at the end": (FIRST + "<<<", SECOND),
    "fillers missing inside": (FIRST, SECOND.replace("<" * 15, "<" * 12)),
    "more fillers inside": (FIRST, SECOND.replace("<" * 15, "<" * 18)),
    "a letter for a digit of a date": (FIRST, SECOND.replace("870214", "87O2I4")),
    "a digit in the nationality": (FIRST, SECOND.replace("UTO", "UT0")),
    "a digit in the issuer": (FIRST.replace("P<UTO", "P<UT0"), SECOND),
    "a digit in both": (FIRST.replace("P<UTO", "P<UT0"), SECOND.replace("UTO", "UT0")),
    "digits in the name": (FIRST.replace("MARIA", "MAR1A").replace("OKONKWO", "0K0NKW0"), SECOND),
    "Greek capitals": (FIRST.replace("P<UTO", "\u03a1<UTO"), SECOND),
    "angle quotes": (FIRST.replace("<<", "\u00ab"), SECOND),
    "the same line twice": (FIRST, SECOND, SECOND),
    "three lines of a card": CARD,
    "three lines of a card, upside down": CARD[::-1],
}


@pytest.mark.parametrize("texts", READ.values(), ids=READ)
def test_what_is_proved_is_read(texts):
    """Names by the print, numbers and dates by check digits."""
    read = zone(*texts).applicant
    assert (read.last_name, read.first_name, read.middle_name) == ("OKONKWO DA SILVA", "MARIA", "ELENA")
    assert (read.dob, read.passport_expiration) == ("1987-02-14", "2031-09-30")
    assert (read.issuing_country_code, read.nationality_code) == ("UTO", "UTO")


def test_a_repair_is_noted():
    """Readers of the log know that a character was not read as it is."""
    assert Note.REPAIRED not in zone(FIRST, SECOND).notes
    assert Note.REPAIRED in zone(FIRST, SECOND.replace("UTO", "UT0")).notes


REFUSED = {
    "nothing": ((), RefusalCode.ZONE),
    "one line alone": ((SECOND,), RefusalCode.ZONE),
    "a wrong digit of the number": (
        (FIRST, SECOND.replace("X407198365", "X407198265")),
        RefusalCode.CHECK_DIGIT,
    ),
    "a wrong digit of a date": ((FIRST, SECOND.replace("870214", "870215")), RefusalCode.CHECK_DIGIT),
    "a letter lost in the middle": ((FIRST, SECOND[:12] + SECOND[13:]), RefusalCode.CHECK_DIGIT),
    "another nationality that is no code": ((FIRST, SECOND.replace("UTO", "U70")), RefusalCode.ZONE),
    "a name that is not printed": ((FIRST.replace("SILVA", "SILVO"), SECOND), RefusalCode.NAME),
    "a filler lost in the name": ((FIRST.replace("<<MARIA", "<MARIA"), SECOND), RefusalCode.NAME),
    "a name that holds fillers read as letters": (
        (FIRST.replace("<<<<<<<<<<", "<<<K<<<<<<"), SECOND),
        RefusalCode.NAME,
    ),
}


@pytest.mark.parametrize(("texts", "code"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_proved_is_refused(texts, code):
    """Rather nothing than wrong data."""
    assert refusal(*texts) is code


def test_the_zone_itself_is_no_print():
    """A name that only the zone says is not proved by it."""
    assert refusal(FIRST, SECOND, printed=()) is RefusalCode.NAME


def test_print_that_is_hard_to_read_proves_nothing():
    """Neither a match nor a difference."""
    unsure = [*lines(*PRINT, confidence=0.5), *lines(FIRST, SECOND)]
    with pytest.raises(Refused):
        find_zone(unsure, today=TODAY)


def test_two_passports_are_refused():
    """Nobody can say whose it is."""
    other = "X407198365UTO8702148F3109306<<<<<<<<<<<<<<<6".replace("F", "M")
    assert refusal(FIRST, SECOND, other) is RefusalCode.ZONE


def test_apostrophes_and_accents_of_the_print():
    """A zone has neither."""
    first = "P<UTOOCONNOR<<JOSE<<<<<<<<<<<<<<<<<<<<<<<<<<"
    read = zone(first, SECOND, printed=("O'CONNOR", "JOS\u00c9")).applicant
    assert (read.last_name, read.first_name) == ("OCONNOR", "JOSE")
