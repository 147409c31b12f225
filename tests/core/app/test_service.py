"""From submit to result, with the real runner, stores and mock vendor; queued and inline."""

import asyncio
import secrets
from dataclasses import replace
from functools import partial

import pytest
from prometheus_client import REGISTRY

from proofing.app.service import EncryptedImage, PersonRef
from proofing.base.errors import (
    InvalidInputError,
    LimitReachedError,
    QueueUnavailableError,
    StoreUnavailableError,
    UploadRefusedError,
)
from proofing.contracts.images import Side
from proofing.contracts.queues import Capability
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Outcome, PhoneResult
from proofing.crypto.record_macs import sign_record
from proofing.jobs.dependencies import Deadlines
from proofing.rules.limits import LIMITS, OF_KIND
from proofing.sessions.uploads import new_attempt
from proofing.sessions.vault import session_key
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryJob
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT, DEVICE, PERSON, upload_images
from proofing_devtools.sessions import DOCUMENT, SSN, make_session
from proofing_mock.documents import DocumentMock
from proofing_mock.proofers import PhoneMock


def images():
    """Return two fresh images."""
    return {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}


async def test_an_uploaded_document_passes_and_its_result_stays_until_it_is_taken_in(process):
    """The job reads what the browser encrypted; the result goes with the session that keeps it."""
    async with process() as running:
        result_id = await running.service.submit_uploads(
            PERSON, **await upload_images(running.service, images())
        )
        record = await running.service.status(PERSON, result_id, JobKind.DOCUMENT)
        assert not record.is_done
        assert await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT) is None
        await running.drain()
        for _ in range(2):
            finished = await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT)
            assert finished.record.is_success
            assert finished.result.applicant.first_name == "FAKEY"
        data = make_session(PERSON.reference)
        await running.service.sessions.save("session", data)
        version, taken = data.version, replace(data, document=DOCUMENT)
        late = await running.service.sessions.update(
            session_key("session"), taken.copy(), expected="00" * 16, consumes=result_id
        )
        assert late.document is None
        assert (await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT)).result
        kept = await running.service.sessions.update(
            session_key("session"), taken, expected=version, consumes=result_id
        )
        assert kept is taken
        assert (await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT)).result is None


async def test_uploads_alone_complete_nothing(process):
    """Until a job has ended there is no record that could complete the step."""
    async with process() as running:
        await upload_images(running.service, images())
        assert running.queue.waiting == []
        assert await running.service.finished_job(PERSON, "anything", JobKind.DOCUMENT) is None


async def test_images_are_gone_after_the_verdict(process, tmp_path):
    """No ciphertext is left once the job has ended."""
    async with process() as running:
        await running.service.submit_uploads(PERSON, **await upload_images(running.service, images()))
        folder = tmp_path / "local" / "images"
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
        await running.drain()
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) == 0


@pytest.mark.parametrize(
    ("spoil", "end"),
    [
        (lambda arguments: arguments | {"encryption_key": secrets.token_bytes(32)}, EndState.DECRYPT_ERROR),
        (
            lambda arguments: (
                arguments
                | {
                    "images": {
                        side: EncryptedImage(slot=image.slot, iv=arguments["images"][other].iv)
                        for (side, image), other in zip(
                            arguments["images"].items(), [Side.BACK, Side.FRONT], strict=True
                        )
                    }
                }
            ),
            EndState.DECRYPT_ERROR,
        ),
    ],
    ids=["wrong key", "swapped IVs"],
)
async def test_an_image_that_does_not_open_ends_typed_without_a_vendor_call(process, spoil, end):
    """The end says what happened, and no vendor was called."""
    async with process() as running:
        arguments = spoil(await upload_images(running.service, images()))
        await running.service.submit_uploads(PERSON, **arguments)
        (record,) = await running.drain()
        assert (record.end_state, record.outcome) == (end, Outcome.UNKNOWN)
        assert (await running.service.limit(PERSON, "idv_doc_auth")).remaining == 5


