"""kill -9 of every process and server at every step of a check at a hosted vendor.

What the design promises: one session at the vendor and one end, which reaches the page; no event and no
return is lost. What is lost, as the docs say: with a worker of Huey the answer of a job that it runs, which
ends as an unknown outcome; with the Redis that keeps results the sessions of people, and so their pages.
"""

import asyncio
from collections import Counter

import httpx
import pytest

from proofing.contracts.records import EndState
from proofing.testing.waiting import eventually
from proofing_devtools.product import NO_AUTHORITIES

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: At which the worker runs the job, before and after the park; they kill it in the middle of that.
FIRST_RUN = ["claimed", "session made", "parking", "images deleted"]
LATER_RUN = ["resumed", "fetching"]
STEPS = ["submitted", *FIRST_RUN, "parked", "away", "event", "returned", *LATER_RUN, "published"]
VICTIMS = {
    "postgres": ["worker", "web", "postgres", "redis"],
    "huey on SQLite": ["worker", "web"],
    "huey on Redis": ["worker", "web", "queue", "redis"],
}
#: A few of everything, for each run of the tests.
SHORT = [
    ("postgres", "session made", "worker"),
    ("postgres", "published", "worker"),
    ("postgres", "event", "web"),
    ("postgres", "away", "postgres"),
    ("postgres", "parked", "redis"),
    ("huey on SQLite", "parked", "worker"),
    ("huey on SQLite", "fetching", "worker"),
    ("huey on Redis", "event", "worker"),
    ("huey on Redis", "claimed", "worker"),
]
LONG = [
    pytest.param(shape, step, victim, marks=pytest.mark.chaos)
    for shape, victims in VICTIMS.items()
    for victim in victims
    for step in STEPS
]
#: The victims that are servers, in words.
SERVERS = {"postgres": "PostgreSQL", "queue": "the queue's Redis", "redis": "the results' Redis"}
#: How many kills of each victim the checks of a shape have survived.
HELD = Counter()
#: Where the vendor sends the person who is done.
PASSED = "/ssn"
#: When the vendor sends an event again.
AGAIN_SECONDS = 5


class Visit:
    """One check, with a kill of *victim* at *step*."""

    def __init__(self, product, person, step, victim):
        self.product, self.person, self.vendor = product, person, product.vendor
        self.step, self.victim = step, victim
        self.session = ""
        # Sessions of people are kept with the results.
        self.has_page = victim != "redis"

    async def without_worker(self, act, is_done):
        """Kill between what happens and the worker that would see it."""
        await self.product.kill("worker")
        await act()
        await eventually(is_done)
        if self.victim != "worker":
            await self.product.strike(self.victim)
        await self.product.start("worker")

    async def at(self, hold, act):
        """Kill where *act* leads to somebody who is held."""
        acting = asyncio.create_task(act())
        await hold.is_reached()
        if self.victim != "web":
            await acting
        await self.product.strike(self.victim)
        hold.release()
        await acting

    async def submit(self):
        """Submit the photos."""
        product, vendor, submit = self.product, self.vendor, self.person.submit
        if self.step == "submitted" and self.victim == "web":
            await self.at(product.hold("enqueued"), submit)
        elif self.step == "submitted":
            await self.without_worker(submit, self.person.look)
        elif self.step == "claimed":
            await self.at(vendor.hold("POST", "before"), submit)
        elif self.step == "session made":
            await self.at(vendor.hold("POST", "after"), submit)
        elif self.step in ("parking", "images deleted"):
            await self.at(product.hold(self.step), submit)
        else:
            await submit()

    async def go_away(self):
        """Open the vendor's page, of which the vendor tells; the job looks, and waits again."""
        product = self.product
        await eventually(lambda: product.is_parked(self.person.result_id))
        facts, fetches = await self.vendor.facts(), self.vendor.fetches
        self.session, url = (facts["sessions"][-1][name] for name in ("id", "url"))
        assert not self.has_page or url in self.person.page
        if self.step == "parked":
            await product.strike(self.victim)
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            assert (await client.get(url)).status_code == 200
        await eventually(lambda: self.vendor.fetches > fetches)
        await eventually(lambda: product.is_parked(self.person.result_id))
        if self.step == "away":
            await product.strike(self.victim)

    async def finish(self):
        """Have the vendor decide, and its event or the person bring that."""
        product, vendor = self.product, self.vendor
        if self.step == "event" and self.victim == "web":
            await self.at(product.hold("woken"), self.decide)
            # Nobody has answered the vendor, which sends it again.
            await eventually(self.was_not_answered)
            await vendor.test("clock", seconds=AGAIN_SECONDS)
        elif self.step == "event":
            await self.without_worker(self.decide, self.is_delivered)
        elif self.step == "returned":
            await self.decide(webhook="lost")
            url = await self.return_url()
            if self.victim == "web":
                await self.at(product.hold("woken"), lambda: self.person.come_back(url))
                await self.person.come_back(url)
            else:
                await self.without_worker(lambda: self.person.come_back(url), self.is_back)
        elif self.step == "resumed":
            await self.at(vendor.hold("GET", "before"), self.decide)
        elif self.step == "fetching":
            await self.at(vendor.hold("GET", "after"), self.decide)
        elif self.step == "published":
            await self.at(product.hold("published"), self.decide)
        else:
            await self.decide()

    async def decide(self, webhook="now"):
        """Have the vendor approve."""
        await self.vendor.test(f"sessions/{self.session}", state="approved", webhook=webhook)

    async def return_url(self):
        """Return where the vendor sends the person."""
        facts = await self.vendor.facts()
        (session,) = [one for one in facts["sessions"] if one["id"] == self.session]
        return f"/return/{session['customer_reference']}"

    async def is_delivered(self):
        """Return whether the product has taken the last event."""
        return (await self.vendor.sent(self.session, "session.decided"))[-1:] == [204]

    async def was_not_answered(self):
        """Return whether the product died over an event."""
        return (await self.vendor.sent(self.session, "session.decided"))[:1] == [0]

    async def is_back(self):
        """Return whether the return is known."""
        record = await self.product.backends.results.status(self.person.result_id)
        return record is not None and record.returned_at is not None


