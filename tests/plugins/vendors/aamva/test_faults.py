"""What comes in place of an answer: statuses, faults, exceptions of states, windows, time limits."""

import asyncio

import httpx
import pytest
from tests.plugins.vendors.aamva.asking import Worker
from tests.plugins.vendors.aamva.fake_aamva import (
    VERIFICATION_URL,
    FakeAAMVA,
    bare_answer,
    fault,
    indicators,
    reply,
    soap_answer,
)

from proofing.plugin import Cause, VendorError
from proofing.testing.canary import Canary

#: Midnight in New York: the windows of DC are open.


async def error_of(content, status=200, **given):
    """Return the error that an answer to the verification is."""
    aamva = FakeAAMVA()

    def answer(request):
        if str(request.url) == VERIFICATION_URL:
            return reply(content, status)
        return aamva(request)

    with pytest.raises(VendorError) as raised:
        await Worker(answer, **given).ask()
    assert raised.value.vendor_name == "aamva:state_id"
    return raised.value


@pytest.mark.parametrize(
    ("content", "status", "cause", "codes"),
    [
        (fault("0001"), 200, Cause.SOURCE_DOWN, ("0001", "Sender")),
        (fault("0002"), 200, Cause.SOURCE_DOWN, ("0002", "Sender")),
        (fault("0047"), 200, Cause.SOURCE_TIMEOUT, ("0047", "Sender")),
        (fault("0047"), 500, Cause.SOURCE_TIMEOUT, ("500", "0047", "Sender")),
        # Several: each is on record, and a system that is down outweighs one that was late.
        (fault("0047", "0001"), 200, Cause.SOURCE_DOWN, ("0047", "0001", "Sender")),
        (fault("0099", "0047", "0047"), 200, Cause.SOURCE_TIMEOUT, ("0099", "0047", "Sender")),
        # An exception that is not documented is placed by the fault's code.
        (fault("0099"), 200, Cause.BAD_REQUEST, ("0099", "Sender")),
        (fault("0099", code="Receiver"), 200, Cause.UNREACHABLE, ("0099", "Receiver")),
        (fault("0099", code="Novel"), 200, Cause.NONSENSE, ("0099",)),
        (fault(), 200, Cause.BAD_REQUEST, ("Sender",)),
        (fault(code="Receiver"), 500, Cause.UNREACHABLE, ("500", "Receiver")),
        (fault(code="Novel"), 500, Cause.UNREACHABLE, ("500",)),
        (fault(), 429, Cause.QUOTA, ("429", "Sender")),
        (b"Service Unavailable", 503, Cause.UNREACHABLE, ("503",)),
        (b"<html>", 404, Cause.BAD_REQUEST, ("404",)),
        (b"", 302, Cause.NONSENSE, ("302",)),
        # Only status 200 is an answer, however good the rest looks.
        (soap_answer(indicators()), 202, Cause.NONSENSE, ("202",)),
        (soap_answer(indicators()), 500, Cause.UNREACHABLE, ("500",)),
        (b"not XML", 200, Cause.NONSENSE, ()),
    ],
)
async def test_what_a_refusal_comes_to(content, status, cause, codes):
    """By the exceptions in it, then by its standard words, then by its status."""
    error = await error_of(content, status)
    assert (error.cause, error.codes) == (cause, codes)
    assert str(error).startswith("the verification: ")


async def test_an_exception_within_an_answer():
    """A yes with an exception in it is no yes."""
    exceptions = fault("0047").partition(b"<s:Detail>")[2].partition(b"</s:Detail>")[0]
    content = bare_answer(indicators()).replace(b"<DriverLicenseNumber", exceptions + b"<DriverLicenseNumber")
    error = await error_of(content)
    assert (error.cause, error.codes) == (Cause.SOURCE_TIMEOUT, ("0047",))


async def test_what_ends_in_an_exception_is_not_billed():
    """The state was asked, and AAMVA bills answers only."""
    assert not (await error_of(fault("0047"))).billed


async def test_the_texts_of_a_fault_end_in_the_adapter():
    """They may repeat the question; so may an invalid id."""
    canary = Canary()
    person = canary.applicant
    content = fault("0001", person.ssn, person.state_id_number, reason=f"{person.last_name}, {person.dob}")
    error = await error_of(content, applicant=person)
    assert canary.find_leaks(f"{error!r} {error} {error.codes}") == []
    assert error.codes == ("0001", "Sender")


async def test_a_verification_that_hangs():
    """Ends with its own time limit, which is shorter than the question's; it may be billed."""
    aamva = FakeAAMVA()

    async def answer(request: httpx.Request) -> httpx.Response:
        if str(request.url) == VERIFICATION_URL:
            await asyncio.Event().wait()
        return aamva(request)

    worker = Worker(answer, verification_timeout_seconds=0.05, timeout_seconds=30.0)
    async with asyncio.timeout(10):
        with pytest.raises(VendorError) as raised:
            await worker.ask()
    assert (raised.value.cause, raised.value.billed) == (Cause.TIMEOUT, True)
    assert str(raised.value).startswith("the verification: ")
    assert len(worker.vendor.requests) == 3


@pytest.mark.parametrize("status", [500, 503, 400, 404, 429])
async def test_nothing_is_asked_twice(status):
    """Once the verification was sent, no status makes it be sent again but one that refuses the token."""
    aamva = FakeAAMVA()

    def answer(request):
        return reply(b"", status) if str(request.url) == VERIFICATION_URL else aamva(request)

    worker = Worker(answer)
    with pytest.raises(VendorError):
        await worker.ask()
    assert [str(request.url) for request in worker.vendor.requests].count(VERIFICATION_URL) == 1