@pytest.mark.parametrize(("what", "step"), [("key", "decrypt"), ("images", "download")])
async def test_an_image_that_does_not_open_is_timed(process, tmp_path, caplog, what, step):
    """The line tells how long the step took that failed, whichever it was."""
    caplog.set_level("INFO", "proofing")
    async with process() as running:
        arguments = await upload_images(running.service, images())
        if what == "key":
            arguments["encryption_key"] = secrets.token_bytes(32)
        await running.service.submit_uploads(PERSON, **arguments)
        if what == "images":
            for path in (tmp_path / "local" / "images").rglob("*"):
                if path.is_file():
                    path.unlink()
        (record,) = await running.drain()
        assert not record.is_success
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert {name.partition(".")[0] for name in line["timing"]} >= {"download", step}


async def test_images_that_were_exchanged_in_the_store_are_not_read(process, tmp_path):
    """Anyone who writes to the bucket chooses nothing of what a vendor sees; the attempt is not counted."""
    async with process() as running:
        arguments = await upload_images(running.service, images())
        await running.service.submit_uploads(PERSON, **arguments)
        for path in (tmp_path / "local" / "images").rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[::-1])
        (record,) = await running.drain()
        assert (record.end_state, record.outcome) == (EndState.DECRYPT_ERROR, Outcome.UNKNOWN)
        assert (await running.service.limit(PERSON, "idv_doc_auth")).remaining == 5


async def test_text_encrypted_in_place_of_an_image_is_refused(process):
    """A data URL that was encrypted as text is not an image; the page gets the side."""
    async with process(mock={"latency_seconds": 0}) as running:
        text = {Side.FRONT: b"\x00\x01not an image", Side.BACK: make_jpeg()}
        result_id = await running.service.submit_uploads(PERSON, **await upload_images(running.service, text))
        await running.drain()
        record = await running.service.status(PERSON, result_id, JobKind.DOCUMENT)
        assert record.end_state is EndState.BAD_IMAGE
        assert record.fields == {"front": "not_an_image"}


async def test_sides_cannot_be_exchanged(process):
    """A slot reserved for one side does not serve the other."""
    async with process() as running:
        arguments = await upload_images(running.service, images())
        front, back = arguments["images"][Side.FRONT], arguments["images"][Side.BACK]
        swapped = arguments | {"images": {Side.FRONT: back, Side.BACK: front}}
        with pytest.raises(InvalidInputError) as caught:
            await running.service.submit_uploads(PERSON, **swapped)
        assert caught.value.fields == {"front": "upload_missing", "back": "upload_missing"}


async def test_slots_are_used_once_and_by_their_owner(process):
    """Another person, another attempt, or a second submit finds no upload."""
    async with process() as running:
        arguments = await upload_images(running.service, images())
        other = PersonRef(reference="person-2")
        with pytest.raises(InvalidInputError):
            await running.service.submit_uploads(other, **arguments)
        with pytest.raises(InvalidInputError):
            await running.service.submit_uploads(PERSON, **(arguments | {"attempt": new_attempt()}))
        await running.service.submit_uploads(PERSON, **arguments)
        await running.drain()
        with pytest.raises(InvalidInputError):
            await running.service.submit_uploads(PERSON, **arguments)


async def test_a_slot_is_signed_once_and_only_for_its_owner(process):
    """The second signature is refused; so is another person's, as if the slot did not exist."""
    async with process() as running:
        attempt = new_attempt()
        slot = await running.service.new_slot(PERSON, attempt=attempt, side=Side.FRONT)
        terms = {"attempt": attempt, "slot": slot, "length": 100, "sha256": b"x" * 32}
        with pytest.raises(UploadRefusedError) as foreign:
            await running.service.uploads.presign("person-2", **terms)
        with pytest.raises(UploadRefusedError) as unknown:
            await running.service.uploads.presign(PERSON.reference, **(terms | {"slot": "0" * 32}))
        assert (foreign.value.status, str(foreign.value)) == (unknown.value.status, str(unknown.value))
        with pytest.raises(UploadRefusedError) as large:
            await running.service.uploads.presign(PERSON.reference, **(terms | {"length": 16 * 1024 * 1024}))
        assert large.value.status == 413
        await running.service.uploads.presign(PERSON.reference, **terms)
        with pytest.raises(UploadRefusedError) as second:
            await running.service.uploads.presign(PERSON.reference, **terms)
        assert second.value.status == 409


