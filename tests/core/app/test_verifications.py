"""Verifications through a whole process: the local stores, the mock vendor, the real runner."""

import asyncio
import json
import secrets
from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest
import yaml

from proofing import bootstrap
from proofing.app.verifications import Request
from proofing.base.errors import (
    InvalidInputError,
    LinkRefusedError,
    QueueUnavailableError,
    StoreUnavailableError,
    VerificationNotFoundError,
    VerificationStateError,
)
from proofing.bootstrap import make_eraser
from proofing.contracts.images import Side
from proofing.contracts.people import PartyRef
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome, PhoneResult, ProoferKind
from proofing.contracts.verification_store import IdempotentAnswer
from proofing.contracts.verifications import Mode, Sealed, VerificationState
from proofing.crypto.record_macs import sign_record
from proofing.jobs.dependencies import Deadlines
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryQueue
from proofing_devtools.capture import APPLICANT, DEVICE, upload_images
from proofing_devtools.verifications import ACME, ACME_TEST, OTHER, SETTINGS, SUBJECT, start_verification

NO_PHONE = replace(APPLICANT, phone="7035555555")  # the mock's sentinel of a no
S = VerificationState


async def events_of(running, party=ACME):
    """Return the types of the relying party's events, in their order."""
    store = running.runtime.backends.verifications
    found = await store.events(party.name, party.mode, after=0, limit=100)
    assert [event.cursor for event in found] == list(range(1, len(found) + 1))
    return [event.type.value.removeprefix("verification.") for event in found]


async def submit(running, kind, person, applicant=APPLICANT):
    """Submit a job of *kind*, whichever it is, and return its id."""
    if kind is JobKind.DOCUMENT:
        images = {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}
        uploaded = await upload_images(running.service, images, person=person)
        return await running.service.submit_uploads(person, **uploaded)
    return await running.service.submit_applicant(kind, person, applicant, **DEVICE)


KINDS = [JobKind.DOCUMENT, JobKind.RESOLUTION, JobKind.PHONE]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_verdict_is_the_relying_partys_before_any_page_asks(process, kind):
    """Created, started, processing, verified: each with its event, and the record says what was checked."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, kind.value)
        await submit(running, kind, started.person)
        verifications = running.service.verifications
        assert (await verifications.get(ACME, started.record.id)).state is S.PROCESSING
        await running.drain()
        record = await verifications.get(ACME, started.record.id)
        assert record.state is S.VERIFIED
        assert record.findings.checks[kind.value].value == "passed"
        assert await events_of(running) == ["created", "started", "processing", "verified"]
        assert not await running.runtime.backends.verifications.begun_jobs(record.id)


async def test_a_whole_policy_is_verified_by_its_last_step(process):
    """Each passed step leaves it open, and asks for nothing again."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "standard")
        for kind in KINDS:
            assert (await running.service.verifications.get(ACME, started.record.id)).state is S.IN_PROGRESS
            await submit(running, kind, started.person)
            await running.drain()
        assert (await running.service.verifications.get(ACME, started.record.id)).state is S.VERIFIED
        assert await events_of(running) == ["created", "started", *["processing"] * 3, "verified"]
        claims = await running.service.verifications.collect_claims(ACME, started.record.id)
        assert claims == {"first_name": "FAKEY", "last_name": "MCFAKERSON", "phone": APPLICANT.phone}
        with pytest.raises(VerificationStateError) as caught:
            await running.service.verifications.collect_claims(ACME, started.record.id)
        assert caught.value.code == "claims_collected"


async def test_inline_jobs_are_recorded_alike(process):
    """With jobs switched off, the request itself records the end."""
    async with process(**SETTINGS, ruby_workers_idv_enabled=False) as running:
        started = await start_verification(running.service, "resolution")
        await submit(running, JobKind.RESOLUTION, started.person)
        assert (await running.service.verifications.get(ACME, started.record.id)).state is S.VERIFIED
        assert await events_of(running) == ["created", "started", "processing", "verified"]


