"""`proofing deliveries`, and what settings say of the endpoints of relying parties."""

import asyncio
import json
from dataclasses import replace

import pytest

from proofing import bootstrap
from proofing.app.verifications import PartyRef, Request
from proofing.cli import main
from proofing.contracts.verification_store import DeliveryState, EndpointState
from proofing.contracts.verifications import Mode

URL = "https://hooks.example.com/proofing"


def settings_of(url: str = URL, **webhook) -> dict:
    """Return settings with one relying party and two endpoints."""
    webhooks = {"main": {"url": url, **webhook}, "other": {"url": "https://other.example.com"}}
    party = {"display_name": "Agency", "policies": ["phone"], "webhooks": webhooks}
    return {"policies": {"phone": {"steps": ["phone"]}}, "relying_parties": {"agency": party}}


@pytest.fixture
def choose(bare_environment, settings_file, monkeypatch):
    """Return a function that points the command line at settings with an endpoint, in an environment."""

    def write(*, environment: str = "test", **options) -> None:
        monkeypatch.setenv("PROOFING_ENV", environment)
        monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**settings_of(**options))))

    write()
    return write


def with_store(work):
    """Return what *work* returns for an open process of the settings."""

    async def run():
        async with bootstrap.start(await bootstrap.configure(), "run") as runtime:
            return await work(runtime)

    return asyncio.run(run())


@pytest.fixture
def dead(choose):
    """Return the ids of two events, whose deliveries to the first endpoint are dead letters."""

    async def make(runtime):
        store, now = runtime.backends.verifications, runtime.backends.verifications.now()
        party = PartyRef(name="agency", mode=Mode.LIVE)
        created = await runtime.service.verifications.create(party, Request(subject="customer-77"))
        await runtime.service.verifications.cancel(party, created.record.id)
        ids = []
        for claimed in await store.claim_deliveries(limit=9, per_endpoint=9, lease_seconds=60):
            if claimed.delivery.endpoint == "main":
                outcome = replace(
                    claimed.delivery, state=DeliveryState.DEAD, status=500, failure="http_status", next_at=now
                )
                await store.finish_delivery(claimed, outcome)
                ids.append(outcome.event.id)
        return ids

    return with_store(make)


def test_deliveries_are_listed(dead, capsys):
    """Newest first, by state, event, relying party and number; nothing of the person or the URL."""
    assert main(["deliveries", "list", "agency", "--state", "dead"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} == set(dead)
    assert all("status 500  http_status" in line and "agency/main" in line for line in lines)
    assert main(["deliveries", "list", "--json", "--event", dead[0]]) == 0
    output = capsys.readouterr().out
    found = json.loads(output)
    assert {(one["event"], one["endpoint"]) for one in found} == {(dead[0], "main"), (dead[0], "other")}
    assert "customer-77" not in output
    assert "example.com" not in output
    assert main(["deliveries", "list", "--limit", "1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["deliveries", "list", "bank"]) == 0
    assert capsys.readouterr() == ("", "no deliveries\n")


def test_dead_letters_are_replayed_with_their_ids(dead, capsys):
    """One event, then those since a day; what was never dead is left."""
    assert main(["deliveries", "replay", "agency", "--event", dead[0]]) == 0
    assert capsys.readouterr().out == "1 deliveries are due now\n"
    assert main(["deliveries", "replay", "agency", "--since", "2100-01-01", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"replayed": 0}
    assert (
        main(["deliveries", "replay", "agency", "--endpoint", "main", "--since", "2020-01-01T00:00:00+02:00"])
        == 0
    )
    assert capsys.readouterr().out == "1 deliveries are due now\n"

    async def read(runtime):
        return await runtime.backends.verifications.deliveries(state=DeliveryState.DUE)

    rows = [row for row in with_store(read) if row.endpoint == "main"]
    assert {row.event.id for row in rows} == set(dead)
    assert {row.attempts for row in rows} == {0}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["replay", "bank"], "bank is not in relying_parties of the settings; there are: agency"),
        (["replay", "agency", "--endpoint", "x"], "x is not in webhooks of agency; there are: main, other"),
        (["enable", "agency", "x"], "x is not in webhooks of agency; there are: main, other"),
        (["enable", "bank", "main"], "bank is not in relying_parties"),
    ],
)
def test_unknown_names_are_told_apart(choose, capsys, arguments, text):
    """The message lists what there is."""
    assert main(["deliveries", *arguments]) == 66
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", ""])
def test_a_date_that_is_none_is_refused(choose, capsys, since):
    """With an example."""
    with pytest.raises(SystemExit):
        main(["deliveries", "replay", "agency", "--since", since])
    assert "must be a date such as" in capsys.readouterr().err


def test_endpoints_are_listed_and_enabled(choose, capsys):
    """Also those that were never tried; enabling forgets failures and reason."""

    async def disable(runtime):
        state = EndpointState(
            relying_party="agency",
            mode=Mode.LIVE,
            endpoint="main",
            failures=40,
            failing_since=1_800_000_000.0,
            disabled_reason="gone",
        )
        await runtime.backends.verifications.set_endpoint(state)

    with_store(disable)
    assert main(["deliveries"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown, _, rest = lines[0].partition("  no secret")
    assert shown.split() == "agency main live disabled gone failures 40 since 2027-01-15T08:00:00Z".split()
    assert rest == ": its events are not sent"
    assert lines[1].split()[:4] == ["agency", "other", "live", "works"]
    assert lines[2] == "oldest due delivery: 0.0 s"
    assert main(["relying-party", "webhook-secret", "add", "agency", "main"]) == 0
    assert main(["deliveries", "enable", "agency", "main"]) == 0
    assert capsys.readouterr().out.endswith("main of agency gets events again\n")
    assert main(["deliveries", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [
        (one["endpoint"], one["state"], one["failures"], one["has_secret"]) for one in facts["endpoints"]
    ] == [("main", "works", 0, True), ("other", "works", 0, False)]


@pytest.mark.parametrize(
    ("environment", "url", "rule"),
    [
        ("test", "http://localhost:9000/hook", None),
        ("development", "http://127.0.0.1:9000/hook", None),
        ("development", "http://10.0.0.1/hook", "must be an https URL"),
        ("production", "https://localhost/hook", "must name a host with a domain, and no address"),
        ("production", "http://127.0.0.1:9000/hook", "must be an https URL"),
        ("production", "https://metadata.google.internal/", "must name a public host"),
        ("production", "https://example.com:22", "must use port 443 or 8443"),
    ],
)
def test_settings_refuse_what_is_no_target(choose, capsys, environment, url, rule):
    """When they are read, with the key and the rule, and without the URL."""
    choose(environment=environment, url=url)
    main(["settings"])
    error = capsys.readouterr().err
    if rule is None:
        assert "relying_parties" not in error
    else:
        assert f"relying_parties.agency.webhooks.main.url: {rule}" in error
        assert url not in error


def test_settings_refuse_unknown_types_of_events(choose, capsys):
    """A typing mistake would otherwise never be sent."""
    choose(events=["verification.verifed"])
    assert main(["settings"]) == 78
    assert "relying_parties.agency.webhooks.main.events" in capsys.readouterr().err
