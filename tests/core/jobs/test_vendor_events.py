"""Questions that wait for their person or for an event: what wakes them, with what, and every order."""

import asyncio
import json
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from proofing.base.errors import (
    Cause,
    EncryptionError,
    PluginError,
    QueueUnavailableError,
    VendorError,
)
from proofing.bootstrap import make_eraser
from proofing.contracts.continuation import (
    Again,
    Answered,
    Due,
    Event,
    EventKind,
    Exchange,
    Expired,
    Leave,
    Received,
    Returned,
)
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.queues import MAX_NOTES, Wake
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.webhooks import Incoming, NotAuthenticError, Reply
from proofing.crypto.contexts import note_context, vendor_page_context
from proofing.crypto.encryption import KeyRing
from proofing.jobs.continuing import Resumption
from proofing.jobs.events import VendorEvents
from proofing.jobs.notes import Note
from proofing.jobs.parking import early_key, reference_key
from proofing.jobs.questions import Question, QuestionKey, QuestionLog, Waiting
from proofing.jobs.way_back import QuestionAddress, WayBack
from proofing.registry.plugins import LoadedWebhook
from proofing.testing.waiting import eventually
from proofing_devtools.capture import PERSON
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

PHONE = ProoferKind.PHONE
PAGE = "https://vendor.example/visit/f3b1"
LEAVE = Leave(PAGE, PAGE)
BOTH = frozenset({Again, Leave})
THANKS = Reply(status=202, body=b"thanks")


class Posted:
    """A webhook whose posts are JSON: the fields of an event, or what goes wrong."""

    def receive(self, incoming, now):
        assert now.tzinfo is not None
        if incoming.headers.get("signature") != "true":
            raise NotAuthenticError
        values = json.loads(incoming.body)
        if values is None:
            return None, THANKS
        return Event(**{**values, "kind": EventKind(values.get("kind", "ready"))}), THANKS


def events_of(running, webhook=None):
    """Return what a web process next to the worker has."""
    parts = running.runtime.parts
    return VendorEvents(parts, {"acme": LoadedWebhook(webhook or Posted(), 1000)})


def post(**values):
    """Return what the vendor posts about a question."""
    return Incoming(headers={"signature": "true"}, body=json.dumps(values).encode())


class Asked(Later):
    """Remembers its contexts, too."""

    def __init__(self, *answers):
        super().__init__(*answers)
        self.contexts = []

    async def proof(self, request, context):
        self.contexts.append(context)
        return await super().proof(request, context)

    @property
    def reasons(self):
        """Why it was resumed each time."""
        return [because for _request, _pending, because, _key in self.calls[1:]]

    @property
    def question_id(self):
        """Our id of its question."""
        return self.contexts[0].question_id


@pytest.fixture
def jobs(process):
    """Start a process whose questions are put in jobs."""
    return lambda **values: process(ruby_workers_idv_enabled=True, **values)


def away(**changes):
    """Return a question whose person is sent out."""
    return pending(then=LEAVE, **changes)


async def park(running, *answers, **changes):
    """Submit an applicant whose phone vendor answers so, run the job, and return vendor and result id."""
    vendor = put_in_place(
        running, PHONE, Asked(*answers), **{"continues": BOTH, "webhook": "acme", **changes}
    )
    result_id = await submit(running)
    assert await running.drain() == []
    return vendor, result_id


async def status(running, result_id):
    """Return the record that the waiting page reads."""
    return await running.service.status(PERSON, result_id, JobKind.PHONE)


# The way out and back


async def test_a_person_is_sent_out_and_comes_back(jobs):
    """The page shows the link until then; the vendor is asked at once, and the link is gone with the end."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), YES[PHONE])
        ((_message, seconds),) = running.queue.parked
        assert seconds == pytest.approx(HOUR.total_seconds(), abs=5)
        record = await status(running, result_id)
        assert record.needs_person
        page = await running.service.vendor_page(record)
        assert (page.then, page.question_id) == (LEAVE, vendor.question_id)
        (context,) = vendor.contexts
        assert context.return_url == f"http://localhost:8000/return/{vendor.question_id}"
        assert await events_of(running).returned(vendor.question_id) == result_id
        record = await status(running, result_id)
        assert not record.needs_person
        assert record.returned_at == pytest.approx(running.service.now(), abs=5)
        (ended,) = await running.drain()
        assert ended.is_success
        assert vendor.reasons == [Returned()]
        assert await running.service.vendor_page(replace(record, vendor_page="a")) is None


async def test_a_person_who_is_not_finished_sees_the_link_again(jobs):
    """Two minutes later the vendor is asked once more, whether the person comes back again or not."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), away(), YES[PHONE])
        await events_of(running).returned(vendor.question_id)
        assert await running.drain() == []
        record = await status(running, result_id)
        assert record.needs_person
        assert record.returned_at is not None
        assert running.queue.parked[0][1] == pytest.approx(120, abs=1)
        (ended,) = await drain_again(running)
        assert ended.is_success
    assert vendor.reasons == [Returned(), Due()]


