"""From submit to adoption, with the real runner, stores and mock vendor; queued and inline."""

import secrets
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from proofing.errors import (
    InvalidInputError,
    LimitReachedError,
    QueueUnavailableError,
    StoreUnavailableError,
    UploadRefusedError,
)
from proofing.images import Side
from proofing.jobs.runner import sign_record
from proofing.queues import Capability
from proofing.records import End, JobKind
from proofing.results import Outcome
from proofing.service import EncryptedImage, Person
from proofing.testing.capture import APPLICANT, DEVICE, PERSON, upload_pictures
from proofing.testing.memory_queue import MemoryJob
from proofing.testing.pictures import make_jpeg
from proofing.uploads import new_attempt
from proofing_mock.documents import DocumentMock


def pictures():
    """Return two fresh pictures."""
    return {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}


async def test_an_uploaded_document_passes_and_is_read_once(process):
    """The job reads what the browser encrypted; the page adopts it once."""
    async with process() as running:
        result_id = await running.service.submit_uploads(
            PERSON, **await upload_pictures(running.service, pictures())
        )
        record = await running.service.status(PERSON, result_id, JobKind.DOCUMENT)
        assert not record.is_done
        assert await running.service.adopt(PERSON, result_id, JobKind.DOCUMENT) is None
        await running.drain()
        adopted = await running.service.adopt(PERSON, result_id, JobKind.DOCUMENT)
        assert adopted.record.is_success
        assert adopted.result["applicant"]["first_name"] == "FAKEY"
        again = await running.service.adopt(PERSON, result_id, JobKind.DOCUMENT)
        assert again.result is None


async def test_uploads_alone_complete_nothing(process):
    """Until a job has ended there is no record that could complete the step."""
    async with process() as running:
        await upload_pictures(running.service, pictures())
        assert running.queue.waiting == []
        assert await running.service.adopt(PERSON, "anything", JobKind.DOCUMENT) is None


async def test_pictures_are_gone_after_the_verdict(process, tmp_path):
    """No ciphertext is left once the job has ended."""
    async with process() as running:
        await running.service.submit_uploads(PERSON, **await upload_pictures(running.service, pictures()))
        folder = tmp_path / "local" / "images"
        assert len([path for path in folder.rglob("*") if path.is_file()]) == 2
        await running.drain()
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) == 0


@pytest.mark.parametrize(
    ("spoil", "end"),
    [
        (lambda arguments: arguments | {"encryption_key": secrets.token_bytes(32)}, End.DECRYPT_ERROR),
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
            End.DECRYPT_ERROR,
        ),
    ],
    ids=["wrong key", "swapped IVs"],
)
async def test_a_picture_that_does_not_open_ends_typed_without_a_vendor_call(process, spoil, end):
    """The end says what happened, and no vendor was called."""
    async with process() as running:
        arguments = spoil(await upload_pictures(running.service, pictures()))
        await running.service.submit_uploads(PERSON, **arguments)
        (message,) = running.queue.waiting
        (record,) = await running.drain()
        assert (record.end, record.outcome) == (end, Outcome.UNKNOWN)
        assert message.metadata["gives_back"] == []


@pytest.mark.parametrize(("what", "step"), [("key", "decrypt"), ("pictures", "download")])
async def test_a_picture_that_does_not_open_is_timed(process, tmp_path, caplog, what, step):
    """The line tells how long the step took that failed, whichever it was."""
    caplog.set_level("INFO", "proofing")
    async with process() as running:
        arguments = await upload_pictures(running.service, pictures())
        if what == "key":
            arguments["encryption_key"] = secrets.token_bytes(32)
        await running.service.submit_uploads(PERSON, **arguments)
        if what == "pictures":
            for path in (tmp_path / "local" / "images").rglob("*"):
                if path.is_file():
                    path.unlink()
        (record,) = await running.drain()
        assert not record.is_success
    (line,) = [entry.proofing_fields for entry in caplog.records if entry.getMessage() == "perform"]
    assert {name.partition(".")[0] for name in line["timing"]} >= {"download", step}


