"""What leads to vendors and back: the link on the waiting page, the return, and webhooks over HTTP."""

import html
import json
import re
import time

import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.continuation import Again, Event, EventKind, Exchange, Leave
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.webhooks import NotAuthenticError, Reply
from proofing.jobs.questions import QuestionKey
from proofing.jobs.way_back import QuestionAddress
from proofing.jobs.webhook_calls import WebhookCalls
from proofing.registry.plugins import LoadedWebhook
from proofing_devtools.later_vendors import YES, Later, pending, put_in_place
from proofing_devtools.sessions import DOCUMENT, put

PAGE = "https://vendor.example/visit/f3b1?a=1&b=2"
LIMIT = 1000
ALL = frozenset({Again, Exchange, Leave})


class Posted:
    """A webhook whose secret is a header, and whose posts name a question."""

    def receive(self, incoming, now):
        if incoming.headers.get("x-secret") != "right":
            raise NotAuthenticError
        values = json.loads(incoming.body)
        event = Event(kind=EventKind.READY, id=values["id"], question_id=values["question_id"])
        return event, Reply(status=202, body=b'{"thanks": true}', content_type="application/json")


async def submit(site):
    """Return a browser that waits for its check, and its session."""
    browser = site.browser()
    await browser.consent()
    session = await site.app.state.site.sessions.open(browser.http.cookies["proofing"])
    await session.update(put(document=DOCUMENT, completed=frozenset({JobKind.DOCUMENT})))
    await browser.get("/ssn")
    await browser.post("/ssn", ssn="900-66-1234")
    await browser.post("/verify")
    return browser, session


async def send_away(site, *answers):
    """Return a browser whose check waits for its person, and the vendor."""
    vendor = put_in_place(site, ProoferKind.RESOLUTION, Later(*answers), continues=ALL, webhook="acme")
    # As the composition root does for what a plugin offers.
    site.service.events._webhooks = WebhookCalls({"acme": LoadedWebhook(Posted(), LIMIT)})
    browser, _session = await submit(site)
    assert browser.path == "/verify/wait"
    await site.queue.release()
    await browser.get("/verify/wait")
    return browser, vendor


def way_back(site):
    """Return the id of the question of the one parked job."""
    (message,) = site.queue.waiting
    number = QuestionKey("resolution", 0).number
    return site.runtime.parts.way_back.question_id(QuestionAddress(message.result_id, number))


def away(**changes):
    """Return a question whose person is sent out, with a QR code."""
    return pending(then=Leave(PAGE, PAGE), **changes)


async def test_the_page_shows_where_to_go(site):
    """The link, its host, and a QR code without styles; nothing of it is in the JSON API."""
    browser, _vendor = await send_away(site, away())
    text = browser.page.text
    assert 'data-stage="away"' in text
    assert browser.open_parts == {"wait", "away", "stop"}
    assert f'href="{PAGE.replace("&", "&amp;")}"' in text
    assert "continues this check at vendor.example" in text
    (svg,) = re.findall(r'<figure class="qr-code"[^>]*>(<svg.*?</svg>)', text, re.DOTALL)
    assert "style" not in svg
    assert 'id="stop-pending" hidden' in text
    assert "data-sent-out" in text
    assert "<title>One more step on another website" in text
    (message,) = site.queue.waiting
    answer = await browser.http.get(f"/api/jobs/{message.result_id}")
    assert (answer.status_code, answer.json()["state"]) == (202, "away")
    assert "vendor.example" not in answer.text


async def test_without_a_qr_code(site):
    """The vendor did not want one."""
    browser, _vendor = await send_away(site, pending(then=Leave(PAGE)))
    assert "qr-code" not in browser.page.text
    assert "scan this code" not in browser.page.text


async def test_the_person_comes_back(site, monkeypatch):
    """To the waiting page, which waits for another minute, and from there on."""
    browser, _vendor = await send_away(site, away(), YES[ProoferKind.RESOLUTION])
    results = site.runtime.backends.results
    with monkeypatch.context() as patch:
        patch.setattr(results, "_clock", lambda: time.time() + 300)
        await browser.get("/verify/wait")
        assert 'data-stage="away"' in browser.page.text
        await browser.get(f"/return/{way_back(site)}")
        assert browser.path == "/verify/wait"
        assert 'data-stage="in_progress"' in browser.page.text
    await site.queue.release()
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


async def test_on_another_device(site):
    """It wakes the job, opens no session, and says where to continue."""
    browser, _vendor = await send_away(site, away(), YES[ProoferKind.RESOLUTION])
    phone = site.browser()
    await phone.get(f"/return/{way_back(site)}")
    assert "Go back to the device where you started" in phone.page.text
    assert "proofing" not in phone.http.cookies
    other = site.browser()
    await other.consent()
    await other.get(f"/return/{way_back(site)}")
    assert "Go back to the device where you started" in other.page.text
    await site.queue.release()
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


