"""What the print of a document comes to: a zone that is read or refused, and advice on the front."""

from datetime import date

import pytest
from tests.plugins.vendors.reader.barcodes import LICENSE, TODAY, barcode
from tests.plugins.vendors.reader.test_zones import CARD, FIRST, PRINT, SECOND, lines

from proofing.contracts.applicant import DocumentType
from proofing.contracts.images import Side
from proofing.contracts.results import Assurance, Finding, FindingCode, Outcome
from proofing_reader.aamva import read_barcode
from proofing_reader.printed import read_zone, with_print
from proofing_reader.results import accepted

DAY = date(2026, 11, 30)
PASSPORT, PASSPORT_CARD = DocumentType.PASSPORT, DocumentType.PASSPORT_CARD
LICENSE_CARD = read_barcode(barcode(LICENSE), today=TODAY)
#: As the number of a field and its text come out of recognition.
FRONT = ("4d T64235789", "1 SAMPLE", "2 MICHAEL JOHN", "3 06/06/1986", "4b 12/10/2028")


def read(*texts, kind=PASSPORT):
    """Return the answer about a page with these lines."""
    return read_zone(lines(*texts), kind, side=Side.PASSPORT, today=DAY).result


def advice(*texts):
    """Return what is found on a front with these lines."""
    result = accepted(LICENSE_CARD, DocumentType.DRIVERS_LICENSE)
    found = with_print(result, LICENSE_CARD, lines(*texts))
    assert (found.outcome, found.against) == (Outcome.PASSED, ())
    return [(one.code, one.side, one.vendor_code) for one in found.findings]


def test_a_passport_is_read_and_not_authenticated():
    """Anybody can print a zone."""
    result = read(*PRINT, FIRST, SECOND)
    assert (result.outcome, result.assurance) == (Outcome.PASSED, Assurance.READ)
    assert (result.document_type, result.applicant.last_name) == (PASSPORT, "OKONKWO DA SILVA")
    assert result.reasons == ("authenticity_not_checked",)


def with_issuer(text, code):
    """Return lines of a zone of another country; no check digit covers the code."""
    return text.replace("UTO", code)


REFUSED = {
    "nothing": ((), PASSPORT, FindingCode.UNREADABLE, "mrz_zone"),
    "a wrong check digit": (
        (*PRINT, FIRST, SECOND.replace("870214", "870215")),
        PASSPORT,
        FindingCode.UNREADABLE,
        "mrz_check_digit",
    ),
    "a name that is not printed": ((FIRST, SECOND), PASSPORT, FindingCode.UNREADABLE, "mrz_name"),
    "another country": (
        (*PRINT, with_issuer(FIRST, "FRA"), with_issuer(SECOND, "FRA")),
        PASSPORT,
        FindingCode.UNSUPPORTED_DOCUMENT,
        "mrz_country",
    ),
    "a card in place of a book": (
        (*PRINT, *CARD),
        PASSPORT,
        FindingCode.UNSUPPORTED_DOCUMENT,
        "mrz_document_type",
    ),
    "a book in place of a card": (
        (*PRINT, FIRST, SECOND),
        PASSPORT_CARD,
        FindingCode.UNSUPPORTED_DOCUMENT,
        "mrz_document_type",
    ),
}


@pytest.mark.parametrize(("texts", "kind", "code", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_accepted_has_its_finding(texts, kind, code, why):
    """On the side that was shown."""
    result = read(*texts, kind=kind)
    assert (result.outcome, result.applicant, result.reasons) == (Outcome.FAILED, None, (why,))
    assert result.findings == (Finding(code=code, side=Side.PASSPORT, vendor_code=why),)


def test_a_passport_card_of_the_united_states_is_read():
    """Its zone has three lines."""
    result = read(*PRINT, *(with_issuer(line, "USA") for line in CARD), kind=PASSPORT_CARD)
    assert (result.outcome, result.document_type) == (Outcome.PASSED, PASSPORT_CARD)


def test_a_front_that_agrees_has_no_advice():
    """By the numbers of its fields."""
    assert advice(*FRONT) == []


DIFFERENT = {
    "birth date": ("3 06/06/1986", "3 06/07/1986", "birth_date", "print_birth_date_major"),
    "number": ("4d T64235789", "4d T64235780", "document_number", "print_number_major"),
    "expiration": ("4b 12/10/2028", "4b 12/10/2030", "expiration_date", "print_expiration_major"),
    "family name": ("1 SAMPLE", "1 SIMPLE", "name", "print_family_name_major"),
    "given name": ("2 MICHAEL JOHN", "2 MICHELE JOHN", "name", "print_given_name_medium"),
}


@pytest.mark.parametrize(("printed", "other", "code", "why"), DIFFERENT.values(), ids=DIFFERENT)
def test_a_difference_is_advice_with_its_severity(printed, other, code, why):
    """And never a verdict."""
    texts = [other if text == printed else text for text in FRONT]
    assert advice(*texts) == [(FindingCode(code), Side.FRONT, why)]


def test_what_has_no_label_is_no_difference():
    """It may be anything."""
    assert advice("06/07/1986", "SIMPLE", "T64235780") == []


def test_a_front_without_text_is_said_to_be_one():
    """Any image would pass as the front otherwise, and nobody would know."""
    assert advice() == [(FindingCode.UNREADABLE, Side.FRONT, "print_not_read")]
