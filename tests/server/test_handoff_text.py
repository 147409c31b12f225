"""The link of a hand-off by text message: sent once, to phones that get codes, and kept nowhere."""

import asyncio
import json
import re

import pytest

from proofing.app.outages import Outage, Outages
from proofing.contracts.messages import Channel
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing_mock.messenger import MessengerMock

CODES = {"messenger_vendor": "mock"}
INLINE = {**CODES, "ruby_workers_idv_enabled": "false"}
FORM = "/document/handoff/text"
PHONE, OPTED_OUT, TIMEOUT, AWAY = "2025550123", "7035550181", "7035550188", "7035550189"
LINK = re.compile(r"http://localhost:8000(/handoff/[\w-]{43})")
OFFER = f'href="{FORM}"'


@pytest.fixture
def outbox(monkeypatch):
    """Return what the messenger was asked to send during the test."""
    sent = []
    real = MessengerMock.send

    async def send(messenger, message, context):
        sent.append(message)
        return await real(messenger, message, context)

    monkeypatch.setattr(MessengerMock, "send", send)
    return sent


async def show_link(site):
    """Return a browser that shows a link."""
    browser = site.browser()
    await browser.consent()
    await browser.post("/document/handoff")
    assert browser.path == "/document/handoff"
    return browser


async def send(browser, phone=PHONE):
    """Have the link sent to *phone*."""
    await browser.get(FORM)
    assert browser.path == FORM
    return await browser.post(FORM, phone=phone)


async def message_of(browser):
    """Return what the API says of the message."""
    return (await browser.http.get("/api/handoff")).json().get("message")


def switch(site, **values):
    """Change settings while the site runs."""
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update=values)


async def test_the_link_is_sent_and_opens(start, outbox):
    """By a job: the page says that it is being sent, then that it was; the phone shows the number."""
    async with start(**CODES) as site:
        computer = await show_link(site)
        assert OFFER in computer.page.text
        await send(computer, "+1 (202) 555-0123")
        assert computer.path == "/document/handoff"
        assert await message_of(computer) == "sending"
        assert "sending the link to your phone" in computer.page.text
        (job,) = site.queue.waiting
        assert (job.kind, job.queue_name) == (JobKind.CODE, "high_code_sending")
        await site.queue.release()
        (message,) = outbox
        assert (message.channel, message.number, message.code) == (Channel.TEXT, f"+1{PHONE}", None)
        assert await message_of(computer) == "sent"
        await computer.get("/document/handoff")
        assert "We sent the link to your phone" in computer.page.text
        # The QR code stays, and the message is shown as a mock sends nothing.
        assert 'class="qr-code"' in computer.page.text
        assert 'id="test-message"' in computer.page.text
        phone = site.browser()
        link = LINK.search(message.text)[1]
        await phone.get(link)
        await phone.post(link)
        assert "Check this number" in phone.page.text
        assert await message_of(computer) is None


@pytest.mark.parametrize(
    ("phone", "state", "says"),
    [
        (PHONE, "sent", "We sent the link"),
        (OPTED_OUT, "failed", "couldn’t send a text message to this number"),
        (AWAY, "failed", "couldn’t send a text message to this number"),
        (TIMEOUT, "unsure", "don’t know if the text message was sent"),
    ],
)
async def test_what_became_of_it(start, outbox, phone, state, says):
    """Without workers the answer is on the page at once, with another way to continue."""
    async with start(**INLINE) as site:
        computer = await show_link(site)
        await send(computer, phone)
        assert await message_of(computer) == state
        assert says in computer.page.text
        assert "Get a new link" in computer.page.text
        assert 'class="qr-code"' in computer.page.text
        assert OFFER not in computer.page.text
        await computer.post("/document/handoff")
        assert OFFER in computer.page.text
        assert len(outbox) == 1


@pytest.mark.parametrize(
    ("phone", "says"),
    [
        ("", "Enter your phone number"),
        ("12345", "10 digits"),
        ("2025550123 ext 5", "without an extension"),
        ("4165550123", "can’t send a link to this number"),  # Canada
        ("8765550123", "can’t send a link to this number"),  # Jamaica
        ("8005550123", "can’t send a link to this number"),  # toll-free
        ("9005550123", "can’t send a link to this number"),  # premium
    ],
)
async def test_wrong_numbers(start, outbox, phone, says):
    """They are refused at the field, which keeps what was typed; nothing is sent, and nothing is used up."""
    async with start(**INLINE) as site:
        computer = await show_link(site)
        await send(computer, phone)
        assert computer.page.status_code == 400
        assert says in computer.page.text
        assert f'value="{phone}"' in computer.page.text
        assert not outbox
        await send(computer)
        assert await message_of(computer) == "sent"


async def test_one_link_is_sent_once(start, outbox):
    """Of requests at one moment one sends; later ones are sent back to the code."""
    async with start(**INLINE) as site:
        computer = await show_link(site)
        await computer.get(FORM)
        token = computer.csrf
        headers = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}

        async def post(phone):
            data = {"csrf_token": token, "phone": phone}
            return await computer.http.post(FORM, data=data, headers=headers)

        answers = await asyncio.gather(*(post(f"202555010{number}") for number in range(4)))
        assert len(outbox) == 1
        assert {(one.status_code, one.headers["location"]) for one in answers} == {(303, "/document/handoff")}
        assert (await post(PHONE)).headers["location"] == "/document/handoff"
        await computer.get(FORM)
        assert computer.path == "/document/handoff"
        assert len(outbox) == 1


