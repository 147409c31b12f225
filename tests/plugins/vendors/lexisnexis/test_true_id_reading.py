"""What TrueID read from a document, with the noise that it reads along."""

import pytest
from tests.plugins.vendors.lexisnexis.conftest import (
    CARD,
    LICENSE,
    PASSPORT,
    WANTED,
    images,
    put,
    rdp,
    true_id,
)

from proofing.contracts.applicant import Applicant
from proofing.contracts.images import Side


async def read(fields=None, *, result=None, sides=CARD):
    """Return the applicant of a yes."""
    answer = rdp("passed", true_id(result=result, fields=fields))
    found, _request = await put("true_id", answer, images=sides, wanted=WANTED)
    return found.applicant


async def test_a_license():
    """Every attribute, the expiration by its misspelled day."""
    more = {"Fields_AddressLine2": "APT 1", "Fields_NameSuffix": "JR", "Fields_Surname": "QUILL"}
    assert await read({**LICENSE, **more}) == Applicant(
        first_name="ADA",
        middle_name="B",
        last_name="QUILL",
        name_suffix="JR",
        dob="1985-03-07",
        sex="female",
        address1="9 ELM ST",
        address2="APT 1",
        city="TROY",
        state="NY",
        zipcode="12180-1234",
        height=69,
        state_id_number="Q123456",
        state_id_jurisdiction="NY",
        state_id_issued="2019-12-31",
        state_id_expiration="2099-12-31",
        issuing_country_code="USA",
    )


async def test_a_passport():
    """No address, height or license, and the machine-readable zone in one line."""
    fields = {**LICENSE, **PASSPORT, "Fields_FirstName": None}
    result = {"DocClassName": "Passport", "DocIssuerType": "Country", "Sex": "Male"}
    assert await read(fields, result=result, sides=images(Side.PASSPORT)) == Applicant(
        first_name="ADA",
        middle_name="B",
        last_name="QUILL",
        dob="1985-03-07",
        sex="male",
        passport_issued="2019-12-31",
        passport_expiration="2099-01-02",
        document_number="900000001",
        issuing_country_code="USA",
        nationality_code="USA",
        birth_place="NEW YORK",
        mrz="P<USAQUILL<<ADA<<<<",
    )


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"Fields_FirstName": "ADA", "Fields_GivenName": "ADA B"}, "ADA"),
        ({"Fields_FirstName": None, "Fields_GivenName": "ADA B"}, "ADA B"),
        ({"Fields_FirstName": "", "Fields_GivenName": "ADA B"}, "ADA B"),
        ({"Fields_FirstName": None}, None),
    ],
)
async def test_first_names(fields, name):
    """The given name where there is no other."""
    assert (await read({**LICENSE, **fields})).first_name == name


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("1985", "3", "7"), "1985-03-07"),
        (("1985", "03", "07"), "1985-03-07"),
        (("1985", "2", "30"), None),
        (("DOB", "3", "7"), None),
        (("1985", "DOB", "7"), None),
        (("1985", "3", "DOB"), None),
        (("0", "3", "7"), None),
        (("-1985", "3", "7"), None),
        ((None, "3", "7"), None),
        (("1985", None, None), None),
        (("19850307", "3", "7"), None),
    ],
)
async def test_dates(parts, expected):
    """What is no day is no date; a part may be a label next to it."""
    keys = (f"Fields_DOB_{part}" for part in ("Year", "Month", "Day"))
    assert (await read({**LICENSE, **dict(zip(keys, parts, strict=True))})).dob == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ({"Fields_xpirationDate_Day": "31"}, "2099-12-31"),
        ({"Fields_xpirationDate_Day": None, "Fields_ExpirationDate_Day": "30"}, "2099-12-30"),
        ({"Fields_xpirationDate_Day": "31", "Fields_ExpirationDate_Day": "30"}, "2099-12-31"),
        ({"Fields_xpirationDate_Day": None}, None),
    ],
)
async def test_the_misspelled_day(days, expected):
    """As the vendor really spells it, and as it would if it noticed."""
    assert (await read({**LICENSE, **days})).state_id_expiration == expected


async def test_other_dates_of_the_answer_do_not_count():
    """The engine's result has dates of another reading."""
    result = {"DOB_Year": "1999", "DOB_Month": "1", "DOB_Day": "1", "ExpirationDate_Year": "1999"}
    found = await read({name: text for name, text in LICENSE.items() if "DOB" not in name}, result=result)
    assert found.dob is None
    assert found.state_id_expiration == "2099-12-31"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12180", "12180"),
        ("12180-1234", "12180-1234"),
        ("121801234", "12180"),
        ("12180 1234", "12180"),
        ("1218", "1218"),
        (None, None),
    ],
)
async def test_zip_codes(text, expected):
    """Well-formed ones stay, and of others the first five characters."""
    assert (await read({**LICENSE, "Fields_PostalCode": text})).zipcode == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5' 9\"", 69), ("5'08\"", 68), ("5'11\"", 71), ("5-09", None), ("175 cm", None), (None, None)],
)
async def test_heights(text, expected):
    """Feet and inches, or nothing."""
    assert (await read({**LICENSE, "Fields_Height": text})).height == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("Male", "male"), ("Female", "female"), ("Unspecified", None), ("?", None)]
)
async def test_sexes(word, expected):
    """Two are known."""
    assert (await read(result={"Sex": word})).sex == expected
