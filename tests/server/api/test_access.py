"""Who may call, how often, and in which form: keys, scopes, limits, versions, media types, browsers."""

import json
import re

import pytest

from proofing.contracts.verifications import Mode
from proofing.verifications.credentials import Scope
from proofing_server.api.operations import OPERATIONS

ID = "ver_" + "0" * 32


def path_of(operation) -> str:
    """Return a path of the operation, of a verification that does not exist."""
    return operation.path.replace("{id}", ID)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic a2V5OnNlY3JldA==",
        "Bearer proofing_key_test_x",
        "Bearer {changed}",
        "Bearer {other_mode}",
        "Bearer {secret_kind}",
        "{key}",
    ],
)
async def test_only_usable_keys_are_let_in(api, agency, header):
    """Whatever else is sent is answered with 401 and a challenge, and never with a hint of why."""
    key = agency.key
    sent = None
    if header is not None:
        changed = key[:60] + ("A" if key[60] != "A" else "B") + key[61:]
        sent = header.format(
            key=key,
            changed=changed,
            other_mode=key.replace("_test_", "_live_"),
            secret_kind=key.replace("proofing_key", "proofing_secret"),
        )
    for operation in OPERATIONS:
        headers = {} if sent is None else {"Authorization": sent}
        response = await api.http.request(operation.method, path_of(operation), headers=headers)
        assert response.status_code == 401
        assert response.json()["code"] == "unauthorized"
        assert response.headers["www-authenticate"].startswith('Bearer realm="proofing"')
        assert "ratelimit" not in response.headers


async def test_a_wrong_secret_with_a_right_checksum_is_refused(api, agency):
    """An attacker can compute checksums; only the digest decides."""
    stranger = await api.party("bureau")
    ours, theirs = agency.key.split("_"), stranger.key.split("_")
    mixed = "_".join([*ours[:-1], theirs[-1]])
    body = mixed[:-6]
    from proofing.verifications.credentials import _checksum, looks_like_token  # noqa: PLC0415 - to forge

    forged = body + _checksum(body)
    assert looks_like_token(forged)
    agency.key = forged
    assert (await agency.call("GET", "/v1/verifications")).status_code == 401


async def test_a_key_ends_when_it_is_retired(api, agency):
    """In the same moment; a key of a party that the settings do not name anymore ends, too."""
    credentials = api.site.service.relying_parties.credentials
    assert (await agency.call("GET", "/v1/verifications")).status_code == 200
    assert await credentials.retire("key_" + agency.key.split("_")[3])
    assert (await agency.call("GET", "/v1/verifications")).status_code == 401
    gone = await api.party("closed")
    assert (await gone.call("GET", "/v1/verifications")).status_code == 401


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
async def test_each_operation_needs_its_scope(api, operation):
    """All scopes but one are not enough, and the one alone is."""
    others = tuple(scope for scope in Scope if scope is not operation.scope)
    party = await api.party(scopes=others)
    response = await party.call(operation.method, path_of(operation))
    assert (response.status_code, response.json()["code"]) == (403, "missing_scope")
    assert response.json()["scope"] == operation.scope
    party = await api.party(scopes=(operation.scope,))
    assert (await party.call(operation.method, path_of(operation))).status_code != 403


async def test_live_keys_simulate_nothing(api):
    """Whatever the verification."""
    party = await api.party(mode=Mode.LIVE)
    made = await party.created()
    assert made["livemode"] is True
    response = await party.simulate(made["id"], outcome="verified")
    assert (response.status_code, response.json()["code"]) == (403, "test_key_required")


