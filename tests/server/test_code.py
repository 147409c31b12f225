"""The confirmation code: sent by text or call, returned once, limited, never readable where it is kept."""

import asyncio
import json
import re
from datetime import timedelta

import pytest

from proofing.base.metrics import CODE_ENTRIES
from proofing.contracts.messages import Channel
from proofing.contracts.records import JobKind
from proofing.sessions.data import SessionData
from proofing.sessions.phone_codes import PhoneConfirmation
from proofing_devtools.sessions import DOCUMENT, SSN_AND_PHONE, put
from proofing_mock.messenger import MessengerMock
from proofing_server.pages import code

CODES = {"messenger_vendor": "mock", "phone_code_pause_seconds": "0"}
INLINE = {**CODES, "ruby_workers_idv_enabled": "false"}
PHONE = "2025550123"
SESSION = {
    "consented_at": 1.0,
    "document": DOCUMENT,
    "typed": SSN_AND_PHONE,
    "completed": frozenset({JobKind.DOCUMENT, JobKind.RESOLUTION, JobKind.PHONE}),
}
OPTED_OUT, UNREACHABLE, INTERNET = "7035550181", "7035550182", "7035550183"
TIMEOUT, AWAY = "7035550188", "7035550189"


class Outbox:
    """What the messenger was asked to send."""

    def __init__(self, monkeypatch):
        self.sent = []
        real = MessengerMock.send

        async def send(messenger, message, context):
            self.sent.append(message)
            return await real(messenger, message, context)

        monkeypatch.setattr(MessengerMock, "send", send)

    @property
    def code(self):
        """The last one."""
        return self.sent[-1].code


@pytest.fixture
def outbox(monkeypatch):
    """What is sent during the test."""
    return Outbox(monkeypatch)


async def reach_code(site, phone=PHONE):
    """Return a browser whose person has to confirm *phone*."""
    browser = site.browser()
    await browser.consent()
    session = await session_of(browser)
    await session.update(put(**SESSION, confirmation=PhoneConfirmation(phone=phone)))
    await browser.get("/code")
    assert browser.path == "/code"
    return browser


async def session_of(browser):
    """Return the session of *browser*."""
    return await browser.site.app.state.site.sessions.open(browser.http.cookies["proofing"])


async def advance(browser, **by):
    """Make the code of *browser*'s session older."""
    session = await session_of(browser)
    seconds = timedelta(**by).total_seconds()

    def age(data: SessionData) -> None:
        # What is signed is the moment: a code that is moved in time is no code anymore.
        data.confirmation = PhoneConfirmation(
            phone=data.confirmation.phone,
            mac=data.confirmation.mac,
            made_at=data.confirmation.made_at - seconds,
        )

    await session.update(age)


def change(site, **values):
    """Change live settings of *site*, as an edit of the file does."""
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update=values)


async def test_the_whole_way(start, outbox):
    """Phone, code by text, and back; the code is shown on the test system's page."""
    async with start(**INLINE, doc_auth_enable_presigned_s3_urls="false") as site:
        browser = site.browser()
        await browser.consent()
        await (await session_of(browser)).update(
            put(**{**SESSION, "completed": SESSION["completed"] - {JobKind.PHONE}})
        )
        await browser.get("/phone")
        assert "send a code to it" in browser.page.text
        await browser.post("/phone", phone="202-555-0123")
        assert browser.path == "/code"
        assert "(202)\u00a0555-0123" in browser.page.text
        assert 'name="code"' not in browser.page.text
        await browser.post("/code", channel="text")
        assert browser.path == "/code"
        found = re.search(r'id="test-code">(\d{6})<', browser.page.text)
        assert found[1] == outbox.code
        assert 'autocomplete="one-time-code"' in browser.page.text
        assert 'inputmode="numeric"' in browser.page.text
        await browser.post("/code", code=f"{outbox.code[:3]} {outbox.code[3:]}")
        assert browser.path == "/done"
    (message,) = outbox.sent
    assert (message.channel, message.number, message.locale) == (Channel.TEXT, "+12025550123", "en")


async def test_message_texts(start, outbox):
    """A text has organization, code and validity, no link, and ends with the line for browsers."""
    async with start(**INLINE, partner_name="the Agency") as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        assert "We sent a code to" in browser.page.text
        await browser.post("/code", channel="voice")
        assert "We placed a call to" in browser.page.text
        # In one piece: browsers break lines at the hyphen.
        assert '<span class="unbroken">(202)\u00a0555-0123</span>' in browser.page.text
        text, voice = outbox.sent
        assert text.text == (
            f"{text.code} is your identity check code for the Agency. It expires in 10 minutes. "
            f"Don't share it with anyone.\n\n@localhost #{text.code}"
        )
        assert "http" not in text.text
        assert text.text.isascii()
        assert f"code is: {', '.join(voice.code)}." in voice.text
        assert "#" not in voice.text
        assert "the Agency" in voice.text


