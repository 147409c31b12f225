"""Jobs that wait for their vendor: what is asked again, what is kept for whom, and every end."""

import asyncio
import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from proofing.base.errors import (
    Cause,
    EncryptionError,
    ImageNotFoundError,
    StoreUnavailableError,
    VendorError,
)
from proofing.contracts.applicant import DocumentChoice, DocumentType
from proofing.contracts.continuation import Again, Due, Expired
from proofing.contracts.images import Side
from proofing.contracts.queues import Capability
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import (
    Assurance,
    DocumentResult,
    Finding,
    FindingCode,
    Outcome,
    ProoferKind,
    SelfieCheck,
)
from proofing.contracts.selfies import SelfieAnswer, SelfieChoice
from proofing.crypto.contexts import arguments_context, parked_context
from proofing.jobs.dependencies import Deadlines
from proofing.testing.images import make_jpeg
from proofing.testing.memory_queue import MemoryQueue
from proofing_devtools.capture import PERSON, upload_images
from proofing_devtools.later_vendors import (
    APPLICANT,
    CANARY,
    HOUR,
    YES,
    Later,
    drain_again,
    pending,
    put_in_place,
    submit,
)
from proofing_mock import standard


@pytest.fixture
def jobs(process):
    """Start a process whose questions are put in jobs."""
    return lambda **values: process(
        ruby_workers_idv_enabled=True, doc_auth_enable_presigned_s3_urls=True, **values
    )


async def test_a_job_waits_for_its_vendor(jobs):
    """Parked it has no end, and its record says until when; resumed it has one."""
    async with jobs() as running:
        vendor = put_in_place(running, ProoferKind.PHONE, Later(pending(), pending(), YES[ProoferKind.PHONE]))
        result_id = await submit(running)
        assert await running.drain() == []
        ((message, seconds),) = running.queue.parked
        assert seconds == pytest.approx(60, abs=1)
        record = await running.service.status(PERSON, result_id, JobKind.PHONE)
        assert not record.is_done
        assert record.pending_until == pytest.approx(datetime.now(UTC).timestamp() + 3600, abs=10)
        assert message.counter_keys
        assert await drain_again(running) == []
        (ended,) = await drain_again(running)
        assert (ended.is_success, ended.pending_until) == (True, None)
    requests = [request for request, *_ in vendor.calls]
    assert [request.applicant.phone for request in requests] == [APPLICANT.phone] * 3
    assert [because for _request, _pending, because, _key in vendor.calls] == [None, Due(), Due()]
    assert [one.state for _request, one, *_ in vendor.calls[1:]] == [{"id": "v-1"}] * 2
    assert len({key for *_, key in vendor.calls}) == 1


async def test_answers_are_not_asked_for_again(jobs):
    """Of questions side by side and in a row each is asked once, whatever its answer, also an error."""
    async with jobs(device_profiling_enabled=True) as running:
        device = put_in_place(running, ProoferKind.DEVICE, Later(YES[ProoferKind.DEVICE]))
        resolution = put_in_place(
            running, ProoferKind.RESOLUTION, Later(pending(), YES[ProoferKind.RESOLUTION])
        )
        error = VendorError(Cause.SOURCE_DOWN, "away", codes=("0047",))
        state_id = put_in_place(running, ProoferKind.STATE_ID, Later(pending(), error))
        await submit(running, JobKind.RESOLUTION)
        assert await running.drain() == []
        assert await drain_again(running) == []
        (record,) = await drain_again(running)
    assert [len(one.calls) for one in (device, resolution, state_id)] == [1, 2, 2]
    assert record.end_state is EndState.STATE_ID_EXCEPTION


