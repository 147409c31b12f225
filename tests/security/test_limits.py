"""Limits hold when everybody comes at once, and when the store that counts is down."""

import asyncio
from collections import Counter

import pytest

from proofing.app.service import PersonRef
from proofing.base.errors import LimitReachedError, StoreUnavailableError
from proofing.contracts.records import JobKind
from proofing.sessions.steps import Page
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing_devtools.capture import APPLICANT, DEVICE
from proofing_devtools.redis import running_redis
from proofing_devtools.sessions import DOCUMENT, SSN, make_session

CASES = {
    "test_exactly_the_maximum_passes": (200, 2_000),
    "test_paid_steps_answer_503_without_redis": (200, 200),
}
MAXIMUM = 10


@pytest.fixture(params=["local", "redis"])
def store(request):
    """Settings that choose a result store; the real server behind it, or None."""
    if request.param == "local":
        yield {}, None
        return
    with running_redis(password="synthetic") as server:
        yield redis_settings(server.url), server


def redis_settings(url):
    """Return the settings of a product with its results in Redis."""
    return {
        "plugins": ["huey", "local", "mock", "redis"],
        "result_store": "redis",
        "redis": {"url": url, "deadline_seconds": 1.0},
    }


async def test_exactly_the_maximum_passes(cases, claim, process, store):
    """Of parallel submissions of one SSN, by as many people, exactly the maximum is taken."""
    settings, server = store
    if server:
        settings["redis"]["deadline_seconds"] = 30.0
    async with process(proof_ssn_max_attempts=MAXIMUM, **settings) as running:

        async def submit(number):
            try:
                await running.service.submit_applicant(
                    JobKind.RESOLUTION, PersonRef(reference=f"person-{number}"), APPLICANT, **DEVICE
                )
            except LimitReachedError as error:
                return error.limit
            return ""

        taken = await asyncio.gather(*(submit(number) for number in range(cases)))
        assert Counter(taken) == {"": MAXIMUM, "proof_ssn": cases - MAXIMUM}
        assert len(running.queue.waiting) == MAXIMUM
        state = await running.service.limit(PersonRef(reference="person-0"), "proof_ssn", ssn=APPLICANT.ssn)
        assert state.remaining == 0
        await running.drain()
        assert len(set(running.asked)) >= 1
    name = "Redis" if server else "local store"
    claim(
        "S14",
        f"Parallel submissions of one SSN at a limit of {MAXIMUM} ({name})",
        f"exactly {MAXIMUM} of {cases:,}",
    )


#: A person who is before each paid step.
DATA = {
    "csrf": "c" * 43,
    "device_session_id": "pass",
    "consented_at": 1.0,
    "document": DOCUMENT,
    "typed": SSN,
    "attempts": ("a" * 32,),
    "saved_at": 9e9,
}
COMPLETED = {
    Page.VERIFY: frozenset({JobKind.DOCUMENT}),
    Page.PHONE: frozenset({JobKind.DOCUMENT, JobKind.RESOLUTION}),
}


async def test_paid_steps_answer_503_without_redis(cases, claim, process):
    """Redis away before, or in the middle of, a request: 503, nothing queued or counted."""
    answered = 0
    pages = [Page.VERIFY, Page.PHONE]
    with running_redis(password="synthetic") as server:
        async with FaultProxy("127.0.0.1", server.port) as proxy:
            settings = redis_settings(server.url.replace(f":{server.port}", f":{proxy.port}"))
            async with process(**settings) as running, running.browser() as http:
                people = await meet(running.service)

                async def post(page):
                    headers = {"Origin": "http://localhost:8000", "Cookie": f"proofing={people[page]}"}
                    fields = {"csrf_token": DATA["csrf"], "phone": "2025550143"}
                    return await http.post(page.value, data=fields, headers=headers)

                # Away in the middle: what was begun is taken back.
                for store, step in ((running.runtime.backends.results, "admit"), (running.queue, "enqueue")):
                    with pytest.MonkeyPatch.context() as patch:
                        patch.setattr(store, step, unavailable)
                        for page in pages:
                            assert (await post(page)).status_code == 503
                # Away altogether.
                await proxy.set(Fault(is_down=True))
                for response in await asyncio.gather(*(post(pages[number % 2]) for number in range(cases))):
                    assert response.status_code == 503
                    answered += 1
                await proxy.set(NO_FAULT)
                assert not running.queue.waiting
                assert running.asked == []
                for page, limit in ((Page.VERIFY, "idv_resolution"), (Page.PHONE, "proof_address")):
                    state = await running.service.limit(PersonRef(reference=people[page]), limit)
                    assert state.remaining == state.maximum
                    assert (await post(page)).status_code == 303
                assert len(running.queue.waiting) == 2
    claim(
        "S14",
        "Paid steps while Redis is down answer 503; nothing is queued, counted or asked",
        f"{answered} of {cases}",
    )


async def meet(service):
    """Begin a session before each paid step and return the sessions' ids, which are the people's too."""
    people = {}
    for page, completed in COMPLETED.items():
        people[page] = page.value.replace("/", "").ljust(43, "x")
        await service.sessions.save(people[page], make_session(people[page], completed=completed, **DATA))
    return people


async def unavailable(*_arguments, **_named):
    """Do as a store that does not answer."""
    raise StoreUnavailableError("away")
