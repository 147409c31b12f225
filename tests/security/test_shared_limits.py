"""Dropping cookies does not reset what a client address, or everybody together, may cost."""

import asyncio
import re
from collections import Counter
from dataclasses import replace

import pytest

from proofing.app.service import PersonRef
from proofing.base.errors import LimitReachedError
from proofing.contracts.applicant import Applicant
from proofing.contracts.records import JobKind
from proofing.sessions.steps import Page
from proofing.testing.memory_queue import MemoryJob
from proofing_devtools.capture import APPLICANT, DEVICE
from proofing_devtools.sessions import DOCUMENT, make_session

CASES = {
    "test_new_cookies_are_no_new_attempts": (40, 400),
    "test_a_vendor_is_asked_no_more_than_its_budget": (12, 120),
}
ORIGIN = {"Origin": "http://localhost:8000"}
MAXIMUM = 30


async def test_new_cookies_are_no_new_attempts(cases, claim, process):
    """Each with a person and session of its own: exactly the maximum of one address is taken."""
    limits = {"client_resolution_max_attempts": MAXIMUM, "client_session_max_attempts": MAXIMUM}
    async with process(**limits, trusted_proxies=1) as running, running.browser() as http:

        async def submit(number, address):
            session_id = f"{number}".rjust(43, "x")
            data = make_session(
                f"person-{number}",
                consented_at=1.0,
                typed=Applicant(ssn=f"9{number:08}"),
                device_session_id="pass",
                document=DOCUMENT,
                completed=frozenset({JobKind.DOCUMENT}),
                saved_at=9e9,
            )
            await running.service.sessions.save(session_id, data)
            headers = {**ORIGIN, "Cookie": f"proofing={session_id}", "X-Forwarded-For": address}
            answer = await http.post(Page.VERIFY, data={"csrf_token": "c" * 43}, headers=headers)
            location = answer.headers["location"]
            if location.startswith("/limit/"):
                page = await http.get(location, headers=headers)
                assert page.status_code == 429
                assert int(page.headers["retry-after"]) > 0
                assert "from your network" in page.text
            return location

        taken = Counter([await submit(number, "203.0.113.9") for number in range(cases)])
        assert taken == {Page.VERIFY_WAIT: MAXIMUM, "/limit/client_resolution": cases - MAXIMUM}
        # One subscriber's addresses are one; another's are not.
        many = [await submit(1000 + number, f"2001:db8:0:7::{number + 1:x}") for number in range(cases)]
        assert Counter(many) == taken
        assert await submit(5000, "2001:db8:0:8::1") == Page.VERIFY_WAIT

        begun = Counter()
        for _ in range(cases):
            page = await http.get("/consent")
            token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
            answer = await http.post(
                "/consent",
                data={"csrf_token": token, "consent": "yes"},
                headers={**ORIGIN, "X-Forwarded-For": "198.51.100.7"},
            )
            begun[answer.headers["location"]] += 1
            http.cookies.clear()
        assert begun == {"/document": MAXIMUM, "/limit/client_session": cases - MAXIMUM}
        page = await http.get("/limit/client_session", headers={"X-Forwarded-For": "198.51.100.7"})
        assert page.status_code == 429
        assert (await http.get("/limit/client_session")).headers["location"] == "/"
    claim(
        "S14",
        f"Resolutions, each with a cookie and SSN of its own, from one address at a limit of {MAXIMUM}",
        f"exactly {MAXIMUM} of {cases}",
    )


async def test_a_vendor_is_asked_no_more_than_its_budget(cases, claim, process):
    """What was submitted in time and finds the budget used up ends without an answer, and costs nothing."""
    budget = cases // 3
    # One call of one vendor a job.
    only = {"device_profiling_enabled": False, "state_id_vendor": None}
    async with process(vendor_hourly_budgets={"mock": budget}, **only) as running:
        people = [PersonRef(reference=f"person-{number}") for number in range(cases)]
        for number, person in enumerate(people):
            applicant = replace(APPLICANT, ssn=f"9{number:08}")
            await running.service.submit_applicant(JobKind.RESOLUTION, person, applicant, **DEVICE)
        waiting, running.queue.waiting = running.queue.waiting, []
        records = await asyncio.gather(
            *(running.runtime.runner.run(MemoryJob(message, attempt=1)) for message in waiting)
        )
        answered = [record for record in records if not record.is_exception]
        assert len(answered) == budget
        charged = {record.owner for record in answered}
        for person in people:
            state = await running.service.limit(person, "idv_resolution")
            assert state.maximum - state.remaining == (person.reference in charged)
        # Anyone who comes now gets the error before anything is submitted.
        with pytest.raises(LimitReachedError) as caught:
            await running.service.submit_applicant(JobKind.PHONE, people[0], APPLICANT)
        assert caught.value.limit == "vendor_budget"
        async with running.browser() as http:
            token = re.search(r'name="csrf_token" value="([^"]+)"', (await http.get("/consent")).text)[1]
            form = {"csrf_token": token, "consent": "yes"}
            await http.post("/consent", data=form, headers={"Origin": "http://localhost:8000"})
            page = await http.get("/limit/vendor_budget")
        assert page.status_code == 429
        assert "can’t verify more people" in page.text
        assert not running.queue.waiting
    claim("S14", "Calls of a vendor with an hourly budget, by parallel jobs", f"{budget} of {cases}")
