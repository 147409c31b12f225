"""Shadows: sampled, within a budget, only with consent, told little, and of no effect on the person."""

import asyncio
import json
import logging
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from proofing.base.errors import Cause, StoreUnavailableError, VendorError
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.people import PersonRef
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import Match, Outcome, PhoneResult, ProoferKind, ResolutionResult
from proofing.jobs import shadow
from proofing.registry.proofers import LoadedProofer
from proofing.settings.vendor_values import VendorPrice, VendorShadow
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import make_process
from proofing.testing.waiting import eventually
from proofing_devtools.capture import APPLICANT

CANARY = Canary(seed=92)
COMPANY = "Shadow Inc."
AGREED = Circumstances(locale="en", ip_address="198.51.100.213", compared_by=(COMPANY, "Another"))
RESULTS = {ProoferKind.RESOLUTION: ResolutionResult, ProoferKind.PHONE: PhoneResult}


class Shadowed:
    """A running process with a shadow for one kind of question."""

    def __init__(self, running, kind=ProoferKind.RESOLUTION):
        self.running, self.kind = running, kind
        self.seen, self.made = [], 0
        self.shadows = running.runtime.parts.shadow
        self.live = running.runtime.configuration.live
        self.shadows._spacing_seconds = 0.0

    def install(self, proof, *, attributes=frozenset({"first_name", "dob", "ssn", "phone"}), **terms):
        """Offer *proof* as the vendor ``other``, and have the settings name it."""

        def make(_settings, _process):
            self.made += 1
            return SimpleNamespace(proof=proof)

        descriptor = ProoferDescriptor(
            name="other",
            kind=self.kind,
            make=make,
            attributes=attributes,
            needs=frozenset({"ip_address", "locale"}),
            company=COMPANY,
            maturity=Maturity.DOCUMENTED,
        )
        proofers = self.running.runtime.configuration.plugins.proofers
        proofers[self.kind, "other"] = LoadedProofer("mock", descriptor, None, make_process)
        wanted = VendorShadow(**{"vendor": "other", "percentage": 100.0, "per_hour": 1000, **terms})
        self.set(**{f"{self.kind}_vendor_shadow": wanted})

    def answer(self, outcome=Outcome.PASSED, **values):
        """Return a vendor that notes what it is asked and answers so."""
        result = RESULTS[self.kind](vendor_name="other", outcome=outcome, **values)

        async def proof(request, _context):
            self.seen.append(request)
            return result

        return proof

    def set(self, **values):
        """Have other settings in effect."""
        self.live.current = self.live.current.model_copy(update=values)

    async def ask(self, person="person-1", circumstances=AGREED, applicant=None):
        """Run one job, and return its record."""
        kind = JobKind.RESOLUTION if self.kind is ProoferKind.RESOLUTION else JobKind.PHONE
        await self.running.service.submit_applicant(
            kind, PersonRef(reference=person), applicant or APPLICANT, circumstances=circumstances
        )
        (record,) = await self.running.drain()
        return record

    async def ended(self):
        """Wait until no shadow is on its way."""
        await eventually(lambda: not self.shadows._running.pending())


@pytest.fixture
def jobs(process):
    """Start a process whose questions are put in jobs."""
    return lambda **values: process(
        ruby_workers_idv_enabled=True, proof_ssn_max_attempts=1000, device_profiling_enabled=False, **values
    )


def compared(caplog):
    """Return the lines of shadows."""
    return [one.proofing_fields for one in caplog.records if one.getMessage() == "shadow_compared"]


