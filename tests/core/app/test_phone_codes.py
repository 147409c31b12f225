"""Confirmation codes below the pages: what is kept of them, what counts, and how they are erased."""

import json
import re
from dataclasses import replace

import pytest

from proofing.app.phone_codes import Entry
from proofing.app.service import PersonRef
from proofing.base.errors import EncryptionError, LimitReachedError
from proofing.bootstrap import make_eraser
from proofing.contracts.messages import Channel, Message
from proofing.contracts.records import EndState, JobKind
from proofing.jobs.arguments import CodeArguments
from proofing.sessions.data import SessionData
from proofing.sessions.phone_codes import PhoneConfirmation, make_code
from proofing_devtools.capture import PERSON
from proofing_devtools.sessions import make_session
from proofing_mock.messenger import MessengerMock

PHONE = "2025550123"
#: Long enough to be searched for.
CODES = {"messenger_vendor": "mock", "phone_code_digits": 10}
OTHER = PersonRef(reference="person-2")


def message_of(code, phone=PHONE):
    """Return a message with *code*."""
    return Message(channel=Channel.TEXT, number=f"+1{phone}", locale="en", text=f"Code {code}.", code=code)


@pytest.fixture
def sending(monkeypatch):
    """Have the mock pass for a messenger that really sends; return what it was asked to send."""
    sent = []
    real = MessengerMock.send

    async def send(messenger, message, context):
        sent.append(message)
        return await real(messenger, message, context)

    monkeypatch.setattr(MessengerMock, "send", send)
    return sent


def files_with(folder, *texts):
    """Return the files below *folder* that contain one of *texts*."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(text.encode() in path.read_bytes() for text in texts)
    ]


def test_codes_are_random_and_of_full_length():
    """Zeros in front are kept, and no two of a thousand codes of ten digits are the same."""
    codes = [make_code(10) for _ in range(1000)]
    assert all(re.fullmatch(r"\d{10}", code) for code in codes)
    assert len(set(codes)) == len(codes)
    assert any(make_code(6).startswith("0") for _ in range(1000))


@pytest.mark.parametrize("jobs", [True, False], ids=["jobs", "inline"])
async def test_no_store_no_log_and_no_job_has_code_or_number(process, sending, tmp_path, caplog, jobs):
    """Session, job, record and log lines; sealed or as a MAC, before and after the message was sent."""
    caplog.set_level("DEBUG")
    async with process(**CODES, ruby_workers_idv_enabled=jobs) as running:
        service = running.service
        code, kept = service.codes.make(PERSON, PhoneConfirmation(phone=PHONE))
        # As with a messenger that is no mock.
        kept = replace(kept, shown=None)
        data = make_session(PERSON.reference, confirmation=kept)
        await service.sessions.save("session-id", data)
        assert code not in data.to_json().decode()
        assert SessionData.from_json(data.to_json()).confirmation == kept
        result_id = await service.submit_code(PERSON, message_of(code))
        secret = (code, PHONE)
        for waiting in running.queue.waiting:
            assert not any(text in repr(waiting) for text in secret)
            assert not any(text.encode() in waiting.encrypted_arguments for text in secret)
        assert files_with(tmp_path, *secret) == []
        await running.drain()
        assert [one.code for one in sending] == [code]
        finished = await service.finished_job(PERSON, result_id, JobKind.CODE)
        assert finished.record.is_success
        assert finished.result is None
        assert not any(text in finished.record.to_json() for text in secret)
        assert files_with(tmp_path, *secret) == []
        lines = json.dumps([getattr(one, "proofing_fields", {}) for one in caplog.records], default=str)
        assert "SendCode" in lines
        assert not any(text in lines for text in secret)


def test_a_job_reads_what_it_was_given():
    """And nothing else: arguments of another kind do not open as a message."""
    arguments = CodeArguments(message=message_of("123456"))
    assert CodeArguments.from_bytes(arguments.to_bytes()) == arguments
    assert "123456" not in repr(arguments)
    link = CodeArguments(message=replace(arguments.message, text="https://example.gov/x", code=None))
    assert CodeArguments.from_bytes(link.to_bytes()) == link
    zero = json.dumps({"message": {**arguments.message.to_json(), "code": 0}}).encode()
    for wrong in (b"{}", b'{"message": {"code": 1}}', b"[]", b'{"message": null}', zero):
        with pytest.raises(EncryptionError):
            CodeArguments.from_bytes(wrong)


async def test_a_send_without_an_answer_is_refunded(process):
    """Time-out and outage cost nothing; a refusal and a message that was taken do."""
    async with process(**CODES) as running:
        left = []
        for phone in ("7035550188", "7035550189", "7035550181", PHONE):
            await running.service.submit_code(PERSON, message_of("1234567890", phone))
            await running.drain()
            left.append((await running.service.limit(PERSON, "phone_code")).remaining)
        assert left == [5, 5, 4, 3]
        for _ in range(3):
            await running.service.submit_code(PERSON, message_of("1234567890"))
        with pytest.raises(LimitReachedError) as caught:
            await running.service.submit_code(PERSON, message_of("1234567890"))
        assert caught.value.limit == "phone_code"
        await running.service.submit_code(OTHER, message_of("1234567890"))


async def test_a_budget_stops_messages(process):
    """`vendor_hourly_budgets` of the messenger: nothing is sent, and nothing is counted."""
    async with process(**CODES, vendor_hourly_budgets={"mock": 0}) as running:
        with pytest.raises(LimitReachedError) as caught:
            await running.service.submit_code(PERSON, message_of("1234567890"))
        assert caught.value.limit == "vendor_budget"
        assert (await running.service.limit(PERSON, "phone_code")).remaining == 5


async def test_the_limit_of_entries_belongs_to_the_person(process):
    """Another code and another session do not bring it back; the right code does."""
    async with process(**CODES, phone_code_entry_max_attempts=3) as running:
        codes = running.service.codes
        _first, kept = codes.make(PERSON, PhoneConfirmation(phone=PHONE))
        wrong = [await codes.enter(PERSON, kept, "x") for _ in range(2)]
        code, kept = codes.make(PERSON, kept)
        assert [*wrong, await codes.enter(PERSON, kept, code)] == [Entry.WRONG, Entry.WRONG, Entry.RIGHT]
        for _ in range(3):
            assert await codes.enter(PERSON, kept, "x") is Entry.WRONG
        with pytest.raises(LimitReachedError):
            await codes.enter(PERSON, kept, code)
        assert await codes.enter(OTHER, kept, code) is Entry.WRONG


async def test_an_erased_person_leaves_nothing_and_gets_nothing(process, sending):
    """Session, waiting job and both counters are gone; the job that comes late sends nothing."""
    async with process(**CODES) as running:
        service, results = running.service, running.runtime.backends.results
        code, kept = service.codes.make(PERSON, PhoneConfirmation(phone=PHONE))
        await service.sessions.save("session-id", make_session(PERSON.reference, confirmation=kept))
        await service.codes.enter(PERSON, kept, "x")
        await service.submit_code(PERSON, message_of(code))
        late = list(running.queue.waiting)
        backends = replace(running.runtime.backends, queue=running.queue)
        erasure = await make_eraser(running.runtime.configuration, backends).erase(PERSON.reference)
        assert erasure.is_complete
        assert not running.queue.waiting
        assert await service.sessions.load("session-id") is None
        for limit in ("phone_code", "phone_code_entry"):
            assert (await results.usage(f"limit:{limit}:{PERSON.reference}")).count == 0
        await running.queue.enqueue(late)
        (record,) = await running.drain()
        assert record.end_state is EndState.CANCELED
        assert not sending