async def test_text_encrypted_in_place_of_a_picture_is_refused(process):
    """A data URL that was encrypted as text is no picture; the page is told which side."""
    async with process(mock={"latency_seconds": 0}) as running:
        text = {Side.FRONT: b"\x00\x01not a picture", Side.BACK: make_jpeg()}
        result_id = await running.service.submit_uploads(
            PERSON, **await upload_pictures(running.service, text)
        )
        await running.drain()
        record = await running.service.status(PERSON, result_id, JobKind.DOCUMENT)
        assert record.end is End.BAD_IMAGE
        assert record.fields == {"front": "not_an_image"}


async def test_sides_cannot_be_exchanged(process):
    """A slot reserved for one side does not serve the other."""
    async with process() as running:
        arguments = await upload_pictures(running.service, pictures())
        front, back = arguments["images"][Side.FRONT], arguments["images"][Side.BACK]
        swapped = arguments | {"images": {Side.FRONT: back, Side.BACK: front}}
        with pytest.raises(InvalidInputError) as caught:
            await running.service.submit_uploads(PERSON, **swapped)
        assert caught.value.fields == {"front": "upload_missing", "back": "upload_missing"}


async def test_slots_are_used_once_and_by_their_owner(process):
    """Another person, another attempt, or a second submit finds no upload."""
    async with process() as running:
        arguments = await upload_pictures(running.service, pictures())
        other = Person(reference="person-2")
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
            await running.service.presign(Person(reference="person-2"), **terms)
        with pytest.raises(UploadRefusedError) as unknown:
            await running.service.presign(PERSON, **(terms | {"slot": "0" * 32}))
        assert (foreign.value.status, str(foreign.value)) == (unknown.value.status, str(unknown.value))
        with pytest.raises(UploadRefusedError) as large:
            await running.service.presign(PERSON, **(terms | {"length": 16 * 1024 * 1024}))
        assert large.value.status == 413
        await running.service.presign(PERSON, **terms)
        with pytest.raises(UploadRefusedError) as second:
            await running.service.presign(PERSON, **terms)
        assert second.value.status == 409


async def test_an_attempt_has_eight_slots(process):
    """The ninth picture of an attempt is refused."""
    async with process() as running:
        attempt = new_attempt()
        for _ in range(8):
            await running.service.new_slot(PERSON, attempt=attempt, side=Side.FRONT)
        with pytest.raises(LimitReachedError):
            await running.service.new_slot(PERSON, attempt=attempt, side=Side.FRONT)


async def test_a_second_submit_is_the_same_attempt(process):
    """Double clicks and second tabs get the running attempt's id; it is counted once."""
    async with process() as running:
        first = await running.service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        second = await running.service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        assert first == second
        assert len(running.queue.waiting) == 1
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 4


async def test_a_foreign_other_step_or_forged_record_is_nobodys(process):
    """Another person, another step, and an edited record all look like an unknown id."""
    async with process() as running:
        result_id = await running.service.submit_address(PERSON, APPLICANT)
        await running.drain()
        assert (await running.service.status(PERSON, result_id, JobKind.ADDRESS)).is_success
        assert await running.service.status(Person(reference="x"), result_id, JobKind.ADDRESS) is None
        assert await running.service.status(PERSON, result_id, JobKind.RESOLUTION) is None
        store = running.runtime.backends.results
        record = await store.status(result_id)
        await store.erase(result_id)
        await store.finish(replace(record, outcome=Outcome.PASSED, reasons=("edited",)), life_seconds=60)
        assert await running.service.status(PERSON, result_id, JobKind.ADDRESS) is None