async def test_a_shadow_is_told_little_and_compared(jobs, caplog):
    """Neither SSN nor the browser's address, nor who the person is to us; the line holds no personal data."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        differing = {"dob": Match.MISMATCH, "first_name": Match.MATCH}
        shadowed.install(shadowed.answer(Outcome.FAILED, attributes=differing, transaction_id="t-1"))
        with caplog.at_level(logging.INFO, logger="proofing"):
            record = await shadowed.ask()
            await shadowed.ended()
    assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
    (request,) = shadowed.seen
    assert (request.applicant.first_name, request.applicant.dob) == (APPLICANT.first_name, APPLICANT.dob)
    assert (request.applicant.ssn, request.applicant.uuid, request.images) == (None, None, {})
    assert (request.circumstances.ip_address, request.circumstances.locale) == (None, "en")
    (line,) = compared(caplog)
    assert line["job_id"] == record.result_id
    assert (line["vendor"], line["outcome"]) == ("mock", "passed")
    assert (line["shadow_vendor"], line["shadow_outcome"]) == ("other", "failed")
    assert APPLICANT.ssn not in json.dumps([vars(one) for one in caplog.records], default=str)


async def test_attributes_that_both_judged_differently_are_named(jobs, caplog):
    """Names alone."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        counting = ResolutionResult(
            vendor_name="mock", outcome=Outcome.PASSED, attributes={"dob": Match.MATCH, "ssn": Match.MATCH}
        )
        loaded = running.runtime.configuration.plugins.proofers[ProoferKind.RESOLUTION, "mock"]

        async def proof(_request, _context):
            return counting

        loaded.descriptor = replace(loaded.descriptor, make=lambda *_: SimpleNamespace(proof=proof))
        loaded.__dict__.pop("proofer", None)
        shadowed.install(shadowed.answer(attributes={"dob": Match.MISMATCH, "zipcode": Match.MATCH}))
        with caplog.at_level(logging.INFO, logger="proofing"):
            await shadowed.ask()
            await shadowed.ended()
    assert compared(caplog)[0]["names"] == ["dob"]


@pytest.mark.parametrize("named", [None, (), ("Another",)])
async def test_without_consent_nobody_is_asked(jobs, named):
    """The consent of a person who began before the company was named is none."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.install(shadowed.answer())
        await shadowed.ask(circumstances=replace(AGREED, compared_by=named))
        await shadowed.ended()
        assert shadowed.seen == []


async def test_the_sample_and_the_budget_hold(jobs):
    """A share of the questions, and no more than an hour's calls over all processes."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.install(shadowed.answer(), percentage=50.0)
        for number in range(40):
            await shadowed.ask(f"person-{number}")
            await shadowed.ended()
        assert 8 <= len(shadowed.seen) <= 32
        before = len(shadowed.seen)
        shadowed.install(shadowed.answer(), per_hour=before + 2)
        for number in range(5):
            await shadowed.ask(f"more-{number}")
            await shadowed.ended()
        assert len(shadowed.seen) == before + 2


async def test_test_mode_outages_and_the_same_vendor_ask_nobody(jobs):
    """What is out is not asked, nor who was asked already."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.install(shadowed.answer())
        shadowed.set(vendor_status={"other": "full_outage"})
        await shadowed.ask()
        shadowed.set(vendor_status={}, resolution_vendor_shadow=VendorShadow(vendor="mock", percentage=100.0))
        await shadowed.ask()
        await shadowed.ended()
        assert shadowed.seen == []


def crash(_request, _context):
    """End the process, as far as it is let."""
    raise SystemExit("canary-of-a-crash")


def block(_request, _context):
    """Block its thread."""
    time.sleep(2)


async def hang(_request, _context):
    """Never answer."""
    await asyncio.Event().wait()


async def block_the_loop(_request, _context):
    """Block the loop, which an adapter must not do."""
    time.sleep(0.7)  # noqa: ASYNC251 - as above


async def refuse(_request, _context):
    """Refuse."""
    raise VendorError(Cause.QUOTA, "no")


async def nonsense(_request, _context):
    """Break the contract."""
    return {"not": "a result"}


@pytest.mark.parametrize("proof", [crash, block, hang, block_the_loop, refuse, nonsense])
async def test_whatever_a_shadow_does_the_person_has_their_answer(jobs, caplog, monkeypatch, proof):
    """While it hangs, jobs end; the process ends, too."""
    monkeypatch.setattr(shadow, "_CLOSE_SECONDS", 0.2)
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.shadows._answer_seconds = 0.3
        shadowed.install(proof)
        with caplog.at_level(logging.INFO, logger="proofing"):
            for number in range(12):
                record = await shadowed.ask(f"person-{number}")
                assert (record.end_state, record.outcome) == (EndState.DONE, Outcome.PASSED)
                assert len(shadowed.shadows._running.pending()) <= shadow.MAX_RUNNING
            await shadowed.ended()
    outcomes = {line["shadow_outcome"] for line in compared(caplog)}
    assert outcomes <= {"timeout", "nonsense", "quota"}
    assert outcomes
    assert "canary-of-a-crash" not in caplog.text
    assert not [one for one in caplog.records if one.getMessage() == "shadow_failed"]


async def test_a_store_that_is_away_asks_nobody(jobs, monkeypatch):
    """Without the budget's count there is no call, and not another question to the store for a while."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.install(shadowed.answer())
        asked = []
        results = running.runtime.parts.results
        real = results.enter

        async def enter(gates, **values):
            if gates[0].name.startswith("shadow:"):
                asked.append(gates)
                raise StoreUnavailableError("away")
            return await real(gates, **values)

        monkeypatch.setattr(results, "enter", enter)
        for number in range(3):
            await shadowed.ask(f"person-{number}")
            await shadowed.ended()
        assert (len(asked), shadowed.seen) == (1, [])