async def test_questions_side_by_side_end_before_the_job_is_parked(jobs):
    """The one that is pending cancels no other."""
    go = asyncio.Event()

    class Slow(Later):
        async def proof(self, request, context):
            await go.wait()
            return await super().proof(request, context)

    class First(Later):
        async def proof(self, request, context):
            asyncio.get_running_loop().call_soon(go.set)
            return await super().proof(request, context)

    async with jobs(device_profiling_enabled=True) as running:
        device = put_in_place(running, ProoferKind.DEVICE, Slow(YES[ProoferKind.DEVICE]))
        put_in_place(running, ProoferKind.RESOLUTION, First(pending(), YES[ProoferKind.RESOLUTION]))
        put_in_place(running, ProoferKind.STATE_ID, Later(YES[ProoferKind.STATE_ID]))
        await submit(running, JobKind.RESOLUTION)
        assert await running.drain() == []
        (record,) = await drain_again(running)
    assert len(device.calls) == 1
    assert record.is_success


async def test_what_follows_is_asked_although_the_device_waits(jobs):
    """Once, in the first run: a device that answers later holds nothing up, and cancels nothing."""
    go = asyncio.Event()

    class Slow(Later):
        async def proof(self, request, context):
            asyncio.get_running_loop().call_soon(go.set)
            await go.wait()
            return await super().proof(request, context)

    async with jobs(device_profiling_enabled=True, phone_precheck_enabled=True) as running:
        device = put_in_place(running, ProoferKind.DEVICE, Later(pending(), YES[ProoferKind.DEVICE]))
        others = [
            put_in_place(running, kind, Slow(YES[kind]))
            for kind in (ProoferKind.RESOLUTION, ProoferKind.STATE_ID, ProoferKind.PHONE)
        ]
        await submit(running, JobKind.RESOLUTION)
        assert await running.drain() == []
        assert [len(one.calls) for one in (device, *others)] == [1, 1, 1, 1]
        (record,) = await drain_again(running)
    assert [len(one.calls) for one in (device, *others)] == [2, 1, 1, 1]
    assert record.is_success


async def test_of_two_pending_questions_of_one_vendor_neither_is_lost(jobs):
    """The job is due with the first, and pending until the last expires, whichever was asked first."""
    soon = pending(then=Again(5), expires_at=datetime.now(UTC) + 2 * HOUR)
    for device, resolution in ((soon, pending()), (pending(), soon)):
        async with jobs(device_profiling_enabled=True) as running:
            put_in_place(running, ProoferKind.DEVICE, Later(device))
            put_in_place(running, ProoferKind.RESOLUTION, Later(resolution))
            result_id = await submit(running, JobKind.RESOLUTION)
            await running.drain()
            ((_message, seconds),) = running.queue.parked
            assert seconds == pytest.approx(5, abs=1)
            record = await running.service.status(PERSON, result_id, JobKind.RESOLUTION)
            left = record.pending_until - datetime.now(UTC).timestamp()
            assert left == pytest.approx(7200, abs=10)


async def test_it_is_resumed_at_its_vendor(jobs):
    """A change of the settings while it is parked moves no question to another vendor."""
    async with jobs() as running:
        vendor = put_in_place(running, ProoferKind.PHONE, Later(pending(), YES[ProoferKind.PHONE]))
        await submit(running)
        assert await running.drain() == []
        configuration = running.runtime.configuration
        configuration.live.current = configuration.live.current.model_copy(
            update={"phone_vendors": ["mock:polling"]}
        )
        (chosen,) = configuration.router.may_meet(ProoferKind.PHONE, "")
        assert chosen.descriptor.name == "mock:polling"
        (record,) = await drain_again(running)
    assert record.is_success
    assert len(vendor.calls) == 2


async def test_an_expired_question_gets_its_end(jobs):
    """The adapter learns of it, and another `Pending` of it is no answer."""
    over = datetime.now(UTC) + timedelta(seconds=5)
    for answer, end, outcome in (
        (YES[ProoferKind.PHONE], EndState.DONE, Outcome.PASSED),
        (VendorError(Cause.ABANDONED, "gone"), EndState.VENDOR_EXCEPTION, Outcome.UNKNOWN),
        (pending(), EndState.VENDOR_EXCEPTION, Outcome.UNKNOWN),
    ):
        async with jobs() as running:
            vendor = put_in_place(running, ProoferKind.PHONE, Later(pending(expires_at=over), answer))
            await submit(running)
            await running.drain()
            assert running.queue.parked[0][1] <= 5
            (record,) = await drain_again(running)
        assert vendor.calls[1][2] == Expired()
        assert (record.end_state, record.outcome) == (end, outcome)