@pytest.mark.parametrize(
    ("change", "end", "outcome"),
    [
        ({}, End.DONE, Outcome.PASSED),
        ({"first_name": "bad"}, End.DONE, Outcome.FAILED),
        ({"ssn": "123456789"}, End.DONE, Outcome.FAILED),
        ({"first_name": "fail"}, End.VENDOR_EXCEPTION, Outcome.UNKNOWN),
        ({"first_name": "time"}, End.VENDOR_EXCEPTION, Outcome.UNKNOWN),
        ({"state_id_number": "mvatimeout"}, End.STATE_ID_EXCEPTION, Outcome.UNKNOWN),
    ],
)
@pytest.mark.parametrize("queued", [True, False])
async def test_resolution_ends_alike_queued_and_inline(process, change, end, outcome, queued):
    """Both switch positions give the same record; only an answer is charged."""
    async with process(ruby_workers_idv_enabled=queued) as running:
        result_id = await running.service.submit_resolution(PERSON, replace(APPLICANT, **change), **DEVICE)
        assert bool(running.queue.waiting) is queued
        await running.drain()
        record = await running.service.status(PERSON, result_id, JobKind.RESOLUTION)
        assert (record.end, record.outcome) == (end, outcome)
        charged = 1 if end is End.DONE else 0
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 5 - charged
        ssn = change.get("ssn", APPLICANT.ssn)
        assert (await running.service.limit(PERSON, "proof_ssn", ssn=ssn)).remaining == 10 - charged


async def test_the_last_permitted_attempt_is_processed(process):
    """Five phone numbers run to their end; the sixth is refused and not enqueued."""
    async with process() as running:
        for _ in range(5):
            await running.service.submit_address(PERSON, replace(APPLICANT, phone="7035555555"))
            (record,) = await running.drain()
            assert record.outcome is Outcome.FAILED
        with pytest.raises(LimitReachedError) as caught:
            await running.service.submit_address(PERSON, APPLICANT)
        assert caught.value.limit == "proof_address"
        assert running.queue.waiting == []


async def test_a_refused_submit_gives_back_what_it_had_counted(process):
    """When the second of two limits holds, the first is as it was."""
    async with process(idv_resolution_max_attempts=1) as running:
        await running.service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        await running.drain()
        with pytest.raises(LimitReachedError):
            await running.service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        assert (await running.service.limit(PERSON, "proof_ssn", ssn=APPLICANT.ssn)).remaining == 9


async def test_a_failed_enqueue_loses_nothing(process, monkeypatch):
    """The person may simply submit again, uncharged."""
    async with process() as running:
        working = running.queue.enqueue

        async def away(*_arguments, **_options):
            raise QueueUnavailableError("away")

        monkeypatch.setattr(running.queue, "enqueue", away)
        with pytest.raises(QueueUnavailableError):
            await running.service.submit_address(PERSON, APPLICANT)
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 5
        monkeypatch.setattr(running.queue, "enqueue", working)
        result_id = await running.service.submit_address(PERSON, APPLICANT)
        await running.drain()
        assert (await running.service.status(PERSON, result_id, JobKind.ADDRESS)).is_success


@pytest.mark.parametrize("broken", ["queue", "key service", "one slot"])
async def test_the_same_pictures_are_submitted_again(process, monkeypatch, broken):
    """After a submit that failed the person need not choose them anew."""
    async with process() as running:
        service, uploads = running.service, await upload_pictures(running.service, pictures())

        async def away(*_arguments, **_more):
            raise StoreUnavailableError("away")

        results, add = running.runtime.backends.results, running.runtime.backends.results.add

        async def add_front_only(key, value, **more):
            if key == f"slot:used:{uploads['images'][Side.BACK].slot}":
                raise StoreUnavailableError("away")
            return await add(key, value, **more)

        with monkeypatch.context() as outage:
            where, name, fail = {
                "queue": (running.queue, "enqueue", away),
                "key service": (service._sealer, "seal", away),
                "one slot": (results, "add", add_front_only),
            }[broken]
            outage.setattr(where, name, fail)
            with pytest.raises(StoreUnavailableError):
                await service.submit_uploads(PERSON, **uploads)
        await service.submit_uploads(PERSON, **uploads)
        (record,) = await running.drain()
        assert record.is_success
        assert (await service.limit(PERSON, "idv_doc_auth")).remaining == 4


