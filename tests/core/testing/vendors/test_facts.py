"""What two answers are compared by: all that a verdict or evidence is made of."""

from dataclasses import replace

import pytest

from proofing.plugin import (
    Death,
    DocumentResult,
    Inspection,
    Match,
    Outcome,
    PhoneResult,
    ResolutionResult,
)
from proofing.testing.vendors.subject import facts_of


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        (DocumentResult, {"inspection": Inspection(presence=True)}),
        (PhoneResult, {"account": Match.MATCH}),
        (ResolutionResult, {"death": Death.HIT}),
    ],
)
def test_an_answer_that_is_other_evidence_is_another_answer(kind, changed):
    """A cached account, or death record, is somebody else's; an id of the call is no fact."""
    answer = kind(vendor_name="acme", outcome=Outcome.PASSED)
    assert facts_of(replace(answer, **changed)) != facts_of(answer)
    assert facts_of(replace(answer, transaction_id="1")) == facts_of(answer)