async def test_phones_have_shadows_too(jobs, caplog):
    """Of the vendor whose answer counts."""
    async with jobs() as running:
        shadowed = Shadowed(running, ProoferKind.PHONE)
        shadowed.install(shadowed.answer())
        with caplog.at_level(logging.INFO, logger="proofing"):
            await shadowed.ask()
            await shadowed.ended()
        assert shadowed.seen[0].applicant.phone == APPLICANT.phone
    assert compared(caplog)[0]["kind"] == ProoferKind.PHONE


async def test_its_proofer_is_its_own(jobs):
    """Made a second time, so that nothing of it is shared with the one that people's questions go to."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.install(shadowed.answer())
        proofers = running.runtime.configuration.plugins.proofers
        _ = proofers[ProoferKind.RESOLUTION, "other"].proofer
        await shadowed.ask()
        await shadowed.ask("person-2")
        await shadowed.ended()
        assert (shadowed.made, len(shadowed.seen)) == (2, 2)


async def calls_of(running):
    """Return the call records of shadows, by their outcome."""
    await running.runtime.parts.recorder.close()
    found = await running.runtime.parts.calls.calls(begin=0, end=9e9, limit=100)
    return {one.outcome: one for one in found if one.is_shadow}


async def test_what_a_shadow_costs_is_recorded(jobs):
    """As a call of its own, apart from those that count; without an answer the vendor alone knows."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        price = VendorPrice(price="0.25", currency="USD")
        shadowed.set(vendor_prices={"other": price})
        shadowed.install(shadowed.answer(Outcome.FAILED, transaction_id="t-9"))
        await shadowed.ask()
        await shadowed.ended()
        (record,) = (await calls_of(running)).values()
        assert (record.vendor, record.transaction_id, str(record.price)) == ("other", "t-9", "0.25")
        assert (record.outcome, record.is_uncertain) == ("failed", False)
        shadowed.shadows._answer_seconds = 0.1
        shadowed.install(hang)
        await shadowed.ask("person-2")
        await shadowed.ended()
        assert (await calls_of(running))["timeout"].is_uncertain


async def test_a_shadow_that_the_end_of_the_process_cuts_off_is_recorded(jobs):
    """Its vendor may have been asked."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.install(hang)
        await shadowed.ask()
        await eventually(lambda: shadowed.made)
        await shadowed.shadows.close()
        assert (await calls_of(running))["interrupted"].is_uncertain


async def test_a_process_begins_few_of_them(jobs):
    """However many questions there are."""
    async with jobs() as running:
        shadowed = Shadowed(running)
        shadowed.shadows._spacing_seconds = 1000.0
        shadowed.install(shadowed.answer())
        for number in range(3):
            await shadowed.ask(f"person-{number}")
            await shadowed.ended()
        assert len(shadowed.seen) == 1
