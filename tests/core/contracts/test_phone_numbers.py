"""What a phone number itself says: its country and its kind of line."""

import pytest

from proofing.contracts.phone_numbers import COUNTRIES, country_of, line_type_of, may_get_code
from proofing.contracts.results import LineType

UNITED_STATES = ("US", "AS", "GU", "MP", "PR", "VI")


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("2025550123", "US"),
        ("8085550123", "US"),
        ("7875550123", "PR"),
        ("9395550123", "PR"),
        ("3405550123", "VI"),
        ("6715550123", "GU"),
        ("6705550123", "MP"),
        ("6845550123", "AS"),
        ("4165550123", "CA"),
        ("8765550123", "JM"),
        ("8095550123", "DO"),
        ("8495550123", "DO"),
        ("4735550123", "GD"),
    ],
)
def test_country(phone, country):
    """By the area code."""
    assert country_of(phone) == country
    assert country in COUNTRIES
    assert may_get_code(phone, countries=UNITED_STATES, refused=()) is (country in UNITED_STATES)


@pytest.mark.parametrize(
    ("phone", "line"),
    [
        ("8005550123", LineType.TOLL_FREE),
        ("8885550123", LineType.TOLL_FREE),
        ("9005550123", LineType.PREMIUM),
        ("2029760123", LineType.PREMIUM),
        ("5005550123", LineType.OTHER),
        ("2025550123", None),
        ("9765550123", None),
    ],
)
def test_line(phone, line):
    """By area code and exchange; most numbers may be of any phone."""
    assert line_type_of(phone) is line
    assert may_get_code(phone, countries=["US"], refused=[LineType.TOLL_FREE, LineType.PREMIUM]) is (
        line not in {LineType.TOLL_FREE, LineType.PREMIUM}
    )


def test_what_a_vendor_knows_counts_as_well():
    """Of a line that the number does not show; an unknown line is not refused."""
    for line, allowed in ((LineType.VOIP, False), (LineType.MOBILE, True), (None, True)):
        found = may_get_code("2025550123", countries=["US"], refused=[LineType.VOIP], line_type=line)
        assert found is allowed
    assert not may_get_code(
        "8005550123", countries=["US"], refused=[LineType.TOLL_FREE], line_type=LineType.MOBILE
    )