@pytest.mark.parametrize("queued", [True, False])
async def test_a_submit_that_is_repeated_is_one(process, queued):
    """Under the same id, at once or later: one job, counted once, and one answer."""
    async with process(ruby_workers_idv_enabled=queued) as running:
        result_id = running.service.new_result_id()

        async def submit():
            return await running.service.submit_applicant(
                JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE, result_id=result_id
            )

        assert set(await asyncio.gather(submit(), submit())) == {result_id}
        assert await submit() == result_id
        assert len(running.queue.waiting) == (1 if queued else 0)
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 4
        assert (await running.service.status(PERSON, result_id, JobKind.RESOLUTION)).is_done is not queued


async def test_images_that_are_submitted_again_are_one_attempt(process):
    """Under the same id they are that attempt; under another id their slots are taken."""
    async with process() as running:
        uploads = await upload_images(running.service, images())
        result_id = await running.service.submit_uploads(PERSON, **uploads)
        assert await running.service.submit_uploads(PERSON, **uploads, result_id=result_id) == result_id
        with pytest.raises(InvalidInputError) as caught:
            await running.service.submit_uploads(PERSON, **uploads)
        assert caught.value.fields == {"front": "upload_missing", "back": "upload_missing"}
        assert (await running.service.limit(PERSON, "idv_doc_auth")).remaining == 4
        (record,) = await running.drain()
        assert record.is_success


async def test_a_foreign_other_step_or_forged_record_is_nobodys(process):
    """Another person, another step, and an edited record all look like an unknown id."""
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await running.drain()
        assert (await running.service.status(PERSON, result_id, JobKind.PHONE)).is_success
        assert await running.service.status(PersonRef(reference="x"), result_id, JobKind.PHONE) is None
        assert await running.service.status(PERSON, result_id, JobKind.RESOLUTION) is None
        store = running.runtime.backends.results
        record = await store.status(result_id)
        await store.erase(result_id)
        await store.finish(replace(record, outcome=Outcome.PASSED, reasons=("edited",)), ttl_seconds=60)
        assert await running.service.status(PERSON, result_id, JobKind.PHONE) is None