async def test_a_no_is_charged_and_the_last_one_fails(process):
    """The person is asked again, until the policy's attempts are used up."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        for count in (1, 2, 3):
            await submit(running, JobKind.PHONE, started.person, NO_PHONE)
            await running.drain()
            record = await running.service.verifications.get(ACME, started.record.id)
            assert record.failures == {"phone": count}
        assert record.state is S.FAILED
        assert "attempts_used_up" in record.findings.reasons
        asked = ["processing", "input_required"] * 2
        assert await events_of(running) == ["created", "started", *asked, "processing", "failed"]
        with pytest.raises(VerificationStateError):
            await submit(running, JobKind.PHONE, started.person)
        assert (await running.service.limit(started.person, "proof_address")).remaining == 2


async def test_a_code_that_comes_back_verifies(process):
    """No worker takes part: what is released was sealed by the phone's job."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "code")
        await submit(running, JobKind.PHONE, started.person)
        await running.drain()
        verifications = running.service.verifications
        assert (await verifications.get(ACME, started.record.id)).state is S.IN_PROGRESS
        returned = {"digits": 6, "made_at": running.service.now(), "age_seconds": 20.0}
        record = await verifications.record_code(started.person, **returned)
        assert record.state is S.VERIFIED
        assert await verifications.collect_claims(ACME, record.id) == {"phone": APPLICANT.phone}
        assert await verifications.record_code(started.person, **returned) is not None


async def test_a_level_that_the_evidence_does_not_support_fails(process):
    """And says what is missing."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        # Such a policy is refused at the start; its vendors may do less than they could, as here.
        terms = replace(started.record.terms, target="ial2")
        changed = started.record.changed(at=started.record.updated_at, terms=terms)
        assert (await running.runtime.backends.verifications.change(changed)).is_kept
        await submit(running, JobKind.PHONE, started.person)
        await running.drain()
        record = await running.service.verifications.get(ACME, started.record.id)
        assert record.state is S.FAILED
        assert record.findings.reasons == ("assurance_not_reached",)
        assert record.findings.supports == "none"
        assert record.findings.missing


# Creating


async def test_what_is_asked_for_must_be_the_partys(process):
    """Every wrong field is named at once."""
    async with process(**SETTINGS) as running:
        wrong = Request(
            subject=" ", policy="absent", return_url="https://evil.example/", metadata={"a": "x" * 501}
        )
        with pytest.raises(InvalidInputError) as caught:
            await running.service.verifications.create(ACME, wrong)
        assert caught.value.fields == {
            "policy": "unknown",
            "subject": "required",
            "return_url": "not_listed",
            "metadata": "too_long",
        }
        with pytest.raises(InvalidInputError):
            await running.service.verifications.create(OTHER, Request(subject="x", policy="code"))


async def test_one_is_open_for_each_person_and_policy(process):
    """A second create finds the first; a person of another mode or relying party is another person."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        first = await verifications.create(ACME, Request(subject=SUBJECT, policy="phone"))
        again = await verifications.create(ACME, Request(subject=SUBJECT, policy="phone"))
        assert (again.record, again.open) == (None, first.record)
        people = {first.record.person}
        for party, subject, policy in (
            (ACME, SUBJECT, "code"),
            (ACME, "somebody-else", "phone"),
            (ACME_TEST, SUBJECT, "phone"),
            (OTHER, SUBJECT, "phone"),
        ):
            created = await verifications.create(party, Request(subject=subject, policy=policy))
            people.add(created.record.person)
        assert len(people) == 4
        await verifications.cancel(ACME, first.record.id)
        assert (await verifications.create(ACME, Request(subject=SUBJECT, policy="phone"))).record


async def test_an_open_one_whose_time_is_over_makes_room(process, monkeypatch):
    """Whether or not a sweeper has been there."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        first = (await verifications.create(ACME, Request(subject=SUBJECT))).record
        store = running.runtime.backends.verifications
        monkeypatch.setattr(store, "now", lambda: first.expires_at + 1)
        second = await verifications.create(ACME, Request(subject=SUBJECT))
        assert second.record is not None
        assert (await verifications.get(ACME, first.id)).state is S.EXPIRED


async def test_a_repeated_create_gives_the_same_link(process):
    """One verification, one event; the store has the link in no form that opens anything."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications

        def answer(record):
            return IdempotentAnswer(
                scope="acme/live",
                key="k",
                fingerprint="f",
                status=201,
                answer=b"{}",
                created_at=1,
            )

        results = await asyncio.gather(
            *(verifications.create(ACME, Request(subject=SUBJECT), idempotency=answer) for _ in range(20))
        )
        made = [one for one in results if one.record]
        assert len(made) == 1
        assert all(one.replayed for one in results if not one.record)
        record = await verifications.get(ACME, made[0].record.id)
        assert verifications.token(record) == made[0].token
        assert made[0].token not in record.to_json()
        assert await events_of(running) == ["created"]