async def test_coming_back_again_and_again_wakes_once(jobs):
    """A reload is not a reason to ask the vendor."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), pending(), YES[PHONE])
        events = events_of(running)
        assert [await events.returned(vendor.question_id) for _ in range(3)] == [result_id] * 3
        assert await running.drain() == []
        assert vendor.reasons == [Returned()]
        assert not (await status(running, result_id)).needs_person


@pytest.mark.parametrize("wrong", ["", "x", "ä" * 48, "A" * 48, "A" * 4096, "/" * 48])
async def test_an_id_that_is_not_ours_leads_nowhere(jobs, wrong):
    """Whatever it is."""
    async with jobs() as running:
        assert await events_of(running).returned(wrong) is None


async def test_the_way_back_survives_a_store_that_lost_everything(jobs):
    """The id needs no table: who comes back wakes the job, and it ends."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), YES[PHONE])
        await running.runtime.parts.results.erase(result_id)
        assert await events_of(running).returned(vendor.question_id) == result_id
        (ended,) = await running.drain()
        assert ended.is_success
        assert (await status(running, result_id)).is_success
    assert vendor.reasons == [Returned()]


async def test_coming_back_late_changes_nothing(jobs):
    """The attempt has ended, or was canceled."""
    async with jobs() as running:
        vendor, result_id = await park(running, away())
        await running.service.cancel(PERSON, result_id, JobKind.PHONE)
        assert await events_of(running).returned(vendor.question_id) == result_id
        assert (await status(running, result_id)).end_state is EndState.CANCELED
        assert vendor.reasons == []


def test_ids_of_questions_are_proved_by_a_key():
    """Also by an old one; each part of the id counts."""
    old, new = bytes(32), bytes([1]) * 32
    question = QuestionAddress(str(uuid.uuid4()), 7)
    before = WayBack(KeyRing(old), "https://proofing.example.gov/")
    question_id = before.question_id(question)
    assert len(question_id) == 48
    assert before.return_url(question_id) == f"https://proofing.example.gov/return/{question_id}"
    assert before.read(question_id) == question
    assert WayBack(KeyRing(new, [old]), "").read(question_id) == question
    assert WayBack(KeyRing(new), "").read(question_id) is None
    for place in range(48):
        other = "B" if question_id[place] == "A" else "A"
        assert before.read(question_id[:place] + other + question_id[place + 1 :]) is None


# Webhooks


async def test_an_event_wakes_its_question(jobs):
    """By the id that the vendor echoes; the adapter gets what the webhook made of it, once."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), YES[PHONE])
        events = events_of(running)
        body = post(id="e-1", question_id=vendor.question_id, data={"decision": "yes"})
        assert await events.receive("acme", body) == THANKS
        assert await events.receive("acme", body) == THANKS
        ((message),) = running.queue.waiting
        assert len(message.notes) == 1
        (ended,) = await running.drain()
    assert ended.is_success
    (received,) = vendor.reasons
    assert received == Received(
        Event(id="e-1", kind=EventKind.READY, question_id=vendor.question_id, data={"decision": "yes"})
    )


async def test_events_and_returns_are_taken_one_after_the_other(jobs):
    """Until one brings an end; the same one twice counts once."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), away(), pending(), YES[PHONE])
        events = events_of(running)
        begun = post(id="e-1", kind="progress", question_id=vendor.question_id)
        done = post(id="e-2", question_id=vendor.question_id)
        await events.receive("acme", begun)
        await events.returned(vendor.question_id)
        await events.receive("acme", done)
        (ended,) = await running.drain()
    assert ended.is_success
    assert [type(because) for because in vendor.reasons] == [Received, Returned, Received]


async def test_an_event_while_the_job_runs_is_not_lost(jobs):
    """It is in time for the park, and runs the job again."""
    async with jobs() as running:
        events = events_of(running)

        class Eager(Asked):
            async def proof(self, request, context):
                answer = await super().proof(request, context)
                await events.receive("acme", post(id="e-1", question_id=context.question_id))
                return answer

        vendor = put_in_place(running, PHONE, Eager(away(), YES[PHONE]), continues=BOTH, webhook="acme")
        await submit(running)
        (ended,) = await running.drain()
    assert ended.is_success
    assert [type(because) for because in vendor.reasons] == [Received]


