"""The view of a verification that relying parties get: what it explains, and what it must not tell."""

from dataclasses import replace

import pytest

from proofing.contracts.evidence import CoreAttribute, Evidence, Source
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.contracts.verifications import (
    Findings,
    JobEnd,
    Mode,
    Step,
    Terms,
    VerificationRecord,
    VerificationState,
)
from proofing.rules import verifications as rules
from proofing.rules.assurance import explain
from proofing.rules.assurance_table import NEEDS, Need
from proofing.verifications.events import view

NOW = 1_800_000_000.0
RECORD = VerificationRecord(
    id="ver_" + "1" * 32,
    relying_party="acme",
    mode=Mode.LIVE,
    policy="standard",
    terms=Terms(steps=(Step.RESOLUTION,), attempts=1),
    person="person-1",
    state=VerificationState.PROCESSING,
    created_at=NOW - 60,
    updated_at=NOW - 30,
    expires_at=NOW + 3600,
    started_link=1,
)


def resolved(wrong: CoreAttribute) -> JobEnd:
    """Return the end of a resolution that failed, as no source knows one attribute as the person typed it."""
    sources = {name: frozenset({Source.CREDIBLE}) for name in CoreAttribute if name is not wrong}
    record = StatusRecord(result_id="job", kind=JobKind.RESOLUTION, owner="person-1", submitted_at=NOW)
    return JobEnd(
        verification_id=RECORD.id,
        link=1,
        record=record.finished(EndState.DONE, at=NOW + 1, outcome=Outcome.FAILED, reasons=()),
        checks={},
        evidence=Evidence(confirmed=sources, mismatched=frozenset({wrong})),
    )


@pytest.mark.parametrize("attempts", [1, 3])
def test_no_view_tells_which_typed_datum_was_wrong(attempts):
    """Whichever it was, the relying party gets the same bytes: after the last attempt, and before."""
    record = replace(RECORD, terms=replace(RECORD.terms, attempts=attempts))
    views = [view(rules.job_ended(record, [resolved(wrong)], at=NOW + 2).record) for wrong in CoreAttribute]
    assert views[0]["state"] == ("failed" if attempts == 1 else "in_progress")
    assert all(one == views[0] for one in views)
    assert "attributes" in [one["code"] for one in views[0]["assurance"]["missing"]]


def test_a_verified_one_says_that_an_identifier_is_missing():
    """After a yes nothing was wrong; which attributes nobody confirmed is left out there, too."""
    missing = ("identifier", "attributes:address:birth_date", "verification:drivers_license")
    found = replace(
        RECORD, state=VerificationState.VERIFIED, findings=Findings(supports="none", missing=missing)
    )
    shown = view(found)["assurance"]["missing"]
    assert [one["code"] for one in shown] == ["identifier", "attributes", "verification:drivers_license"]
    assert shown[2]["detail"] == (
        "Have the piece found to be the person's, or withdraw it where others suffice (drivers license) "
        "(4.1.6, 4.2.6)."
    )


@pytest.mark.parametrize("need", Need)
def test_every_code_is_explained_with_its_section(need):
    """A code of another version is shown without a sentence."""
    assert explain(need) == f"{NEEDS[need].text} ({NEEDS[need].clause})."
    assert explain("not_of_this_version:passport") == ""
