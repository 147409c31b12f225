"""The zone of a passport."""

import pytest

from proofing_aws_identity.mrz import read_zone

#: The specimen of ICAO Doc 9303, part 4, appendix A.
SPECIMEN = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)


def test_the_specimen():
    """Its check digits are the document's own."""
    zone = read_zone("\n".join(SPECIMEN))
    assert (zone.issuer, zone.nationality, zone.number) == ("UTO", "UTO", "L898902C3")
    assert (zone.dob, zone.expiration, zone.text) == ("740812", "120415", "".join(SPECIMEN))


@pytest.mark.parametrize("separator", ["\n", " ", "\r\n", ""])
def test_lines_may_be_separated_by_anything(separator):
    """As services read them."""
    assert read_zone(separator.join(SPECIMEN).lower()) == read_zone("".join(SPECIMEN))


@pytest.mark.parametrize("place", [44, 53, 57, 63, 65, 71, 72, 86, 87])
def test_one_wrong_character(place):
    """Each field that has a check digit, and each digit."""
    text = "".join(SPECIMEN)
    wrong = "2" if text[place] != "2" else "3"
    assert read_zone(text[:place] + wrong + text[place + 1 :]) is None


@pytest.mark.parametrize(
    "text", ["", "P<UTO", "".join(SPECIMEN) + "<", "I" + "".join(SPECIMEN)[1:], "é" * 88]
)
def test_what_is_no_zone_of_a_passport(text):
    """Another length, kind or alphabet."""
    assert read_zone(text) is None
