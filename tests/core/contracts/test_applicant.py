"""The applicant and the formats of its fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing.contracts.applicant import (
    ATTRIBUTES,
    JURISDICTIONS,
    LICENSE_TYPES,
    PASSPORT_TYPES,
    STATES,
    Applicant,
    DocumentType,
    mask_ssn,
    parse_date,
    parse_phone,
    parse_ssn,
    parse_text,
    parse_zipcode,
)

PERSON = Applicant(first_name="MARIGOLD", ssn="900551234", dob="1985-03-07", height=70)
PARSERS = [parse_ssn, parse_zipcode, parse_phone, parse_date, parse_text]


def test_printing_names_fields_and_no_values():
    """Every way of printing shows which attributes are set, and nothing else."""
    for text in (repr(PERSON), str(PERSON), f"{PERSON}", f"{[PERSON]}"):
        assert "first_name, dob, ssn, height" in text
        assert "MARIGOLD" not in text
        assert "900551234" not in text


def test_a_proofer_sees_what_it_declared_and_nothing_else():
    """`select` leaves everything else unknown."""
    seen = PERSON.select({"ssn"})
    assert seen.reveal() == {"ssn": "900551234"}
    assert PERSON.select([]).reveal() == {}


def test_known_fields_of_the_other_replace_ours():
    """Unknown fields of an applicant change nothing; a mapping says what it means, None included."""
    assert PERSON.merge(Applicant(first_name="ROSE")).reveal()["first_name"] == "ROSE"
    assert PERSON.merge(Applicant(first_name="ROSE")).ssn == "900551234"
    assert PERSON.merge({"ssn": None}).ssn is None
    with pytest.raises(TypeError):
        PERSON.merge({"shoe_size": 40})


def test_mappings_round_trip():
    """Revealed values build the same applicant; foreign keys and empty values are left out."""
    assert Applicant.from_mapping(PERSON.reveal()) == PERSON
    assert Applicant.from_mapping({"shoe_size": 40, "city": None}) == Applicant()
    assert len(ATTRIBUTES) == 37


@pytest.mark.parametrize(
    ("text", "ssn"),
    [
        ("900-55-1234", "900551234"),
        (" 900551234 ", "900551234"),
        ("900-551234", "900551234"),
        ("90055-1234", "900551234"),
        ("900 55 1234", "900551234"),
        ("90055123", None),
        ("9005512345", None),
        ("٩٠٠٥٥١٢٣٤", "900551234"),
        ("90055123a", None),
        ("", None),
    ],
)
def test_ssn(text, ssn):
    """Nine digits, whatever separates them."""
    assert parse_ssn(text) == ssn


def test_masked_ssn():
    """First and last digit remain."""
    assert mask_ssn("900661234") == "9**-**-***4"


@pytest.mark.parametrize(
    ("text", "zipcode"),
    [
        ("12345", "12345"),
        ("12345-6789", "12345-6789"),
        ("123456789", "12345-6789"),
        (" 00000 ", "00000"),
        ("1234", None),
        ("12345-", "12345"),
        ("12345-678", None),
        ("1234a", None),
    ],
)
def test_zipcode(text, zipcode):
    """Five digits, or five and four."""
    assert parse_zipcode(text) == zipcode


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("7035550100", "7035550100"),
        ("+1 (703) 555-0100", "7035550100"),
        ("1.703.555.0100", "7035550100"),
        ("703/555/0100", "7035550100"),
        ("703555010", None),
        ("27035550100", None),
        ("1035550100", None),
        ("7031550100", None),
        ("703555010x", None),
        ("", None),
    ],
)
def test_phone(text, phone):
    """Ten national digits in any formatting."""
    assert parse_phone(text) == phone


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("1985-03-07", "1985-03-07"),
        ("3/7/1985", "1985-03-07"),
        ("03/07/1985", "1985-03-07"),
        ("2000-02-29", "2000-02-29"),
        ("1900-02-29", None),
        ("13/01/1985", None),
        ("1985-3-7", None),
        ("19850307", None),
        ("1985-W10-4", None),
        ("7.3.1985", None),
    ],
)
def test_date(text, iso):
    """ISO, or month, day and year with slashes; and a day that exists."""
    assert parse_date(text) == iso


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (" Zoë O'Brien-Łukasz ", "Zoë O'Brien-Łukasz"),
        ("王", "王"),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
        ("   ", None),
        ("a\nb", "a b"),
        ("a\x85b", "a b"),
        ("a\u2028b", "a b"),
        ("a\x00b", None),
        ("a\x9fb", None),
        ("a\u202eb", None),
        ("a\ud800b", None),
    ],
)
def test_text(text, parsed):
    """Any letters of any script in one line; no control characters, nothing unsafe, nothing too long."""
    assert parse_text(text) == parsed


@given(st.text(max_size=300))
def test_no_text_makes_a_parser_raise(text):
    """Whatever a form sends is read, or is None."""
    for parse in PARSERS:
        value = parse(text)
        # What was read reads as itself.
        assert value is None or parse(value) == value


def test_closed_sets():
    """Fifty states, the District and five territories issue documents; six more have ZIP codes."""
    assert len(JURISDICTIONS) == 56
    assert {"AA", "AE", "AP", "FM", "MH", "PW"} == STATES - JURISDICTIONS
    assert {*LICENSE_TYPES, *PASSPORT_TYPES, DocumentType.OTHER} == set(DocumentType)
    assert not LICENSE_TYPES & PASSPORT_TYPES