@pytest.mark.parametrize("is_early", [False, True])
async def test_a_vendor_that_echoes_nothing_is_found_by_its_reference(jobs, is_early):
    """Parked, or not yet: then the event is kept for a quarter of an hour."""
    event = post(id="e-1", reference="v-77", data={"n": 1})
    async with jobs() as running:
        events = events_of(running)

        class Silent(Asked):
            async def proof(self, request, context):
                if is_early:
                    await events.receive("acme", event)
                return await super().proof(request, context)

        vendor = put_in_place(
            running, PHONE, Silent(away(reference="v-77"), YES[PHONE]), continues=BOTH, webhook="acme"
        )
        await submit(running)
        ended = await running.drain()
        if not is_early:
            assert ended == []
            await events.receive("acme", event)
            ended = await running.drain()
    assert ended[0].is_success
    (received,) = vendor.reasons
    assert received.event.data == {"n": 1}


async def test_a_reference_is_known_for_its_webhook_alone(jobs):
    """Two vendors may count alike; and an event is found under an old key."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(reference="1"), YES[PHONE], webhook="acme")
        parts = running.runtime.parts
        other = VendorEvents(parts, {"other": LoadedWebhook(Posted(), 1000)})
        await other.receive("other", post(id="e-1", reference="1"))
        assert running.queue.waiting == []
        keys = running.runtime.configuration.settings.session_encryption_key.get_secret_value()
        assert keys
        current = parts.keys._current
        rotated = WayBack(KeyRing(bytes([9]) * 32, [current]), "https://proofing.example.gov")
        later = VendorEvents(replace(parts, way_back=rotated), {"acme": LoadedWebhook(Posted(), 1000)})
        await later.receive("acme", post(id="e-2", reference="1"))
        (ended,) = await running.drain()
    assert ended.is_success
    assert len(vendor.reasons) == 1


@pytest.mark.parametrize("is_ahead", [False, True])
async def test_an_early_event_is_found_in_the_middle_of_a_rotation(jobs, is_ahead):
    """Kept by a process of another current key than that of the worker that parks, before or behind it."""
    async with jobs() as running:
        parts = running.runtime.parts
        ours, other = parts.keys._current, bytes([9]) * 32
        keys = KeyRing(other, [ours])
        web = replace(parts, keys=keys, way_back=WayBack(keys, "https://proofing.example.gov"))
        events = VendorEvents(web, {"acme": LoadedWebhook(Posted(), 1000)})

        class Silent(Asked):
            async def proof(self, request, context):
                await events.receive("acme", post(id="e-1", reference="v-77"))
                return await super().proof(request, context)

        # The worker's key is the one before that of the web process, or the one after it.
        worker = KeyRing(ours, [other]) if is_ahead else KeyRing(bytes([7]) * 32, [ours, other])
        running.runtime.runner._parker._way_back = WayBack(worker, "https://proofing.example.gov")
        vendor = Silent(away(reference="v-77"), YES[PHONE])
        put_in_place(running, PHONE, vendor, continues=BOTH, webhook="acme")
        await submit(running)
        (ended,) = await running.drain()
    assert ended.is_success
    assert len(vendor.reasons) == 1


async def test_another_vendors_webhook_resumes_no_question(jobs):
    """The id of a question is known to its person, and to every vendor that was asked."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), YES[PHONE])
        other = VendorEvents(running.runtime.parts, {"other": LoadedWebhook(Posted(), 1000)})
        await other.receive("other", post(id="e-1", question_id=vendor.question_id, data={"verdict": "pass"}))
        assert await running.drain() == []
        assert vendor.reasons == []