# Links


async def test_looking_at_a_link_uses_nothing_and_starting_does(process):
    """Mail scanners open links."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        created = await verifications.create(ACME, Request(subject=SUBJECT))
        for _ in range(3):
            assert (await verifications.find_link(created.token)).id == created.record.id
        started = await verifications.start(created.token)
        assert started.person.partner == "acme"
        assert started.person.verification.link == 1
        for use in (verifications.find_link, verifications.start):
            with pytest.raises(LinkRefusedError) as caught:
                await use(created.token)
            assert caught.value.code == "used"


async def test_a_link_is_used_once_by_many_at_once(process):
    """One of twenty begins."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        created = await verifications.create(ACME, Request(subject=SUBJECT))
        results = await asyncio.gather(
            *(verifications.start(created.token) for _ in range(20)), return_exceptions=True
        )
        assert sum(not isinstance(one, Exception) for one in results) == 1
        assert await events_of(running) == ["created", "started"]


@pytest.mark.parametrize("token", ["", "x" * 40, "0" * 40, "0" * 39, "../" * 13])
async def test_no_other_link_opens_anything(process, token):
    """Unknown and malformed ones look the same."""
    async with process(**SETTINGS) as running:
        for use in (running.service.verifications.find_link, running.service.verifications.start):
            with pytest.raises(VerificationNotFoundError):
                await use(token)


async def test_a_new_link_replaces_the_one_before_and_its_session_when_it_is_used(process):
    """The person continues at another device: the first one's job is canceled, and its tab can do nothing."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        first = await verifications.create(ACME, Request(subject=SUBJECT, policy="phone"))
        session = await verifications.start(first.token)
        link = await verifications.new_link(ACME, first.record.id)
        with pytest.raises(VerificationNotFoundError):
            await verifications.find_link(first.token)
        job = await submit(running, JobKind.PHONE, session.person)
        later = await verifications.start(link.token)
        assert later.person.reference == session.person.reference
        record = await running.service.status(session.person, job, JobKind.PHONE)
        assert record.end_state is EndState.CANCELED
        with pytest.raises(VerificationStateError) as caught:
            await verifications.current(session.person)
        assert caught.value.code == "session_replaced"
        with pytest.raises(VerificationStateError):
            await submit(running, JobKind.PHONE, session.person)
        await submit(running, JobKind.PHONE, later.person)
        await running.drain()
        assert (await verifications.current(later.person)).state is S.VERIFIED


async def test_links_made_under_a_previous_key_still_open(process, tmp_path):
    """After a rotation of session_encryption_key, for as long as the previous one is kept."""
    path = tmp_path / "local" / "secrets.yaml"
    async with process(**SETTINGS) as running:
        created = await running.service.verifications.create(ACME, Request(subject=SUBJECT))
    old = yaml.safe_load(path.read_text())
    rotated = {**old, "session_encryption_key": "22" * 32}
    previous = {"session_encryption_previous_keys": [old["session_encryption_key"]]}
    path.write_text(yaml.safe_dump(rotated))
    async with process(**SETTINGS) as running:
        with pytest.raises(VerificationNotFoundError):
            await running.service.verifications.find_link(created.token)
    path.write_text(yaml.safe_dump({**rotated, **previous}))
    async with process(**SETTINGS) as running:
        record = await running.service.verifications.find_link(created.token)
        assert running.service.verifications.token(record) == created.token
        assert (await running.service.verifications.start(created.token)).record.id == created.record.id


# Foreign ids


async def test_a_foreign_id_looks_like_an_unknown_one(process):
    """Of another relying party, of the other mode, unknown, malformed: the same error, word for word."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        known = (await verifications.create(ACME, Request(subject=SUBJECT))).record.id
        for party, wanted in (
            (OTHER, known),
            (ACME_TEST, known),
            (ACME, "ver_" + "0" * 32),
            (ACME, "ver_'; drop"),
            (PartyRef("absent"), known),
        ):
            for ask in (
                verifications.get,
                verifications.details,
                verifications.cancel,
                verifications.redact,
                verifications.new_link,
                verifications.collect_claims,
                verifications.open_context,
            ):
                with pytest.raises(VerificationNotFoundError) as caught:
                    await ask(party, wanted)
                assert str(caught.value) == str(VerificationNotFoundError())
            with pytest.raises(VerificationNotFoundError):
                await verifications.decide(party, wanted, is_approved=True, reason="seen", by="key_1")
        assert (await verifications.get(ACME, known)).state is S.CREATED
        assert (await verifications.get(None, known)).id == known


