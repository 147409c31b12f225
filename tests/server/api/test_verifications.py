"""Verifications over HTTP: created, read, listed, canceled, redacted, linked, decided, collected."""

import asyncio

import pytest

from proofing.contracts.verifications import Mode

UNKNOWN = "ver_" + "0" * 32


async def test_a_verification_is_created_and_read(agency):
    """With a link that opens once, what was sent, and nothing that has not happened."""
    response = await agency.create(
        policy="standard",
        metadata={"case": "7"},
        return_url="https://agency.example.gov/back",
        locale="es",
    )
    made = response.json()
    assert response.status_code == 201
    assert made["link"]["url"].startswith("http://localhost:8000/start/")
    assert {name: made[name] for name in ("object", "state", "policy", "sequence", "livemode")} == {
        "object": "verification",
        "state": "created",
        "policy": "standard",
        "sequence": 1,
        "livemode": False,
    }
    assert (made["subject"], made["metadata"]) == ("customer-zebra", {"case": "7"})
    assert "ended_at" not in made
    read = (await agency.call("GET", f"/v1/verifications/{made['id']}")).json()
    del made["link"]["url"]
    assert read == made


async def test_the_link_begins_a_session(api, agency):
    """The token of the URL is one that the core knows."""
    made = await agency.created()
    token = made["link"]["url"].rpartition("/")[2]
    record = await api.site.service.verifications.find_link(token)
    assert record.id == made["id"]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"policy": "foreign"}, 403, "policy_not_allowed"),
        ({"policy": "unknown"}, 403, "policy_not_allowed"),
        ({"return_url": "https://evil.example/"}, 403, "return_url_not_allowed"),
        ({"subject": ""}, 422, "invalid_fields"),
        ({"subject": None}, 422, "invalid_fields"),
        ({"subject": "two words"}, 422, "invalid_fields"),
        ({"metadata": {"k": "v" * 501}}, 422, "invalid_fields"),
        ({"metadata": {str(n): "" for n in range(21)}}, 422, "invalid_fields"),
        ({"undefined": "fields"}, 422, "invalid_fields"),
        ({"locale": "english"}, 422, "invalid_fields"),
    ],
)
async def test_what_cannot_be_created(agency, fields, status, code):
    """Each with its code; nothing that was sent comes back."""
    response = await agency.call("POST", "/v1/verifications", {"subject": "customer-zebra", **fields})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"
    for value in ("zebra", "evil", "two words", "english", "undefined"):
        assert value not in response.text


async def test_one_open_verification_of_a_subject_and_policy(agency):
    """A second one is refused with the id of the first; after its end there may be another."""
    made = await agency.created()
    again = await agency.create()
    assert (again.status_code, again.json()["code"]) == (409, "verification_open")
    assert again.json()["verification"] == made["id"]
    assert (await agency.create("another")).status_code == 201
    assert (await agency.create(policy="full")).status_code == 201
    assert (await agency.act(made["id"], "cancel")).status_code == 200
    assert (await agency.create()).status_code == 201


async def test_lists_are_paged_newest_first(agency):
    """Every one once, also when their times are equal."""
    made = [(await agency.created(f"s{number}"))["id"] for number in range(7)]
    await agency.act(made[3], "cancel")
    seen, cursor = [], None
    while True:
        query = "?limit=3" + (f"&cursor={cursor}" if cursor else "")
        page = (await agency.call("GET", f"/v1/verifications{query}")).json()
        seen += [one["id"] for one in page["data"]]
        assert len(page["data"]) <= 3
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    canceled = (await agency.call("GET", "/v1/verifications?state=canceled")).json()
    assert [one["id"] for one in canceled["data"]] == [made[3]]
    found = (await agency.call("POST", "/v1/verifications/search", {"subject": "s5"})).json()
    assert [one["id"] for one in found["data"]] == [made[5]]
    assert "subject" not in found["data"][0]


async def test_the_largest_page_has_a_next_one(agency):
    """What does not fit into it is on the page after it, in both lists."""
    made = {(await agency.created(f"s{number}"))["id"] for number in range(101)}
    for path, key in (("/v1/verifications", "id"), ("/v1/events", "data")):
        first = (await agency.call("GET", f"{path}?limit=100")).json()
        rest = (await agency.call("GET", f"{path}?limit=100&cursor={first['next_cursor']}")).json()
        assert (len(first["data"]), len(rest["data"])) == (100, 1)
        shown = [one[key] for one in (*first["data"], *rest["data"])]
        assert {one if key == "id" else one["id"] for one in shown} == made


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_request"),
        ("limit=101", "invalid_request"),
        ("limit=x", "invalid_request"),
        ("limit=5&limit=6", "invalid_request"),
        ("state=unknown", "invalid_request"),
        ("subject=customer-zebra", "invalid_request"),
        ("cursor=AAAA", "invalid_cursor"),
        ("cursor=%00", "invalid_request"),
    ],
)
async def test_parameters_are_checked(agency, query, code):
    """An unknown one is refused, not ignored: a subject would be in the URL."""
    response = await agency.call("GET", f"/v1/verifications?{query}")
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert "zebra" not in response.text


