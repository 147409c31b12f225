"""The settings of confirmation codes: when they are on, and what cannot work together."""

import pytest
from pydantic import ValidationError

from proofing.contracts.results import LineType
from proofing.settings import Settings

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}


def read(**values):
    """Return the settings."""
    return Settings.model_validate({**KEYS, **values})


@pytest.mark.parametrize(
    ("values", "is_on"),
    [
        ({}, False),
        ({"messenger_vendor": "mock"}, True),
        ({"messenger_vendor": "mock", "phone_confirmation_enabled": False}, False),
        ({"messenger_vendor": "mock", "phone_confirmation_enabled": "true"}, True),
        ({"phone_confirmation_enabled": False}, False),
    ],
)
def test_on_where_a_messenger_is_named(values, is_on):
    """Unless the switch says otherwise."""
    assert read(**values).confirms_phone is is_on


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("phone_confirmation_enabled", True),
        ("phone_confirmation_enabled", "on"),
        ("phone_code_digits", 5),
        ("phone_code_valid_minutes", 11),
        ("phone_code_valid_minutes", 0),
        ("phone_code_channels", []),
        ("phone_code_channels", ["fax"]),
        ("phone_code_countries", []),
        ("phone_code_countries", ["DE"]),
        ("phone_code_refused_line_types", ["cellular"]),
        ("phone_code_pause_seconds", -1),
    ],
)
def test_what_cannot_work_is_refused(key, value):
    """A code step without a messenger, weaker codes than NIST allows, words that do not exist."""
    with pytest.raises(ValidationError) as caught:
        read(**{key: value})
    assert caught.value.errors()[0]["loc"][0] == key


def test_live_keys():
    """Operators switch codes, channels and countries without a restart."""
    live = {name for name in Settings.live_keys() if name.startswith(("phone_co", "messenger"))}
    assert live == {
        "messenger_vendor",
        "messenger_vendor_fallbacks",
        "phone_code_channels",
        "phone_code_channels_out",
        "phone_code_countries",
        "phone_code_refused_line_types",
        "phone_confirmation_enabled",
    }


def test_which_numbers():
    """Country and line by the settings."""
    settings = read(phone_code_countries=["US", "CA"], phone_code_refused_line_types=["landline"])
    assert settings.may_get_code("4165550123")
    assert not settings.may_get_code("8765550123")
    assert settings.may_get_code("2025550123", LineType.VOIP)
    assert not settings.may_get_code("2025550123", LineType.LANDLINE)