async def test_lists_hold_ones_own(process):
    """Newest first, by state and by person."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        mine = [
            (await verifications.create(ACME, Request(subject=f"person-{number}"))).record.id
            for number in range(3)
        ]
        await verifications.create(OTHER, Request(subject="person-0"))
        await verifications.create(ACME_TEST, Request(subject="person-0"))
        found = await verifications.list(ACME, limit=2)
        assert {one.id for one in found} <= set(mine)
        rest = await verifications.list(ACME, limit=2, before=(found[-1].created_at, found[-1].id))
        assert sorted([*(one.id for one in found), *(one.id for one in rest)]) == sorted(mine)
        (one,) = await verifications.list(ACME, limit=9, subject="person-1")
        assert one.id == mine[1]
        await verifications.cancel(ACME, mine[1])
        (one,) = await verifications.list(ACME, limit=9, state=S.CANCELED)
        assert one.id == mine[1]


# Ending it otherwise


@pytest.mark.parametrize("side", ["relying party", "person"])
async def test_canceling_ends_the_job_and_discards_its_result(process, side):
    """The job is canceled in the queue, too; what was released of a passed step is deleted."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started = await start_verification(running.service, "standard")
        await submit(running, JobKind.DOCUMENT, started.person)
        await running.drain()
        store = running.runtime.backends.verifications
        assert Sealed.CLAIMS in (await store.load(started.record.id)).sealed
        job = await submit(running, JobKind.RESOLUTION, started.person)
        if side == "person":
            await verifications.cancel_by_person(started.person)
        else:
            await verifications.cancel(ACME, started.record.id)
        await running.drain()
        stored = await store.load(started.record.id)
        assert stored.record.state is S.CANCELED
        assert Sealed.CLAIMS not in stored.sealed
        status = await running.service.status(started.person, job, JobKind.RESOLUTION)
        assert status.end_state is EndState.CANCELED
        assert not await store.begun_jobs(started.record.id)
        assert (await events_of(running))[-1] == "canceled"
        with pytest.raises(VerificationStateError):
            await verifications.cancel(ACME, started.record.id)


async def test_a_redaction_deletes_what_is_personal_and_leaves_the_outcome(process):
    """Only after the end; repeated, it does nothing more."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        request = Request(subject=SUBJECT, metadata={"case": "7"}, context=b"{}", policy="phone")
        created = await verifications.create(ACME, request)
        _record, subject = await verifications.details(ACME, created.record.id)
        assert (subject.reference, subject.metadata) == (SUBJECT, {"case": "7"})
        assert await verifications.open_context(ACME, created.record.id) == b"{}"
        with pytest.raises(VerificationStateError):
            await verifications.redact(ACME, created.record.id)
        person = (await verifications.start(created.token)).person
        await submit(running, JobKind.PHONE, person)
        await running.drain()
        for _ in range(2):
            redacted = (await verifications.redact(ACME, created.record.id)).record
            assert redacted.redacted_at is not None
        stored = await running.runtime.backends.verifications.load(created.record.id)
        assert not stored.sealed
        assert stored.record.state is S.VERIFIED
        assert (await verifications.details(ACME, created.record.id))[1] is None
        assert (await events_of(running)).count("redacted") == 1


async def test_a_review_is_decided_once_of_many(process):
    """By the API or an operator; the loser is refused."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        await end_as(running, started, job, Outcome.REVIEW)
        assert (await verifications.get(ACME, started.record.id)).state is S.NEEDS_REVIEW
        with pytest.raises(InvalidInputError):
            await verifications.decide(ACME, started.record.id, is_approved=True, reason="Is fine", by="k")
        results = await asyncio.gather(
            *(
                verifications.decide(
                    ACME, started.record.id, is_approved=bool(number % 2), reason="seen", by="key_1"
                )
                for number in range(8)
            ),
            return_exceptions=True,
        )
        assert sum(not isinstance(one, Exception) for one in results) == 1
        assert (await events_of(running))[-3:-1] == ["needs_review", "reviewed"]


