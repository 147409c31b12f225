"""What a verification leaves in the queue and in other stores than its own, and when that is deleted."""

import secrets

import pytest

from proofing.base.errors import Cause, StoreUnavailableError, VendorError, VerificationStateError
from proofing.contracts.continuation import Leave
from proofing.contracts.images import Side
from proofing.contracts.messages import Channel, Message
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.testing.images import make_jpeg
from proofing_devtools.capture import DEVICE, upload_images
from proofing_devtools.later_vendors import APPLICANT, Later, pending, put_in_place
from proofing_devtools.sessions import make_session
from proofing_devtools.verifications import ACME, SETTINGS, start_verification

AWAY = pending(then=Leave("https://vendor.example/visit"))


async def send_out(running, started, vendor=None):
    """Have a job of the verification send its person to a vendor; return the job's record."""
    put_in_place(running, ProoferKind.PHONE, vendor or Later(AWAY), continues=frozenset({Leave}))
    job = await running.service.submit_applicant(JobKind.PHONE, started.person, APPLICANT, **DEVICE)
    assert await running.drain() == []
    record = await running.service.status(started.person, job, JobKind.PHONE)
    assert record.needs_person
    return record


@pytest.mark.parametrize("by", ["person", "relying party", "newer link"])
async def test_a_canceled_job_leaves_no_page_of_its_vendor(process, by):
    """By either side: nobody is led to a vendor for a job that does not wait anymore."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started = await start_verification(running.service, "phone")
        record = await send_out(running, started)
        assert await running.service.vendor_page(record) is not None
        match by:
            case "person":
                await verifications.cancel_by_person(started.person)
            case "relying party":
                await verifications.cancel(ACME, started.record.id)
            case _:
                token = (await verifications.new_link(ACME, started.record.id)).token
                await verifications.start(token)
        assert await running.service.vendor_page(record) is None
        assert not running.queue.parked


# Redaction


class Forgetting(Later):
    """A vendor that fails to delete once, if it *fails*."""

    def __init__(self, *, fails=False):
        super().__init__(AWAY)
        self.fails, self.told = fails, 0

    async def forget(self, _pending, _context):
        """Note that it was asked."""
        self.told += 1
        if self.fails:
            self.fails = False
            raise VendorError(Cause.TIMEOUT)
        return True


def stored_images(folder):
    """Return how many bytes of images lie on the disk."""
    return sum(path.stat().st_size for path in (folder / "local" / "images").rglob("*") if path.is_file())


async def save_session(running, name, person):
    """Keep a session of the person's verification."""
    data = make_session(person.reference)
    data.verification = person.verification
    await running.service.sessions.save(name, data)


async def leave_everything(running):
    """Have a canceled verification with a session, a passed job, and images of one that nobody read."""
    service = running.service
    started = await start_verification(service, "standard")
    await save_session(running, "session", started.person)
    images = {side: make_jpeg(comment=secrets.token_bytes(16)) for side in (Side.FRONT, Side.BACK)}
    ended = await service.submit_uploads(
        started.person, **await upload_images(service, images, person=started.person)
    )
    await running.drain()
    await upload_images(service, images, person=started.person)
    await service.verifications.cancel(ACME, started.record.id)
    return started, ended


async def sweep_at(running, monkeypatch, at):
    """Sweep as a worker does at the time *at*, and return how many redactions that completed."""
    with monkeypatch.context() as later:
        later.setattr(running.runtime.backends.verifications, "now", lambda: at)
        return (await running.runtime.worker.verifications.sweep()).redacted


