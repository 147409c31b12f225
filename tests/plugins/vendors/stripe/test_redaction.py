"""Redaction: what Stripe holds is deleted when a person is erased, and where wanted after each answer."""

import asyncio
from urllib.parse import parse_qsl

import httpx
import pytest
from tests.plugins.vendors.stripe.answers import (
    SECTION,
    SESSION,
    Asked,
    refused,
    session,
    verified,
)

from proofing.contracts.continuation import Leave, Returned
from proofing.contracts.proofers import ForgettingProofer
from proofing.contracts.results import Outcome
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by

PATH = f"/v1/identity/verification_sessions/{SESSION}"
REDACT = f"{PATH}/redact"
REDACTING = {"redaction": {"status": "processing"}, "metadata": {}, "url": None}
GONE = {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such session"}}


class Account:
    """Answers as Stripe about one session, and notes what was asked of it."""

    def __init__(self, found, *, redacts=200):
        """Show *found*; *redacts*: the status of a redaction, or an error or future in place of an answer."""
        self.found, self.redacts, self.asked = found, redacts, []

    def __call__(self, request):
        """Answer one request."""
        self.asked.append((request.method, request.url.path))
        if request.url.path == REDACT:
            if isinstance(self.redacts, Exception):
                raise self.redacts
            if isinstance(self.redacts, asyncio.Future):
                return self.redacts
            if self.redacts == 200:
                self.found = {**self.found, **REDACTING, "last_verification_report": None}
            return httpx.Response(self.redacts, json=self.found if self.redacts == 200 else GONE)
        if request.method == "POST":
            return httpx.Response(200, json=session())
        if self.found is None:
            return httpx.Response(404, json=GONE)
        return httpx.Response(200, json=self.found)


async def opened(account, **section):
    """Return the question, and what it waits for."""
    asked = Asked(account, {**SECTION, **section})
    pending = await asked.open()
    account.asked.clear()
    return asked, pending


async def test_what_stripe_holds_of_an_erased_person_is_redacted():
    """Once: it holds nothing after that."""
    account = Account(session())
    asked, pending = await opened(account)
    assert isinstance(asked.proofer, ForgettingProofer)
    assert await asked.proofer.forget(pending, asked.context) is True
    assert account.asked == [("GET", PATH), ("POST", REDACT)]
    sent = asked.fake.requests[-1]
    assert sent.headers["authorization"] == f"Bearer {SECTION['api_key']}"
    assert sent.headers["stripe-version"] == "2026-10-28.endive"
    assert parse_qsl(sent.content.decode()) == []
    assert await asked.proofer.forget(pending, asked.context) is False
    assert account.asked[2:] == [("GET", PATH)]


async def test_a_session_that_stripe_does_not_know_holds_nothing():
    """It is no error."""
    asked, pending = await opened(Account(None))
    assert await asked.proofer.forget(pending, asked.context) is False


@pytest.mark.parametrize(
    ("redacts", "cause"), [(400, Cause.BAD_REQUEST), (401, Cause.AUTHENTICATION), (503, Cause.UNREACHABLE)]
)
async def test_what_was_not_redacted_is_an_error(redacts, cause):
    """The erasure reports it, and asks again."""
    asked, pending = await opened(Account(session(), redacts=redacts))
    with pytest.raises(VendorError, check=caused_by(cause)):
        await asked.proofer.forget(pending, asked.context)


async def test_a_session_that_stripe_works_on_cannot_be_redacted_yet():
    """Stripe would refuse: its answer has to come first."""
    account = Account(session("processing"))
    asked, pending = await opened(account)
    with pytest.raises(VendorError, match="processing", check=caused_by(Cause.UNREACHABLE)):
        await asked.proofer.forget(pending, asked.context)
    assert account.asked == [("GET", PATH)]


async def test_an_answer_that_says_nothing_of_a_redaction_is_none():
    """Nobody knows that anything was deleted."""
    asked = Asked(lambda _request: httpx.Response(200, json=session()))
    pending = await asked.open()
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        await asked.proofer.forget(pending, asked.context)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [(verified(), Outcome.PASSED), (refused("document_expired"), Outcome.FAILED)],
)
@pytest.mark.parametrize("redacts", [200, 400, 503, httpx.ConnectError("away")])
async def test_where_wanted_an_answer_that_was_read_is_redacted(found, outcome, redacts):
    """The answer is worth more than its redaction: one that fails is repeated by an operator."""
    account = Account(found, redacts=redacts)
    asked, pending = await opened(account, redact_results=True)
    result = await asked.proofer.resume(asked.request, pending, Returned(), asked.context)
    assert result.outcome is outcome
    assert account.asked[:2] == [("GET", PATH), ("POST", REDACT)]


async def test_a_redaction_without_an_end_keeps_no_answer_back():
    """It ends before the question's own time does, by which the answer would be lost."""
    never = asyncio.get_running_loop().create_future()
    asked = Asked(
        Account(verified(), redacts=never), {**SECTION, "redact_results": True}, timeout_seconds=0.5
    )
    pending = await asked.open()
    async with asyncio.timeout(asked.context.http.seconds_left()):
        result = await asked.proofer.resume(asked.request, pending, Returned(), asked.context)
    assert result.passed


async def test_nothing_is_redacted_otherwise():
    """Not without the setting, nor before there is an answer."""
    account = Account(verified())
    asked, pending = await opened(account)
    assert (await asked.proofer.resume(asked.request, pending, Returned(), asked.context)).passed
    assert account.asked == [("GET", PATH)]
    account = Account(session())
    asked, pending = await opened(account, redact_results=True)
    waiting = await asked.proofer.resume(asked.request, pending, Returned(), asked.context)
    assert isinstance(waiting.then, Leave)
    assert account.asked == [("GET", PATH)]


async def test_a_redaction_that_failed_is_logged(caplog):
    """By the session, which the operator redacts by hand; the person's answer is not affected."""
    account = Account(verified(), redacts=503)
    asked, pending = await opened(account, redact_results=True)
    await asked.proofer.resume(asked.request, pending, Returned(), asked.context)
    (line,) = [one for one in caplog.records if one.msg == "vendor_data_not_deleted"]
    assert line.levelname == "WARNING"
    assert line.proofing_fields == {"vendor": "stripe", "transaction_id": SESSION, "error": "unreachable"}