@pytest.mark.parametrize("wrong", ["x", "A" * 48, "%00", "..%2f" * 10])
async def test_a_return_that_leads_nowhere(site, wrong):
    """It is a page that does not exist."""
    browser = site.browser()
    await browser.get(f"/return/{wrong}")
    assert browser.page.status_code == 404


async def post_event(site, *, header="right", name="acme", body=None, **headers):
    """Post an event as the vendor does: no cookie, no Origin."""
    content = body if body is not None else json.dumps({"id": "e-1", "question_id": way_back(site)})
    return await site.browser().http.post(
        f"/webhooks/{name}", content=content, headers={"X-Secret": header, **headers}
    )


async def test_a_vendor_posts(site):
    """It gets the reply of its protocol, and the page continues without a return."""
    browser, _vendor = await send_away(site, away(), YES[ProoferKind.RESOLUTION])
    answer = await post_event(site)
    assert (answer.status_code, answer.json()) == (202, {"thanks": True})
    await site.queue.release()
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


async def test_posts_that_are_refused(site):
    """Forged, unknown, too large, or while the queue is down: then it is to be sent again."""
    _browser, vendor = await send_away(site, away())
    assert (await post_event(site, header="wrong")).status_code == 401
    assert (await post_event(site, name="nobody")).status_code in (404, 413)
    assert (await site.browser().http.get("/webhooks/acme")).status_code == 405
    assert (await post_event(site, body="x" * (LIMIT + 1))).status_code == 413
    site.queue.broken = True
    answer = await post_event(site)
    assert (answer.status_code, answer.json()["code"]) == (503, "technical")
    site.queue.broken = False
    assert (await post_event(site)).status_code == 202
    assert len(vendor.calls) == 1


async def test_a_browser_of_another_origin_may_post(site):
    """Vendors sign; where they call from says nothing."""
    await send_away(site, away())
    answer = await post_event(site, Origin="https://vendor.example")
    assert answer.status_code == 202


async def test_a_person_may_be_away_longer_than_a_session_idles(site, monkeypatch):
    """As long as the answer is waited for, and not longer."""
    browser, _vendor = await send_away(site, away(), YES[ProoferKind.RESOLUTION])
    results = site.runtime.backends.results
    with monkeypatch.context() as patch:
        patch.setattr(results, "_clock", lambda: time.time() + 50 * 60)
        await browser.get("/verify/wait")
        assert 'data-stage="away"' in browser.page.text
        patch.setattr(results, "_clock", lambda: time.time() + 180 * 60)
        await browser.get("/verify/wait")
        assert browser.path == "/session-ended"


async def test_the_page_is_woken_when_it_has_to_lead_away(site):
    """The stream says so at once, not at its next look."""
    vendor = put_in_place(site, ProoferKind.RESOLUTION, Later(away()), continues=ALL)
    _browser, session = await submit(site)
    (message,) = site.queue.waiting
    waiting = site.service.wait(session.person, message.result_id, JobKind.RESOLUTION, timeout_seconds=30)
    await site.queue.release()
    record = await waiting
    assert record.needs_person
    assert len(vendor.calls) == 1


async def test_the_stream_of_a_person_who_is_away_begins_with_that(site):
    """Also right after the submit: a page that is said to wait would load again, and again."""
    browser, _vendor = await send_away(site, away())
    (message,) = site.queue.waiting
    # A stream that ends after its first event.
    site.app.state.site.stopping.set()
    stream = await browser.http.get(f"/api/jobs/{message.result_id}/events")
    assert '"state": "away"' in stream.text


async def test_the_page_notices_another_link(site):
    """A vendor that sends its person somewhere else now: the stream says that the page is another one."""
    other = "https://vendor.example/second"
    browser, _vendor = await send_away(site, away(), away(), pending(then=Leave(other, other)))

    async def look():
        """Return what the page was made with, and what the API and a new stream say now."""
        (message,) = site.queue.waiting
        (shown,) = re.findall(r'data-vendor-page="(\w+)"', browser.page.text)
        answer = await browser.http.get(f"/api/jobs/{message.result_id}")
        stream = await browser.http.get(f"/api/jobs/{message.result_id}/events")
        (event,) = re.findall(r"^data: (.*)$", stream.text, re.MULTILINE)
        assert json.loads(event) == answer.json()
        return shown, answer.json()["vendor_page"]

    site.app.state.site.stopping.set()
    shown, told = await look()
    assert shown == told
    await post_event(site, body=json.dumps({"id": "e-1", "question_id": way_back(site)}))
    await site.queue.release()
    assert await look() == (shown, told)
    await post_event(site, body=json.dumps({"id": "e-2", "question_id": way_back(site)}))
    await site.queue.release()
    assert (await look())[1] != shown
    await browser.get("/verify/wait")
    assert f'href="{other}"' in browser.page.text
    shown, told = await look()
    assert shown == told


