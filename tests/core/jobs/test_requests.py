"""What a vendor gets to know of the person and of how they came: what it declared, and nothing else."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from proofing.base.errors import EncryptionError
from proofing.contracts.applicant import TYPES_OF, Applicant, DocumentChoice, DocumentType
from proofing.contracts.circumstances import CIRCUMSTANCES, Circumstances
from proofing.contracts.continuation import Again, Pending
from proofing.contracts.images import Side
from proofing.contracts.people import PersonRef
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import EndState, JobKind, job_of
from proofing.contracts.results import (
    Assurance,
    DeviceResult,
    DocumentResult,
    Outcome,
    PassportResult,
    PhoneResult,
    ProoferKind,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
)
from proofing.jobs.arguments import DocumentArguments, PIIArguments
from proofing.registry.proofers import LoadedProofer
from proofing.testing.canary import Canary
from proofing.testing.images import make_jpeg
from proofing.testing.vendor_fakes import make_process
from proofing.testing.waiting import follow_edits
from proofing_devtools.capture import PERSON, upload_images
from proofing_mock import standard

CANARY = Canary(seed=91)
KNOWN = Circumstances(
    locale="en",
    consented_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    attempt_number=3,
    ip_address="198.51.100.213",
    user_agent="Mozilla/5.0 (canary-8c1d)",
    device_session_id="session-5be0cd19",
)
_PERSONAL = ("ip_address", "user_agent", "device_session_id")
TRACES = Canary(seed=91, extra={name: getattr(KNOWN, name) for name in _PERSONAL})
ALL, EMAIL = frozenset(CIRCUMSTANCES), frozenset({"email"})
YES = {
    ProoferKind.RESOLUTION: ResolutionResult(vendor_name="spy", outcome=Outcome.PASSED),
    ProoferKind.PHONE: PhoneResult(vendor_name="spy", outcome=Outcome.PASSED),
    ProoferKind.STATE_ID: StateIDResult(vendor_name="spy", outcome=Outcome.PASSED),
    ProoferKind.PASSPORT: PassportResult(vendor_name="spy", outcome=Outcome.PASSED),
    ProoferKind.DEVICE: DeviceResult(
        vendor_name="spy", outcome=Outcome.PASSED, review_status=ReviewStatus.PASS
    ),
    ProoferKind.DOCUMENT: DocumentResult(
        vendor_name="spy", outcome=Outcome.PASSED, applicant=Applicant(first_name="Anna")
    ),
}
PENDING = Pending(state={}, then=Again(60), expires_at=datetime.now(UTC) + timedelta(hours=1))


def spy(running, kind, answer=None, **changes):
    """Put a vendor into the place of the mock of *kind*, and return the requests that it gets."""
    seen, answer = [], answer or YES[kind]

    async def proof(request, context):
        seen.append(request)
        return PENDING if changes.get("continues") else answer

    async def resume(request, pending, because, context):
        seen.append(request)
        return answer

    loaded = running.runtime.configuration.plugins.proofers[kind, "mock"]
    loaded.descriptor = ProoferDescriptor(
        name="mock",
        kind=kind,
        make=lambda *_: SimpleNamespace(proof=proof, resume=resume),
        maturity=Maturity.MOCK,
        **changes,
    )
    loaded.__dict__.pop("proofer", None)
    return seen


def known(circumstances):
    """Return the names of what *circumstances* hold."""
    return {name for name in CIRCUMSTANCES if getattr(circumstances, name) is not None}


@pytest.fixture
def jobs(process):
    """Start a process whose questions are put in jobs."""
    return lambda **values: process(
        ruby_workers_idv_enabled=True, doc_auth_enable_presigned_s3_urls=True, **values
    )


async def submit_document(running, choice=None, **values):
    """Upload what is asked for and submit it with what the person typed."""
    plan = running.service.document_plan(PERSON, choice)
    images = {side: make_jpeg(comment=str(side).encode()) for side in plan.sides}
    uploaded = await upload_images(running.service, images)
    return await running.service.submit_uploads(PERSON, **uploaded, plan=plan, circumstances=KNOWN, **values)


@pytest.mark.parametrize("needs", [frozenset(), frozenset({"ip_address", "locale"}), ALL])
async def test_each_vendor_gets_what_it_declared(jobs, needs):
    """Every kind of question; the sealed arguments carry it all."""
    async with jobs(phone_precheck_enabled=True) as running:
        kinds = [kind for kind in ProoferKind if job_of(kind) in {JobKind.RESOLUTION, JobKind.PHONE}]
        seen = {kind: spy(running, kind, needs=needs) for kind in kinds}
        applicant = CANARY.applicant.merge({"document_type_received": "drivers_license"})
        for kind in (JobKind.RESOLUTION, JobKind.PHONE):
            await running.service.submit_applicant(kind, PERSON, applicant, circumstances=KNOWN)
        await running.drain()
    for kind, requests in seen.items():
        assert requests, kind
        assert all(request.circumstances == KNOWN.select(needs) for request in requests)
        assert all(request.applicant == Applicant() for request in requests)


async def test_a_person_who_tries_again_gets_the_same_vendor(jobs, settings_file):
    """The share of a second resolution vendor is one of people, and each attempt is another job."""
    kind = ProoferKind.RESOLUTION
    async with jobs(proof_ssn_max_attempts=100) as running:
        usual, second = spy(running, kind), []
        configuration = running.runtime.configuration
        proofers = configuration.plugins.proofers
        mock = proofers[kind, "mock"]
        other = replace(mock.descriptor, name="other", make=lambda *_: SimpleNamespace(proof=ask))
        proofers[kind, "other"] = LoadedProofer(mock.plugin, other, None, make_process)

        async def ask(request, context):
            second.append(request)
            return YES[kind]

        settings_file(
            resolution_vendor_percentages={"other": 50},
            ruby_workers_idv_enabled=True,
            proof_ssn_max_attempts=100,
        )
        await follow_edits(configuration.watch)
        got = []
        for number in range(12):
            person = PersonRef(reference=f"person-{number}")
            for _attempt in range(3):
                before = len(usual), len(second)
                await running.service.submit_applicant(JobKind.RESOLUTION, person, CANARY.applicant)
                await running.drain()
                asked = (len(usual) - before[0], len(second) - before[1])
                got.append((number, asked))
    assert len(set(got)) == 12
    assert {asked for _number, asked in got} == {(1, 0), (0, 1)}


async def test_a_document_vendor_gets_what_was_typed_before(jobs):
    """Of what it declares; and what is wanted of it."""
    typed = CANARY.applicant.select({"email", "phone", "ssn"})
    async with jobs() as running:
        seen = spy(
            running,
            ProoferKind.DOCUMENT,
            attributes=frozenset({"email", "uuid", "first_name"}),
            needs=frozenset({"locale", "consented_at"}),
        )
        await submit_document(running, applicant=typed)
        await running.drain()
    (request,) = seen
    assert request.applicant == Applicant(email=CANARY.applicant.email, uuid=PERSON.reference)
    assert known(request.circumstances) == {"locale", "consented_at"}
    assert request.wanted.document_types == TYPES_OF[DocumentChoice.ID_CARD]
    assert not request.wanted.selfie


async def test_a_passport_vendor_gets_what_was_read(jobs):
    """Of what it declares, with the line breaks of the machine-readable zone as they were delivered."""
    mrz = "P<USADOE<<JANE\n1234567897USA"
    read = standard.PASSPORT.merge({"mrz": mrz, "uuid": "of the vendor"})
    async with jobs() as running:
        declared = {"mrz", "document_type_received", "uuid", "ssn"}
        seen = spy(running, ProoferKind.PASSPORT, attributes=frozenset(declared), needs=frozenset({"locale"}))
        passport = replace(
            YES[ProoferKind.DOCUMENT],
            applicant=read,
            document_type=DocumentType.PASSPORT,
            assurance=Assurance.AUTHENTICATED,
        )
        spy(running, ProoferKind.DOCUMENT, passport)
        typed = CANARY.applicant.select({"ssn"})
        await submit_document(running, DocumentChoice.PASSPORT, applicant=typed)
        (record,) = await running.drain()
    assert record.is_success
    (request,) = seen
    assert request.applicant == Applicant(mrz=mrz, document_type_received="passport", uuid=PERSON.reference)
    assert known(request.circumstances) == {"locale"}
    assert not request.images


async def test_what_the_vendor_does_not_declare_is_not_even_sealed(jobs, monkeypatch):
    """Arguments hold what its vendor gets of what the person typed."""
    sealed = []
    write = DocumentArguments.to_bytes
    monkeypatch.setattr(DocumentArguments, "to_bytes", lambda self: sealed.append(write(self)) or sealed[-1])
    async with jobs() as running:
        spy(running, ProoferKind.DOCUMENT, attributes=EMAIL)
        await submit_document(running, applicant=CANARY.applicant.select({"email", "ssn"}))
    (arguments,) = sealed
    assert CANARY.applicant.email.encode() in arguments
    assert CANARY.applicant.ssn.encode() not in arguments


async def test_a_form_post_tells_the_same(process):
    """Inside the request, too."""
    async with process() as running:
        seen = spy(running, ProoferKind.DOCUMENT, attributes=EMAIL, needs=frozenset({"locale"}))
        await running.service.submit_images(
            PERSON,
            images={side: make_jpeg(comment=str(side).encode()) for side in (Side.FRONT, Side.BACK)},
            applicant=CANARY.applicant,
            circumstances=KNOWN,
        )
    (request,) = seen
    assert request.applicant == Applicant(email=CANARY.applicant.email)
    assert request.circumstances == Circumstances(locale="en")


async def test_a_parked_document_job_goes_on_with_the_same(jobs):
    """All but the images."""
    declared = {"attributes": EMAIL, "needs": ALL}
    async with jobs() as running:
        seen = spy(running, ProoferKind.DOCUMENT, continues=frozenset({Again}), **declared)
        await submit_document(running, applicant=CANARY.applicant)
        await running.drain()
        running.queue.wake_parked()
        (record,) = await running.drain()
    assert record.end_state is EndState.DONE
    first, second = seen
    assert second == replace(first, images={})
    assert first.circumstances == KNOWN


async def test_nothing_of_it_is_in_a_job_or_a_log(jobs, caplog):
    """Except sealed."""
    with caplog.at_level(logging.DEBUG):
        async with jobs() as running:
            spy(running, ProoferKind.DOCUMENT, attributes=EMAIL, needs=ALL)
            await submit_document(running, applicant=CANARY.applicant)
            await running.service.submit_applicant(
                JobKind.PHONE, PERSON, CANARY.applicant, circumstances=KNOWN
            )
            rows = [f"{one!r} {one.log_fields} {one.metadata}" for one in running.queue.waiting]
            assert len(rows) == 2
            await running.drain()
    written = [str(record.__dict__) for record in caplog.records if record.name.startswith("proofing")]
    assert TRACES.find_leaks("\n".join([*rows, *written])) == []


@pytest.mark.parametrize("kind", [DocumentArguments, PIIArguments])
def test_arguments_are_read_as_written(kind):
    """Anything else does not open."""
    arguments = kind(applicant=CANARY.applicant, circumstances=KNOWN)
    assert kind.from_bytes(arguments.to_bytes()) == arguments
    assert TRACES.find_leaks(repr(arguments)) == []
    moment = b'"2026-01-02T03:04:05+00:00"'
    for good, broken in ((moment, b"7"), (moment, b'"now"'), (b'"locale"', b'"shoe_size"')):
        assert good in arguments.to_bytes()
        with pytest.raises(EncryptionError):
            kind.from_bytes(arguments.to_bytes().replace(good, broken))


@pytest.mark.parametrize(
    ("content", "asked"), [(b"document_type: license", "mock"), (make_jpeg(comment=b"a photo"), "other")]
)
async def test_a_testers_form_goes_to_the_vendor_of_forms(jobs, content, asked):
    """Photos go to the vendor of the person, forms to that of the setting."""
    kind = ProoferKind.DOCUMENT
    async with jobs() as running:
        forms, photos = spy(running, kind, accepts_test_documents=True), []

        async def ask(request, context):
            photos.append(request)
            return YES[kind]

        configuration = running.runtime.configuration
        proofers = configuration.plugins.proofers
        mock = proofers[kind, "mock"]
        other = replace(
            mock.descriptor,
            name="other",
            make=lambda *_: SimpleNamespace(proof=ask),
            accepts_test_documents=False,
        )
        proofers[kind, "other"] = LoadedProofer(mock.plugin, other, None, make_process)
        live = configuration.live
        live.current = live.current.model_copy(
            update={"document_vendor": "other", "test_document_vendor": "mock"}
        )
        plan = running.service.document_plan(PERSON, None)
        assert (plan.vendor, plan.accepts_test_documents) == ("other", True)
        images = dict.fromkeys(plan.sides, content)
        uploaded = await upload_images(running.service, images)
        await running.service.submit_uploads(PERSON, **uploaded, plan=plan, circumstances=KNOWN)
        await running.drain()
    assert (len(forms), len(photos)) == ((1, 0) if asked == "mock" else (0, 1))
