"""A session has one reader and one writer: what one writes the other reads, and nothing else is read."""

import json

import pytest

from proofing.contracts.applicant import Applicant
from proofing.contracts.evidence import (
    Barcode,
    Channel,
    CoreAttribute,
    Death,
    Evidence,
    EvidenceKind,
    EvidencePiece,
    Inspection,
    Source,
    ValidatedBy,
    Verification,
    VerifiedBy,
)
from proofing.contracts.images import Side
from proofing.contracts.records import JobKind
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import SealContext
from proofing.sessions import vault
from proofing.sessions.data import KeptUpload, PendingJob, Problem, ReadDocument, SessionData
from proofing.sessions.handoffs import Handoff, HandoffState
from proofing_devtools.sessions import make_session

CODE = Verification(method=VerifiedBy.CODE_PHONE, digits=6, age_seconds=12.5)
UPLOAD = KeptUpload(
    attempt="a" * 32, slot="s", iv=b"\xff\xfe\x00", expires_at=3.5, facts={"width": 1200, "scaled": True}
)


def full_session():
    """Return a session in which every field differs from its default."""
    return make_session(
        partner="agency",
        version="00",
        indexed_until=2.0,
        consented_at=1.0,
        finished_at=4.0,
        attempts=("a" * 32,),
        uploads={Side.FRONT: UPLOAD},
        image_keys={UPLOAD.attempt: b"sealed"},
        pending=PendingJob(kind=JobKind.PHONE, result_id="r", submitted_at=1.0),
        completed=frozenset({JobKind.DOCUMENT, JobKind.RESOLUTION}),
        recent={"d": JobKind.DOCUMENT, "r": JobKind.PHONE},
        submissions={JobKind.DOCUMENT: 2},
        problem=Problem(
            kind=JobKind.DOCUMENT,
            screen="document_failed",
            codes=("a",),
            fields={"front": "b"},
            counted=None,
        ),
        document=ReadDocument(
            applicant=Applicant(first_name="FAKEY", height=70), needs_confirmation=True, confirmed=True
        ),
        typed=Applicant(ssn="900661234", phone="2025550143"),
        failed_fingerprints=frozenset({"front:x"}),
        failed_phones=frozenset({"7035555555"}),
        device_session_id="pass",
        handoff=Handoff(token="t", link="l", made_at=1.5, language="es", message="m")
        .opened("d")
        .changed(HandoffState.CONFIRMED),
        evidence={
            JobKind.PHONE: Evidence(
                pieces=(
                    EvidencePiece(
                        kind=EvidenceKind.PHONE_ACCOUNT,
                        issuer="US",
                        validated_by=ValidatedBy.ACCOUNT,
                        inspection=Inspection(presence=True, barcode=Barcode.ABSENT),
                        vouched=True,
                        verified_by=(CODE,),
                    ),
                ),
                confirmed={CoreAttribute.NAME: frozenset({Source.CREDIBLE})},
                mismatched=frozenset({CoreAttribute.ADDRESS}),
                death=Death.CLEAR,
                biometric_consent=True,
                notify=frozenset({Channel.PHONE}),
            )
        },
    )


@pytest.mark.parametrize("data", [make_session(), full_session()], ids=["fresh", "full"])
def test_what_is_written_is_read(data):
    """Every field comes back equal, in its type."""
    assert SessionData.from_json(data.to_json()) == data


