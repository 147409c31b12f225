"""Whom the settings ask for a selfie, and what `proofing check` refuses. docs/howto/ask-for-a-selfie.md."""

from types import SimpleNamespace

import pytest

from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.contracts.selfies import SelfieAnswer, SelfieChoice
from proofing.registry.plugins import LoadedProofer
from proofing.routing.selfies import selfie_terms
from proofing.routing.vendors import vendor_problems
from proofing.settings import Settings
from proofing.testing.vendor_fakes import make_process

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
FACES = {"company": "Faces Inc."}
NEEDS, TAKES, NEITHER = {"needs_selfie": True, **FACES}, {"takes_selfie": True, **FACES}, {}


def settings_of(**values):
    """Return settings with *values*."""
    return Settings.model_validate({**KEYS, **values})


def document_vendor(**more):
    """Return the descriptor of a document vendor."""
    make = lambda *_: SimpleNamespace(proof=print)  # noqa: E731 - never called
    return ProoferDescriptor(name="vendor", kind=ProoferKind.DOCUMENT, make=make, **more)


def problems_of(vendor, **values):
    """Return key and rule of what is wrong with document vendors of *vendor*, and with the settings."""
    found = {
        (ProoferKind.DOCUMENT, "vendor"): LoadedProofer("p", document_vendor(**vendor), None, make_process)
    }
    settings = settings_of(document_vendor="vendor", **values)
    problems = vendor_problems(settings, SimpleNamespace(proofers=found))
    return {one.key: one.rule for one in problems if one.key.startswith(("document", "selfie"))}


@pytest.mark.parametrize(
    ("mode", "vendor", "is_asked"),
    [
        ("never", NEEDS, False),
        ("never", TAKES, False),
        ("where_needed", NEEDS, True),
        ("where_needed", TAKES, False),
        ("where_needed", NEITHER, False),
        ("required", NEEDS, True),
        ("required", TAKES, True),
        ("required", NEITHER, False),
    ],
)
def test_who_is_asked(mode, vendor, is_asked):
    """By the setting, and what the vendor can do."""
    terms = selfie_terms(settings_of(selfie=mode), document_vendor(**vendor))
    assert terms.is_asked is is_asked
    assert terms.wants_image(None) is is_asked
    assert terms.needs_choice(None) is is_asked
    assert not selfie_terms(settings_of(selfie=mode), None).is_asked


@pytest.mark.parametrize("refusal", ["other_way", "continue"])
@pytest.mark.parametrize("vendor", [NEEDS, TAKES], ids=["needs", "takes"])
@pytest.mark.parametrize("answer", SelfieAnswer)
@pytest.mark.parametrize("recipient", ["Faces Inc.", "Another Inc."])
def test_what_an_answer_allows(refusal, vendor, answer, recipient):
    """A consent holds for the company that was named; another way only where the settings have it."""
    terms = selfie_terms(settings_of(selfie="required", selfie_refusal=refusal), document_vendor(**vendor))
    choice = SelfieChoice(answer=answer, at=1.0, text_version="en-1", recipient=recipient)
    agreed = answer is SelfieAnswer.AGREED
    may_go_without = not agreed and refusal == "continue" and vendor is TAKES
    assert terms.has_consent(choice) is (agreed and recipient == "Faces Inc.")
    assert terms.wants_image(choice) is not may_go_without
    assert terms.needs_choice(choice) is not (terms.has_consent(choice) or may_go_without)


@pytest.mark.parametrize(
    ("vendor", "values", "key", "rule"),
    [
        (NEITHER, {"selfie": "required"}, "document_vendor", "compares no selfie of our pages"),
        (NEEDS, {"selfie": "never"}, "document_vendor", "needs a selfie"),
        ({"needs_selfie": True}, {}, "document_vendor", "does not name the company"),
        ({"takes_selfie": True}, {"selfie": "required"}, "document_vendor", "does not name the company"),
        (NEEDS, {"selfie_refusal": "continue"}, "selfie_refusal", "vendor cannot do without a selfie"),
        (TAKES, {"selfie_retention_minutes": 20}, "selfie_retention_minutes", "must be at least 21"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_refused(vendor, values, key, rule):
    """Each with its key and what to do; an edit of the running settings is held to the same."""
    assert rule in problems_of(vendor, **values)[key]


@pytest.mark.parametrize(
    ("vendor", "values"),
    [
        (NEEDS, {}),
        (TAKES, {"selfie": "required", "selfie_refusal": "continue"}),
        (TAKES, {"selfie": "never"}),
        (NEITHER, {"selfie": "never"}),
        (NEITHER, {"selfie_refusal": "continue"}),
        ({"takes_selfie": True}, {}),
        (TAKES, {"selfie_retention_minutes": 21}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_taken(vendor, values):
    """Nothing is asked of a vendor that it cannot do."""
    assert problems_of(vendor, **values) == {}


def test_a_share_of_people_counts_as_well():
    """The vendor of a percentage is held to the same, under its own key."""
    other = document_vendor()
    found = {
        (ProoferKind.DOCUMENT, "vendor"): LoadedProofer("p", document_vendor(**TAKES), None, make_process),
        (ProoferKind.DOCUMENT, "other"): LoadedProofer("p", other, None, make_process),
    }
    settings = settings_of(
        selfie="required", document_vendor="vendor", document_vendor_percentages={"other": 1.0}
    )
    problems = vendor_problems(settings, SimpleNamespace(proofers=found))
    assert any(
        one.key.startswith("document_vendor_percentages") and "selfie is required" in one.rule
        for one in problems
    )