async def test_cancel_is_repeatable_and_has_an_end(api, agency):
    """Twice is once; what has ended otherwise cannot be canceled."""
    made = await agency.created()
    first = await agency.act(made["id"], "cancel")
    second = await agency.act(made["id"], "cancel")
    assert (first.status_code, first.json()) == (200, second.json())
    assert first.json()["state"] == "canceled"


async def test_redaction_deletes_what_is_personal(agency):
    """Subject and metadata are gone; the outcome stays."""
    made = await agency.created(metadata={"case": "7"})
    refused = await agency.act(made["id"], "redact")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    await agency.act(made["id"], "cancel")
    assert (await agency.act(made["id"], "redact")).status_code == 200
    read = (await agency.call("GET", f"/v1/verifications/{made['id']}")).json()
    assert ("subject" in read, read["metadata"], read["state"]) == (False, {}, "canceled")
    assert "redacted_at" in read


async def test_a_new_link_replaces_the_one_before(api, agency):
    """The old token opens nothing; the new one does."""
    made = await agency.created()
    again = await agency.act(made["id"], "link")
    assert again.status_code == 201
    old, new = (one["link"]["url"].rpartition("/")[2] for one in (made, again.json()))
    assert old != new
    assert (await api.site.service.verifications.find_link(new)).id == made["id"]


async def test_events_are_polled_without_a_gap(agency):
    """In order, from where one stopped, by type."""
    first = await agency.created("a")
    await agency.act(first["id"], "cancel")
    await agency.created("b")
    page = (await agency.call("GET", "/v1/events?limit=2")).json()
    assert [one["type"] for one in page["data"]] == ["verification.created", "verification.canceled"]
    assert page["has_more"] is True
    assert page["data"][1]["data"]["id"] == first["id"]
    rest = (await agency.call("GET", f"/v1/events?cursor={page['next_cursor']}")).json()
    assert [one["type"] for one in rest["data"]] == ["verification.created"]
    nothing = (await agency.call("GET", f"/v1/events?cursor={rest['next_cursor']}")).json()
    assert nothing == {"data": [], "next_cursor": rest["next_cursor"], "has_more": False}
    only = (await agency.call("GET", "/v1/events?type=verification.canceled")).json()
    assert len(only["data"]) == 1


async def test_keys_of_others_see_nothing(api, agency):
    """Of another relying party, and of the other mode: byte for byte as if there were nothing."""
    made = await agency.created()
    strangers = [await api.party("bureau"), await api.party("agency", Mode.LIVE)]
    body = {"decision": {"outcome": "verified", "reason": "seen"}}
    for stranger in strangers:
        for method, path in (
            ("GET", ""),
            *(("POST", f"/{action}") for action in ("cancel", "redact", "link", "claims", "decision")),
        ):
            sent = body.get(path.strip("/"))
            answers = [
                await stranger.call(method, f"/v1/verifications/{one}{path}", sent)
                for one in (made["id"], UNKNOWN, "ver_", "x" * 99, "%00", "ver_" + "F" * 32)
            ]
            assert {one.status_code for one in answers} == {404}
            assert len({one.content for one in answers}) == 1
            assert len({tuple(sorted(set(one.headers) - {"request-id"})) for one in answers}) == 1
        assert (await stranger.call("GET", "/v1/verifications")).json()["data"] == []
        assert (await stranger.call("GET", "/v1/events")).json()["data"] == []
        search = await stranger.call("POST", "/v1/verifications/search", {"subject": "customer-zebra"})
        assert search.json()["data"] == []
    read = (await agency.call("GET", f"/v1/verifications/{made['id']}")).json()
    assert (read["state"], read["sequence"]) == ("created", 1)


async def test_the_same_subject_of_two_parties_is_two_people(api, agency):
    """Neither blocks the other."""
    await agency.created()
    bureau = await api.party("bureau")
    assert (await bureau.create()).status_code == 201


async def test_many_creates_with_one_key_are_one(api, agency):
    """200 at the same time: one verification, and every one that is answered has the same answer."""
    answers = await asyncio.gather(*(agency.create(key="one-key") for _ in range(200)))
    assert {one.status_code for one in answers} <= {201, 409, 503}
    made = [one for one in answers if one.status_code == 201]
    assert len({one.content for one in made}) == 1
    assert sum("idempotency-replayed" not in one.headers for one in made) == 1
    for busy in (one for one in answers if one.status_code == 409):
        assert busy.json()["code"] == "request_in_progress"
        assert busy.headers["retry-after"] == "1"
    listed = (await agency.call("GET", "/v1/verifications?limit=100")).json()
    assert len(listed["data"]) == 1
    events = (await agency.call("GET", "/v1/events?limit=100")).json()
    assert len(events["data"]) == 1