# Wallets

WALLET = Exchange(requests={"openid4vp-v1-signed": {"request": "e30<"}}, leave=Leave(PAGE), served=b"signed")


async def test_a_wallet_is_asked(site):
    """The page has requests for its script, and the link; a wallet fetches its request without a cookie."""
    browser, _vendor = await send_away(site, pending(then=WALLET))
    text = browser.page.text
    assert "<title>Share your digital ID" in text
    assert "wallet.js" in text
    assert browser.open_parts == {"wait", "away", "stop"}
    (requests,) = re.findall(r'data-requests="([^"]+)"', text)
    assert json.loads(html.unescape(requests)) == [
        {"protocol": "openid4vp-v1-signed", "data": {"request": "e30<"}}
    ]
    assert f'data-question-id="{way_back(site)}"' in text
    assert f'href="{PAGE.replace("&", "&amp;")}"' in text
    answer = await site.browser().http.get(f"/answers/{way_back(site)}/request")
    assert (answer.status_code, answer.content) == (200, b"signed")
    assert answer.headers["content-type"] == "application/oauth-authz-req+jwt"
    assert (await site.browser().http.get(f"/answers/{'A' * 48}/request")).status_code == 404


async def test_the_browsers_wallet_answers(site):
    """With session, token and origin of our own page alone; then the page waits."""
    browser, vendor = await send_away(site, pending(then=WALLET), YES[ProoferKind.RESOLUTION])
    path = f"/api/answers/{way_back(site)}"
    answer = {"protocol": "openid4vp-v1-signed", "data": {"vp_token": "x" * 100_000}}
    assert (await browser.api(path, answer, **{"X-CSRF-Token": "wrong"})).status_code == 403
    assert (await browser.api(path, answer, Origin="https://vendor.example")).status_code == 403
    other = site.browser()
    await other.consent()
    assert (await other.api(path, answer)).status_code == 404
    assert (await browser.api(path, {"data": "x" * 1_100_000})).status_code == 413
    assert len(vendor.calls) == 1
    assert (await browser.api(path, answer)).status_code == 200
    await browser.get("/verify/wait")
    assert 'data-stage="in_progress"' in browser.page.text
    await site.queue.release()
    assert json.loads(vendor.calls[1][2].body) == answer
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


async def test_a_wallet_posts_by_itself(site):
    """The reply says where its person goes from there; later, or at a wrong address, nobody waits for it."""
    browser, vendor = await send_away(site, pending(then=WALLET), YES[ProoferKind.RESOLUTION])
    question_id = way_back(site)
    wallet = site.browser().http
    answer = await wallet.post(f"/answers/{question_id}", content=b"response=e30")
    assert answer.json() == {"redirect_uri": f"http://localhost:8000/return/{question_id}"}
    await site.queue.release()
    assert vendor.calls[1][2].body == b"response=e30"
    assert (await wallet.post(f"/answers/{question_id}", content=b"x")).status_code == 404
    assert (await wallet.post(f"/answers/{'A' * 48}", content=b"x")).status_code == 404
    assert (await wallet.post(f"/answers/{question_id}", content=b"x" * 1_100_000)).status_code == 413
    await browser.get("/verify/wait")
    assert browser.path == "/phone"


async def test_a_vendor_that_is_down_sends_nobody_away_again(site):
    """Somebody who is back waits until the vendor has said what is missing; then the page leads there."""
    down = VendorError(Cause.UNREACHABLE, "down", vendor_name="mock")
    browser, _vendor = await send_away(site, away(), down, down, away())
    await browser.get(f"/return/{way_back(site)}")
    for stage in ("in_progress", "in_progress", "away"):
        await site.queue.release()
        await browser.get("/verify/wait")
        assert f'data-stage="{stage}"' in browser.page.text


async def test_somebody_who_comes_back_while_the_vendor_is_asked(site):
    """What was asked before says nothing about that: the page waits for the run that follows at once."""
    browser, vendor = await send_away(site, away(), away(), YES[ProoferKind.RESOLUTION])
    await post_event(site)
    question, resume = way_back(site), vendor.resume

    async def meanwhile(*arguments):
        await browser.get(f"/return/{question}")
        return await resume(*arguments)

    vendor.resume = meanwhile
    await site.queue.release()
    vendor.resume = resume
    await browser.get("/verify/wait")
    assert 'data-stage="in_progress"' in browser.page.text