async def test_a_plugin_that_can_no_longer_resume(jobs):
    """It was replaced while the job was parked: a broken plugin, and not an internal error."""

    class Older:
        async def proof(self, request, context):
            """Answer at once, as before."""

    async with jobs() as running:
        put_in_place(running, ProoferKind.PHONE, Later(pending()))
        await submit(running)
        await running.drain()
        put_in_place(running, ProoferKind.PHONE, Older(), continues=frozenset())
        (record,) = await drain_again(running)
    assert record.end_state is EndState.PLUGIN_ERROR


async def test_a_vendor_that_cannot_be_reached_is_asked_again(jobs):
    """The answer may be paid for; only what will not pass by itself ends the question."""
    async with jobs() as running:
        busy = VendorError(Cause.QUOTA, "slower", retry_after=7.0)
        gone = VendorError(Cause.UNREACHABLE, "away")
        put_in_place(running, ProoferKind.PHONE, Later(pending(), busy, gone, YES[ProoferKind.PHONE]))
        await submit(running)
        await running.drain()
        await drain_again(running)
        assert running.queue.parked[0][1] == pytest.approx(7, abs=1)
        await drain_again(running)
        (record,) = await drain_again(running)
        assert record.is_success
        refused = VendorError(Cause.AUTHENTICATION, "refused")
        put_in_place(running, ProoferKind.PHONE, Later(pending(), refused))
        await submit(running)
        await running.drain()
        (record,) = await drain_again(running)
        assert record.end_state is EndState.VENDOR_EXCEPTION


async def test_expiry_is_bounded(jobs):
    """By the setting, and by what the vendor said before."""
    day = datetime.now(UTC) + timedelta(days=30)
    async with jobs(pending_max_hours=2) as running:
        put_in_place(
            running,
            ProoferKind.PHONE,
            Later(pending(expires_at=day), pending(), pending(expires_at=day), YES[ProoferKind.PHONE]),
        )
        result_id = await submit(running)
        for hours in (2, 1, 1):
            await drain_again(running)
            record = await running.service.status(PERSON, result_id, JobKind.PHONE)
            left = record.pending_until - datetime.now(UTC).timestamp()
            assert left == pytest.approx(hours * 3600, abs=10)


@pytest.mark.parametrize(
    "answer",
    [
        pending(then=Again(float("nan"))),
        pending(then=Again(-1)),
        pending(then="soon"),
        pending(expires_at=datetime(2030, 1, 1)),  # noqa: DTZ001 - what is refused
        pending(expires_at=5.0),
        pending(state={"id": object()}),
        pending(state={1: "a name that is no text"}),
        pending(state={"id": ("a", "tuple")}),
        pending(state={"id": float("inf")}),
        pending(state={"id": "x" * 70_000}),
    ],
)
async def test_an_unsound_pending_is_a_broken_plugin(jobs, answer):
    """Nothing of it is kept."""
    async with jobs() as running:
        put_in_place(running, ProoferKind.PHONE, Later(answer))
        await submit(running)
        (record,) = await running.drain()
    assert record.end_state is EndState.PLUGIN_ERROR


async def test_who_does_not_declare_it_cannot_answer_later(jobs):
    """Nor can a vendor inside a request, or on a queue that parks no jobs."""
    async with jobs() as running:
        put_in_place(running, ProoferKind.PHONE, Later(pending()), continues=frozenset())
        await submit(running)
        (record,) = await running.drain()
        assert record.end_state is EndState.PLUGIN_ERROR
        running.queue.capabilities = MemoryQueue.capabilities - {Capability.PARK}
        put_in_place(running, ProoferKind.PHONE, Later(pending()))
        await submit(running)
        (record,) = await running.drain()
        assert record.end_state is EndState.PLUGIN_ERROR