async def test_events_are_told_apart(jobs):
    """By their question too; equal posts without an id soon after each other are one."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), away(), YES[PHONE])
        events = events_of(running)
        await events.receive("acme", post(id="evt_1", question_id="A" * 48))
        thin = post(question_id=vendor.question_id, kind="progress")
        for _ in range(2):
            await events.receive("acme", thin)
        assert await running.drain() == []
        await events.receive("acme", post(id="evt_1", question_id=vendor.question_id))
        (ended,) = await running.drain()
    assert ended.is_success
    assert len(vendor.reasons) == 2


async def test_early_events_are_bounded(jobs):
    """Nobody may have signed them; the vendor is asked to send more of them later."""
    async with jobs() as running:
        events = events_of(running)
        replies = [
            (await events.receive("acme", post(id=f"e-{number}", reference="v-1"))).status
            for number in range(MAX_NOTES + 2)
        ]
        assert replies == [*[202] * MAX_NOTES, 503, 503]


@pytest.mark.parametrize(
    ("body", "headers"), [(b'{"id": "e-1"}', {}), (b"garbage", {"signature": "forged"}), (b"", {})]
)
async def test_what_is_not_the_vendors_is_refused(jobs, body, headers):
    """Nothing of it is kept."""
    async with jobs() as running:
        await park(running, away())
        reply = await events_of(running).receive("acme", Incoming(headers=headers, body=body))
        assert reply.status == 401
        assert running.queue.waiting == []


async def test_events_of_nobody_are_answered_and_dropped(jobs):
    """An unknown id, a question that has ended, a post that is no event: the vendor stops repeating it."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), YES[PHONE])
        events = events_of(running)
        assert await events.receive("acme", post(id="e-0", question_id="A" * 48)) == THANKS
        nothing = Incoming(headers={"signature": "true"}, body=b"null")
        assert await events.receive("acme", nothing) == THANKS
        with pytest.raises(KeyError):
            await events.receive("nobody", nothing)
        await events.receive("acme", post(id="e-1", question_id=vendor.question_id))
        await running.drain()
        assert await events.receive("acme", post(id="e-2", question_id=vendor.question_id)) == THANKS
        assert (await status(running, result_id)).is_success
        assert running.queue.waiting == []


