"""An erasure has vendors delete what they hold of people with parked jobs, and says what they answered."""

import asyncio

import pytest

from proofing.app.service import PersonRef
from proofing.base.errors import Cause, StoreUnavailableError, VendorError
from proofing.bootstrap import make_eraser
from proofing.contracts.continuation import Leave
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.crypto.data_keys import Purpose
from proofing.jobs.forgetting import ForgetOutcome, Forgotten
from proofing_devtools.capture import DEVICE, PERSON
from proofing_devtools.later_vendors import APPLICANT, YES, Later, drain_again, pending, put_in_place

PHONE = ProoferKind.PHONE
DELETED = Forgotten(vendor="mock", outcome=ForgetOutcome.DELETED)
AWAY = Leave("https://vendor.example/visit")


class Forgetting(Later):
    """A vendor that can delete.

    Attributes:
        told: the states of the questions that it was to delete.
        forgets: what it answers to that, or raises; True when there is none left.
    """

    def __init__(self, *answers, forgets=()):
        super().__init__(*answers)
        self.told, self.forgets = [], list(forgets)

    async def forget(self, pending, context):
        """Note what was asked."""
        assert context.remaining_seconds() > 0
        self.told.append(dict(pending.state))
        answer = self.forgets.pop(0) if self.forgets else True
        if isinstance(answer, Exception):
            raise answer
        return answer


def put(running, vendor, kind=PHONE):
    """Put a vendor in the place of the mock."""
    return put_in_place(running, kind, vendor, continues=frozenset({Leave, type(pending().then)}))


async def park(running, vendor, person=PERSON, kind=JobKind.PHONE):
    """Have a job of the person wait for *vendor*; return its id."""
    put(running, vendor, ProoferKind(kind.value))
    result_id = await running.service.submit_applicant(kind, person, APPLICANT, **DEVICE)
    assert await running.drain() == []
    return result_id


async def erase(running, person=PERSON, **options):
    """Erase a person."""
    return await make_eraser(running.runtime.configuration, running.runtime.backends, **options).erase(
        person.reference
    )


def kept(running, result_id):
    """Return what is kept for the vendors of a job."""
    return running.runtime.parts.results.load(f"forgetting:{result_id}")


@pytest.mark.parametrize(
    ("answer", "outcome"), [(True, ForgetOutcome.DELETED), (False, ForgetOutcome.NOTHING)]
)
async def test_the_vendor_is_told_once(process, answer, outcome):
    """Of the latest state; its answer is in the receipt, and another person's question stays."""
    async with process() as running:
        states = [pending(state={"id": "v-1", "step": str(step)}) for step in range(2)]
        vendor = Forgetting(*states, pending(state={"id": "v-2"}), forgets=[answer])
        result_id = await park(running, vendor)
        assert await drain_again(running) == []
        others = await park(running, vendor, PersonRef(reference="person-2"))
        assert await kept(running, result_id) is not None
        erasure = await erase(running)
        assert erasure.is_complete
        assert erasure.vendors == (Forgotten(vendor="mock", outcome=outcome),)
        assert vendor.told == [{"id": "v-1", "step": "1"}]
        assert await kept(running, result_id) is None
        assert await kept(running, others) is not None
        assert (await erase(running)).vendors == ()
        assert len(vendor.told) == 1


async def test_a_vendor_that_cannot_be_asked_is_told_by_the_next_erasure(process):
    """The job is gone by then; what the vendor has to be told is not."""
    async with process() as running:
        error = VendorError(Cause.MAINTENANCE, "closed on Sundays", vendor_name="mock")
        vendor = Forgetting(pending(), forgets=[error, ValueError("900-66-1234"), "yes"])
        result_id = await park(running, vendor)
        for cause in ("maintenance", "plugin_error", "plugin_error"):
            erasure = await erase(running)
            assert not erasure.is_complete
            assert erasure.receipts[2].problem == "a vendor did not delete: run again"
            assert erasure.vendors == (Forgotten(vendor="mock", outcome=ForgetOutcome.FAILED, cause=cause),)
            assert running.queue.waiting == []
        assert (await erase(running)).vendors == (DELETED,)
        assert (await erase(running)).is_complete
        assert len(vendor.told) == 4
        assert await kept(running, result_id) is None