async def test_a_claim_whose_answer_was_lost_blocks_nobody(process, monkeypatch):
    """The store had kept it, and nobody heard: the next submit is one of its own."""
    async with process() as running:
        results, add = running.runtime.backends.results, running.runtime.backends.results.add

        async def answer_too_late(*arguments, **more):
            await add(*arguments, **more)
            raise StoreUnavailableError("too late")

        with monkeypatch.context() as slow:
            slow.setattr(results, "add", answer_too_late)
            with pytest.raises(StoreUnavailableError):
                await running.service.submit_address(PERSON, APPLICANT)
        result_id = await running.service.submit_address(PERSON, APPLICANT)
        assert [message.result_id for message in running.queue.waiting] == [result_id]


async def test_a_claim_without_a_job_ends_with_the_persons_retry(process):
    """A web process died between claim and job: *try again* frees the claim, if it is still that one."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        await results.add(f"pending:{PERSON.reference}:address", b"lost", life_seconds=60)
        assert await service.submit_address(PERSON, APPLICANT) == "lost"
        await service.cancel(PERSON, "another", JobKind.ADDRESS)
        assert await service.submit_address(PERSON, APPLICANT) == "lost"
        await service.cancel(PERSON, "lost", JobKind.ADDRESS)
        result_id = await service.submit_address(PERSON, APPLICANT)
        assert [message.result_id for message in running.queue.waiting] == [result_id]


async def test_an_attempt_stays_claimed_while_its_job_runs(process):
    """Longer than a claim that has no job, and no longer than the job."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        clock, now = results._clock, [0.0]
        results._clock = lambda: clock() + now[0]
        result_id = await service.submit_address(PERSON, APPLICANT)
        now[0] = 45.0
        assert await service.submit_address(PERSON, APPLICANT) == result_id
        await running.drain()
        assert await service.submit_address(PERSON, APPLICANT) != result_id


@pytest.mark.parametrize("hides", ["in progress", "forged"])
async def test_a_durable_verdict_is_found_behind_the_record(process, monkeypatch, hides):
    """A worker without result store ended the job in the queue; a forged end hides nothing."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        result_id = await service.submit_address(PERSON, APPLICANT)
        begun = await service.status(PERSON, result_id, JobKind.ADDRESS)
        ended = begun.ended(End.DONE, at=begun.submitted_at, outcome=Outcome.PASSED)
        verdict = sign_record(service._keys, ended)
        asked = []

        async def find(asked_for):
            asked.append(asked_for)
            return verdict

        running.queue.capabilities |= {Capability.VERDICTS}
        monkeypatch.setattr(running.queue, "verdict", find)
        if hides == "forged":
            await results.finish(replace(ended, end=End.STALE, mac="0" * 64), life_seconds=60)
        else:
            assert not (await service.status(PERSON, result_id, JobKind.ADDRESS)).is_done
            assert asked == [], "the queue is not asked for young attempts"
            monkeypatch.setattr("proofing.service.PUBLISH_PATIENCE_SECONDS", 0.0)
        for found in (
            await service.status(PERSON, result_id, JobKind.ADDRESS),
            await service.wait(PERSON, result_id, JobKind.ADDRESS, timeout_seconds=0.01),
            (await service.adopt(PERSON, result_id, JobKind.ADDRESS)).record,
        ):
            assert found == verdict
        assert await service.status(Person(reference="person-2"), result_id, JobKind.ADDRESS) is None


async def test_a_cancelled_attempt_is_over_and_stays_charged(process):
    """The record says so, the job does not run, and the person may start anew."""
    async with process() as running:
        result_id = await running.service.submit_address(PERSON, APPLICANT)
        await running.service.cancel(PERSON, result_id, JobKind.ADDRESS)
        record = await running.service.status(PERSON, result_id, JobKind.ADDRESS)
        assert record.end is End.CANCELLED
        assert running.queue.waiting == []
        assert (await running.service.limit(PERSON, "proof_address")).remaining == 4
        assert await running.service.submit_address(PERSON, APPLICANT) != result_id


async def test_a_stale_job_calls_no_vendor(process):
    """A job older than the limit ends as stale and is not charged."""
    async with process() as running:
        result_id = await running.service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        (message,) = running.queue.waiting
        running.queue.waiting = [replace(message, enqueued_at=message.enqueued_at - 301)]
        (record,) = await running.drain()
        assert record.end is End.STALE
        assert record.result_id == result_id
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 5


async def test_arguments_moved_to_another_job_do_not_open(process):
    """Sealed arguments are bound to their job: under another's id they are a decrypt error."""
    async with process() as running:
        await running.service.submit_address(PERSON, APPLICANT)
        await running.service.submit_address(Person(reference="person-2"), APPLICANT)
        first, second = running.queue.waiting
        running.queue.waiting = [replace(first, encrypted_arguments=second.encrypted_arguments)]
        (record,) = await running.drain()
        assert record.end is End.DECRYPT_ERROR