@pytest.mark.parametrize(("product", "step", "victim"), [*SHORT, *LONG], indirect=["product"])
async def test_kill(product, person, *, claim, request, step, victim):
    """The check ends as if nothing had happened, or as the docs say."""
    await kill(product, person, step, victim)
    shape = request.node.callspec.params["product"]
    HELD[shape, victim] += 1
    claim(
        "R2",
        f"kill -9 of {SERVERS.get(victim, victim)} at each step of a check at a hosted vendor ({shape})",
        f"{HELD[shape, victim]} of {len(STEPS)} steps: one session there, and the end that the docs name",
    )


async def kill(product, person, step, victim):
    """Have a visit with one kill, and hold it to its end."""
    visit = Visit(product, person, step, victim)
    calls = len(product.vendor.keys)
    is_lost = product.loses_running_jobs and victim == "worker"
    await person.consent()
    await visit.submit()
    if is_lost and step in FIRST_RUN:
        await until_lost(visit)
        return
    if step == "images deleted" and await has_bad_image(visit):
        return
    if visit.has_page or step not in ("submitted", *FIRST_RUN):
        await person.sees("away")
    await visit.go_away()
    await visit.finish()
    if is_lost and step in LATER_RUN:
        await until_lost(visit)
    elif step == "published" and victim == "redis" and product.loses_running_jobs:
        # The end was there alone.
        await eventually(lambda: product.is_over(person.result_id))
        assert await product.record(person.result_id) is None
    else:
        await until_ended(visit)
    # One session, however often it was asked for.
    assert len(set(product.vendor.keys[calls:])) == 1


async def until_ended(visit):
    """Wait for the one end, and see that nothing changes it."""
    product, person = visit.product, visit.person
    if visit.has_page:
        assert await person.sees(PASSED)
    record = await eventually(lambda: product.record(person.result_id))
    assert record.is_success, record
    await eventually(lambda: product.is_over(person.result_id))
    # A worker that dies after it has published logs nothing, and nobody of Huey's finds its job.
    assert set(product.ends(person.result_id)) <= {"done"}
    # What comes late changes nothing.
    await visit.decide()
    await eventually(visit.is_delivered)
    assert await product.record(person.result_id) == record


async def until_lost(visit):
    """See that the job ends in time as one whose vendor may have been called, and that its page says so."""
    product, person = visit.product, visit.person
    record = await eventually(lambda: product.record(person.result_id))
    assert record.end_state is EndState.UNKNOWN_OUTCOME, record
    assert await person.sees("/document/problem")
    assert await product.is_over(person.result_id)
    assert product.ends(person.result_id) == ["unknown_outcome"]


async def has_bad_image(visit):
    """Return whether the run began again that had deleted its images: the attempt is refunded."""
    product, person = visit.product, visit.person
    if visit.victim not in ("worker", "postgres") or product.loses_running_jobs:
        return False

    async def is_parked_or_over():
        return await product.is_parked(person.result_id) or await product.record(person.result_id)

    record = await eventually(is_parked_or_over)
    if record is True:
        # The server was back before the worker had to give the job up.
        assert visit.victim == "postgres"
        return False
    assert await person.sees("/document/problem")
    assert (record.end_state, record.reasons) == ("bad_image", ("missing",))
    return True