@pytest.mark.parametrize("by", ["person", "relying party", "operator"])
async def test_a_redaction_deletes_everywhere(process, tmp_path, monkeypatch, by):
    """Sessions and results at once, images by a worker; another verification of the person is as before."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        other = await start_verification(running.service, "phone")
        await save_session(running, "other", other.person)
        kept = await running.service.submit_applicant(JobKind.PHONE, other.person, APPLICANT, **DEVICE)
        await running.drain()
        started, ended = await leave_everything(running)
        assert await running.runtime.parts.results.result(ended) is not None
        assert stored_images(tmp_path) > 0
        match by:
            case "person":
                record = await verifications.redact_by_person(started.person)
            case _:
                party = ACME if by == "relying party" else None
                record = (await verifications.redact(party, started.record.id)).record
        assert record.redacted_at is not None
        assert await running.service.sessions.load("session") is None
        assert await running.runtime.parts.results.result(ended) is None
        assert await running.runtime.parts.results.status(ended) is None
        calls = running.runtime.backends.calls
        assert stored_images(tmp_path) > 0, "a web process may not delete images"
        assert await calls.decisions_of_jobs([ended]) != [], "nor decisions"
        sweeper = running.runtime.worker.verifications
        assert (await sweeper.sweep()).redacted == 0, "a slow store may still take a decision"
        assert stored_images(tmp_path) == 0
        assert await calls.decisions_of_jobs([ended]) == []
        assert await calls.decisions_of_jobs([kept]) != []
        due = (await verifications.get(ACME, record.id)).leftovers_due_at
        assert await sweep_at(running, monkeypatch, due + 1) == 1
        assert (await verifications.get(ACME, record.id)).leftovers_due_at is None
        assert await sweep_at(running, monkeypatch, due + 2) == 0
        again = (await verifications.redact(ACME, record.id)).record
        assert again.leftovers_due_at is None
        assert await running.service.sessions.load("other") is not None
        assert (await running.service.status(other.person, kept, JobKind.PHONE)).is_success
        store = running.runtime.backends.verifications
        events = await store.events(ACME.name, ACME.mode, after=0, limit=99)
        assert [event.type.value for event in events].count("verification.redacted") == 1


async def test_a_decision_that_a_slow_store_takes_after_the_redaction_does_not_stay(process, monkeypatch):
    """Its job has ended and the redaction has swept; the row that comes then is deleted, too."""
    async with process(**SETTINGS) as running:
        verifications, calls = running.service.verifications, running.runtime.backends.calls
        started = await start_verification(running.service, "phone")
        job = await running.service.submit_applicant(JobKind.PHONE, started.person, APPLICANT, **DEVICE)
        with monkeypatch.context() as slow:
            kept = []

            async def take_later(*records):
                kept.append(records)

            slow.setattr(calls, "add", take_later)
            await running.drain()
        record = (await verifications.redact(ACME, started.record.id)).record
        await running.runtime.worker.verifications.sweep()
        for records in kept:
            await calls.add(*records)
        assert await calls.decisions_of_jobs([job]) != []
        due = (await verifications.get(ACME, record.id)).leftovers_due_at
        assert await sweep_at(running, monkeypatch, due + 1) == 1
        assert await calls.decisions_of_jobs([job]) == []


async def test_a_redaction_deletes_which_messenger_was_chosen(process, monkeypatch):
    """The verification has no end of a job that sends a code, and knows it by its notes alone."""
    code = Message(channel=Channel.TEXT, number="+12025550123", locale="en", text="123456", code="123456")
    async with process(**SETTINGS) as running:
        started = await start_verification(running.service, "code")
        job = await running.service.submit_code(started.person, code)
        await running.drain()
        calls = running.runtime.backends.calls
        assert await calls.decisions_of_jobs([job]) != []
        await running.service.verifications.cancel(ACME, started.record.id)
        record = (await running.service.verifications.redact(ACME, started.record.id)).record
        assert (await running.runtime.worker.verifications.sweep()).redacted == 0
        assert await calls.decisions_of_jobs([job]) == []
        # It is not known when such a job ended.
        longest = running.runtime.parts.live.current.longest_job_seconds
        assert await sweep_at(running, monkeypatch, record.redacted_at + longest) == 0
        assert await sweep_at(running, monkeypatch, record.redacted_at + longest + 300) == 1


@pytest.mark.parametrize("store", ["results", "images", "calls"])
async def test_what_cannot_be_deleted_now_is_deleted_later(process, tmp_path, monkeypatch, store):
    """The redaction is still recorded; a sweep that fails is repeated, not at once."""

    async def away(*_arguments, **_options):
        raise StoreUnavailableError("away")

    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started, _ended = await leave_everything(running)
        backend = getattr(running.runtime.backends, store)
        with monkeypatch.context() as down:
            down.setattr(backend, "forget_jobs" if store == "calls" else "delete", away)
            record = (await verifications.redact(ACME, started.record.id)).record
            now = verifications.now() + 1
            assert await sweep_at(running, monkeypatch, now) == 0
        later = (await verifications.get(ACME, record.id)).leftovers_due_at
        assert later > now
        assert await sweep_at(running, monkeypatch, later - 1) == 0
        assert (stored_images(tmp_path) > 0) == (store != "calls")
        assert await sweep_at(running, monkeypatch, later + 1) == 1
        assert stored_images(tmp_path) == 0
        assert await running.service.sessions.load("session") is None


async def test_vendors_of_parked_jobs_are_told(process, monkeypatch):
    """The job is gone from the queue; a vendor that does not delete hears of it again."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started = await start_verification(running.service, "phone")
        vendor = Forgetting(fails=True)
        await send_out(running, started, vendor)
        await verifications.cancel(ACME, started.record.id)
        record = (await verifications.redact(ACME, started.record.id)).record
        assert not running.queue.parked
        assert await sweep_at(running, monkeypatch, verifications.now() + 1) == 0
        later = (await verifications.get(ACME, record.id)).leftovers_due_at
        assert await sweep_at(running, monkeypatch, later + 1) == 1
        assert vendor.told == 2


async def test_a_person_cannot_redact_what_has_not_ended(process):
    """They cancel it before; nor can a session that a newer link has replaced."""
    async with process(**SETTINGS) as running:
        verifications = running.service.verifications
        started = await start_verification(running.service, "phone")
        with pytest.raises(VerificationStateError):
            await verifications.redact_by_person(started.person)
        token = (await verifications.new_link(ACME, started.record.id)).token
        newest = await verifications.start(token)
        await verifications.cancel_by_person(newest.person)
        with pytest.raises(VerificationStateError) as caught:
            await verifications.redact_by_person(started.person)
        assert caught.value.code == "session_replaced"
        assert (await verifications.redact_by_person(newest.person)).redacted_at is not None