@pytest.mark.parametrize(
    ("change", "end", "outcome"),
    [
        ({}, EndState.DONE, Outcome.PASSED),
        ({"first_name": "bad"}, EndState.DONE, Outcome.FAILED),
        ({"ssn": "123456789"}, EndState.DONE, Outcome.FAILED),
        ({"first_name": "fail"}, EndState.VENDOR_EXCEPTION, Outcome.UNKNOWN),
        ({"first_name": "time"}, EndState.VENDOR_EXCEPTION, Outcome.UNKNOWN),
        ({"state_id_number": "mvatimeout"}, EndState.STATE_ID_EXCEPTION, Outcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize("queued", [True, False])
async def test_resolution_ends_alike_queued_and_inline(process, change, end, outcome, queued):
    """Both switch positions give the same record; only an answer is charged."""
    async with process(ruby_workers_idv_enabled=queued) as running:
        result_id = await running.service.submit_applicant(
            JobKind.RESOLUTION, PERSON, replace(APPLICANT, **change), **DEVICE
        )
        assert bool(running.queue.waiting) is queued
        await running.drain()
        record = await running.service.status(PERSON, result_id, JobKind.RESOLUTION)
        assert (record.end_state, record.outcome) == (end, outcome)
        charged = 1 if end is EndState.DONE else 0
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 5 - charged
        ssn = change.get("ssn", APPLICANT.ssn)
        assert (await running.service.limit(PERSON, "proof_ssn", ssn=ssn)).remaining == 10 - charged


async def test_the_last_permitted_attempt_is_processed(process):
    """Five phone numbers run to their end; the sixth is refused and not enqueued."""
    async with process() as running:
        for _ in range(5):
            await running.service.submit_applicant(
                JobKind.PHONE, PERSON, replace(APPLICANT, phone="7035555555")
            )
            (record,) = await running.drain()
            assert record.outcome is Outcome.FAILED
        with pytest.raises(LimitReachedError) as caught:
            await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        assert caught.value.limit == "proof_address"
        assert running.queue.waiting == []


async def test_a_refused_submit_refunds_what_it_had_counted(process):
    """When the second of two limits holds, the first is as it was."""
    async with process(idv_resolution_max_attempts=1) as running:
        await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        await running.drain()
        with pytest.raises(LimitReachedError):
            await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        assert (await running.service.limit(PERSON, "proof_ssn", ssn=APPLICANT.ssn)).remaining == 9


async def test_a_failed_enqueue_loses_nothing(process, monkeypatch):
    """The person may simply submit again, uncharged."""
    async with process() as running:
        working = running.queue.enqueue

        async def away(*_arguments, **_options):
            raise QueueUnavailableError("away")

        monkeypatch.setattr(running.queue, "enqueue", away)
        with pytest.raises(QueueUnavailableError):
            await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 5
        monkeypatch.setattr(running.queue, "enqueue", working)
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await running.drain()
        assert (await running.service.status(PERSON, result_id, JobKind.PHONE)).is_success


@pytest.mark.parametrize("broken", ["queue", "key service", "slots and limits"])
async def test_the_same_images_are_submitted_again(process, monkeypatch, broken):
    """After a submit that failed the person need not choose them again."""
    async with process() as running:
        service, uploads = running.service, await upload_images(running.service, images())

        async def away(*_arguments, **_more):
            raise StoreUnavailableError("away")

        results = running.runtime.backends.results

        with monkeypatch.context() as outage:
            where, name, fail = {
                "queue": (running.queue, "enqueue", away),
                "key service": (service._tracker._sealer, "seal", away),
                "slots and limits": (results, "admit", away),
            }[broken]
            outage.setattr(where, name, fail)
            with pytest.raises(StoreUnavailableError):
                await service.submit_uploads(PERSON, **uploads)
        await service.submit_uploads(PERSON, **uploads)
        (record,) = await running.drain()
        assert record.is_success
        assert (await service.limit(PERSON, "idv_doc_auth")).remaining == 4


@pytest.mark.parametrize("kind", ["document", "phone"])
@pytest.mark.parametrize("lost", ["answer", "answer and connection", "patience"])
async def test_an_admission_whose_answer_is_lost_is_undone(process, monkeypatch, kind, lost):
    """The store admitted the attempt, and nobody learned of it: nothing stays counted, no image used."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        admit, add, admitted = results.admit, results.add, asyncio.Event()
        submit, limit = partial(service.submit_applicant, JobKind.PHONE, PERSON, APPLICANT), "proof_address"
        if kind == "document":
            uploads = await upload_images(service, images())
            submit, limit = partial(service.submit_uploads, PERSON, **uploads), "idv_doc_auth"
        before = (await service.limit(PERSON, limit)).remaining

        async def lose_the_answer(**what):
            assert (await admit(**what)).granted
            admitted.set()
            if lost == "patience":
                await asyncio.Event().wait()
            raise StoreUnavailableError("the answer is lost")

        async def away(key, *_arguments, **_more):
            monkeypatch.setattr(results, "add", add)
            raise StoreUnavailableError(f"away: {key}")

        with monkeypatch.context() as outage:
            outage.setattr(results, "admit", lose_the_answer)
            if lost == "answer and connection":
                monkeypatch.setattr(results, "add", away)
            submitting = asyncio.create_task(submit())
            await admitted.wait()
            if lost == "patience":
                submitting.cancel()
            with pytest.raises((StoreUnavailableError, asyncio.CancelledError)):
                await submitting

        async def is_undone():
            return (await service.limit(PERSON, limit)).remaining == before

        await eventually(is_undone)
        await eventually(lambda: not service._submitter._background._tasks)
        await submit()
        (record,) = await running.drain()
        assert record.is_success
        assert (await service.limit(PERSON, limit)).remaining == before - 1


async def test_an_admission_that_comes_after_it_was_given_up_is_refused(process, monkeypatch):
    """The store was slow: what it meets is the mark of a submit that was undone."""
    async with process() as running:
        results, late = running.runtime.backends.results, []
        admit = results.admit

        async def delay(**what):
            late.append(partial(admit, **what))
            raise StoreUnavailableError("no answer yet")

        with monkeypatch.context() as outage:
            outage.setattr(results, "admit", delay)
            with pytest.raises(StoreUnavailableError):
                await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        (arrive,) = late
        assert not (await arrive()).granted
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 5


async def test_a_repeated_submit_whose_answer_is_lost_leaves_the_first(process, monkeypatch):
    """Only what the repetition counted is refunded."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        admit, result_id = results.admit, running.service.new_result_id()
        await service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT, result_id=result_id)

        async def lose_the_answer(**what):
            await admit(**what)
            raise StoreUnavailableError("the answer is lost")

        with monkeypatch.context() as outage:
            outage.setattr(results, "admit", lose_the_answer)
            assert (
                await service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT, result_id=result_id)
                == result_id
            )
        (record,) = await running.drain()
        assert (record.result_id, record.is_success) == (result_id, True)
        assert (await service.limit(PERSON, "proof_address")).remaining == 4


@pytest.mark.parametrize("act", ["withdraw", "cancel"])
@pytest.mark.parametrize("flushed", [False, True])
async def test_a_submit_that_failed_never_runs(process, monkeypatch, flushed, act):
    """The queue took the job and its answer was lost: the worker meets the end, and asks no vendor.

    Also when the result store was flushed meanwhile: the queue is asked as soon as it answers again to
    withdraw the job, or to cancel it where it cannot withdraw.
    """
    async with process(deadlines=Deadlines(undo_wait_seconds=0.01)) as running:
        queue, enqueue, take_back = running.queue, running.queue.enqueue, getattr(running.queue, act)
        if act == "cancel":
            queue.capabilities = queue.capabilities - {Capability.WITHDRAW}

        async def lose_the_answer(messages, **more):
            await enqueue(messages, **more)
            queue.enqueue = enqueue
            setattr(queue, act, away)
            raise QueueUnavailableError("the answer is lost")

        async def away(_result_id):
            raise QueueUnavailableError("away")

        queue.enqueue = lose_the_answer
        with pytest.raises(QueueUnavailableError):
            await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        (message,) = queue.waiting
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 5
        if flushed:
            setattr(queue, act, take_back)
            await eventually(lambda: not queue.waiting)
        else:
            job = MemoryJob(message, attempt=1)
            assert (await running.runtime.runner.run(job)).end_state is EndState.CANCELED
            assert job.intents == []
        again = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        assert again != message.result_id
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 4


async def test_a_job_that_reaches_its_queue_late_is_canceled_there(process):
    """A queue that cannot keep a job out is asked until the job is there, though it answers all the time."""
    async with process(deadlines=Deadlines(undo_wait_seconds=0.01)) as running:
        queue, enqueue, cancel = running.queue, running.queue.enqueue, running.queue.cancel
        queue.capabilities = queue.capabilities - {Capability.WITHDRAW}
        sent, answers = [], []

        async def lose(messages, **_more):
            sent.extend(messages)
            raise QueueUnavailableError("the answer is lost")

        async def count(result_id):
            answers.append(await cancel(result_id))
            return answers[-1]

        queue.enqueue, queue.cancel = lose, count
        with pytest.raises(QueueUnavailableError):
            await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await eventually(lambda: len(answers) >= 2)
        await enqueue(sent)
        await eventually(lambda: answers[-1])
        assert queue.waiting == []
        assert not any(answers[:-1])


async def test_calling_off_goes_on_where_the_store_stopped_it(process, monkeypatch):
    """The mark was set, the end was not written: tried again, it is not taken for the mark of a worker."""
    async with process(deadlines=Deadlines(publish_wait_seconds=0.01)) as running:
        results = running.runtime.backends.results
        finish = results.finish
        result_id = running.service.new_result_id()

        async def away(*_arguments, **_more):
            monkeypatch.setattr(results, "finish", finish)
            raise StoreUnavailableError("away")

        async def lose(_messages, **_more):
            monkeypatch.setattr(results, "finish", away)
            raise QueueUnavailableError("the answer is lost")

        monkeypatch.setattr(running.queue, "enqueue", lose)
        with pytest.raises(QueueUnavailableError):
            await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT, result_id=result_id)
        record = await running.service.status(PERSON, result_id, JobKind.PHONE)
        assert record.end_state is EndState.CANCELED
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 5