async def test_a_question_that_outlives_the_notes_of_its_submit(process):
    """Each park notes it again."""
    async with process() as running:
        vendor = Forgetting(pending(), pending())
        await park(running, vendor)
        assert await running.runtime.parts.results.drop_members(f"erasure_index:{PERSON.reference}")
        assert await drain_again(running) == []
        assert (await erase(running)).vendors == (DELETED,)


async def test_a_vendor_whose_plugin_is_gone(process):
    """Nobody can tell it, and the receipt says so."""
    async with process() as running:
        await park(running, Forgetting(pending()))
        put(running, Later())
        (answer,) = (await erase(running)).vendors
    assert (answer.outcome, answer.cause) == (ForgetOutcome.FAILED, "plugin_error")


async def test_a_vendor_that_hangs(process):
    """It has the time of a question, and the erasure goes through the rest."""

    class Hanging(Forgetting):
        async def forget(self, _pending, _context):
            await asyncio.Event().wait()

    async with process() as running:
        vendor = Hanging(pending())
        await park(running, vendor)
        continues = frozenset({type(pending().then)})
        put_in_place(running, PHONE, vendor, continues=continues, timeout_seconds=lambda _settings: 0.05)
        erasure = await erase(running)
    assert erasure.vendors == (Forgotten(vendor="mock", outcome=ForgetOutcome.FAILED, cause="timeout"),)
    assert erasure.receipts[0].removed == 1


async def test_keys_that_cannot_be_used(process, monkeypatch):
    """What is sealed stays for the next erasure; what nobody can open is said to be so."""
    async with process() as running:
        vendor = Forgetting(pending())
        result_id = await park(running, vendor)

        async def fail():
            raise StoreUnavailableError("away")

        (answer,) = (await erase(running, open_keys=fail)).vendors
        assert answer.cause == "key_service"
        await running.runtime.parts.results.save(f"forgetting:{result_id}", b"x" * 99, ttl_seconds=60)
        (answer,) = (await erase(running)).vendors
        assert (answer.outcome, answer.cause, vendor.told) == (ForgetOutcome.FAILED, "unreadable", [])


async def test_a_question_that_has_an_answer_is_kept_for_nobody(process):
    """Its end deletes it, as does the end of its job by the person."""
    async with process() as running:
        ended = await park(running, Forgetting(pending(), YES[PHONE]))
        assert await kept(running, ended) is not None
        (record,) = await drain_again(running)
        assert record.is_success
        canceled = await park(running, Forgetting(pending(), pending()))
        assert await kept(running, canceled) is not None
        await running.service.cancel(PERSON, canceled, JobKind.PHONE)
        await drain_again(running)
        for result_id in (ended, canceled):
            assert await kept(running, result_id) is None


async def test_vendors_that_cannot_delete_cost_nothing(process):
    """And workers alone can open what is kept for those that can."""
    async with process() as running:
        result_id = await park(running, Later(pending()))
        assert await kept(running, result_id) is None
        assert (await erase(running)).vendors == ()
        contexts = []
        seal = running.runtime.parts.sealer.seal

        async def noted(plain, context):
            contexts.append(context)
            return await seal(plain, context)

        running.runtime.parts.sealer.seal = noted
        person = PersonRef(reference="person-3")
        result_id = await park(running, Forgetting(pending(then=AWAY)), person)
        (context,) = [one for one in contexts if one.item == f"forgetting/{result_id}"]
        assert (context.purpose, context.subject) == (Purpose.PARKED, person.reference)