async def test_an_event_that_is_not_kept_comes_again(jobs):
    """A queue that does not answer, or a job that is full of notes: the vendor is asked to repeat it."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), YES[PHONE])
        events, queue = events_of(running), running.queue
        event = post(id="e-1", question_id=vendor.question_id)
        wake, queue.wake = queue.wake, None

        async def fail(_result_id, _note, **_named):
            raise QueueUnavailableError("away")

        queue.wake = fail
        with pytest.raises(QueueUnavailableError):
            await events.receive("acme", event)
        queue.wake = wake
        for number in range(MAX_NOTES):
            progress = post(id=f"p-{number}", kind="progress", question_id=vendor.question_id)
            assert await events.receive("acme", progress) == THANKS
        assert (await events.receive("acme", event)).status == 503
        vendor.answers[:] = [away()] * MAX_NOTES
        assert await running.drain() == []
        vendor.answers[:] = [YES[PHONE]]
        assert await events.receive("acme", event) == THANKS
        (ended,) = await running.drain()
    assert ended.is_success


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (Event(kind=EventKind.READY), THANKS),
        (Event(kind="ready", question_id="q"), THANKS),
        (Event(kind=EventKind.READY, question_id="q" * 300), THANKS),
        (Event(kind=EventKind.READY, question_id="q", data={"x": object()}), THANKS),
        (Event(kind=EventKind.READY, question_id="q", data={"x": "x" * 70_000}), THANKS),
        (None, Reply(status=99)),
        (None, Reply(status=204, body=b"no content")),
        (None, Reply(status=True)),
        (None, Reply(content_type="text/plain\r\nx: y")),
        (None, "thanks"),
        ValueError(CANARY.applicant.ssn),
    ],
)
async def test_a_webhook_that_breaks_its_contract_is_a_broken_plugin(jobs, answer):
    """Its error does not show what it was posted."""

    class Wrong:
        def receive(self, incoming, now):
            if isinstance(answer, Exception):
                raise answer
            return answer

    async with jobs() as running:
        with pytest.raises(PluginError) as raised:
            await events_of(running, Wrong()).receive("acme", post())
    assert CANARY.find_leaks(str(raised.value)) == []
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("error", [SystemExit(), StopIteration()])
async def test_a_webhook_that_raises_what_ends_loops_is_a_broken_plugin(jobs, error):
    """The process continues, and the vendor gets its answer at once."""

    class Wrong:
        def receive(self, incoming, now):
            raise error

    async with jobs() as running:
        with pytest.raises(PluginError):
            await events_of(running, Wrong()).receive("acme", post())


async def test_a_webhook_that_hangs_holds_up_nobody_else(jobs, monkeypatch, caplog):
    """The vendor is asked to repeat itself, as are those after it; other webhooks are served meanwhile."""
    monkeypatch.setattr("proofing.jobs.webhook_calls.RECEIVE_SECONDS", 0.2)
    released = threading.Event()

    class Hanging(Posted):
        def receive(self, incoming, now):
            released.wait(20)
            return super().receive(incoming, now)

    async with jobs() as running:
        vendor, _result_id = await park(running, away(), YES[PHONE])
        event = post(id="e-1", question_id=vendor.question_id)
        webhooks = {"slow": LoadedWebhook(Hanging(), 1000), "acme": LoadedWebhook(Posted(), 1000)}
        events = VendorEvents(running.runtime.parts, webhooks)
        hanging = [asyncio.create_task(events.receive("slow", event)) for _ in range(5)]
        assert await events.receive("acme", event) == THANKS
        assert not any(task.done() for task in hanging)
        assert [reply.status for reply in await asyncio.gather(*hanging)] == [503] * 5
        released.set()
        (ended,) = await running.drain()
        assert ended.is_success

        async def is_served():
            return await events.receive("slow", post(question_id="A" * 48)) == THANKS

        await eventually(is_served)
        events.close()
    assert caplog.text.count("webhook_timed_out") >= 5


# Wallets


WALLET = Exchange(
    requests={"openid4vp-v1-signed": {"request": "e30"}, "org-iso-mdoc": {"deviceRequest": "AA"}},
    leave=LEAVE,
    served=b"signed",
)
ALL = frozenset({Again, Exchange, Leave})


async def test_a_wallet_answers(jobs):
    """What it posted is given to the adapter as it came; the page waits from then on."""
    body = b'\x00\xff{"vp_token": 1}'
    async with jobs() as running:
        vendor = put_in_place(
            running, PHONE, Asked(pending(then=WALLET), pending(then=WALLET), YES[PHONE]), continues=ALL
        )
        result_id = await submit(running)
        assert await running.drain() == []
        events = events_of(running)
        page = await running.service.vendor_page(await status(running, result_id))
        assert (page.then, page.question_id) == (WALLET, vendor.question_id)
        assert await events.served(vendor.question_id) == WALLET
        assert events.is_of(vendor.question_id, result_id)
        assert not events.is_of(vendor.question_id, str(uuid.uuid4()))
        assert await events.answered(vendor.question_id, b"nonsense") is Wake.KEPT
        assert not (await status(running, result_id)).needs_person
        assert await events.served(vendor.question_id) is None
        assert await running.drain() == []
        assert (await status(running, result_id)).needs_person
        # At once: what somebody else posted keeps the wallet's own answer waiting for nothing.
        assert await events.answered(vendor.question_id, body) is Wake.KEPT
        (ended,) = await running.drain()
        assert ended.is_success
        assert vendor.reasons == [Answered(b"nonsense"), Answered(body)]
        assert await events.answered(vendor.question_id, body) is Wake.GONE
        assert await events.answered("A" * 48, body) is None
        assert await events.served(vendor.question_id) is None
    assert vendor.contexts[0].answer_url == f"http://localhost:8000/answers/{vendor.question_id}"


@pytest.mark.parametrize(
    "exchange",
    [
        Exchange(requests={}),
        Exchange(requests={"p": object()}),
        Exchange(requests={"p": "x" * 70_000}),
        Exchange(requests={"p": {}}, leave=Leave("http://vendor.example/")),
        Exchange(requests={"p": {}}, leave=Leave(PAGE, "€" * 400)),
        Exchange(requests={"p": {}}, leave="https://vendor.example/"),
        Exchange(requests={"p": {}}, served="text"),
        Exchange(requests={"p": {}}, served=b"x" * 70_000),
        Exchange(requests={"p": {}}, served_type="application/jwt\r\nx: y"),
        Exchange(requests={"p": {}}, served_type="text/javascript"),
    ],
)
async def test_an_unsound_exchange_is_a_broken_plugin(jobs, exchange):
    """Nothing of it is shown."""
    async with jobs() as running:
        put_in_place(running, PHONE, Asked(pending(then=exchange)), continues=ALL)
        await submit(running)
        (record,) = await running.drain()
    assert record.end_state is EndState.PLUGIN_ERROR


async def test_an_answer_to_what_is_no_exchange_is_dropped(jobs):
    """Anybody who knows the address may post one; an adapter that asked for none gets none."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), YES[PHONE])
        assert await events_of(running).answered(vendor.question_id, b"junk") is Wake.KEPT
        assert await running.drain() == []
        assert vendor.reasons == []
        assert (await status(running, result_id)).needs_person
        (ended,) = await drain_again(running)
        assert ended.is_success


async def test_few_answers_are_taken_at_once(jobs):
    """A flood of them is not one of calls to the vendor, however fast each is given to it."""
    async with jobs() as running:
        waits = pending(then=WALLET)
        vendor, _result_id = await park(running, waits, *[waits] * 9, continues=ALL)
        events, outcomes = events_of(running), []
        for number in range(9):
            outcomes.append(await events.answered(vendor.question_id, b"%d" % number))
            await running.drain()
    assert outcomes == [*[Wake.KEPT] * 5, *[Wake.FULL] * 4]
    assert len(vendor.reasons) == 5