async def end_as(running, started, job, outcome):
    """Record an end of *job* as a vendor's answer would make it."""
    record = await running.service.status(started.person, job, JobKind.PHONE)
    done = record.finished(EndState.DONE, at=record.submitted_at + 1, outcome=outcome)
    signed = sign_record(running.runtime.parts.keys, done)
    await running.runtime.parts.ends.record(started.person.verification, signed)


# Events


async def test_events_say_nothing_personal_and_go_to_the_endpoints_of_their_mode(process):
    """Type, time and a view; sealed values, the person's reference and what was typed are in none."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        await submit(running, JobKind.PHONE, started.person)
        await running.drain()
        await start_verification(running.service, "phone", party=ACME_TEST)
        store = running.runtime.backends.verifications
        for event in await store.events("acme", Mode.LIVE, after=0, limit=100):
            body = json.loads(event.body)
            assert body["type"] == event.type.value
            assert body["data"]["id"] == started.record.id
            assert body["timestamp"].endswith("Z")
            text = event.body.decode()
            secrets_of = (SUBJECT, started.record.person, *APPLICANT.reveal().values())
            assert not any(value in text for value in secrets_of)
        deliveries = await store.deliveries(relying_party="acme")
        found = sorted((one.event.type.value, one.endpoint) for one in deliveries)
        assert found == sorted(
            [
                ("verification.created", "live"),
                ("verification.started", "live"),
                ("verification.processing", "live"),
                ("verification.verified", "live"),
                ("verification.verified", "ends"),
                ("verification.created", "test"),
                ("verification.started", "test"),
            ]
        )


async def test_nothing_personal_is_logged(process, caplog):
    """Ids, states and names of relying parties are; subject references, people and tokens are not."""
    caplog.set_level("INFO", "proofing")
    async with process(**SETTINGS) as running:
        created = await running.service.verifications.create(ACME, Request(subject=SUBJECT, policy="phone"))
        person = (await running.service.verifications.start(created.token)).person
        await submit(running, JobKind.PHONE, person)
        await running.drain()
        text = "\n".join(str(vars(line)) for line in caplog.records)
        assert "verification_changed" in text
        assert SUBJECT not in text
        assert created.token not in text


# Failures on the way


async def test_a_submit_whose_queue_is_down_leaves_the_verification_open(process, monkeypatch):
    """Its begin is undone by an end that is not charged."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        working = running.queue.enqueue

        async def away(*_arguments, **_options):
            raise QueueUnavailableError("away")

        monkeypatch.setattr(running.queue, "enqueue", away)
        with pytest.raises(QueueUnavailableError):
            await submit(running, JobKind.PHONE, started.person)
        record = await running.service.verifications.get(ACME, started.record.id)
        assert (record.state, record.failures, record.exceptions) == (S.IN_PROGRESS, {}, 1)
        assert not await running.runtime.backends.verifications.begun_jobs(record.id)
        monkeypatch.setattr(running.queue, "enqueue", working)
        await submit(running, JobKind.PHONE, started.person)
        await running.drain()
        assert (await running.service.verifications.get(ACME, record.id)).state is S.VERIFIED


async def test_a_refused_submit_tells_nobody(process):
    """A reached limit is found before the begin is recorded."""
    async with process(**SETTINGS, proof_address_max_attempts=1) as running:
        started = await start_verification(running.service, "phone")
        await submit(running, JobKind.PHONE, started.person, NO_PHONE)
        await running.drain()
        before = await events_of(running)
        with pytest.raises(Exception, match="proof_address"):
            await submit(running, JobKind.PHONE, started.person)
        assert await events_of(running) == before


