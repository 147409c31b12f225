"""Idempotency keys over HTTP: a request that is sent again is answered again, and changes nothing twice."""

import asyncio

import pytest

from proofing.contracts.verifications import Mode
from proofing.verifications.idempotency import read_key

BODY = {"subject": "customer-zebra", "metadata": {"case": "7"}}


async def create(party, key, body=BODY, **headers):
    """Create with a key."""
    return await party.call("POST", "/v1/verifications", body, {"Idempotency-Key": key, **headers})


async def test_the_first_answer_is_given_again(agency):
    """Byte for byte, with the same link, however often; a header says that it is a replay."""
    first = await create(agency, "one")
    assert first.status_code == 201
    assert "idempotency-replayed" not in first.headers
    made = first.json()
    await agency.simulate(made["id"], outcome="in_progress")
    for key in ("one", '"one"'):
        again = await create(agency, key)
        assert again.status_code == 201
        assert again.headers["idempotency-replayed"] == "true"
        # The link was used meanwhile: what it opened once is not shown again.
        expected = {**made, "link": {"expires_at": made["link"]["expires_at"]}}
        assert {**again.json(), "link": {"expires_at": again.json()["link"]["expires_at"]}} == expected


async def test_an_unused_link_is_the_same_again(agency):
    """It is derived, not stored."""
    first, again = [await create(agency, "one") for _ in range(2)]
    assert first.content == again.content


async def test_the_order_of_members_does_not_matter(agency):
    """The body is compared by what it says."""
    await create(agency, "one", {"subject": "a", "policy": "standard"})
    again = await create(agency, "one", {"policy": "standard", "subject": "a"})
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    "body", [{"subject": "another"}, {**BODY, "policy": "full"}, {**BODY, "metadata": {}}]
)
async def test_another_request_with_the_key_is_refused(agency, body):
    """With its code; nothing is created."""
    await create(agency, "one")
    refused = await create(agency, "one", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert len((await agency.call("GET", "/v1/verifications")).json()["data"]) == 1


async def test_keys_of_others_are_others(api, agency):
    """Of another party, mode and operation."""
    made = (await create(agency, "one")).json()
    for other in (await api.party("bureau"), await api.party(mode=Mode.LIVE)):
        answer = await create(other, "one")
        assert answer.status_code == 201
        assert "idempotency-replayed" not in answer.headers
        assert answer.json()["id"] != made["id"]
    assert (await agency.act(made["id"], "link", key="one")).status_code == 201


async def test_a_decided_refusal_is_given_again(agency):
    """Also when it would not be refused anymore: the key is of that request."""
    made = await agency.created()
    refused = await create(agency, "late")
    assert refused.json()["code"] == "verification_open"
    await agency.act(made["id"], "cancel")
    again = await create(agency, "late")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (409, "true")
    assert again.content == refused.content
    assert (await create(agency, "later")).status_code == 201


async def test_an_invalid_request_uses_no_key(agency):
    """Corrected, it may be sent with the same key."""
    assert (await create(agency, "one", {"subject": ""})).status_code == 422
    assert (await create(agency, "one", {"subject": "a", "policy": "foreign"})).status_code == 403
    assert (await create(agency, "one")).status_code == 201


@pytest.mark.parametrize("action", ["cancel", "link"])
async def test_actions_are_repeated_as_one(agency, action):
    """The answer is that of the first; a link is made once."""
    made = await agency.created()
    first, again = [await agency.act(made["id"], action, key="again") for _ in range(2)]
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    other = await agency.created("another")
    refused = await agency.act(other["id"], action, key="again")
    assert refused.json()["code"] == "idempotency_key_reused"


async def test_many_links_with_one_key_are_one(agency):
    """At the same time."""
    made = await agency.created()
    answers = await asyncio.gather(*(agency.act(made["id"], "link", key="one") for _ in range(50)))
    links = {one.json()["link"]["url"] for one in answers if one.status_code == 201}
    assert len(links) == 1
    read = (await agency.call("GET", f"/v1/verifications/{made['id']}")).json()
    assert read["sequence"] == 2


@pytest.mark.parametrize("key", ["", '""', "x" * 256, '"open', "two words", '"two words"', "ümlaut", "a\tb"])
async def test_what_is_no_key(agency, key):
    """Is refused before anything happens."""
    answer = await agency.http.post(
        "/v1/verifications",
        json=BODY,
        headers=[
            ("Authorization", f"Bearer {agency.key}"),
            (b"Idempotency-Key", key.encode("latin-1")),
        ],
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


def test_quoted_and_bare_keys_are_one():
    """The draft wants quotes; most clients send none."""
    assert read_key('"a-b"') == read_key("a-b") == read_key("  a-b ") == "a-b"
    assert read_key(r'"a\"b"') == 'a"b'


async def test_the_store_has_no_key_and_no_body(api, agency):
    """Neither what the client sent nor a token: an HMAC, a keyed hash, and the record."""
    made = (await create(agency, "secret-key-of-the-client")).json()
    token = made["link"]["url"].rpartition("/")[2]
    idempotency = api.site.service.relying_parties.idempotency
    request = idempotency.request(
        relying_party="agency",
        mode=Mode.TEST,
        method="POST",
        route="/v1/verifications",
        key="secret-key-of-the-client",
        path="/v1/verifications",
        version="2026-11-30",
        body=BODY,
    )
    kept = await api.store.idempotent_answer(request.scope, request.key)
    assert kept is not None
    text = f"{kept.scope} {kept.key} {kept.fingerprint} {kept.answer.decode()}"
    for secret in ("secret-key", "zebra", token, '"7"'):
        assert secret not in text


async def test_a_twin_does_not_wait_forever(api, agency, monkeypatch):
    """While the first is not answered, the second gets 409 after a short wait, and may come again."""
    entered, release, create_of_store = asyncio.Event(), asyncio.Event(), api.store.create

    async def slow_create(*arguments, **named):
        entered.set()
        await release.wait()
        return await create_of_store(*arguments, **named)

    monkeypatch.setattr(api.store, "create", slow_create)
    monkeypatch.setattr(api.site.service.relying_parties.idempotency, "_twin_seconds", 0.05)
    first = asyncio.create_task(create(agency, "one"))
    await entered.wait()
    second = await create(agency, "one")
    assert (second.status_code, second.json()["code"]) == (409, "request_in_progress")
    assert second.headers["retry-after"] == "1"
    release.set()
    made = await first
    assert made.status_code == 201
    assert (await create(agency, "one")).content == made.content


async def test_twins_on_two_hosts_are_one(second_host, agency):
    """The store lets one create, and the others have its answer."""
    there = agency.at(second_host)
    for key in ("one", "two", "three"):
        requests = [create(party, key, {"subject": key}) for party in (agency, there) * 10]
        answers = await asyncio.gather(*requests)
        assert {one.status_code for one in answers} == {201}
        assert len({one.content for one in answers}) == 1
        assert sum("idempotency-replayed" not in one.headers for one in answers) == 1
    assert len((await agency.call("GET", "/v1/verifications")).json()["data"]) == 3