async def test_only_the_right_code_confirms(start, outbox):
    """No code, a short one, a wrong one, and an earlier one leave the step open; the code serves once."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        await browser.post("/code", code="000000")
        assert browser.page.status_code == 400
        assert "can’t be used anymore" in browser.page.text
        await browser.post("/code", channel="text")
        first = outbox.code
        for typed, words in (
            ("", "Enter the code"),
            ("12345", "whole code"),
            ("12345a", "whole code"),
        ):
            await browser.post("/code", code=typed)
            assert (browser.page.status_code, words in browser.page.text) == (400, True), typed
            assert 'aria-invalid="true"' in browser.page.text
        await browser.post("/code", channel="voice")
        second = outbox.code
        if first != second:
            await browser.post("/code", code=first)
            assert "isn’t the code" in browser.page.text
            assert "9 attempts left" in browser.page.text
        # Nothing that a browser says counts, only the code.
        for path in ("/done", "/code/problem", "/code/wait"):
            assert (await browser.get(path)).url.path == "/code"
        await browser.post("/code", code=second)
        assert browser.path == "/done"
        session = await session_of(browser)
        assert session.data.confirmation is None
        assert session.data.is_finished


async def test_a_code_serves_one_of_many_at_once(start, outbox):
    """Of 20 requests with the right code at once, all see the step confirmed, once."""
    async with start(**INLINE, phone_code_entry_max_attempts="50") as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        token, code = browser.csrf, outbox.code
        answers = await asyncio.gather(
            *(
                browser.http.post(
                    "/code",
                    data={"csrf_token": token, "code": code},
                    headers={"Sec-Fetch-Site": "same-origin"},
                )
                for _ in range(20)
            )
        )
        assert {(one.status_code, one.headers["location"]) for one in answers} == {(303, "/done")}


async def test_entries_are_limited(start, outbox):
    """Ten entries are compared, however many come at once; the eleventh meets the limit, right or wrong."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        token, code = browser.csrf, outbox.code
        wrong = f"{(int(code) + 1) % 10**6:06d}"

        async def enter(text):
            return await browser.http.post(
                "/code", data={"csrf_token": token, "code": text}, headers={"Sec-Fetch-Site": "same-origin"}
            )

        compared = CODE_ENTRIES.labels("wrong")
        before = compared._value.get()
        await asyncio.gather(*(enter(wrong) for _ in range(30)))
        assert compared._value.get() - before == 10
        late = await enter(code)
        assert late.headers["location"] == "/limit/phone_code_entry"
        await browser.get("/code")
        assert browser.path == "/limit/phone_code_entry"
        assert browser.page.status_code == 429
        assert "Too many wrong codes" in browser.page.text


async def test_a_code_expires(start, outbox):
    """Ten minutes, by the store's clock; then it is refused without being compared."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await advance(browser, minutes=10, seconds=1)
        await browser.post("/code", code=outbox.code)
        assert "can’t be used anymore" in browser.page.text
        await browser.get("/code")
        assert 'name="code"' not in browser.page.text


async def test_a_code_is_bound(start, outbox):
    """To its person, its number, and its moment: moved to another one it is refused."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await advance(browser, seconds=1)
        await browser.post("/code", code=outbox.code)
        assert "isn’t the code" in browser.page.text
        await browser.post("/code", channel="text")
        kept = (await session_of(browser)).data.confirmation
        other = await reach_code(site)
        await (await session_of(other)).update(put(confirmation=kept))
        await other.get("/code")
        await other.post("/code", code=outbox.code)
        assert "isn’t the code" in other.page.text
        moved = PhoneConfirmation(phone="2025550124", mac=kept.mac, made_at=kept.made_at)
        await (await session_of(browser)).update(put(confirmation=moved))
        await browser.get("/code")
        await browser.post("/code", code=outbox.code)
        assert "isn’t the code" in browser.page.text