QUICK = Deadlines(publish_seconds=0.05, publish_wait_seconds=0.01)


async def test_an_end_that_cannot_be_recorded_is_not_published(process, monkeypatch):
    """What the relying party does not hear, the person's page does not show either; it is ended later."""
    async with process(**SETTINGS, deadlines=QUICK) as running:
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        store = running.runtime.backends.verifications
        working = store.change

        async def away(*_arguments, **_options):
            raise StoreUnavailableError("away")

        monkeypatch.setattr(store, "change", away)
        (message,) = running.queue.waiting
        with pytest.raises(StoreUnavailableError):
            await running.runtime.runner.discard(message, EndState.INTERNAL_ERROR)
        assert not (await running.service.status(started.person, job, JobKind.PHONE)).is_done
        monkeypatch.setattr(store, "change", working)
        await running.drain()
        assert (await running.service.verifications.get(ACME, started.record.id)).state is S.VERIFIED


async def test_the_first_recorded_end_counts_everywhere(process):
    """A job that was ended elsewhere publishes that end, and not its own."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        await end_as(running, started, job, Outcome.FAILED)
        await running.drain()
        finished = await running.service.finished_job(started.person, job, JobKind.PHONE)
        assert finished.record.outcome is Outcome.FAILED
        assert finished.result is None
        record = await running.service.verifications.get(ACME, started.record.id)
        assert record.failures == {"phone": 1}


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_at_once_there_is_one_end(process, seed):
    """Processes that end the job differently, sides that cancel, a sweep, a new link, a redaction."""
    random = Random(seed)  # noqa: S311 - no secret
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        status = await running.service.status(started.person, job, JobKind.PHONE)
        recorded = []

        async def end(outcome):
            done = status.finished(EndState.DONE, at=status.submitted_at + 1, outcome=outcome)
            signed = sign_record(running.runtime.parts.keys, done)
            ends = running.runtime.parts.ends
            recorded.append(await ends.record(started.person.verification, signed))

        acts = [
            lambda: end(Outcome.PASSED),
            lambda: end(Outcome.FAILED),
            lambda: end(Outcome.PASSED),
            lambda: verifications.cancel(ACME, started.record.id),
            lambda: verifications.cancel_by_person(started.person),
            lambda: verifications.new_link(ACME, started.record.id),
            lambda: verifications.redact(ACME, started.record.id),
            running.runtime.worker.verifications.sweep,
        ]
        random.shuffle(acts)
        results = await asyncio.gather(*(act() for act in acts), return_exceptions=True)
        refused = [one for one in results if isinstance(one, Exception)]
        assert all(isinstance(one, VerificationStateError) for one in refused)
        store = running.runtime.backends.verifications
        (only,) = await store.ends(started.record.id)
        assert {record.mac for record in recorded} == {only.record.mac}
        if (await verifications.get(ACME, started.record.id)).state.is_open:
            await verifications.cancel(ACME, started.record.id)
        record = await verifications.get(ACME, started.record.id)
        told = await events_of(running)
        assert [one for one in told if one in {"verified", "failed", "canceled"}] == [record.state]
        assert (record.state is S.VERIFIED) <= only.record.is_success
        assert not await store.begun_jobs(record.id)


async def test_a_page_finds_the_recorded_end_that_nobody_published(process):
    """Its process was killed in between."""
    async with process(**SETTINGS, deadlines=Deadlines(publish_seconds=0.0)) as running:
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        assert not (await running.service.status(started.person, job, JobKind.PHONE)).is_done
        await end_as(running, started, job, Outcome.PASSED)
        assert (await running.service.status(started.person, job, JobKind.PHONE)).is_success
        await running.runtime.backends.results.erase(job)
        assert (await running.service.status(started.person, job, JobKind.PHONE)).is_success
        other = replace(started.person, reference="somebody-else")
        assert await running.service.status(other, job, JobKind.PHONE) is None


async def test_a_flushed_result_store_loses_no_verdict(process, tmp_path):
    """The verification store is the truth, and the worker continues."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        await running.runtime.backends.results.erase(job)
        await running.drain()
        assert (await running.service.verifications.get(ACME, started.record.id)).state is S.VERIFIED


