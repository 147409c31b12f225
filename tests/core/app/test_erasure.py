"""Images, and all data about a person, are deleted whatever happens on the way."""

import secrets
from dataclasses import replace

import pytest

from proofing.app.service import PersonRef
from proofing.base.errors import QueueUnavailableError, StoreUnavailableError
from proofing.bootstrap import make_eraser
from proofing.contracts.images import Side
from proofing.contracts.queues import Capability, OwnerPurge
from proofing.contracts.records import EndState, JobKind
from proofing.jobs.dependencies import Deadlines
from proofing.sessions.vault import session_key
from proofing.testing.images import make_jpeg
from proofing_devtools.capture import APPLICANT, DEVICE, PERSON, upload_images
from proofing_devtools.sessions import make_session

OTHER = PersonRef(reference="person-2")
ATTEMPT = "a" * 32


def images():
    """Return two fresh images."""
    return {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}


class CrashError(Exception):
    """The process dies here."""


def eraser(running, **options):
    """Return the eraser of the running process."""
    backends = replace(running.runtime.backends, queue=running.queue)
    return make_eraser(running.runtime.configuration, backends, **options)


def stored_images(folder):
    """Return how many bytes of images lie on the disk."""
    return sum(path.stat().st_size for path in (folder / "local" / "images").rglob("*") if path.is_file())


async def start_everything(running):
    """Have a person with a session, an unused slot, an ended job, a waiting one, and used limits."""
    service = running.service
    await service.sessions.save("session-id", make_session(PERSON.reference))
    ended = await service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
    await running.drain()
    await service.new_slot(PERSON, attempt=ATTEMPT, side=Side.FRONT)
    waiting = await service.submit_uploads(PERSON, **await upload_images(service, images()))
    return ended, waiting


async def test_a_crash_after_the_end_was_published_leaves_no_image(process, tmp_path, monkeypatch):
    """Anyone who takes the job over finds the existing end, and deletes what the dead process could not."""
    async with process() as running:
        result_id = await running.service.submit_uploads(
            PERSON, **await upload_images(running.service, images())
        )
        (message,) = running.queue.waiting

        async def die(_object_key):
            raise CrashError

        with monkeypatch.context() as dying:
            dying.setattr(running.runtime.backends.images, "delete", die)
            with pytest.raises(CrashError):
                await running.drain()
        assert stored_images(tmp_path) > 0
        record = await running.runtime.runner.discard(message, EndState.UNKNOWN_OUTCOME)
        assert record.end_state is EndState.DONE
        assert record.result_id == result_id
        assert stored_images(tmp_path) == 0


async def test_refunds_are_given_once(process):
    """A job that is abandoned twice gives its attempt back once."""
    async with process() as running:
        for _ in range(2):
            await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
            (message,) = running.queue.waiting[-1:]
            running.queue.waiting.clear()
            await running.runtime.backends.results.delete(f"pending:{PERSON.reference}:resolution")
        await running.runtime.runner.discard(message, EndState.WORKER_LOST)
        await running.runtime.runner.discard(message, EndState.UNKNOWN_OUTCOME)
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 4


async def test_an_image_store_that_is_down_is_tried_again_and_then_swept(process, tmp_path, monkeypatch):
    """A short outage costs nothing; after a longer one any worker's sweep deletes, whatever was restarted."""
    async with process(deadlines=Deadlines(delete_images_seconds=0.5)) as running:
        store = running.runtime.backends.images
        delete = store.delete
        left = [3]

        async def fail(object_key):
            if left[0] > 0:
                left[0] -= 1
                raise StoreUnavailableError("away")
            await delete(object_key)

        monkeypatch.setattr(store, "delete", fail)
        await running.service.submit_uploads(PERSON, **await upload_images(running.service, images()))
        await running.drain()
        assert stored_images(tmp_path) == 0
        left[0] = 1_000_000
        await running.service.submit_uploads(PERSON, **await upload_images(running.service, images()))
        (record,) = await running.drain()
        assert record.is_done
        assert stored_images(tmp_path) > 0
    async with process() as restarted:
        waiting = await upload_images(restarted.service, images())
        await restarted.service.submit_uploads(PERSON, **waiting)
        both = stored_images(tmp_path)
        await restarted.runtime.worker.sweep()
        assert 0 < stored_images(tmp_path) < both, "the images of the job that waits stay"
        (record,) = await restarted.drain()
        assert record.is_success
        assert stored_images(tmp_path) == 0


