"""The catalogue: complete, without leftovers, with plurals and durations."""

import re
from pathlib import Path

import pytest

import proofing_server
from proofing.applicant import STATES
from proofing.rules.document_errors import ErrorCode
from proofing_server.screens import screen_for  # noqa: F401 - its names are looked up below
from proofing_server.site import ERROR_CODES, STEPS
from proofing_server.texts import choose_language, languages, load_texts

FOLDER = Path(proofing_server.__file__).parent
SOURCES = [
    *FOLDER.rglob("*.py"),
    *FOLDER.glob("templates/*.html"),
    *FOLDER.glob("static/*.js"),
]
#: Codes of `ImageError`, of uploads, and of the field checks.
FIELD_CODES = (
    "missing empty not_an_image too_large truncated too_many_pixels upload_missing expired decrypt_error"
).split()
#: Parts of the catalogue that are looked up by a name made elsewhere.
BY_NAME = ("steps.", "sides.", "errors.", "wait.", "problems.", "limits.", "http.", "document_codes.")


@pytest.mark.parametrize("code", [*[code.value for code in ErrorCode], *FIELD_CODES])
def test_every_document_code_has_a_sentence(code):
    """Whatever the rules and the gate may say, the person reads a sentence."""
    assert load_texts()(f"document_codes.{code}").endswith(".")


def test_every_key_in_the_templates_exists():
    """No template asks for a text that is not there."""
    texts = load_texts()
    for path in FOLDER.glob("templates/*.html"):
        for key in re.findall(r't(?:\.count|\.branch|\.has)?\("([a-z_.0-9]+)"[,)]', path.read_text()):
            assert texts.has(key), (path.name, key)


def test_every_status_and_step_has_its_text():
    """Names that are put together at run time are complete."""
    texts = load_texts()
    for name in (*ERROR_CODES.values(), "technical"):
        assert texts(f"http.{name}.title")
        assert texts(f"http.{name}.body")
    for name, _ in STEPS:
        assert texts(f"steps.{name}")


def test_no_text_is_left_over():
    """Every text is named somewhere, at least by its last part where the name is put together."""
    source = "\n".join(path.read_text() for path in SOURCES)
    codes = {code.value for code in ErrorCode} | set(FIELD_CODES)
    for key in load_texts().keys():  # noqa: SIM118 - a method of ours, not of a dict
        parts = key.split(".")
        named = key in source or any(".".join(parts[:cut]) + '"' in source for cut in range(1, len(parts)))
        by_name = key.startswith(BY_NAME) and (
            parts[1].removesuffix("_missing") in source or parts[1] in codes
        )
        assert named or by_name, key


def test_every_state_has_its_name():
    """The form offers exactly the states that the check takes, by name."""
    states = load_texts().states()
    assert {code for code, _ in states} == STATES
    assert [name for _, name in states] == sorted({name for _, name in states})


def test_durations():
    """Time left in words, rounded up."""
    texts = load_texts()
    assert texts.duration(0.2) == "1 minute"
    assert texts.duration(61) == "2 minutes"
    assert texts.duration(3600) == "1 hour"
    assert texts.duration(6 * 3600) == "6 hours"
    assert texts.duration(3600 * 5 + 60 * 12) == "5 hours and 12 minutes"


def test_counts_dates_and_values():
    """Plural forms; dates in words; a value is never read as a template."""
    texts = load_texts()
    assert texts.count("attempts_left", 1) == "You have 1 attempt left."
    assert texts.count("attempts_left", 4) == "You have 4 attempts left."
    assert texts.date("1938-10-06") == "October 6, 1938"
    assert texts("site.for_partner", partner="{count}") == "for {count}"


def test_unknown_keys_are_errors():
    """A misspelt key does not pass silently."""
    texts = load_texts()
    for key in ("nothing", "site.name.deeper", "site"):
        with pytest.raises(KeyError):
            texts(key)


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("en-GB,en;q=0.9", "en"), ("tlh, en;q=0.5", "en"), ("tlh", "en"), (";;,,", "en")],
)
def test_language(header, language):
    """The first language of the browser that there is a catalogue for, else English."""
    assert language in languages()
    assert choose_language(header) == language