async def test_a_job_that_began_before_it_was_called_off_is_the_attempt(process, monkeypatch):
    """The answer of the queue was lost, but a worker has the job: it is submitted, nothing is repeated."""
    async with process() as running:
        queue, enqueue = running.queue, running.queue.enqueue

        async def run_and_lose_the_answer(messages, **more):
            await enqueue(messages, **more)
            await running.drain()
            raise QueueUnavailableError("the answer is lost")

        monkeypatch.setattr(queue, "enqueue", run_and_lose_the_answer)
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        assert (await running.service.status(PERSON, result_id, JobKind.PHONE)).is_success
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 4


async def test_a_host_that_was_slow_takes_back_what_was_given_up(process, monkeypatch):
    """The person has canceled while this host was frozen; what it then submits goes no further."""
    async with process(deadlines=Deadlines(slow_submit_seconds=0.0)) as running:
        queue, enqueue = running.queue, running.queue.enqueue
        result_id = running.service.new_result_id()

        async def stand_still(messages, **more):
            await running.service.cancel(PERSON, result_id, JobKind.PHONE)
            return await enqueue(messages, **more)

        monkeypatch.setattr(queue, "enqueue", stand_still)
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT, result_id=result_id)
        assert queue.waiting == []
        assert (await running.service.status(PERSON, result_id, JobKind.PHONE)).end_state is EndState.CANCELED