async def test_arguments_moved_to_another_kind_do_not_open(process):
    """The same job under another kind asks nobody."""
    async with process() as running:
        await running.service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        running.queue.waiting = [replace(running.queue.waiting[0], kind=JobKind.ADDRESS)]
        (record,) = await running.drain()
        assert record.end is End.DECRYPT_ERROR


async def test_a_replayed_job_asks_no_vendor_again(process):
    """A job that somebody kept and enqueues again finds its end; the first one stands."""
    async with process() as running:
        result_id = await running.service.submit_address(PERSON, APPLICANT)
        kept = running.queue.waiting[0]
        (first,) = await running.drain()
        again = MemoryJob(kept, attempt=1)
        assert await running.runtime.runner.run(again) == first
        assert again.intents == []
        assert (await running.service.status(PERSON, result_id, JobKind.ADDRESS)).is_success


async def test_arguments_of_an_unknown_version_end_typed(process):
    """A worker that cannot read the arguments says so."""
    async with process() as running:
        await running.service.submit_address(PERSON, APPLICANT)
        running.queue.waiting = [replace(running.queue.waiting[0], schema_version=99)]
        (record,) = await running.drain()
        assert record.end is End.UNREADABLE


async def test_a_job_beyond_its_deadline_ends_timed_out(process):
    """A vendor that hangs does not hold the job."""
    async with process(mock={"latency_seconds": 30.0}) as running:
        await running.service.submit_address(PERSON, APPLICANT)
        running.queue.waiting = [replace(running.queue.waiting[0], deadline_seconds=0.05)]
        (record,) = await running.drain()
        assert record.timed_out
        assert record.end in {End.TIMED_OUT, End.VENDOR_EXCEPTION}


async def test_no_vendor_in_service_is_an_exception_not_a_failure(process):
    """With every phone vendor out, nothing is held against the number."""
    async with process(vendor_status={"mock": "full_outage"}) as running:
        await running.service.submit_address(PERSON, APPLICANT)
        (record,) = await running.drain()
        assert record.end is End.VENDOR_EXCEPTION
        assert not running.service.is_available(PERSON)


async def test_sync_documents_pass_the_same_way(process):
    """Pictures of a form post are proofed at once, by the same job."""
    async with process(doc_auth_enable_presigned_s3_urls=False) as running:
        result_id = await running.service.submit_images(PERSON, images=pictures())
        adopted = await running.service.adopt(PERSON, result_id, JobKind.DOCUMENT)
        assert adopted.record.is_success
        assert adopted.result["applicant"]["last_name"] == "MCFAKERSON JR" or "MCFAKERSON" in str(
            adopted.result
        )