BROKEN = {
    "no JSON": b"\xff",
    "another type": b"[]",
    "nothing": b"{}",
    "an unknown key": {"another": 1},
    "an unknown attribute": {"typed": {"maiden_name": "x"}},
    "a number for a text": {"person": 7},
    "a text for a number": {"created_at": "1"},
    "an unknown kind": {"completed": ["selfie"]},
    "an unknown side": {"uploads": {"left": {}}},
    "a job without its id": {"pending": {"kind": "document", "submitted_at": 1.0}},
    "an upload without its key": {"image_keys": {}},
    "no text for an attribute": {"typed": {"ssn": 900661234}},
    "null for a map": {"uploads": None},
    "no base64": {"image_keys": {"a" * 32: "*"}},
    "nested too deep": b'{"typed":' * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_anything_else_is_refused_without_its_values(name):
    """Whole: the session is not read in part, and the error holds nothing of it."""
    change = BROKEN[name]
    text = change
    if isinstance(change, dict):
        text = json.dumps({**json.loads(full_session().to_json()), **change}).encode()
    with pytest.raises(ValueError, match=r"^not the data of a session$") as caught:
        SessionData.from_json(text)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_session_is_none(process, name):
    """Also sealed by ourselves, as another version of this program may have: the person starts again."""
    change = BROKEN[name]
    async with process() as running:
        store, data = running.service.sessions, full_session()
        await store.save("session", data)
        assert await store.load("session") is not None
        text = change
        if isinstance(change, dict):
            text = json.dumps({**json.loads(data.to_json()), **change}).encode()
        key = vault.session_key("session")
        sealed = await store._sealer.seal(text, SealContext(purpose=Purpose.SESSION, subject=key))
        await store._results.save(key, bytes.fromhex(data.version) + sealed, ttl_seconds=60)
        assert await store.load("session") is None


async def test_a_session_ends_with_its_total_time(process):
    """However often it is used: it does not start again, and a change is not kept."""
    async with process() as running:
        store = running.service.sessions
        await store.save("begun", make_session(created_at=0.0))
        assert await store.load("begun") is None
        data = make_session()
        await store.save("used", data)
        data.created_at = 0.0
        assert await store.update(vault.session_key("used"), data, expected=data.version) is None
        assert await store.load("used") is None


def test_a_typed_address_replaces_all_of_the_document_s():
    """An apartment of the old address would make the new one wrong."""
    old = {"address1": "1 Old St", "address2": "Apt 5", "city": "Old", "state": "MT", "zipcode": "59010"}
    new = {"address1": "2 New St", "city": "New", "state": "VA", "zipcode": "20171"}
    document = ReadDocument(applicant=Applicant(first_name="FAKEY", **old), needs_confirmation=False)
    assert make_session(document=document).applicant == Applicant(first_name="FAKEY", **old)
    assert make_session(document=document, typed=Applicant(**new)).applicant == Applicant(
        first_name="FAKEY", **new
    )


def test_a_session_remembers_its_last_jobs_only():
    """By which an operator finds them; a session with many attempts does not grow."""
    data = make_session()
    names = [f"r{number:02}" for number in range(30)]
    for name in names:
        data.add_pending(PendingJob(kind=JobKind.PHONE, result_id=name, submitted_at=1.0))
    assert list(data.recent) == names[-len(data.recent) :]
    assert len(data.recent) < len(names)


def test_printing_shows_nothing_of_the_person():
    """Neither the session nor its parts."""
    data = full_session()
    printed = repr([data, data.document, data.typed, data.uploads, data.problem, data.pending])
    for secret in ("900661234", "2025550143", "7035555555", data.csrf, "sealed"):
        assert secret not in printed


def test_a_copy_shares_nothing_that_can_change():
    """A change that fails half way leaves no trace."""
    data = full_session()
    before, copy = data.to_json(), data.copy()
    copy.uploads.clear()
    copy.image_keys.clear()
    copy.recent.clear()
    assert SessionData.from_json(before) == data


def test_a_code_that_came_back_verifies_the_phone():
    """Wherever the account was confirmed; other pieces stay as they are, and a copy is not changed."""
    account = EvidencePiece(kind=EvidenceKind.PHONE_ACCOUNT, validated_by=ValidatedBy.ACCOUNT)
    card = EvidencePiece(kind=EvidenceKind.DRIVERS_LICENSE)
    data = make_session(
        evidence={
            JobKind.DOCUMENT: Evidence(pieces=(card,)),
            JobKind.RESOLUTION: Evidence(pieces=(account,)),
        }
    )
    before = data.copy()
    data.verify(EvidenceKind.PHONE_ACCOUNT, CODE)
    assert data.evidence[JobKind.RESOLUTION].pieces == (account.verified(CODE),)
    assert data.evidence[JobKind.DOCUMENT].pieces == (card,)
    assert before.evidence[JobKind.RESOLUTION].pieces == (account,)