async def test_a_canceled_attempt_leaves_no_image(process, tmp_path):
    """The web process, which may not delete, leaves that to the worker."""
    async with process() as running:
        result_id = await running.service.submit_uploads(
            PERSON, **await upload_images(running.service, images())
        )
        await running.service.cancel(PERSON, result_id, JobKind.DOCUMENT)
        await running.drain()
        assert stored_images(tmp_path) == 0
        assert (
            await running.service.status(PERSON, result_id, JobKind.DOCUMENT)
        ).end_state is EndState.CANCELED


@pytest.mark.parametrize("by", ["person", "result id"])
async def test_a_person_is_erased(process, tmp_path, by):
    """Nothing in any store names the person anymore; another person is as before."""
    async with process() as running:
        ended, waiting = await start_everything(running)
        other = await running.service.submit_applicant(JobKind.PHONE, OTHER, APPLICANT)
        erasure = await eraser(running).erase(PERSON.reference if by == "person" else ended)
        assert erasure.is_complete
        assert erasure.person == PERSON.reference
        removed = {receipt.store for receipt in erasure.receipts if receipt.removed}
        assert removed == {"queue", "image_store", "result_store", "call_store"}
        again = await eraser(running).erase(PERSON.reference)
        assert again.is_complete
        assert [receipt.removed for receipt in again.receipts] == [0] * 5
        assert await running.service.sessions.load("session-id") is None
        assert stored_images(tmp_path) == 0
        assert await running.service.status(PERSON, ended, JobKind.RESOLUTION) is None
        assert (await running.service.limit(PERSON, "idv_resolution")).remaining == 5
        assert [message.result_id for message in running.queue.waiting] == [other]
        await running.drain()
        assert (await running.service.status(OTHER, other, JobKind.PHONE)).is_success
        # This queue cannot say whether a job ran, so its mark is kept until it can have no other end.
        mark = await running.service.status(PERSON, waiting, JobKind.DOCUMENT)
        assert mark is None or mark.end_state is EndState.CANCELED


@pytest.mark.parametrize("stops", [frozenset(), frozenset({Capability.CANCEL_RUNNING})])
async def test_a_running_job_brings_nothing_back(process, stops):
    """A job that ends after the erasure leaves neither verdict nor result.

    A queue that can stop jobs knows nothing of those that run inside a request.
    """
    async with process() as running:
        running.queue.capabilities |= stops
        result_id = await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        taken, running.queue.waiting = running.queue.waiting, []
        assert (await eraser(running).erase(PERSON.reference)).is_complete
        running.queue.waiting = taken
        (record,) = await running.drain()
        assert record.end_state is EndState.CANCELED
        assert await running.runtime.backends.results.result(result_id) is None
        assert await running.runtime.backends.results.load(f"pending:{PERSON.reference}:resolution") is None


async def test_a_job_that_begins_between_two_looks_is_stopped_too(process, monkeypatch):
    """The queue is asked until it says that nothing is there, not once more after the first such answer."""
    async with process() as running:
        await start_everything(running)
        answers = [OwnerPurge(removed=1), OwnerPurge(removed=0, running=1), OwnerPurge(removed=1)]
        asked = []

        async def purge_owner(owner):
            asked.append(owner)
            return answers.pop(0) if answers else OwnerPurge(removed=0)

        monkeypatch.setattr(running.queue, "purge_owner", purge_owner)
        erasure = await eraser(running).erase(PERSON.reference)
        assert erasure.is_complete
        assert (erasure.receipts[0].removed, len(asked)) == (2, 4)


