"""Tokens: made by two calls that are not billed, shared by all workers, replaced when they are refused."""

import asyncio
import base64

import httpx
import pytest
from tests.plugins.vendors.aamva.asking import Worker
from tests.plugins.vendors.aamva.fake_aamva import (
    FakeAAMVA,
    authentication_token,
    fault,
    reply,
    security_token,
)

from proofing.jobs.vendor_cache import VendorCaches
from proofing.plugin import Cause, Outcome, VendorError

SECRET = base64.b64encode(b"s" * 32).decode()


def first(content, status=200):
    """Return a vendor that answers the first call with *content*."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return reply(content, status)

    return answer


def second(content, status=200):
    """Return a vendor that answers the first call well and the second with *content*."""
    aamva = FakeAAMVA()

    def answer(request: httpx.Request) -> httpx.Response:
        return reply(content, status) if aamva.calls else aamva(request)

    return answer


async def error_of(answer):
    """Return the error of a question to *answer*, which may not be noted as one that is billed."""
    worker = Worker(answer)
    with pytest.raises(VendorError) as raised:
        await worker.ask()
    assert worker.intents == 0
    assert not raised.value.billed
    return raised.value


async def test_a_token_is_made_once():
    """By one of many questions at once; then only verifications are sent, each noted before it is."""
    aamva, caches = FakeAAMVA(), VendorCaches()
    workers = [Worker(aamva, caches=caches) for _ in range(5)]
    results = await asyncio.gather(*(worker.ask() for worker in workers))
    assert {result.outcome for result in results} == {Outcome.PASSED}
    await workers[0].ask()
    assert aamva.calls == ["security token", "authentication token", *["verification"] * 6]
    assert sum(worker.intents for worker in workers) == 6


async def test_a_refused_token_is_replaced():
    """Ten questions meet a refused token at once: one new token, and each is asked once more."""
    aamva, caches = FakeAAMVA(), VendorCaches()
    await Worker(aamva, caches=caches).ask()
    aamva.refused.add(aamva.tokens[0])
    aamva.calls.clear()
    everybody = asyncio.Barrier(10)

    async def answer(request: httpx.Request) -> httpx.Response:
        response = aamva(request)
        if response.status_code == 500:
            await everybody.wait()
        return response

    results = await asyncio.gather(*(Worker(answer, caches=caches).ask() for _ in range(10)))
    assert {result.outcome for result in results} == {Outcome.PASSED}
    assert aamva.calls.count("security token") == 1
    assert aamva.calls.count("verification") == 20


async def test_a_token_that_is_refused_again():
    """Is an error of our credentials; nothing is asked a third time."""
    aamva = FakeAAMVA()
    aamva.refused = {f"token-{number}&<" for number in range(1, 9)}
    worker = Worker(aamva)
    with pytest.raises(VendorError) as raised:
        await worker.ask()
    assert raised.value.cause is Cause.AUTHENTICATION
    assert raised.value.codes == ("500", "Sender", "InvalidSecurityToken")
    assert aamva.calls == ["security token", "authentication token", "verification"] * 2


async def test_a_question_that_is_refused_as_malformed_costs_the_token():
    """How AAMVA refuses tokens is not documented: it is not asked again, and the next one has a new token."""
    aamva, caches = FakeAAMVA(lambda: fault("0099")), VendorCaches()
    with pytest.raises(VendorError):
        await Worker(aamva, caches=caches).ask()
    assert aamva.calls.count("verification") == 1
    aamva.answer = FakeAAMVA().answer
    assert (await Worker(aamva, caches=caches).ask()).passed
    assert len(aamva.tokens) == 2


async def test_failures_are_not_shared():
    """The next question authenticates again."""
    aamva, caches = FakeAAMVA(), VendorCaches()
    with pytest.raises(VendorError):
        await Worker(first(b"", 503), caches=caches).ask()
    assert (await Worker(aamva, caches=caches).ask()).passed


@pytest.mark.parametrize(
    ("content", "status", "cause"),
    [
        (b"", 503, Cause.UNREACHABLE),
        (b"", 401, Cause.AUTHENTICATION),
        (b"", 400, Cause.AUTHENTICATION),
        (fault(subcode="FailedAuthentication"), 500, Cause.AUTHENTICATION),
        (fault(), 200, Cause.AUTHENTICATION),
        (fault(code="Receiver"), 200, Cause.UNREACHABLE),
        (b"<R/>", 200, Cause.NONSENSE),
        (b"no XML", 200, Cause.NONSENSE),
    ],
)
@pytest.mark.parametrize(
    ("vendor", "name"), [(first, "the security token: "), (second, "the authentication token: ")]
)
async def test_refusals(vendor, name, content, status, cause):
    """Each names its call; what blames our message can only blame our credentials."""
    error = await error_of(vendor(content, status))
    assert error.cause is cause
    assert str(error).startswith(name)


@pytest.mark.parametrize(
    "content",
    [
        security_token("", SECRET),
        security_token("urn:x", ""),
        security_token("urn:x", "§"),
        security_token("urn:x", SECRET, reference=""),
        security_token("urn:x", SECRET, reference="a b"),
        security_token("urn:x", SECRET, reference="1"),
        security_token("urn:x", SECRET).replace(b"BinarySecret", b"Secret"),
        security_token("urn:x", SECRET).replace(b"<Entropy>", b"<BinarySecret>eA==</BinarySecret><Entropy>"),
        security_token("urn:x", SECRET).replace(b"RequestedSecurityToken", b"RequestedOtherToken"),
        security_token("urn:x", SECRET).replace(b"c:Identifier", b"c:Name"),
    ],
)
async def test_a_security_token_that_lacks_something(content):
    """It is not used."""
    assert (await error_of(first(content))).cause is Cause.NONSENSE


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (authentication_token("a-token", "<Success>false</Success>"), Cause.AUTHENTICATION),
        (authentication_token("a-token", "<Success>perhaps</Success>"), Cause.AUTHENTICATION),
        (authentication_token(""), Cause.NONSENSE),
        (authentication_token("a-token").replace(b"Token>", b"Other>"), Cause.NONSENSE),
    ],
)
async def test_an_authentication_that_fails(content, cause):
    """Also where a token comes with it."""
    assert (await error_of(second(content))).cause is cause


async def test_success_need_not_be_said():
    """The token decides."""
    assert await Worker(second(authentication_token("a-token", ""))).check() is None


async def test_check_authenticates():
    """Without a verification, with a new token, and without sharing it."""
    aamva, caches = FakeAAMVA(), VendorCaches()
    worker = Worker(aamva, caches=caches)
    assert await worker.check() is None
    assert aamva.calls == ["security token", "authentication token"]
    assert worker.intents == 0
    await worker.ask()
    assert await worker.check() is None
    assert len(aamva.tokens) == 3


async def test_check_says_what_is_wrong():
    """In the words of the error."""
    with pytest.raises(VendorError, match=r"^the security token: AAMVA answered with HTTP 403$"):
        await Worker(first(b"", 403)).check()


async def test_an_authentication_that_hangs():
    """Ends with its own time limit, names its call, and is not billed."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    worker = Worker(answer, authentication_timeout_seconds=0.05, timeout_seconds=30.0)
    async with asyncio.timeout(10):
        with pytest.raises(VendorError, match=r"^the security token: ") as raised:
            await worker.ask()
    assert (raised.value.cause, raised.value.billed) == (Cause.TIMEOUT, False)
    assert len(worker.vendor.requests) == 1
