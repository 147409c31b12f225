"""Results of jobs come back as they were written, and anything else is refused without being told."""

import pytest

from proofing.base.typed_json import read_typed, write_typed
from proofing.contracts.applicant import Applicant
from proofing.contracts.job_results import DocumentJobResult, ResolutionJobResult
from proofing.contracts.records import KINDS, JobKind
from proofing.jobs.kinds import job_type
from proofing.settings.schema import Settings

DOCUMENT = DocumentJobResult(
    applicant=Applicant(first_name="Zoë", dob="1985-03-07", height=71, same_address_as_id=False),
    needs_confirmation=True,
    failed_fingerprints=("front:aa", "back:bb"),
    tips=True,
)


@pytest.mark.parametrize(
    "result",
    [
        DOCUMENT,
        DocumentJobResult(),
        ResolutionJobResult(phone_precheck_passed=True),
        ResolutionJobResult(failed_phone="2025550143"),
    ],
)
def test_results_come_back(result):
    """With their types, nested ones too; printing shows nothing of them."""
    assert read_typed(type(result), write_typed(result)) == result
    assert "Zoë" not in repr(result)
    assert "2025550143" not in repr(result)


def test_names_of_a_newer_process_are_ignored():
    """It may run alongside an older one for a release."""
    assert read_typed(ResolutionJobResult, b'{"later": 1}') == ResolutionJobResult()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b'{"tips": 1}',
        b'{"tips": "MARIGOLD"}',
        b'{"failed_fingerprints": "MARIGOLD"}',
        b'{"applicant": {"first_name": ["MARIGOLD"]}}',
    ],
)
def test_anything_else_is_refused(data):
    """Types are strict, and the message does not hold what was read."""
    with pytest.raises(ValueError, match="not a DocumentJobResult") as caught:
        read_typed(DocumentJobResult, data)
    assert "MARIGOLD" not in str(caught.value)


@pytest.mark.parametrize("kind", JobKind)
def test_every_kind_is_whole(kind):
    """It has its work, its names, which no other kind has, and the numbers of its limits."""
    assert job_type(kind).work
    names = KINDS[kind]
    for name in ("log_name", "queue_name", "person_limit", "client_limit"):
        assert [getattr(other, name) for other in KINDS.values()].count(getattr(names, name)) == 1
    assert {
        f"{names.person_limit}_max_attempts",
        f"{names.person_limit}_window_minutes",
        f"{names.client_limit}_max_attempts",
    } <= set(Settings.model_fields)