async def test_answers_and_returns_leave_room_for_the_vendor(jobs):
    """Anybody who knows the address can send those, as many as they like; the vendor's event gets through."""
    async with jobs() as running:
        vendor, _result_id = await park(
            running, pending(then=WALLET), *[pending(then=WALLET)] * MAX_NOTES, continues=ALL
        )
        events, results = events_of(running), running.runtime.parts.results
        outcomes = set()
        for number in range(MAX_NOTES):
            outcomes.add(await events.answered(vendor.question_id, b"%d" % number))
            await events.returned(vendor.question_id)
            await results.reset(f"answered:{vendor.question_id}")
            await results.delete(f"returned:{vendor.question_id}")
        assert outcomes == {Wake.KEPT, Wake.FULL}
        event = post(id="e-1", question_id=vendor.question_id)
        assert await events.receive("acme", event) == THANKS
        await running.drain()
    assert isinstance(vendor.reasons[-1], Received)


async def test_a_return_without_room_is_no_return(jobs):
    """Coming back again, a moment later, is noted."""
    async with jobs() as running:
        waits = pending(then=WALLET)
        vendor, _result_id = await park(running, waits, *[waits] * MAX_NOTES, YES[PHONE], continues=ALL)
        events, results = events_of(running), running.runtime.parts.results
        while await events.answered(vendor.question_id, b"junk") is Wake.KEPT:
            await results.reset(f"answered:{vendor.question_id}")
        await events.returned(vendor.question_id)
        assert await running.drain() == []
        await events.returned(vendor.question_id)
        await running.drain()
    assert vendor.reasons[-1] == Returned()


async def test_what_happened_is_given_again_when_the_vendor_can_be_asked(jobs):
    """A wallet's answer and an event's data are nowhere else."""
    gone = VendorError(Cause.TIMEOUT, "slow")
    async with jobs() as running:
        vendor, result_id = await park(running, pending(then=WALLET), gone, gone, YES[PHONE], continues=ALL)
        events = events_of(running)
        await events.answered(vendor.question_id, b"presentation")
        await events.receive("acme", post(id="e-1", question_id=vendor.question_id))
        assert await running.drain() == []
        assert not (await status(running, result_id)).needs_person
        assert await drain_again(running) == []
        (ended,) = await drain_again(running)
        assert ended.is_success
    assert vendor.reasons == [Answered(b"presentation")] * 3


async def test_what_happened_is_not_refused_once_the_question_has_expired(jobs):
    """It is given for the last time, so that a limit of our own must not keep the answer from its person."""
    later = VendorError(Cause.QUOTA, "later", retry_after=7200.0)
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), later, YES[PHONE])
        await events_of(running).returned(vendor.question_id)
        assert await running.drain() == []
        live = running.runtime.configuration.live
        live.current = live.current.model_copy(update={"vendor_concurrency_limits": {"mock": 0}})
        (ended,) = await drain_again(running)
    assert ended.is_success
    assert vendor.reasons == [Returned()] * 2


# What is kept, and for whom


async def test_nothing_readable_is_kept(jobs):
    """Notes, marks, entries, early events and the page show no one what the vendor said of whom."""
    ssn = APPLICANT.ssn
    async with jobs() as running:
        leave = Leave(f"https://vendor.example/visit?who={ssn}")
        vendor, result_id = await park(
            running, pending(then=leave, reference=ssn), YES[PHONE], webhook="acme"
        )
        events, parts = events_of(running), running.runtime.parts
        saved = []
        for name in ("save", "add_member", "add"):
            method = getattr(parts.results, name)

            def spy(key, value, *, ttl_seconds, method=method):
                saved.append(key.encode() + b" " + value)
                return method(key, value, ttl_seconds=ttl_seconds)

            setattr(parts.results, name, spy)
        await events.receive("acme", post(id=ssn, question_id=vendor.question_id, data={"ssn": ssn}))
        await events.receive("acme", post(id=f"{ssn}-2", reference=f"early-{ssn}", data={"ssn": ssn}))
        await events.returned(vendor.question_id)
        (message,) = running.queue.waiting
        for blob in (*message.notes, message.encrypted_arguments, *saved):
            assert CANARY.find_leaks(blob.decode("latin-1")) == []
        sealer = parts.sealer
        opened = json.loads(await sealer.open(message.notes[0], note_context(result_id)))
        assert opened["event"]["data"] == {"ssn": ssn}
        for context in (note_context(str(uuid.uuid4())), vendor_page_context(PERSON.reference, result_id)):
            with pytest.raises(EncryptionError):
                await sealer.open(message.notes[0], context)