# Time


async def sweep_at(running, monkeypatch, at):
    """Sweep as a worker does at the time *at*."""
    monkeypatch.setattr(running.runtime.backends.verifications, "now", lambda: at)
    return await running.runtime.worker.verifications.sweep()


async def test_a_lost_job_is_ended_and_refunded(process, monkeypatch):
    """Nobody recorded its end; the relying party hears that the person has to do it again."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        running.queue.waiting.clear()
        store = running.runtime.backends.verifications
        (begun,) = await store.begun_jobs(started.record.id)
        assert (await running.runtime.worker.verifications.sweep()).jobs == 0
        swept = await sweep_at(running, monkeypatch, begun.give_up_at + 1)
        assert swept.jobs == 1
        status = await running.service.status(started.person, job, JobKind.PHONE)
        assert status.end_state is EndState.UNKNOWN_OUTCOME
        assert (await running.service.limit(started.person, "proof_address")).remaining == 5
        assert (await events_of(running))[-1] == "input_required"
        assert (await running.runtime.worker.verifications.sweep()).jobs == 0
        assert (await running.service.limit(started.person, "proof_address")).remaining == 5


async def test_time_expires_deletes_and_forgets(process, monkeypatch):
    """An open one, an undecided review, released claims, and the record itself."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        untouched = (await verifications.create(ACME, Request(subject="a", policy="phone"))).record
        verified = await start_verification(running.service, "phone", subject="b")
        await submit(running, JobKind.PHONE, verified.person)
        await running.drain()
        done = await verifications.get(ACME, verified.record.id)
        review = await start_verification(running.service, "phone", subject="c")
        job = await submit(running, JobKind.PHONE, review.person)
        await end_as(running, review, job, Outcome.REVIEW)
        first = await sweep_at(running, monkeypatch, done.claims_expire_at + 60)
        assert (first.expired, first.claims, first.forgotten) == (1, 1, 0)
        assert (await verifications.get(ACME, untouched.id)).state is S.EXPIRED
        with pytest.raises(VerificationStateError) as caught:
            await verifications.collect_claims(ACME, done.id)
        assert caught.value.code == "claims_expired"
        assert (await verifications.get(ACME, review.record.id)).state is S.NEEDS_REVIEW
        second = await sweep_at(running, monkeypatch, done.created_at + 8 * 86400)
        assert second.expired == 1
        assert (await verifications.get(ACME, review.record.id)).state is S.EXPIRED
        assert (await events_of(running)).count("expired") == 2
        third = await sweep_at(running, monkeypatch, done.forget_at + 1)
        assert third.forgotten >= 1
        with pytest.raises(VerificationNotFoundError):
            await verifications.get(ACME, done.id)


async def test_a_job_that_waits_for_its_vendor_is_left_alone(process, monkeypatch):
    """It is processed for as long as the vendor may take, and knows after its park whose it is."""
    slow = {"phone_vendors": ["mock:polling"], "mock": {"polling_seconds": 0.01}}
    async with process(**SETTINGS, **slow) as running:
        started = await start_verification(running.service, "phone")
        job = await submit(running, JobKind.PHONE, started.person)
        await running.drain()
        assert [message.result_id for message, _seconds in running.queue.parked] == [job]
        store = running.runtime.backends.verifications
        assert (await running.service.verifications.current(started.person)).state is S.PROCESSING
        (begun,) = await store.begun_jobs(started.record.id)
        settings = running.service.settings
        assert begun.give_up_at - begun.begun_at > settings.pending_max_seconds + settings.longest_job_seconds
        swept = await sweep_at(running, monkeypatch, begun.give_up_at + 1)
        assert (swept.jobs, swept.expired) == (0, 0), "its vendor may still answer"
        while running.queue.parked:
            running.queue.wake_parked()
            await running.drain()
        assert (await running.service.verifications.current(started.person)).state is S.VERIFIED
        assert (await events_of(running))[2:] == ["processing", "verified"]


# Test mode