async def test_what_is_left_meanwhile_is_said(process, monkeypatch):
    """A request in progress during the erasure keeps its entry, and the next run finds what it left."""
    async with process() as running:
        await start_everything(running)
        purge_owner = running.queue.purge_owner

        async def go_on(owner):
            await running.service.sessions.save("renamed", make_session(owner))
            return await purge_owner(owner)

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(running.queue, "purge_owner", go_on)
            erasure = await eraser(running).erase(PERSON.reference)
        assert erasure.receipts[2].problem == "the person continued meanwhile: run again"
        assert (await eraser(running).erase(PERSON.reference)).is_complete
        assert await running.service.sessions.load("renamed") is None


async def test_a_store_that_is_down_is_reported_and_erased_later(process, tmp_path, monkeypatch):
    """Each store has its receipt; the next run finds what the first could not reach."""
    async with process() as running:
        await start_everything(running)

        async def away(*_arguments, **_more):
            raise StoreUnavailableError("away")

        with monkeypatch.context() as outage:
            outage.setattr(running.runtime.backends.images, "delete", away)
            first = await eraser(running).erase(PERSON.reference)
        assert [receipt.problem for receipt in first.receipts] == [
            None,
            "unreachable: run again",
            None,
            None,
            None,
        ]
        assert stored_images(tmp_path) > 0
        assert (await eraser(running).erase(PERSON.reference)).is_complete
        assert stored_images(tmp_path) == 0


async def test_decisions_about_a_person_are_erased_and_calls_stay(process):
    """What was paid names nobody; a call store that is down is on the receipt."""
    async with process() as running:
        result_id = await running.service.submit_applicant(JobKind.RESOLUTION, PERSON, APPLICANT, **DEVICE)
        await running.service.submit_applicant(JobKind.RESOLUTION, OTHER, APPLICANT, **DEVICE)
        await running.drain()
        store = running.runtime.backends.calls
        decisions = await store.latest_decisions(limit=100)
        calls = await store.calls(begin=0.0, end=1e12, limit=100)
        hashed = {one.decision.question.person for one in decisions if one.job == result_id}
        assert len(hashed) == 1
        assert PERSON.reference not in repr(decisions)
        forget = store.forget

        async def away(_person):
            raise StoreUnavailableError("away")

        store.forget = away
        assert (await eraser(running).erase(PERSON.reference)).receipts[4].problem == "unreachable: run again"
        store.forget = forget
        erasure = await eraser(running).erase(PERSON.reference)
        assert erasure.is_complete
        assert erasure.receipts[4].removed == len(decisions) / 2
        left = await store.latest_decisions(limit=100)
        assert left == [one for one in decisions if one.job != result_id]
        assert await store.calls(begin=0.0, end=1e12, limit=100) == calls


async def test_a_queue_that_is_down_or_busy_is_reported(process, monkeypatch):
    """Neither is an error; both ask to be run again."""
    async with process() as running:
        await start_everything(running)

        async def away(_owner):
            raise QueueUnavailableError("away")

        async def busy(_owner):
            return OwnerPurge(removed=0, running=1)

        for purge_owner, problem in ((away, "unreachable: run again"), (busy, "1 still running: run again")):
            monkeypatch.setattr(running.queue, "purge_owner", purge_owner)
            erasure = await eraser(running, stop_seconds=0.1).erase(PERSON.reference)
            assert erasure.receipts[0].problem == problem
            assert not erasure.is_complete


async def test_a_session_is_found_under_its_newest_name(process):
    """A renamed session is erased too, and saving it again notes nothing more."""
    async with process() as running:
        data = make_session(PERSON.reference)
        await running.service.sessions.save("first", data)
        for _ in range(2):
            data = await running.service.sessions.update(
                session_key("first"), data.copy(), expected=data.version
            )
        await running.service.sessions.save("second", make_session(PERSON.reference))
        results = running.runtime.backends.results
        assert len(await results.members(f"erasure_index:{PERSON.reference}")) == 2
        await eraser(running).erase(PERSON.reference)
        assert await running.service.sessions.load("first") is None
        assert await running.service.sessions.load("second") is None
