"""Test mode: any outcome without a browser and a vendor, and webhooks that come late, twice or never."""

from dataclasses import replace

import pytest

from proofing.contracts.verification_store import DeliveryState
from proofing.contracts.verifications import Mode
from proofing.verifications.credentials import Scope

UNKNOWN = "ver_" + "0" * 32
OUTCOMES = ["in_progress", "processing", "needs_review", "verified", "failed", "canceled", "expired"]


async def deliveries(api):
    """Return the deliveries that the store has, oldest first."""
    return list(await api.store.deliveries(relying_party="agency"))[::-1]


async def types(agency) -> list[str]:
    """Return what happened, in order."""
    page = (await agency.call("GET", "/v1/events?limit=100")).json()
    return [one["type"].removeprefix("verification.") for one in page["data"]]


@pytest.mark.parametrize("policy", ["standard", "full"])
@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_any_outcome_is_one_call_away(agency, policy, outcome):
    """From a verification that nobody has opened; the last event is that of the outcome."""
    made = await agency.created(policy=policy)
    response = await agency.simulate(made["id"], outcome=outcome)
    assert (response.status_code, response.json()["state"]) == (200, outcome)
    read = (await agency.call("GET", f"/v1/verifications/{made['id']}")).json()
    assert read["state"] == outcome
    wanted = "started" if outcome == "in_progress" else outcome
    assert (await types(agency))[-1] == wanted


async def test_reasons_are_those_that_were_wished_for(agency):
    """With the step in front, as of a real vendor."""
    made = await agency.created()
    response = await agency.simulate(made["id"], outcome="failed", reasons=["document_expired"])
    assert "document:document_expired" in response.json()["reasons"]


async def test_a_review_that_is_decided(api, agency):
    """By a key with the scope, once, in its name."""
    made = await agency.created()
    await agency.simulate(made["id"], outcome="needs_review")
    reviewer = await api.party(scopes=(Scope.REVIEWS_WRITE,))
    body = {"outcome": "verified", "reason": "seen_in_person"}
    decided = await reviewer.act(made["id"], "decision", body)
    assert (decided.status_code, decided.json()["state"]) == (200, "verified")
    assert decided.json()["review"]["reason"] == "seen_in_person"
    again = await reviewer.act(made["id"], "decision", body)
    assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert (await types(agency))[-2:] == ["reviewed", "verified"]


async def test_claims_are_collected_once(agency):
    """What the policy releases of somebody who does not exist; the second call finds none."""
    made = await agency.created()
    early = await agency.act(made["id"], "claims")
    assert (early.status_code, early.json()["code"]) == (409, "wrong_state")
    await agency.simulate(made["id"], outcome="verified")
    first = await agency.act(made["id"], "claims")
    assert first.json() == {"id": made["id"], "claims": {"first_name": "ADA", "last_name": "SAMPLE"}}
    second = await agency.act(made["id"], "claims")
    assert (second.status_code, second.json()["code"]) == (410, "claims_gone")


async def test_claims_that_are_redacted_are_gone(agency):
    """Nobody collects them anymore."""
    made = await agency.created()
    await agency.simulate(made["id"], outcome="verified")
    assert (await agency.act(made["id"], "redact")).status_code == 200
    assert (await agency.act(made["id"], "claims")).status_code == 410


async def test_time_moves_on_for_one_verification(agency):
    """What a day would end is over; what it would not, is not."""
    made = await agency.created()
    moved = await agency.simulate(made["id"], advance_seconds=3600)
    assert moved.json()["state"] == "created"
    assert moved.json()["expires_at"] < made["expires_at"]
    again = await agency.simulate(made["id"], advance_seconds=86_400)
    assert again.json()["state"] == "expired"
    assert (await agency.create()).status_code == 201
    assert (await types(agency)).count("expired") == 1


async def test_claims_expire_when_time_moves_on(agency):
    """After the policy's hours they are gone."""
    made = await agency.created()
    await agency.simulate(made["id"], outcome="verified")
    moved = await agency.simulate(made["id"], advance_seconds=25 * 3600)
    assert "claims_expire_at" not in moved.json()
    assert (await agency.act(made["id"], "claims")).status_code == 410


async def test_a_vendor_that_takes_its_time(agency):
    """The state is processing until then, and the request lasts as long."""
    made = await agency.created()
    response = await agency.simulate(made["id"], outcome="verified", latency_seconds=0.2)
    assert response.json()["state"] == "verified"
    assert await types(agency) == ["created", "started", "processing", "verified"]


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        ("once", {"started": 0, "processing": 0, "verified": 0}),
        ("late", {"started": 60, "processing": 60, "verified": 60}),
        ("reordered", {"started": 60, "processing": 60, "verified": 0}),
        ("twice", {"started": 0, "processing": 0, "verified": 0}),
        ("lost", {}),
    ],
)
async def test_webhooks_arrive_as_wished(api, agency, delivery, expected):
    """By when their deliveries are due; who polls finds every event in any case."""
    made = await agency.created()
    before = api.store.now()
    await agency.simulate(made["id"], outcome="verified", delivery=delivery)
    found = {
        one.event.type.removeprefix("verification."): one.next_at - before
        for one in await deliveries(api)
        if one.event.type != "verification.created"
    }
    assert found.keys() == expected.keys()
    for name, delay in expected.items():
        assert delay <= found[name] < delay + 30
    assert await types(agency) == ["created", "started", "processing", "verified"]


async def test_an_event_that_comes_twice_has_one_id(api, agency):
    """After the first delivery it is due again, with the same id; after the second it is not."""
    made = await agency.created()
    await agency.simulate(made["id"], outcome="in_progress", delivery="twice")
    taken = []
    while claimed := await api.store.claim_deliveries(limit=10, per_endpoint=10, lease_seconds=60):
        for one in claimed:
            taken.append((one.delivery.event.type, one.delivery.event.id))
            outcome = replace(
                one.delivery, state=DeliveryState.DELIVERED, next_at=api.store.now(), status=204
            )
            assert await api.store.finish_delivery(one, outcome)
    started = [identifier for kind, identifier in taken if kind == "verification.started"]
    assert len(started) == 2
    assert len(set(started)) == 1
    assert [kind for kind, _ in taken].count("verification.created") == 1


async def test_what_has_ended_is_simulated_no_further(agency):
    """As with a real one."""
    made = await agency.created()
    await agency.simulate(made["id"], outcome="canceled")
    response = await agency.simulate(made["id"], outcome="verified")
    assert (response.status_code, response.json()["code"]) == (409, "wrong_state")
    assert response.json()["state"] == "canceled"


async def test_live_and_foreign_verifications_are_not_found(api, agency, monkeypatch):
    """A test key cannot even see that they exist; nor is a store asked for what is no id."""
    live = await (await api.party(mode=Mode.LIVE)).created()
    foreign = await (await api.party("bureau")).created()
    asked, load = [], api.store.load

    async def noted(verification_id):
        asked.append(verification_id)
        return await load(verification_id)

    monkeypatch.setattr(api.store, "load", noted)
    answers = [
        await agency.simulate(one, outcome="verified")
        for one in (live["id"], foreign["id"], UNKNOWN, "ver_", "x" * 99, "%00", "ver_" + "F" * 32)
    ]
    assert {one.status_code for one in answers} == {404}
    assert len({one.content for one in answers}) == 1
    assert set(asked) == {live["id"], foreign["id"], UNKNOWN}
