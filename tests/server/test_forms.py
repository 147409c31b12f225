"""Forms: normal forms for what is right, a code for what is wrong."""

import pytest

from proofing_server.forms import read_address, read_phone, read_ssn, show_phone

ADDRESS = {
    "address1": " 1 FAKE RD ",
    "address2": "",
    "city": "GREAT FALLS",
    "state": "mt",
    "zipcode": "590101234",
}


@pytest.mark.parametrize("text", ["900661234", "900-66-1234", " 900 66 1234 "])
def test_ssn(text):
    """Nine digits, however people write them."""
    assert read_ssn({"ssn": text}).values == {"ssn": "900661234"}


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "ssn_missing"), ("  ", "ssn_missing"), ("90066123", "ssn_format"), ("٩٠٠٦٦١٢٣٤", "ssn_format")],
)
def test_wrong_ssn(text, code):
    """Nothing typed, or not nine ASCII digits."""
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