async def test_a_new_number_needs_a_new_code(start, outbox):
    """Going back for another number drops the code."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        code = outbox.code
        await browser.get("/phone")
        await browser.post("/phone", phone="202-555-0124")
        assert browser.path == "/code"
        assert "(202)\u00a0555-0124" in browser.page.text
        await browser.post("/code", code=code)
        assert browser.page.status_code == 400
        assert browser.path == "/code"


async def test_refusals_have_their_screens(start, outbox):
    """STOP, unreachable, time-out and outage each say what to do; what got no answer is not counted."""
    cases = {
        OPTED_OUT: ("accept our text messages", True),
        UNREACHABLE: ("couldn’t reach this number", True),
        TIMEOUT: ("took too long", False),
        AWAY: ("Something went wrong on our end", False),
    }
    async with start(**INLINE) as site:
        for phone, (words, counted) in cases.items():
            browser = await reach_code(site, phone)
            await browser.post("/code", channel="text")
            assert browser.path == "/code/problem", phone
            assert words in browser.page.text
            assert ("4 attempts left" in browser.page.text) is counted, phone
            await browser.get("/code")
            # A message that was perhaps sent may still arrive.
            assert ('name="code"' in browser.page.text) is (phone == TIMEOUT)
            if phone == TIMEOUT:
                await browser.post("/code", code=outbox.code)
                assert browser.path == "/done"
        browser = await reach_code(site, OPTED_OUT)
        await browser.post("/code", channel="text")
        assert 'href="/phone"' in browser.page.text
        await browser.get("/code")
        await browser.post("/code", channel="voice")
        await browser.post("/code", code=outbox.code)
        assert browser.path == "/done"


async def test_sends_are_limited(start, outbox):
    """By number in the window, and by a pause; the last code still counts."""
    async with start(**INLINE, phone_code_max_attempts="2") as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await browser.post("/code", channel="text")
        assert len(outbox.sent) == 2
        assert "Get a call" not in browser.page.text
        await browser.post("/code", channel="text")
        assert browser.path == "/limit/phone_code"
        assert len(outbox.sent) == 2
        await browser.get("/code")
        assert browser.path == "/code"
        await browser.post("/code", code=outbox.code)
        assert browser.path == "/done"


async def test_a_pause_between_two_codes(start, outbox):
    """The second one must wait; nothing is sent or counted, and the first one stays good."""
    async with start(**{**INLINE, "phone_code_pause_seconds": "30"}) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await browser.post("/code", channel="voice")
        assert browser.page.status_code == 400
        assert "Please wait before you get another one" in browser.page.text
        assert len(outbox.sent) == 1
        await browser.post("/code", code=outbox.code)
        assert browser.path == "/done"


async def test_no_pause_after_a_refusal(start, outbox):
    """Who gets no text message can take the call right away."""
    async with start(**{**INLINE, "phone_code_pause_seconds": "30"}) as site:
        browser = await reach_code(site, OPTED_OUT)
        await browser.post("/code", channel="text")
        assert browser.path == "/code/problem"
        await browser.get("/code")
        await browser.post("/code", channel="voice")
        await browser.post("/code", code=outbox.code)
        assert browser.path == "/done"


async def test_an_expired_code_at_the_limit(start, outbox):
    """No code can be entered and none sent: the page of the limit says so."""
    async with start(**INLINE, phone_code_max_attempts="1") as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await advance(browser, minutes=11)
        await browser.get("/code")
        assert browser.path == "/limit/phone_code"
        assert "can’t send you more codes" in browser.page.text


async def test_a_number_that_is_replaced_meanwhile_gets_no_code(start, outbox, monkeypatch):
    """Between reading the session and writing it another tab has come first: this one starts over."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        session = await session_of(browser)
        real = code.read_form

        async def read_form(request):
            await session.update(put(confirmation=PhoneConfirmation(phone="2025550199")))
            return await real(request)

        monkeypatch.setattr(code, "read_form", read_form)
        await browser.post("/code", channel="text")
        assert browser.path == "/code"
        assert not outbox.sent
        assert "555-0199" in browser.page.text


async def test_a_number_from_the_document_is_confirmed_as_well(start, outbox):
    """With `phone_precheck_enabled` the step of the number is skipped, and that of the code is not."""
    document = b"document: {phone: '202-555-0123'}\n"
    files = {side: ("id.yaml", document + f"# {side}".encode()) for side in ("front", "back")}
    settings = {**INLINE, "doc_auth_enable_presigned_s3_urls": "false", "phone_precheck_enabled": "true"}
    async with start(**settings) as site:
        browser = site.browser()
        await browser.consent()
        await browser.post_files("/document", files)
        await browser.post("/ssn", ssn="900-66-1234")
        await browser.post("/verify")
        assert browser.path == "/code"
        await browser.post("/code", channel="text")
        assert outbox.sent[0].number == "+12025550123"
        await browser.post("/code", code=outbox.code)
        assert browser.path == "/done"