async def test_a_note_that_does_not_open_is_passed_over(jobs):
    """Nobody who may has written it; the question is asked when its time comes, and for what is genuine."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), YES[PHONE])
        assert await running.queue.wake(result_id, b"not a note") is Wake.KEPT
        await events_of(running).receive("acme", post(id="e-1", question_id=vendor.question_id))
        (ended,) = await running.drain()
    assert ended.is_success
    assert [type(because) for because in vendor.reasons] == [Received]


async def test_the_page_of_another_does_not_open(jobs):
    """It is bound to its person and its attempt."""
    async with jobs() as running:
        _vendor, result_id = await park(running, away())
        record = await status(running, result_id)
        assert await running.service.vendor_page(replace(record, owner="another")) is None
        assert await running.service.vendor_page(replace(record, vendor_page=None)) is None


async def test_an_erased_person_leaves_nothing_of_a_visit(jobs):
    """Page, reference and parked job go; a late event finds nobody, and is answered."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(reference="v-1"), webhook="acme")
        record = await status(running, result_id)
        runtime = running.runtime
        eraser = make_eraser(runtime.configuration, runtime.backends)
        assert (await eraser.erase(PERSON.reference)).is_complete
        assert running.queue.parked == []
        assert await running.service.vendor_page(record) is None
        events = events_of(running)
        assert await events.receive("acme", post(id="e-1", question_id=vendor.question_id)) == THANKS
        assert await events.receive("acme", post(id="e-2", reference="v-1")) == THANKS
        mark = runtime.parts.way_back.reference_marks("acme", "v-1")[0]
        assert await runtime.backends.results.members(early_key(mark)) == set()
        assert await events.returned(vendor.question_id) == result_id
        assert await running.drain() == []
        assert vendor.reasons == []


async def test_an_event_that_is_kept_while_its_person_is_erased_goes_too(jobs):
    """The webhook looks once more after it has kept the event."""
    async with jobs() as running:
        await park(running, away(reference="v-1"), webhook="acme")
        runtime = running.runtime
        results, events = runtime.backends.results, events_of(running)
        eraser = make_eraser(runtime.configuration, runtime.backends)
        mark = runtime.parts.way_back.reference_marks("acme", "v-1")[0]
        entry, add = await results.load(reference_key(mark)), results.add_member
        await results.delete(reference_key(mark))

        async def erased_first(key, value, *, ttl_seconds):
            await results.save(reference_key(mark), entry, ttl_seconds=60)
            assert (await eraser.erase(PERSON.reference)).is_complete
            await add(key, value, ttl_seconds=ttl_seconds)

        # Before the entry was written it was not found; then the job was parked, and erased.
        results.add_member = erased_first
        assert await events.receive("acme", post(id="e-2", reference="v-1")) == THANKS
        assert await results.members(early_key(mark)) == set()


async def test_events_that_came_before_the_park_are_erased(jobs):
    """Those of the person's questions; another one's stay."""
    async with jobs() as running:
        events, runtime = events_of(running), running.runtime

        class Silent(Asked):
            async def proof(self, request, context):
                await events.receive("acme", post(id="e-1", reference="v-77"))
                return await super().proof(request, context)

        vendor = Silent(away(reference="v-77"), away(reference="v-77"))
        put_in_place(running, PHONE, vendor, continues=BOTH, webhook="acme")
        await submit(running)
        assert await running.drain() == []
        await events.receive("acme", post(id="e-2", reference="v-78"))
        keys = [early_key(runtime.parts.way_back.reference_marks("acme", f"v-{n}")[0]) for n in (77, 78)]
        results = runtime.backends.results
        assert [len(await results.members(key)) for key in keys] == [1, 1]
        eraser = make_eraser(runtime.configuration, runtime.backends)
        assert (await eraser.erase(PERSON.reference)).is_complete
        assert [len(await results.members(key)) for key in keys] == [0, 1]


# Times


async def test_a_person_who_never_comes_back(jobs):
    """The expiry runs the job, and the adapter gives the end."""
    async with jobs() as running:
        over = datetime.now(UTC) + timedelta(seconds=5)
        vendor, _result_id = await park(
            running, away(expires_at=over), VendorError(Cause.ABANDONED, "nobody came")
        )
        (ended,) = await drain_again(running)
    assert ended.end_state is EndState.VENDOR_EXCEPTION
    assert vendor.reasons == [Expired()]


def test_an_event_before_the_expiry_is_given_first():
    """Although the job ran after it; then the adapter has its last call."""
    past = datetime.now(UTC) - timedelta(seconds=1)
    key = QuestionKey("address", 0)
    waiting = Waiting(pending=away(expires_at=past), due_at=past)
    questions = QuestionLog({key: Question(vendor="acme", kind=PHONE, waiting=waiting)})
    note = Note(key.number, Received(Event(kind=EventKind.READY, question_id="q")), "acme")
    descriptor = ProoferDescriptor(name="acme", kind=PHONE, make=lambda *_: None, webhook="acme")
    reasons = Resumption(questions, {key.number: [note]}).reasons(key, waiting, descriptor)
    assert reasons == [note, Note(key.number, Expired())]