async def test_a_submit_whose_time_is_up_is_called_off(process, monkeypatch):
    """A request that is abandoned leaves nothing behind: no job, nothing counted."""
    async with process() as running:
        queue, started = running.queue, asyncio.Event()

        async def hang(_messages, **_more):
            started.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as slow:
            slow.setattr(queue, "enqueue", hang)
            result_id = running.service.new_result_id()
            submit = asyncio.create_task(
                running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT, result_id=result_id)
            )
            await started.wait()
            submit.cancel()
            with pytest.raises(asyncio.CancelledError):
                await submit

        async def is_called_off():
            record = await running.service.status(PERSON, result_id, JobKind.PHONE)
            limit = await running.service.limit(PERSON, "proof_address")
            return record.end_state is EndState.CANCELED and limit.remaining == 5

        await eventually(is_called_off)


async def test_an_attempt_without_a_job_is_canceled_once(process):
    """A web process died before it began: *try again* leaves an end, so that nothing runs late."""
    async with process() as running:
        service, lost = running.service, running.service.new_result_id()
        for _ in range(2):
            await service.cancel(PERSON, lost, JobKind.PHONE)
        assert (await service.status(PERSON, lost, JobKind.PHONE)).end_state is EndState.CANCELED
        assert await service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT, result_id=lost) == lost
        assert running.queue.waiting == []
        assert (await service.limit(PERSON, "proof_address")).remaining == 5


async def test_nobody_cancels_the_attempt_of_another(process):
    """A foreign id, or one of another step, is left alone."""
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await running.service.cancel(PersonRef(reference="person-2"), result_id, JobKind.PHONE)
        await running.service.cancel(PERSON, result_id, JobKind.RESOLUTION)
        (record,) = await running.drain()
        assert record.is_success


@pytest.mark.parametrize("hides", ["in progress", "forged"])
async def test_a_durable_verdict_is_found_behind_the_record(process, monkeypatch, hides):
    """A worker without result store ended the job in the queue; a forged end hides nothing."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        result_id = await service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        begun = await service.status(PERSON, result_id, JobKind.PHONE)
        ended = begun.finished(EndState.DONE, at=begun.submitted_at, outcome=Outcome.PASSED)
        verdict = sign_record(service._tracker._keys, ended)
        asked = []

        async def find(asked_for):
            asked.append(asked_for)
            return verdict

        running.queue.capabilities |= {Capability.FINAL_STATUS}
        monkeypatch.setattr(running.queue, "final_status", find)
        if hides == "forged":
            await results.finish(replace(ended, end_state=EndState.STALE, mac="0" * 64), ttl_seconds=60)
        else:
            assert not (await service.status(PERSON, result_id, JobKind.PHONE)).is_done
            assert asked == [], "the queue is not asked for young attempts"
            now = results.now
            monkeypatch.setattr(results, "now", lambda: now() + Deadlines().publish_seconds)
        for found in (
            await service.status(PERSON, result_id, JobKind.PHONE),
            await service.wait(PERSON, result_id, JobKind.PHONE, timeout_seconds=0.01),
            (await service.finished_job(PERSON, result_id, JobKind.PHONE)).record,
        ):
            assert found == verdict
        assert await service.status(PersonRef(reference="person-2"), result_id, JobKind.PHONE) is None


async def test_a_canceled_attempt_is_over_and_stays_charged(process):
    """The record says so, the job does not run, and the person may start again."""
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await running.service.cancel(PERSON, result_id, JobKind.PHONE)
        record = await running.service.status(PERSON, result_id, JobKind.PHONE)
        assert record.end_state is EndState.CANCELED
        assert running.queue.waiting == []
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 4
        assert await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT) != result_id


async def test_a_stale_job_calls_no_vendor(process):
    """A job older than the limit ends as stale and is not charged."""
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        (message,) = running.queue.waiting
        running.queue.waiting = [replace(message, enqueued_at=message.enqueued_at - 301)]
        (record,) = await running.drain()
        assert record.end_state is EndState.STALE
        assert record.result_id == result_id
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 5


async def test_arguments_moved_to_another_job_do_not_open(process):
    """Sealed arguments are bound to their job: under another's id they are a decrypt error."""
    async with process() as running:
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await running.service.submit_applicant(JobKind.PHONE, PersonRef(reference="person-2"), APPLICANT)
        first, second = running.queue.waiting
        running.queue.waiting = [replace(first, encrypted_arguments=second.encrypted_arguments)]
        (record,) = await running.drain()
        assert record.end_state is EndState.DECRYPT_ERROR