async def test_with_jobs(start, outbox):
    """The request waits for nobody: the page waits, and the job has the message sealed."""
    async with start(**CODES) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        assert browser.path == "/code/wait"
        assert "We’re sending your code" in browser.page.text
        (message,) = site.queue.waiting
        assert (message.kind, message.queue_name) == (JobKind.CODE, "high_code_sending")
        assert PHONE.encode() not in message.encrypted_arguments
        assert not outbox.sent
        # A second click is the same attempt.
        await browser.get("/code")
        assert browser.path == "/code/wait"
        await site.queue.release()
        await browser.get("/code/wait")
        assert browser.path == "/code"
        await browser.post("/code", code=outbox.code)
        assert browser.path == "/done"


async def test_canceled_while_waiting(start, outbox):
    """Who stops waiting comes back to the choice; the job that was stopped sends nothing."""
    async with start(**CODES) as site:
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await browser.post("/code/cancel")
        assert browser.path == "/code"
        await site.queue.release()
        assert not outbox.sent


async def test_switched_off_and_on(start, outbox):
    """Off, nobody is asked, not even who waits there; on, the next number is."""
    async with start(**INLINE) as site:
        browser = await reach_code(site)
        change(site, phone_confirmation_enabled=False)
        await browser.get("/code")
        assert browser.path == "/done"
        assert not outbox.sent
        change(site, phone_confirmation_enabled=True)
        other = await reach_code(site)
        assert other.path == "/code"


async def test_a_job_that_comes_too_late_sends_nothing(start, outbox):
    """Switched off, or the country taken out, between submit and run."""
    for update, words in (
        ({"phone_confirmation_enabled": False}, None),
        ({"phone_code_countries": ("PR",)}, "can’t send a code to this number"),
    ):
        async with start(**CODES) as site:
            browser = await reach_code(site)
            await browser.post("/code", channel="text")
            change(site, **update)
            await site.queue.release()
            assert not outbox.sent
            await browser.get("/code/wait")
            if words:
                assert words in browser.page.text


async def test_numbers_are_checked_before_anything_is_sent(start):
    """Countries, premium and toll-free numbers by the number; internet lines by the vendor's answer."""
    async with start(**INLINE) as site:
        browser = site.browser()
        await browser.consent()
        await (await session_of(browser)).update(
            put(**{**SESSION, "completed": SESSION["completed"] - {JobKind.PHONE}})
        )
        await browser.get("/phone")
        for phone in ("416-555-0123", "800-555-0123", "900-555-0123", "876-555-0123"):
            await browser.post("/phone", phone=phone)
            assert browser.page.status_code == 400, phone
            assert "can’t send a code to this number" in browser.page.text
        await browser.post("/phone", phone=INTERNET)
        assert browser.path == "/phone/problem"
        assert "can’t send codes to this number" in browser.page.text
        await browser.get("/phone")
        await browser.post("/phone", phone="787-555-0123")
        assert browser.path == "/code"


async def test_no_step_without_a_messenger(start):
    """Without one the phone step ends the flow, for every number, as ever."""
    async with start(ruby_workers_idv_enabled="false") as site:
        for phone in ("416-555-0123", INTERNET):
            browser = site.browser()
            await browser.consent()
            await (await session_of(browser)).update(
                put(**{**SESSION, "completed": SESSION["completed"] - {JobKind.PHONE}})
            )
            await browser.get("/phone")
            await browser.post("/phone", phone=phone)
            assert browser.path == "/done", phone


async def test_nothing_readable_is_kept_or_logged(start, outbox, caplog, monkeypatch):
    """With a real messenger neither session nor log holds the code, and no log the number."""
    caplog.set_level("INFO", logger="proofing")
    async with start(**CODES) as site:
        monkeypatch.setattr(type(site.service.codes), "shows_code", lambda _self, _person: False)
        browser = await reach_code(site)
        await browser.post("/code", channel="text")
        await site.queue.release()
        await browser.get("/code/wait")
        assert 'id="test-code"' not in browser.page.text
        code = outbox.code
        assert code not in browser.page.text
        assert code.encode() not in (await session_of(browser)).data.to_json()
        assert code not in repr(outbox.sent[0])
        assert PHONE not in repr(outbox.sent[0])
        await browser.post("/code", code=code)
        assert browser.path == "/done"
        lines = json.dumps([getattr(record, "proofing_fields", {}) for record in caplog.records], default=str)
        assert "phone_code_entered" in caplog.text
        assert code not in lines
        assert PHONE not in lines