async def test_what_is_parked_is_for_workers_alone(jobs):
    """It opens for its job under the purpose of parked jobs only, and shows nothing of the person."""
    async with jobs() as running:
        state = {"seen": APPLICANT.ssn}
        put_in_place(running, ProoferKind.PHONE, Later(pending(state=state), YES[ProoferKind.PHONE]))
        await submit(running)
        await running.drain()
        ((message, _seconds),) = running.queue.parked
        assert CANARY.find_leaks(message.encrypted_arguments.decode("latin-1")) == []
        sealer = running.runtime.runner._sealer
        opened = json.loads(await sealer.open(message.encrypted_arguments, parked_context(message)))
        assert opened["questions"][0]["waiting"]["pending"]["state"] == state
        for context in (
            arguments_context(message),
            parked_context(replace(message, owner="another")),
            parked_context(replace(message, result_id=message.result_id[::-1])),
        ):
            with pytest.raises(EncryptionError):
                await sealer.open(message.encrypted_arguments, context)
        # Arguments of a fresh job do not pass for those of a parked one.
        running.queue.parked[:] = [(replace(message, is_parked=False), 0)]
        (record,) = await drain_again(running)
    assert record.end_state is EndState.DECRYPT_ERROR


async def test_a_parked_job_is_small(jobs):
    """With three answers and 1 KiB of its adapter: a hundred thousand of them fit in any queue."""
    async with jobs(device_profiling_enabled=True) as running:
        put_in_place(running, ProoferKind.DEVICE, Later(YES[ProoferKind.DEVICE]))
        put_in_place(running, ProoferKind.RESOLUTION, Later(YES[ProoferKind.RESOLUTION]))
        put_in_place(running, ProoferKind.STATE_ID, Later(pending(state={"token": "x" * 1024})))
        await submit(running, JobKind.RESOLUTION)
        await running.drain()
        ((message, _seconds),) = running.queue.parked
        assert len(message.encrypted_arguments) < 8 * 1024
        assert message.object_keys == ()


async def expect_gone(running, keys):
    """Expect that the image store has none of these *keys*."""
    assert keys
    for key in keys:
        with pytest.raises(ImageNotFoundError):
            await running.runtime.backends.images.read(key, max_bytes=10_000_000)


async def test_a_document_job_goes_on_without_its_images(jobs):
    """They are deleted when it is parked, and their fingerprints are kept for the verdict."""
    refused = DocumentResult(
        vendor_name="later",
        outcome=Outcome.FAILED,
        findings=(Finding(code=FindingCode.IMAGE_UNREADABLE, side=Side.FRONT),),
    )
    async with jobs() as running:
        vendor = put_in_place(running, ProoferKind.DOCUMENT, Later(pending(), refused))
        images = {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}
        uploads = await upload_images(running.service, images)
        result_id = await running.service.submit_uploads(PERSON, **uploads)
        keys = running.queue.waiting[0].object_keys
        assert await running.drain() == []
        await expect_gone(running, keys)
        (record,) = await drain_again(running)
        finished = await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT)
    assert [sorted(request.images) for request, *_ in vendor.calls] == [[Side.BACK, Side.FRONT], []]
    assert record.fields == {"front": "image_load_failure"}
    assert [mark.partition(":")[0] for mark in finished.result.failed_fingerprints] == ["front"]