async def test_arguments_moved_to_another_kind_do_not_open(process):
    """The same job under another kind asks nobody."""
    async with process() as running:
        await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        running.queue.waiting = [replace(running.queue.waiting[0], kind=JobKind.PHONE)]
        (record,) = await running.drain()
        assert record.end_state is EndState.DECRYPT_ERROR


async def test_a_replayed_job_asks_no_vendor_again(process):
    """A job that somebody kept and enqueues again finds its end; the first one wins."""
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        kept = running.queue.waiting[0]
        (first,) = await running.drain()
        again = MemoryJob(kept, attempt=1)
        assert await running.runtime.runner.run(again) == first
        assert again.intents == []
        assert (await running.service.status(PERSON, result_id, JobKind.PHONE)).is_success


async def test_arguments_of_an_unknown_version_end_typed(process):
    """A worker that cannot read the arguments says so."""
    async with process() as running:
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        running.queue.waiting = [replace(running.queue.waiting[0], schema_version=99)]
        (record,) = await running.drain()
        assert record.end_state is EndState.UNREADABLE


async def test_a_job_beyond_its_deadline_ends_timed_out(process):
    """A vendor that hangs does not hold the job."""
    async with process(mock={"latency_seconds": 30.0}) as running:
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        running.queue.waiting = [replace(running.queue.waiting[0], deadline_seconds=0.05)]
        (record,) = await running.drain()
        assert record.timed_out
        assert record.end_state in {EndState.TIMED_OUT, EndState.VENDOR_EXCEPTION}


async def test_no_vendor_in_service_is_an_exception_not_a_failure(process):
    """With every phone vendor out, nothing is held against the number."""
    async with process(vendor_status={"mock": "full_outage"}) as running:
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        (record,) = await running.drain()
        assert record.end_state is EndState.VENDOR_UNAVAILABLE
        assert running.service.outages.of_flow(PERSON) is not None


async def test_sync_documents_pass_the_same_way(process):
    """Images of a form post are proofed at once, by the same job."""
    async with process(doc_auth_enable_presigned_s3_urls=False) as running:
        result_id = await running.service.submit_images(PERSON, images=images())
        finished = await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT)
        assert finished.record.is_success
        assert "MCFAKERSON" in finished.result.applicant.last_name


async def test_sessions_are_sealed_and_end(process, tmp_path):
    """What a session holds is readable with its id only, and is gone when it is ended."""
    async with process() as running:
        await running.service.sessions.save("id-1", make_session(typed=SSN))
        assert (await running.service.sessions.load("id-1")).typed == SSN
        assert await running.service.sessions.load("id-2") is None
        stored = b"".join(path.read_bytes() for path in (tmp_path / "local").rglob("*") if path.is_file())
        assert b"900661234" not in stored
        await running.service.sessions.end("id-1")
        assert await running.service.sessions.load("id-1") is None