async def test_every_answer_has_its_headers(agency):
    """Success and refusal alike: request id, version, what is left of the limit; no cookie, no CORS."""
    for path, status in (("/v1/verifications", 200), (f"/v1/verifications/{ID}", 404)):
        response = await agency.call("GET", path, headers={"Origin": "https://evil.example"})
        assert response.status_code == status
        assert re.fullmatch(r"[0-9a-f]{12}", response.headers["request-id"])
        assert response.headers["proofing-version"] == "2026-11-30"
        assert re.fullmatch(r'"minute";q=600;w=60', response.headers["ratelimit-policy"])
        assert re.fullmatch(r'"minute";r=\d+;t=\d+', response.headers["ratelimit"])
        assert response.headers["cache-control"] == "no-store"
        assert "set-cookie" not in response.headers
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_requests_are_limited_by_party_and_mode(api, agency, monkeypatch):
    """Beyond the limit 429 says when; another party, and the other mode, have a limit of their own."""
    results = api.site.runtime.backends.results
    now = results.now()
    # One minute for the whole test, whenever it runs.
    monkeypatch.setattr(results, "now", lambda: now - now % 60 + 7)
    live = api.site.runtime.configuration.live
    parties = {
        name: party.model_copy(update={"requests_per_minute": 3})
        for name, party in live.current.relying_parties.items()
    }
    monkeypatch.setattr(live, "current", live.current.model_copy(update={"relying_parties": parties}))
    second = await api.party()
    answers = [await one.call("GET", "/v1/verifications") for one in (agency, agency, second, agency)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert [one.headers["ratelimit"] for one in answers] == [
        f'"minute";r={left};t=54' for left in (2, 1, 0, 0)
    ]
    assert answers[-1].json()["code"] == "rate_limited"
    assert answers[-1].headers["retry-after"] == "54"
    for other in (await api.party("bureau"), await api.party(mode=Mode.LIVE)):
        assert (await other.call("GET", "/v1/verifications")).status_code == 200


async def test_versions_are_by_name(agency):
    """The one that exists, or none."""
    response = await agency.call("GET", "/v1/verifications", headers={"Proofing-Version": "2026-11-30"})
    assert response.status_code == 200
    for version in ("2020-01-01", "", "latest"):
        response = await agency.call("GET", "/v1/verifications", headers={"Proofing-Version": version})
        assert (response.status_code, response.json()["code"]) == (400, "unsupported_version")


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused_with_all_that_there_are(agency, method):
    """Also the preflight of a browser, which so never sends the request."""
    response = await agency.call(method, "/v1/verifications")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert {one.strip() for one in response.headers["allow"].split(",")} == {"GET", "HEAD", "POST"}
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b'{"subject":"a"}', "text/plain", 415, "unsupported_media_type"),
        (b"subject=a", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"", "application/json", 400, "invalid_json"),
        (b"[]", "application/json", 400, "invalid_json"),
        (b'{"subject":"a","subject":"b"}', "application/json", 400, "invalid_json"),
        (b'{"subject":NaN}', "application/json", 400, "invalid_json"),
        (b'{"subject":"\\ud800"}', "application/json", 400, "invalid_json"),
        (b"\xff", "application/json", 400, "invalid_json"),
        (b"[" * 9000, "application/json", 400, "invalid_json"),
        (b" " * 70_000, "application/json", 413, "too_large"),
    ],
)
async def test_bodies_are_json_objects(agency, content, media_type, status, code):
    """Each kind of wrong body has its status."""
    response = await agency.http.post(
        "/v1/verifications",
        content=content,
        headers={"Authorization": f"Bearer {agency.key}", "Content-Type": media_type},
    )
    assert (response.status_code, response.json()["code"]) == (status, code)


async def test_actions_take_no_body(agency):
    """An empty one does no harm, and a misplaced field is not ignored."""
    made = await agency.created()
    assert (await agency.act(made["id"], "link", {"reason": "x"})).status_code == 422
    assert (await agency.act(made["id"], "link", {})).status_code == 201


async def test_a_browser_with_a_session_is_nobody(api):
    """A cookie of the pages opens nothing, and a form of another origin changes nothing."""
    browser = api.site.browser()
    await browser.get("/")
    response = await browser.http.post(
        "/v1/verifications",
        json={"subject": "a"},
        headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    )
    assert response.status_code == 401


async def test_unknown_addresses_are_problems(agency):
    """With the content type that the client expects."""
    response = await agency.call("GET", "/v1/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert "request-id" in response.headers


async def test_the_document_needs_no_key(api):
    """It is what the tests compare with the operations."""
    response = await api.http.get("/v1/openapi.json")
    assert response.status_code == 200
    assert json.loads(response.content)["openapi"] == "3.1.0"


async def test_a_key_that_is_retired_ends_on_every_host(api, second_host, agency):
    """In the same moment: no host remembers what it accepted."""
    there = agency.at(second_host)
    assert (await there.call("GET", "/v1/verifications")).status_code == 200
    assert await api.site.service.relying_parties.credentials.retire("key_" + agency.key.split("_")[3])
    assert (await there.call("GET", "/v1/verifications")).status_code == 401
