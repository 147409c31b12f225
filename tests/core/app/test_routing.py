"""Two vendors of a plugin from outside and the mock, from settings.yaml to the end of jobs."""

import json

import pytest

from proofing import bootstrap
from proofing.app.needs import needed_attributes
from proofing.base.errors import Cause, ConfigurationError, VendorError
from proofing.cli import main
from proofing.contracts.people import PersonRef
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import JobKind
from proofing.contracts.results import Outcome, ProoferKind, ResolutionResult
from proofing.testing.memory_queue import MemoryQueue
from proofing_devtools.capture import DEVICE
from proofing_devtools.later_vendors import APPLICANT

PERSON = PersonRef(reference="person-1")
PEOPLE = [PersonRef(reference=f"person-{number}") for number in range(32)]


class Vendor:
    """Says yes, or cannot be reached."""

    def __init__(self, *, is_away=False):
        self.is_away = is_away
        self.asked = 0

    async def proof(self, request, context):
        self.asked += 1
        if self.is_away:
            raise VendorError(Cause.UNREACHABLE, "no connection")
        return ResolutionResult(vendor_name="v", outcome=Outcome.PASSED, billed=True)


@pytest.fixture
def vendors(odd_plugin):
    """Install two vendors; return them, and the settings that load them."""
    made = {"odd:away": Vendor(is_away=True), "odd:id": Vendor()}
    offers = [
        ProoferDescriptor(
            name=name,
            kind=ProoferKind.RESOLUTION,
            make=lambda _settings, _process, one=one: one,
            attributes=frozenset({"first_name", "email"}),
            requires=frozenset({"email"} if name == "odd:id" else ()),
            maturity=Maturity.MOCK,
        )
        for name, one in made.items()
    ]
    return made, odd_plugin(offers)


async def resolve(path, people):
    """Start a process by the settings at *path*, and return the ends of one job for each of *people*."""
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    queue = MemoryQueue()
    backends = bootstrap.make_backends(configuration, "run", queue=queue)
    async with bootstrap.start(configuration, "run", backends) as runtime:
        for person in people:
            await runtime.service.submit_applicant(JobKind.RESOLUTION, person, APPLICANT, **DEVICE)
        return await queue.drain(runtime.runner)


async def test_a_vendor_that_is_away_costs_five_calls(settings_file, vendors):
    """Then its breaker is open, and everybody is asked at the fallback alone; nobody notices."""
    made, plugins = vendors
    path = settings_file(
        **plugins,
        proof_ssn_max_attempts=99,
        resolution_vendor="odd:away",
        resolution_vendor_fallbacks=[{"vendor": "odd:id", "after": ["unreachable"]}],
        ruby_workers_idv_enabled=True,
    )
    records = await resolve(path, PEOPLE)
    assert all(record.is_success for record in records)
    assert made["odd:id"].asked == len(PEOPLE)
    # Reports of faults are on their way while the next jobs run.
    assert 5 <= made["odd:away"].asked < len(PEOPLE)


async def test_shares_and_outages(settings_file, vendors, monkeypatch, capsys):
    """Jobs, the flow and `proofing explain` agree, in every case."""
    made, plugins = vendors
    values = {
        **plugins,
        "proof_ssn_max_attempts": 99,
        "resolution_vendor_allow_list": {"odd:id": ["person-0"]},
        "resolution_vendor_percentages": {"odd:id": 50},
        "resolution_vendor_fallbacks": [{"vendor": "mock"}],
        "ruby_workers_idv_enabled": True,
    }
    for out in ({}, {"vendor_status_odd": "full_outage"}):
        path = settings_file(**values, **out)
        monkeypatch.setenv("PROOFING_SETTINGS", str(path))
        made["odd:id"].asked = 0
        records = await resolve(path, PEOPLE)
        assert all(record.is_success for record in records)
        configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
        chosen = [
            configuration.router.explain(ProoferKind.RESOLUTION, person.reference).vendor for person in PEOPLE
        ]
        assert chosen.count("odd:id") == made["odd:id"].asked
        assert all(configuration.router.is_available(person.reference) for person in PEOPLE)
        assert (chosen[0] == "odd:id") is not bool(out)
        assert (made["odd:id"].asked > 1) is not bool(out)


def test_explain_prints_what_is_passed_over(settings_file, vendors, monkeypatch, capsys):
    """At a time, and by another file; the allow list is masked everywhere."""
    _made, plugins = vendors
    window = {"vendor": "odd", "start": "2026-12-01T02:00:00Z", "finish": "2026-12-01T03:00:00Z"}
    path = settings_file(
        **plugins,
        resolution_vendor="odd:id",
        resolution_vendor_allow_list={"odd:id": ["person-canary"]},
        resolution_vendor_fallbacks=[{"vendor": "mock"}],
        resolution_vendor_second_opinion={"vendor": "odd:away", "percentage": 25},
        vendor_maintenance_windows=[window],
    )
    monkeypatch.setenv("PROOFING_ENV", "test")
    command = ["explain", "--person", "person-canary", "--settings", str(path)]
    assert main([*command, "--at", "2026-12-01T02:30:00"]) == 0
    shown = capsys.readouterr().out
    assert (
        "odd:id is passed over: it is in a window of vendor_maintenance_windows; mock is the next of" in shown
    )
    assert main([*command, "--at", "2026-12-01T03:00:00+00:00"]) == 0
    shown += capsys.readouterr().out
    assert "resolution_vendor_allow_list has this person for odd:id" in shown
    assert "without an answer: mock" in shown
    assert "after a no of 25 % of people: odd:away" in shown
    assert main([*command, "--at", "2026-12-01", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["resolution"]
    assert (found["vendor"], found["rule"], found["passed_over"]) == ("odd:id", "allow_list", [])
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    assert main(["settings"]) == 0
    shown += capsys.readouterr().out
    assert "person-canary" not in shown


async def test_people_are_asked_for_what_a_fallback_needs(settings_file, vendors):
    """It may be asked after the first."""
    _made, plugins = vendors
    for key, value in (
        ("resolution_vendor_fallbacks", [{"vendor": "odd:id"}]),
        ("resolution_vendor_second_opinion", {"vendor": "odd:id"}),
    ):
        configuration = await bootstrap.configure(
            settings_file(**plugins, **{key: value}), {"PROOFING_ENV": "test"}
        )
        assert "email" in needed_attributes(configuration.router, PERSON)


async def test_what_cannot_work_stops_the_start(settings_file, vendors):
    """Every problem at once, with its key; none of the values."""
    _made, plugins = vendors
    path = settings_file(
        **plugins,
        resolution_vendor_fallbacks=[{"vendor": "odd:idd"}],
        resolution_vendor_percentages={"odd:id": 70, "odd:away": 40},
        vendor_maintenance_windows=[{"vendor": "oddd", "cron": "0 2 * * *", "minutes": 5}],
        vendor_prices={"odd:idd": {"price": 1}},
        vendor_rate_limits={"odd": 0},
    )
    with pytest.raises(ConfigurationError) as refused:
        await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    assert sorted(problem.key for problem in refused.value.problems) == [
        "resolution_vendor_fallbacks",
        "resolution_vendor_percentages",
        "vendor_maintenance_windows.0.vendor",
        "vendor_prices.odd:idd",
        "vendor_rate_limits.odd",
    ]