async def test_sessions_are_sealed_and_end(process, tmp_path):
    """What a session holds is readable with its id only, and is gone when it is ended."""
    async with process() as running:
        await running.service.save_session("id-1", {"ssn": "900661234"})
        assert (await running.service.load_session("id-1"))["ssn"] == "900661234"
        assert await running.service.load_session("id-2") is None
        stored = b"".join(path.read_bytes() for path in (tmp_path / "local").rglob("*") if path.is_file())
        assert b"900661234" not in stored
        await running.service.end_session("id-1")
        assert await running.service.load_session("id-1") is None


@pytest.mark.parametrize("lost", [False, True])
async def test_a_wait_in_vain_costs_no_resolution(process, lost):
    """With workers away, or the record lost, the retry gives person and SSN their attempt back."""
    async with process() as running:
        service, results = running.service, running.runtime.backends.results
        for _ in range(6):
            result_id = await service.submit_resolution(PERSON, APPLICANT, **DEVICE)
            if lost:
                await results.erase(result_id)
            else:
                begun = await service.status(PERSON, result_id, JobKind.RESOLUTION)
                await results.erase(result_id)
                begun = sign_record(service._keys, replace(begun, submitted_at=begun.submitted_at - 61))
                await results.begin(begun, life_seconds=60)
            await service.cancel(PERSON, result_id, JobKind.RESOLUTION, ssn=APPLICANT.ssn)
        assert (await service.limit(PERSON, "idv_resolution")).remaining == 5
        assert (await service.limit(PERSON, "proof_ssn", ssn=APPLICANT.ssn)).remaining == 10
        early = await service.submit_resolution(PERSON, APPLICANT, **DEVICE)
        await service.cancel(PERSON, early, JobKind.RESOLUTION, ssn=APPLICANT.ssn)
        assert (await service.limit(PERSON, "idv_resolution")).remaining == 4


@pytest.mark.parametrize(
    ("end", "remaining"), [(End.UNKNOWN_OUTCOME, 5), (End.WORKER_LOST, 4), (End.VENDOR_EXCEPTION, 4)]
)
async def test_what_a_death_on_the_way_to_a_vendor_costs(process, end, remaining):
    """Nothing, as the page says; other ends of documents and phones stay charged."""
    async with process() as running:
        await running.service.submit_address(PERSON, APPLICANT)
        await running.service.submit_uploads(PERSON, **await upload_pictures(running.service, pictures()))
        for message in running.queue.waiting:
            await running.runtime.runner.abandon(message, end)
        for name in ("proof_address", "idv_doc_auth"):
            assert (await running.service.limit(PERSON, name)).remaining == remaining


async def test_a_wait_without_an_answer_is_counted(process):
    """By kind, when the person gives it up; one that was given up early is not."""

    def given_up():
        return REGISTRY.get_sample_value("proofing_results_missing_total", {"kind": "address"}) or 0

    async with process() as running:
        before = given_up()
        result_id = await running.service.submit_address(PERSON, APPLICANT)
        await running.service.cancel(PERSON, result_id, JobKind.ADDRESS)
        assert given_up() == before
        await running.service.cancel(PERSON, "gone", JobKind.ADDRESS)
        assert given_up() == before + 1


@pytest.mark.parametrize(
    ("sources", "source"), [(("upload", "camera"), "camera"), (("upload",) * 2, "upload")]
)
async def test_the_vendor_is_told_of_a_camera(process, monkeypatch, sources, source):
    """What the page says of the pictures reaches the vendor, and the job's line."""
    asked = []
    proof = DocumentMock.proof

    async def look(self, request, context):
        asked.append(request.image_source)
        return await proof(self, request, context)

    monkeypatch.setattr(DocumentMock, "proof", look)
    async with process() as running:
        facts = {side: {"source": said} for side, said in zip(("front", "back"), sources, strict=True)}
        uploads = await upload_pictures(running.service, pictures())
        await running.service.submit_uploads(PERSON, **uploads, metadata=facts)
        await running.drain()
    assert asked == [source]
