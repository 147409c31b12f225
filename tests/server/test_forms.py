"""Forms: normal forms for what is right, a code for what is wrong."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing_server.forms import read_address, read_phone, read_ssn, show_phone

ADDRESS = {
    "address1": " 1 FAKE RD ",
    "address2": "",
    "city": "GREAT FALLS",
    "state": "mt",
    "zipcode": "590101234",
}

#: Field to cases: the text, the value that the form takes or null, and why.
PASTED = {
    name: cases
    for name, cases in json.loads((Path(__file__).parent / "pasted_texts.json").read_text()).items()
    if name != "about"
}


def read(name, text):
    """Return the form of a person who enters *text* in the field *name*, and everything else right."""
    if name == "ssn":
        return read_ssn({"ssn": text})
    if name == "phone":
        return read_phone({"phone": text})
    return read_address({**ADDRESS, name: text})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param(name, text, value, id=f"{name}: {why}")
        for name, cases in PASTED.items()
        for text, value, why in cases
    ],
)
def test_pasted_text(name, text, value):
    """What people paste is taken as they see it, or refused with a reason, and never cut."""
    form = read(name, text)
    if value is None:
        assert name in form.errors
    else:
        assert form.values[name] == value
        assert name not in form.errors


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("ssn", "\u200b\u3164", "ssn_missing"),
        ("phone", "\u2800", "phone_missing"),
        ("zipcode", "\u00ad", "zipcode_missing"),
        ("address1", "\u3164", "address1_missing"),
        ("city", "\u034f\ufe0f", "city_missing"),
        ("city", "Great\u202eFalls", "characters"),
        ("phone", "202-555-0143 x12", "phone_extension"),
        ("phone", "tel:+12025550143;ext=7", "phone_extension"),
        ("phone", "+44 20 7946 0018", "phone_format"),
        ("ssn", "SSN: 900-66-1234", "ssn_format"),
        ("address1", "x" * 300, "too_long"),
    ],
)
def test_the_reason_of_a_refusal(name, text, code):
    """Nothing visible is missing; everything else says what is wrong with it."""
    assert read(name, text).errors[name] == code


@given(st.sampled_from(sorted(PASTED)), st.text(max_size=300))
def test_no_text_breaks_a_form(name, text):
    """Whatever is posted gives a value that reads as itself, or a code."""
    form = read(name, text)
    if name in form.values and name not in form.errors:
        assert read(name, form.values[name]).values[name] == form.values[name]
        form.values[name].encode()


@pytest.mark.parametrize(
    ("city", "state", "errors"),
    [
        ("apo", "AE", {}),
        ("FPO", "AP", {}),
        ("DPO", "AA", {}),
        ("Great Falls", "AE", {"city": "city_military"}),
        ("APO", "MT", {"state": "state_military"}),
        ("Majuro", "MH", {}),
    ],
)
def test_military_addresses(city, state, errors):
    """AA, AE and AP go with APO, FPO and DPO, and the other way around."""
    form = read_address({**ADDRESS, "city": city, "state": state})
    assert form.errors == errors
    assert form.values["city"] == (city.upper() if city in {"apo", "FPO", "DPO", "APO"} else city)


@pytest.mark.parametrize("text", ["900661234", "900-66-1234", " 900 66 1234 "])
def test_ssn(text):
    """Nine digits, however people write them."""
    assert read_ssn({"ssn": text}).values == {"ssn": "900661234"}


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "ssn_missing"), ("  ", "ssn_missing"), ("90066123", "ssn_format"), ("9006612345", "ssn_format")],
)
def test_wrong_ssn(text, code):
    """Nothing typed, or not nine digits."""
    assert read_ssn({"ssn": text}).errors == {"ssn": code}


def test_address():
    """Spaces go, the state is upper case, the ZIP code gets its dash."""
    form = read_address(ADDRESS)
    assert not form.errors
    assert form.values == {
        "address1": "1 FAKE RD",
        "city": "GREAT FALLS",
        "state": "MT",
        "zipcode": "59010-1234",
    }


def test_wrong_address():
    """Every wrong field at once, in the order of the form."""
    fields = {"address1": "x" * 256, "address2": "a\x00b", "city": "", "state": "ZZ", "zipcode": "1"}
    assert list(read_address(fields).errors.items()) == [
        ("address1", "too_long"),
        ("address2", "characters"),
        ("city", "city_missing"),
        ("state", "state_missing"),
        ("zipcode", "zipcode_format"),
    ]
    assert read_address({}).errors["zipcode"] == "zipcode_missing"


def test_phone():
    """Any formatting, and a leading 1."""
    assert read_phone({"phone": "+1 (202) 555-0123"}).values == {"phone": "2025550123"}
    assert read_phone({"phone": ""}).errors == {"phone": "phone_missing"}
    assert read_phone({"phone": "555-0123"}).errors == {"phone": "phone_format"}
    assert show_phone("2025550123") == "(202) 555-0123"
