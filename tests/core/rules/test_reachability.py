"""What a policy could reach at best with given vendors."""

from types import SimpleNamespace

import pytest

from proofing.contracts.applicant import DocumentType
from proofing.contracts.continuation import Exchange, Leave
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.contracts.verifications import Step
from proofing.rules.assurance_table import Level
from proofing.rules.reachability import PolicyVendors, reachable


def vendor(kind, name=None, **more):
    """Return a descriptor."""
    make = lambda *_: SimpleNamespace(proof=print)  # noqa: E731 - never called
    return ProoferDescriptor(name=name or kind.value, kind=kind, make=make, **more)


DOCUMENT = vendor(ProoferKind.DOCUMENT)
WALLET = vendor(ProoferKind.DOCUMENT, "wallet", captures_images=True, continues=frozenset({Exchange, Leave}))
PERMITS = vendor(ProoferKind.DOCUMENT, "permits", document_types=frozenset({DocumentType.DRIVERS_PERMIT}))
RESOLUTION = vendor(ProoferKind.RESOLUTION)
STATE_ID = vendor(ProoferKind.STATE_ID)
PHONE = vendor(ProoferKind.PHONE)
ALL = ("document", "resolution", "phone")
EVERYTHING = "document selfie resolution phone code"


def assessed(steps, *, vouched=ALL, **vendors):
    """Return what *steps* could reach."""
    given = {"document": DOCUMENT, "resolution": RESOLUTION, "phones": (PHONE,), **vendors}
    return reachable(tuple(map(Step, steps.split())), PolicyVendors(vouched=vouched, **given))


@pytest.mark.parametrize(
    ("steps", "values", "level"),
    [
        (EVERYTHING, {}, Level.IAL2),
        (EVERYTHING, {"vouched": ("document", "resolution")}, Level.NONE),
        (EVERYTHING, {"vouched": ("resolution", "phone")}, Level.NONE),
        (EVERYTHING, {"vouched": ("document", "phone")}, Level.NONE),
        (EVERYTHING, {"code_digits": 5}, Level.IAL1),
        ("document resolution phone code", {}, Level.IAL1),
        ("document selfie resolution", {}, Level.IAL1),
        ("document selfie resolution", {"document": PERMITS}, Level.NONE),
        ("document resolution", {}, Level.NONE),
        ("document selfie", {}, Level.NONE),
        ("document", {}, Level.NONE),
        ("phone code", {}, Level.NONE),
        ("resolution phone code", {}, Level.IAL1),
        ("resolution phone", {}, Level.NONE),
        ("resolution", {"state_id": STATE_ID}, Level.NONE),
        ("document resolution", {"document": WALLET}, Level.IAL2),
        ("document", {"document": WALLET}, Level.NONE),
        ("document phone", {"document": None}, Level.NONE),
    ],
)
def test_the_best_that_can_come(steps, values, level):
    """By the tables of assurance.md: pieces, verification, a source, a death check, an address to notify."""
    found = assessed(steps, **values)
    assert found.level is level
    assert level is Level.IAL2 or found.missing


def test_what_is_missing_is_named():
    """With what would cure it."""
    missing = {one.code for one in assessed("document resolution phone code").missing}
    assert missing == {"verification:drivers_license"}
    assert "death_check" in {one.code for one in assessed(EVERYTHING, vouched=("document", "phone")).missing}