async def test_an_event_that_says_little_does_not_put_off_the_look(jobs):
    """Two minutes after the return the vendor is asked, whatever came meanwhile."""
    async with jobs() as running:
        vendor, _result_id = await park(running, away(), away(), away())
        events = events_of(running)
        await events.returned(vendor.question_id)
        assert await running.drain() == []
        await events.receive("acme", post(id="e-1", kind="progress", question_id=vendor.question_id))
        assert await running.drain() == []
        assert running.queue.parked[0][1] == pytest.approx(120, abs=3)


async def test_a_vendor_that_says_at_once_is_not_asked_without_pause(jobs):
    """A date in the past, or 0, is a second."""
    async with jobs() as running:
        busy = VendorError(Cause.QUOTA, "slower", retry_after=0.0)
        vendor, _result_id = await park(running, away(), busy)
        await events_of(running).returned(vendor.question_id)
        assert await running.drain() == []
        assert running.queue.parked[0][1] == pytest.approx(1, abs=0.5)


async def test_a_person_who_was_sent_out_gets_no_attempt_back(jobs, monkeypatch):
    """The vendor may have told them how it ends; and the link is gone with the check."""
    async with jobs() as running:
        vendor, result_id = await park(running, away(), away())
        record = await status(running, result_id)
        limit = await running.service.limit(PERSON, "proof_address")
        later = running.service.now() + 3600
        monkeypatch.setattr(running.runtime.parts.results, "now", lambda: later)
        await running.service.cancel(PERSON, result_id, JobKind.PHONE)
        assert (await running.service.limit(PERSON, "proof_address")).remaining == limit.remaining
        assert await running.service.vendor_page(record) is None
        assert vendor.reasons == []


async def test_only_the_question_of_an_event_is_resumed(jobs):
    """The others of its job wait for their own time."""
    async with jobs(device_profiling_enabled=True) as running:
        device = put_in_place(
            running,
            ProoferKind.DEVICE,
            Asked(away(), YES[ProoferKind.DEVICE]),
            continues=BOTH,
            webhook="acme",
        )
        resolution = put_in_place(
            running, ProoferKind.RESOLUTION, Asked(pending(), YES[ProoferKind.RESOLUTION]), continues=BOTH
        )
        put_in_place(running, ProoferKind.STATE_ID, Later(YES[ProoferKind.STATE_ID]))
        await submit(running, JobKind.RESOLUTION)
        assert await running.drain() == []
        assert device.question_id != resolution.question_id
        await events_of(running).receive("acme", post(id="e-1", question_id=device.question_id))
        assert await running.drain() == []
        assert (len(device.reasons), len(resolution.reasons)) == (1, 0)
        (ended,) = await drain_again(running)
    assert ended.is_success
    assert resolution.reasons == [Due()]


async def test_a_vendor_that_is_down_is_asked_more_and_more_rarely(jobs):
    """Nobody who is back is sent there meanwhile: what is missing the vendor alone knows."""
    async with jobs() as running:
        gone = VendorError(Cause.UNREACHABLE, "away")
        vendor, result_id = await park(running, away(), gone, gone, gone, YES[PHONE])
        await events_of(running).returned(vendor.question_id)
        waits = []
        assert await running.drain() == []
        waits.append(running.queue.parked[0][1])
        for _ in range(2):
            assert await drain_again(running) == []
            waits.append(running.queue.parked[0][1])
        assert waits == pytest.approx([5, 10, 20], abs=1)
        assert not (await status(running, result_id)).needs_person
        (ended,) = await drain_again(running)
    assert ended.is_success


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/visit",
        "javascript:alert(1)",
        "https://",
        "vendor.example",
        "https://vendor.example/a b",
        "https://vendor.example/" + "x" * 5000,
        None,
        5,
    ],
)
async def test_a_page_that_nobody_may_be_sent_to_is_a_broken_plugin(jobs, url):
    """Only https, and http on this machine."""
    async with jobs() as running:
        put_in_place(running, PHONE, Asked(pending(then=Leave(url))), continues=BOTH)
        await submit(running)
        (record,) = await running.drain()
    assert record.end_state is EndState.PLUGIN_ERROR


async def test_a_reference_needs_a_webhook_that_brings_it(jobs):
    """Without one nothing would ever find the question by it."""
    async with jobs() as running:
        put_in_place(running, PHONE, Asked(away(reference="v-1")), continues=BOTH)
        await submit(running)
        (record,) = await running.drain()
    assert record.end_state is EndState.PLUGIN_ERROR