async def test_a_selfie_does_not_outlive_the_first_run(jobs):
    """It is deleted when its job is parked; the vendor's later word on it counts as any other."""
    choice = SelfieChoice(answer=SelfieAnswer.AGREED, at=1.0, text_version="en-1", recipient="Faces Inc.")
    answer = replace(
        YES[ProoferKind.DOCUMENT],
        applicant=standard.LICENSE,
        document_type=DocumentType.DRIVERS_LICENSE,
        assurance=Assurance.AUTHENTICATED,
        selfie=SelfieCheck.TOO_DARK,
    )
    async with jobs(selfie="required") as running:
        vendor = put_in_place(
            running, ProoferKind.DOCUMENT, Later(pending(), answer), takes_selfie=True, company="Faces Inc."
        )
        sides = (Side.FRONT, Side.BACK, Side.SELFIE)
        images = {side: make_jpeg(comment=secrets.token_bytes(16)) for side in sides}
        uploads = await upload_images(running.service, images)
        await running.service.submit_uploads(PERSON, **uploads, selfie=choice)
        keys = running.queue.waiting[0].object_keys
        assert await running.drain() == []
        await expect_gone(running, keys)
        (record,) = await drain_again(running)
    seen = [(sorted(request.images), request.wanted.selfie) for request, *_ in vendor.calls]
    assert seen == [(sorted(sides), True), ([], True)]
    assert (len(keys), record.outcome, record.fields) == (3, Outcome.FAILED, {"selfie": "selfie_too_dark"})


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.FAILED])
async def test_an_issuer_of_passports_that_answers_later(jobs, outcome):
    """The document vendor is not asked again; the verdict blames images that are deleted by then."""
    passport = replace(
        YES[ProoferKind.DOCUMENT],
        applicant=standard.PASSPORT,
        document_type=DocumentType.PASSPORT,
        assurance=Assurance.AUTHENTICATED,
    )
    async with jobs() as running:
        document = put_in_place(running, ProoferKind.DOCUMENT, Later(passport))
        issuer = put_in_place(
            running,
            ProoferKind.PASSPORT,
            Later(pending(), replace(YES[ProoferKind.PASSPORT], outcome=outcome)),
        )
        uploads = await upload_images(running.service, {Side.PASSPORT: make_jpeg()})
        plan = running.service.document_plan(PERSON, DocumentChoice.PASSPORT)
        result_id = await running.service.submit_uploads(PERSON, **uploads, plan=plan)
        assert await running.drain() == []
        (record,) = await drain_again(running)
        finished = await running.service.finished_job(PERSON, result_id, JobKind.DOCUMENT)
    assert (len(document.calls), len(issuer.calls)) == (1, 2)
    assert record.outcome is outcome
    passed = outcome is Outcome.PASSED
    assert (finished.result.applicant is not None) is passed
    assert len(finished.result.failed_fingerprints) == (0 if passed else 1)


async def test_a_canceled_job_is_not_parked(jobs):
    """Its end is kept, whether it was canceled before or after it was parked."""
    async with jobs() as running:
        service, ids = running.service, []

        class Slow(Later):
            async def proof(self, request, context):
                await service.cancel(PERSON, ids[-1], JobKind.PHONE)
                return pending()

        put_in_place(running, ProoferKind.PHONE, Slow())
        ids.append(await submit(running))
        (record,) = await running.drain()
        assert record.end_state is EndState.CANCELED
        vendor = put_in_place(running, ProoferKind.PHONE, Later(pending()))
        ids.append(await submit(running))
        await running.drain()
        await service.cancel(PERSON, ids[-1], JobKind.PHONE)
        assert await drain_again(running) == []
        record = await service.status(PERSON, ids[-1], JobKind.PHONE)
        assert record.end_state is EndState.CANCELED
        assert len(vendor.calls) == 1


async def test_a_job_is_not_parked_where_stores_are_away(jobs):
    """It ends typed, and its attempt is refunded."""
    quick = Deadlines(publish_seconds=0.1, publish_wait_seconds=0.001)
    async with jobs(deadlines=quick) as running:
        put_in_place(running, ProoferKind.PHONE, Later(pending()))
        result_id = await submit(running)
        results = running.runtime.runner._results

        async def update(*_arguments, **_options):
            raise StoreUnavailableError("away")

        results.update = update
        (record,) = await running.drain()
        assert record.end_state is EndState.INTERNAL_ERROR
        assert (await running.service.status(PERSON, result_id, JobKind.PHONE)).is_exception
        limit = await running.service.limit(PERSON, "proof_address")
        assert limit.remaining == limit.maximum
