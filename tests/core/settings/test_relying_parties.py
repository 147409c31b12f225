"""Policies and relying parties in settings.yaml: what is refused, with key and rule."""

import pytest
from pydantic import ValidationError

from proofing.contracts.verifications import Step
from proofing.settings import Settings
from proofing.settings.relying_parties import PAGE_LANGUAGES
from proofing_server.texts import languages

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}


def read(**values):
    """Return settings with *values*."""
    return Settings.model_validate({**KEYS, **values})


def refusal(**policy):
    """Return what is said of a policy."""
    with pytest.raises(ValidationError) as refused:
        read(policies={"one": {"steps": ["document"], **policy}})
    return "; ".join(error["msg"] for error in refused.value.errors())


@pytest.mark.parametrize(
    "steps",
    [
        ["document"],
        ["phone"],
        ["phone", "code"],
        ["resolution"],
        ["document", "selfie"],
        ["phone", "code", "resolution"],
        ["document", "selfie", "phone", "resolution", "code"],
    ],
)
def test_steps_in_an_order_that_can_be_taken(steps):
    """They stay in the order of the file."""
    assert read(policies={"one": {"steps": steps}}).policies["one"].steps == tuple(map(Step, steps))


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ([], "at least 1 item"),
        (["document", "document"], "must name each step once"),
        (["selfie"], "selfie needs document before it"),
        (["code", "phone"], "code needs phone before it"),
        (["resolution", "document"], "document must be first: the steps after it check the person"),
        (["phone", "document"], "document must be first"),
        (["document", "resolution", "selfie"], "selfie must come right after document"),
        (["fingerprint"], "Input should be"),
    ],
)
def test_steps_that_cannot_be_taken(steps, rule):
    """Each with what to do."""
    assert rule in refusal(steps=steps)


def test_languages_are_those_of_the_pages():
    """The core, which knows no pages, has the same list as their catalogs."""
    assert languages() == PAGE_LANGUAGES
    known = ", ".join(PAGE_LANGUAGES)
    assert f"must name languages that the pages have: {known}" in refusal(languages=["en", "tlh"])
    assert read(policies={"one": {"steps": ["phone"], "languages": ["en"]}})


@pytest.mark.parametrize(
    ("values", "starts"),
    [
        ({}, True),
        ({"is_production": True}, False),
        ({"start_without_relying_party": False}, False),
        ({"is_production": True, "start_without_relying_party": True}, True),
    ],
)
def test_who_may_begin_without_a_relying_party(values, starts):
    """Everybody, but in production only where somebody said so."""
    assert read(**values).starts_without_relying_party is starts
