"""What people see while something is out: all of it, the phone step, codes, or one way of sending them."""

from datetime import UTC, datetime, timedelta

import pytest

from proofing.contracts.messages import Channel
from proofing.contracts.records import JobKind
from proofing.sessions.phone_codes import PhoneConfirmation
from proofing.settings.vendor_values import MaintenanceWindow, VendorShadow, VendorStatus
from proofing_devtools.sessions import DOCUMENT, SSN_AND_PHONE, put

CODES = {"messenger_vendor": "mock", "ruby_workers_idv_enabled": "false"}
SYNC = {"doc_auth_enable_presigned_s3_urls": "false", "ruby_workers_idv_enabled": "false"}
DONE = frozenset({JobKind.DOCUMENT, JobKind.RESOLUTION})
PHONE_DONE = DONE | {JobKind.PHONE}
OUT = {"mock": VendorStatus.FULL_OUTAGE}


def switch(site, **values):
    """Have other settings in effect."""
    live = site.runtime.configuration.live
    live.current = live.current.model_copy(update=values)


def window(minutes, **what):
    """Return a window of maintenance that is open for so many minutes more."""
    now = datetime.now(UTC)
    return MaintenanceWindow(
        start=now - timedelta(hours=1), finish=now + timedelta(minutes=minutes, seconds=-30), **what
    )


@pytest.mark.parametrize("path", ["/", "/consent", "/document", "/ssn"])
async def test_maintenance_of_everything_says_until_when(start, path):
    """On every page of the flow, in words and for machines; nobody begins, and who has begun may exit."""
    async with start(status_url="https://status.example.gov", **SYNC) as site:
        browser = site.browser()
        await browser.consent()
        switch(site, vendor_maintenance_windows=(window(90, everything=True),))
        page = await browser.get(path)
        assert page.status_code == 503
        assert "scheduled maintenance. Please come back in 1 hour and 30 minutes" in page.text
        assert 'href="https://status.example.gov"' in page.text
        assert 5_000 < int(page.headers["retry-after"]) <= 5_400
        switch(site, vendor_maintenance_windows=())
        assert (await browser.get(path)).status_code == 200


async def test_maintenance_of_the_document_vendor_says_until_when(start):
    """The whole flow is closed, for as long as that vendor is."""
    async with start(resolution_vendor="mock:polling") as site:
        browser = site.browser()
        await browser.consent()
        switch(site, vendor_maintenance_windows=(window(30, vendor="mock"),))
        page = await browser.get("/document")
        assert (page.status_code, "Please come back in 30 minutes" in page.text) == (503, True)


async def test_an_outage_without_an_end_promises_none(start):
    """As one that nobody scheduled."""
    async with start(**SYNC) as site:
        browser = site.browser()
        await browser.consent()
        switch(site, vendor_status=OUT)
        page = await browser.get("/document")
        assert page.status_code == 503
        assert "Please come back later" in page.text
        assert "maintenance" not in page.text


async def reach(site, **values):
    """Return a browser whose person has done what comes before, with *values* in the session."""
    browser = site.browser()
    await browser.consent()
    session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
    await session.update(put(consented_at=1.0, document=DOCUMENT, typed=SSN_AND_PHONE, **values))
    return browser


async def test_phones_that_nobody_can_check(start):
    """The step says so and can be tried again; what is done stays done."""
    async with start(phone_vendors='["mock:polling"]') as site:
        browser = await reach(site, completed=DONE)
        switch(site, vendor_status={"mock:polling": VendorStatus.PARTIAL_OUTAGE})
        page = await browser.get("/phone")
        assert page.status_code == 503
        assert "We can’t check phone numbers right now" in page.text
        assert '<a class="button" href="/phone">Try again</a>' in page.text
        switch(site, vendor_status={"mock": VendorStatus.OPERATIONAL})
        assert (await browser.get("/phone")).status_code == 200


async def test_a_vendor_that_lets_nothing_through(start):
    """An open circuit breaker without a fallback: the page calls it an outage, and the attempt is free."""
    breaker = '{"faults": 1, "open_seconds": 600}'
    switches = {"vendor_breaker": breaker, "ruby_workers_idv_enabled": "false"}
    async with start(status_url="https://status.example.gov", **switches) as site:
        browser = await reach(site, completed=DONE)
        for number, title in (
            ("703-555-5999", "Something went wrong on our end"),
            ("202-555-0123", "We can’t check phone numbers right now"),
        ):
            await browser.get("/phone")
            await browser.post("/phone", phone=number)
            await site.runtime.parts.gates.close()
            assert title in browser.page.text
            assert "This didn’t count as an attempt" in browser.page.text
        assert "There’s nothing wrong with your number" in browser.page.text
        assert 'href="https://status.example.gov"' in browser.page.text
        assert '<a class="button" href="/phone">Try again</a>' in browser.page.text


async def test_one_way_of_sending_codes_is_out(start):
    """It cannot be chosen, and the page says so; the other one can."""
    async with start(**CODES) as site:
        browser = await reach(site, completed=PHONE_DONE, confirmation=PhoneConfirmation(phone="2025550123"))
        switch(site, phone_code_channels_out=(Channel.TEXT,))
        page = await browser.get("/code")
        assert page.status_code == 200
        assert "We can’t send text messages right now" in page.text
        assert ('value="text"' in page.text, 'value="voice"' in page.text) == (False, True)
        await browser.post("/code", channel="text")
        assert browser.page.status_code == 400


async def test_codes_that_nobody_can_send(start):
    """Nobody is let past the step, and a code that was sent before can be entered."""
    async with start(**CODES) as site:
        browser = await reach(site, completed=PHONE_DONE, confirmation=PhoneConfirmation(phone="2025550123"))
        switch(site, phone_code_channels_out=(Channel.TEXT, Channel.VOICE))
        page = await browser.get("/code")
        assert page.status_code == 503
        assert "We can’t send codes right now" in page.text
        switch(site, phone_code_channels_out=())
        await browser.get("/code")
        await browser.post("/code", channel="text")
        switch(site, phone_code_channels_out=(Channel.TEXT, Channel.VOICE))
        page = await browser.get("/code")
        assert page.status_code == 200
        assert 'name="code"' in page.text
        assert "We can’t make calls right now" in page.text


async def test_the_consent_names_who_compares(start):
    """Only a company that the page showed is agreed to; without a shadow nothing is said."""
    async with start() as site:
        browser = site.browser()
        page = await browser.get("/consent")
        assert "compare their results" not in page.text
        shadow = VendorShadow(vendor="mock:polling")
        switch(site, resolution_vendor_shadow=shadow)
        page = await browser.get("/consent")
        assert "with those of the made-up vendor of this test system" in page.text
        await browser.post("/consent", consent="yes", compared_by="the made-up vendor of this test system|X")
        session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
        assert session.data.compared_by == ("the made-up vendor of this test system",)
        other = site.browser()
        await other.consent()
        session = await site.app.state.site.sessions.open(other.http.cookies["proofing"])
        assert session.data.compared_by == ()