async def test_one_count_for_making_and_sending(start, outbox):
    """Five links in ten minutes, so five messages; the sixth link is refused."""
    async with start(**INLINE) as site:
        computer = await show_link(site)
        for number in range(5):
            await send(computer, f"202555010{number}")
            await computer.get("/document")
            await computer.post("/document/handoff")
        assert computer.page.status_code == 429
        assert len(outbox) == 5


async def test_a_phone_is_counted_over_all_people(start, outbox):
    """New sessions send no more to one phone; what nobody took costs nothing."""
    async with start(**INLINE, idv_send_link_max_attempts="2") as site:
        for _ in range(3):
            away = await show_link(site)
            await send(away, AWAY)
            assert away.path == "/document/handoff"
        for _ in range(2):
            computer = await show_link(site)
            await send(computer)
            assert await message_of(computer) == "sent"
        computer = await show_link(site)
        await send(computer)
        assert computer.page.status_code == 429
        assert "can’t send another text message" in computer.page.text
        # To another phone this link can be sent.
        await send(computer, "2025550124")
        assert await message_of(computer) == "sent"


async def test_a_client_is_counted(start, outbox):
    """As for codes, by its address."""
    async with start(**INLINE, client_code_max_attempts="2") as site:
        for number in range(3):
            computer = await show_link(site)
            await send(computer, f"202555010{number}")
        assert computer.page.status_code == 429
        assert len(outbox) == 2


async def test_a_send_that_the_queue_refuses_can_be_repeated(start, outbox):
    """Nothing was submitted: the same link can be sent."""
    async with start(**CODES) as site:
        computer = await show_link(site)
        site.queue.broken = True
        await send(computer)
        assert computer.page.status_code == 503
        site.queue.broken = False
        await send(computer)
        await site.queue.release()
        assert await message_of(computer) == "sent"
        assert len(outbox) == 1


@pytest.mark.parametrize("out", ["text messages", "messenger"])
async def test_an_outage_takes_the_form_away(start, outbox, monkeypatch, out):
    """The page says so; the QR code stays; also a form that is open by then sends nothing."""
    async with start(**INLINE) as site:
        computer = await show_link(site)
        await computer.get(FORM)
        if out == "messenger":
            # The mock is every vendor; here the messenger alone is out.
            kind = ProoferKind.MESSENGER
            out_of = {kind: Outage()}
            monkeypatch.setattr(Outages, "of_kind", lambda _self, _who, one: out_of.get(one))
        else:
            switch(site, phone_code_channels_out=(Channel.TEXT,))
        await computer.post(FORM, phone=PHONE)
        assert computer.path == "/document/handoff"
        assert "can’t send the link by text message right now" in computer.page.text
        assert OFFER not in computer.page.text
        assert 'class="qr-code"' in computer.page.text
        assert not outbox


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {**CODES, "phone_confirmation_enabled": "false"},
        {**CODES, "phone_code_channels": "[voice]"},
    ],
    ids=["no messenger", "switched off", "calls alone"],
)
async def test_nobody_sends_texts(start, settings):
    """Neither form nor note: nobody would miss it."""
    async with start(**settings) as site:
        computer = await show_link(site)
        assert OFFER not in computer.page.text
        assert "text message" not in computer.page.text
        await computer.get(FORM)
        assert computer.path == "/document/handoff"


async def test_a_vendor_that_writes_the_text_itself_sends_no_links(start, outbox):
    """Codes alone: there is no form."""
    async with start(**INLINE) as site:
        site.service.router.choose(ProoferKind.MESSENGER, "").codes_only = True
        computer = await show_link(site)
        assert OFFER not in computer.page.text


async def test_nothing_keeps_number_or_link(start, outbox, tmp_path, caplog):
    """Neither store, job, session, page address nor log line has one of them, before and after."""
    caplog.set_level("DEBUG")
    async with start(**CODES) as site:
        computer = await show_link(site)
        token = LINK.search(computer.page.text)[1].rsplit("/", 1)[1]
        await send(computer)
        secret = (PHONE, token)

        def files_with():
            files = [path for path in (tmp_path / "local").rglob("*") if path.is_file()]
            assert files
            return [one.name for one in files if any(text.encode() in one.read_bytes() for text in secret)]

        (job,) = site.queue.waiting
        assert not any(text in repr(job) for text in secret)
        assert not any(text.encode() in job.encrypted_arguments for text in secret)
        session = await site.service.sessions.load(computer.http.cookies["proofing"])
        assert PHONE not in session.to_json().decode()
        assert files_with() == []
        await site.queue.release()
        assert [one.number for one in outbox] == [f"+1{PHONE}"]
        assert files_with() == []
        await computer.get("/document/handoff")
        assert PHONE not in computer.page.text
        lines = json.dumps([getattr(one, "proofing_fields", {}) for one in caplog.records], default=str)
        assert "SendCode" in lines
        assert not any(text in lines for text in secret)
        assert not any(text in one.getMessage() for one in caplog.records for text in secret)


async def test_the_form_needs_its_token_and_a_waiting_link(start, outbox):
    """Neither a foreign token nor a link that was opened sends anything."""
    async with start(**INLINE) as site:
        computer = await show_link(site)
        headers = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
        refused = await computer.http.post(FORM, data={"csrf_token": "x", "phone": PHONE}, headers=headers)
        assert refused.status_code == 403
        link = LINK.search(computer.page.text)[1]
        await computer.get(FORM)
        phone = site.browser()
        await phone.get(link)
        await phone.post(link)
        await computer.post(FORM, phone=PHONE)
        assert computer.path == "/document/handoff"
        assert "Does your phone show this number?" in computer.page.text
        assert not outbox