@pytest.mark.parametrize("lost", [False, True])
async def test_a_wait_in_vain_costs_no_resolution(process, lost):
    """With workers away, or the record lost, the retry gives person and SSN their attempt back."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        for _ in range(6):
            result_id = await service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
            if lost:
                await results.erase(result_id)
            else:
                begun = await service.status(PERSON, result_id, JobKind.RESOLUTION)
                await results.erase(result_id)
                begun = sign_record(
                    service._tracker._keys, replace(begun, submitted_at=begun.submitted_at - 61)
                )
                await results.begin(begun, ttl_seconds=60)
            await service.cancel(PERSON, result_id, JobKind.RESOLUTION, ssn=APPLICANT.ssn)
        assert (await service.limit(PERSON, "idv_resolution")).remaining == 5
        assert (await service.limit(PERSON, "proof_ssn", ssn=APPLICANT.ssn)).remaining == 10
        early = await service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        await service.cancel(PERSON, early, JobKind.RESOLUTION, ssn=APPLICANT.ssn)
        assert (await service.limit(PERSON, "idv_resolution")).remaining == 4


@pytest.mark.parametrize("end", sorted(set(EndState) - {EndState.DONE}))
async def test_every_end_without_an_answer_is_refunded(process, end):
    """Documents, phones, resolutions and SSNs alike; also when an operator cancels."""
    async with process() as running:
        service = running.service
        await service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        await service.submit_uploads(PERSON, **await upload_images(service, images()))
        for message in running.queue.waiting:
            await running.runtime.runner.discard(message, end)
        for name in LIMITS:
            state = await service.limit(PERSON, name, ssn=APPLICANT.ssn)
            assert state.remaining == state.maximum, name


async def test_a_phone_vendor_without_a_verdict_is_no_answer(process, monkeypatch):
    """An unknown outcome says neither yes nor no."""

    async def unknown(*_arguments):
        return PhoneResult(vendor_name="AddressMock", outcome=Outcome.UNKNOWN)

    monkeypatch.setattr(PhoneMock, "proof", unknown)
    async with process() as running:
        await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        (record,) = await running.drain()
        assert record.end_state is EndState.VENDOR_EXCEPTION
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 5


@pytest.mark.parametrize("kind", [JobKind.DOCUMENT, JobKind.PHONE])
async def test_a_wait_in_vain_costs_no_document_or_phone_attempt(process, kind):
    """After the promised wait *try again* is free, however often."""
    async with process(idv_doc_auth_max_attempts=2, proof_address_max_attempts=2) as running:
        service, results = running.service, running.runtime.backends.results
        for _ in range(3):
            if kind is JobKind.PHONE:
                result_id = await service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
            else:
                uploads = await upload_images(service, images())
                result_id = await service.submit_uploads(PERSON, **uploads)
            begun = await service.status(PERSON, result_id, kind)
            await results.erase(result_id)
            begun = sign_record(service._tracker._keys, replace(begun, submitted_at=begun.submitted_at - 61))
            await results.begin(begun, ttl_seconds=60)
            await service.cancel(PERSON, result_id, kind)
        assert (await service.limit(PERSON, OF_KIND[kind].name)).remaining == 2


async def test_a_wait_without_an_answer_is_counted(process):
    """By kind, when the person gives it up; one that was abandoned early is not."""

    def given_up():
        return REGISTRY.get_sample_value("proofing_waits_abandoned_total", {"kind": "phone"}) or 0

    async with process() as running:
        before = given_up()
        result_id = await running.service.submit_applicant(JobKind.PHONE, PERSON, APPLICANT)
        await running.service.cancel(PERSON, result_id, JobKind.PHONE)
        assert given_up() == before
        await running.service.cancel(PERSON, "gone", JobKind.PHONE)
        assert given_up() == before + 1


@pytest.mark.parametrize(
    ("sources", "source"), [(("upload", "camera"), "camera"), (("upload",) * 2, "upload")]
)
async def test_the_vendor_learns_of_a_camera(process, monkeypatch, sources, source):
    """What the page says of the images reaches the vendor, and the job's line."""
    asked = []
    proof = DocumentMock.proof

    async def look(self, request, context):
        asked.append(request.image_source)
        return await proof(self, request, context)

    monkeypatch.setattr(DocumentMock, "proof", look)
    async with process() as running:
        facts = {side: {"source": said} for side, said in zip(("front", "back"), sources, strict=True)}
        uploads = await upload_images(running.service, images())
        await running.service.submit_uploads(PERSON, **uploads, facts=facts)
        await running.drain()
    assert asked == [source]