async def test_a_test_verification_asks_mocks_alone(settings_file, odd_plugin):
    """The vendor of the settings, which is no mock, is asked in live mode alone."""
    asked = []

    class Real:
        """A vendor that notes who is asked about."""

        async def proof(self, request, _context):
            """Say yes."""
            asked.append(request)
            return PhoneResult(vendor_name="odd:phone", outcome=Outcome.PASSED)

    real = ProoferDescriptor(
        name="odd:phone", kind=ProoferKind.PHONE, make=lambda *_: Real(), maturity=Maturity.VERIFIED
    )
    path = settings_file(**SETTINGS, **odd_plugin([real]), phone_vendors=["odd:phone"])
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    queue = MemoryQueue()
    backends = bootstrap.make_backends(configuration, "run", queue=queue)
    async with bootstrap.start(configuration, "run", backends) as runtime:
        running = SimpleNamespace(runtime=runtime, service=runtime.service)
        people = {}
        for party in (ACME_TEST, ACME):
            started = await start_verification(running.service, "phone", party=party)
            assert started.person.mode is party.mode
            await submit(running, JobKind.PHONE, started.person)
            await queue.drain(runtime.runner)
            record = await running.service.verifications.get(party, started.record.id)
            assert record.state is S.VERIFIED
            assert (await events_of(running, party))[-1] == "verified"
            assert len(asked) == (party.mode is Mode.LIVE)
            people[party.mode] = record.person
        assert people[Mode.LIVE] != people[Mode.TEST]


async def test_nobody_who_writes_to_the_queue_has_mocks_answer(process):
    """A live job whose row says that it is of test mode, or of another verification, does not open."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        other = await start_verification(running.service, "code")
        ref = started.person.verification
        for forged in (replace(ref, mode=Mode.TEST), replace(ref, link=2), other.person.verification, None):
            job = await submit(running, JobKind.PHONE, started.person)
            (message,) = running.queue.waiting
            running.queue.waiting[:] = [replace(message, verification=forged)]
            await running.drain()
            status = await running.service.status(started.person, job, JobKind.PHONE)
            assert status.end_state is EndState.DECRYPT_ERROR
        for one in (started, other):
            record = await running.service.verifications.get(ACME, one.record.id)
            assert not record.findings.checks


# Erasure


@pytest.mark.parametrize("by", ["person", "verification", "job"])
async def test_an_erasure_removes_a_persons_verifications_with_a_receipt(process, by):
    """Also what is sealed, and their events; a job that runs meanwhile brings nothing back."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        await start_verification(running.service, "resolution")
        other = await start_verification(running.service, "phone", subject="somebody-else")
        job = await submit(running, JobKind.PHONE, started.person)
        (message,) = running.queue.waiting
        backends = replace(running.runtime.backends, queue=running.queue)
        eraser = make_eraser(running.runtime.configuration, backends)
        reference = {"person": started.record.person, "verification": started.record.id, "job": job}[by]
        erasure = await eraser.erase(reference)
        assert erasure.is_complete
        assert erasure.person == started.record.person
        removed = {receipt.store: receipt.removed for receipt in erasure.receipts}
        assert removed["verification_store"] == 2
        await running.runtime.runner.discard(message, EndState.WORKER_LOST)
        store = running.runtime.backends.verifications
        assert not await store.of_person(started.record.person)
        assert await store.load(started.record.id) is None
        left = {event.verification_id for event in await store.events("acme", Mode.LIVE, after=0, limit=99)}
        assert left == {other.record.id}
        assert (await eraser.erase(started.record.person)).is_complete


async def test_an_erasure_that_finds_the_store_down_says_so(process, monkeypatch):
    """It is repeated by the person's reference."""
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "phone")
        store = running.runtime.backends.verifications

        async def away(*_arguments, **_options):
            raise StoreUnavailableError("away")

        backends = replace(running.runtime.backends, queue=running.queue)
        with monkeypatch.context() as down:
            down.setattr(store, "of_person", away)
            erasure = await make_eraser(running.runtime.configuration, backends).erase(started.record.person)
        assert not erasure.is_complete
        problems = {receipt.store for receipt in erasure.receipts if receipt.problem}
        assert problems == {"verification_store"}
        erasure = await make_eraser(running.runtime.configuration, backends).erase(started.record.person)
        assert erasure.is_complete
