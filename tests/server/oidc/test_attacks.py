"""What attackers try: stolen, replayed and injected codes, other clients' tokens, other people's sessions."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from proofing.contracts.verifications import VerificationState
from proofing.sessions.erasure_index import ErasureIndex
from proofing.verifications.grants import Login

PARALLEL = 20


async def refused(answer: Any) -> str:
    """Return the code of a refusal of the token endpoint, which no cache may keep."""
    assert answer.status_code in {400, 401}, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"error", "error_description"}
    code: str = answer.json()["error"]
    return code


@pytest.mark.parametrize("client", ["basic", "spa", "old"])
async def test_a_code_is_redeemed_once_under_parallel_calls(provider, client):
    """Twenty at once: one gets tokens, and because of the others they are revoked."""
    person = provider.person()
    told = await person.code(client)
    form = person.form(told["code"])
    answers = await asyncio.gather(*(provider.token(form, client) for _ in range(PARALLEL)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert {await refused(answer) for answer in answers if answer not in good} == {"invalid_grant"}
    assert (await provider.userinfo(good[0].json()["access_token"])).status_code == 401


async def test_reuse_of_a_code_revokes_its_token(provider):
    """Also when the code has expired by then."""
    person = provider.person()
    told = await person.code()
    form = person.form(told["code"])
    tokens = (await provider.token(form)).json()
    assert (await provider.userinfo(tokens["access_token"])).status_code == 200
    await provider.service._results.delete(_code_key(told["code"]))
    assert await refused(await provider.token(form)) == "invalid_grant"
    assert (await provider.userinfo(tokens["access_token"])).status_code == 401


def _code_key(code: str) -> str:
    """Return where a code is stored."""
    from proofing.verifications.grants import _key  # noqa: PLC0415

    return _key("code", code)


async def test_an_injected_code_does_not_fit_the_victims_session(provider):
    """The attacker's code, redeemed with the verifier of another request."""
    attacker, victim = provider.person(), provider.person()
    told = await attacker.code()
    await victim.code()
    assert await refused(await provider.token(victim.form(told["code"]))) == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"redirect_uri": "https://rp.example/callback?fixed=1"},
        {"redirect_uri": "https://evil.example/"},
        {"code": "unknown"},
    ],
)
async def test_a_code_is_bound_to_its_request(provider, changes):
    """To challenge and redirect URI; a wrong try uses nothing up."""
    person = provider.person()
    told = await person.code()
    assert await refused(await provider.token(person.form(told["code"], **changes))) == "invalid_grant"
    assert (await provider.token(person.form(told["code"]))).status_code == 200


async def test_a_verifier_without_a_challenge_is_refused(provider):
    """PKCE downgrade: the challenge was stripped from the request of a client that may do without."""
    person = provider.person()
    told = await person.code("old", code_challenge=None, code_challenge_method=None)
    assert await refused(await provider.token(person.form(told["code"]), "old")) == "invalid_grant"
    form = person.form(told["code"], code_verifier=None)
    assert (await provider.token(form, "old")).status_code == 200


async def test_a_code_is_of_one_client(provider):
    """Another one, with its own good secret, gets nothing, and uses nothing up."""
    person = provider.person()
    told = await person.code()
    for other in ("post", "old", "spa"):
        assert await refused(await provider.token(person.form(told["code"]), other)) == "invalid_grant"
    assert (await provider.token(person.form(told["code"]))).status_code == 200


async def test_client_secrets_are_of_one_client_and_one_method(provider):
    """Wrong, foreign, and by the wrong method; each is 401."""
    person = provider.person()
    told = await person.code()
    form = person.form(told["code"])
    secret = provider.secrets["basic"]
    async with provider.http() as http:
        tries = [
            {"data": form, "auth": ("basic", secret[:-1] + "x")},
            {"data": form, "auth": ("basic", provider.secrets["post"])},
            {"data": form, "auth": ("basic", "")},
            {"data": form, "auth": ("nobody", secret)},
            {"data": {**form, "client_id": "basic", "client_secret": secret}},
            {"data": {**form, "client_id": "basic"}},
            {"data": form},
            {"data": {**form, "client_id": "signs"}},
            {"data": {**form, "client_id": "spa"}, "auth": ("spa", "x")},
        ]
        for one in tries:
            answer = await http.post("/oauth/token", **one)
            assert (answer.status_code, await refused(answer)) == (401, "invalid_client"), one
            assert ("www-authenticate" in answer.headers) is ("auth" in one)
    assert (await provider.token(form)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"code": ["a", "b"]}, "invalid_request"),
    ],
)
async def test_the_token_endpoint_says_what_is_wrong(provider, changes, code):
    """To a client that authenticated."""
    person = provider.person()
    await person.authorize()
    assert await refused(await provider.token(person.form("code", **changes))) == code


async def test_a_verdict_goes_to_the_session_that_did_it(provider):
    """An attacker begins, and has the victim verify by the link; neither browser gets a code for it."""
    attacker, victim = provider.person(), provider.person()
    answer = await attacker.authorize()
    victim.parameters = attacker.parameters
    await victim.start(answer)
    await victim.end()
    told = await attacker.come_back()
    assert told["error"] == "login_required"
    answer = await victim.http.get("/oauth/return/basic")
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


@pytest.mark.parametrize("changes", [{"prompt": "none"}, {"max_age": "900"}])
async def test_a_verdict_of_somebody_else_is_no_login(provider, changes):
    """The attacker does not even come back, but asks again for a login that is used without a page."""
    attacker, victim = provider.person(), provider.person()
    await victim.start(await attacker.authorize())
    await victim.end()
    answer = await attacker.authorize(**changes)
    assert "code=" not in answer.headers["location"]


async def test_a_review_of_somebody_else_is_no_login(provider):
    """The attacker comes back while a reviewer decides, and asks again after the decision."""
    attacker, victim = provider.person(), provider.person()
    await victim.start(await attacker.authorize())
    await victim.end(VerificationState.NEEDS_REVIEW)
    assert (await attacker.come_back())["error"] == "access_denied"
    await victim.end()
    assert attacker.told(await attacker.authorize(prompt="none"))["error"] == "login_required"


async def test_a_session_that_a_newer_link_replaced_gets_no_verdict(provider):
    """The attacker begins and starts, and has the victim verify by a newer link."""
    attacker, victim = provider.person(), provider.person()
    await attacker.start(await attacker.authorize())
    made = await provider.service.verifications.new_link(None, attacker.record.id)
    await victim.start_at(f"{provider.issuer}/start/{made.token}")
    await victim.end()
    assert (await attacker.come_back())["error"] == "login_required"
    assert attacker.told(await attacker.authorize(prompt="none"))["error"] == "login_required"


async def test_a_stolen_cookie_of_another_authorization_finds_nothing(provider):
    """What the browser holds must be what began this very verification."""
    person, other = provider.person(), provider.person()
    await person.start(await person.authorize())
    await person.end()
    grants = provider.service.openid.grants
    browser = "b" * 43
    login = Login(reference="x", subject="x", verification_id=person.record.id)
    await grants.save_login(browser, "basic", login, person=person.record.person)
    other.http.cookies.set("proofing-login", browser)
    other.http.cookies.set("proofing", person.http.cookies["proofing"])
    answer = await other.http.get("/oauth/return/basic")
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_an_authorization_is_answered_once(provider, monkeypatch):
    """A second click brings the same code; when that is over there is none."""
    person = provider.person()
    told = await person.code()
    assert await person.come_back() == told
    both = await asyncio.gather(person.come_back(), person.come_back())
    assert both == [told, told]
    results = provider.service._results
    now = results.now()
    monkeypatch.setattr(results, "now", lambda: now + 61)
    answer = await person.http.get("/oauth/return/basic")
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_the_way_back_of_one_client_says_nothing_to_another(provider):
    """Nor does a client that does not exist."""
    person = provider.person()
    await person.start(await person.authorize())
    await person.end()
    for other in ("post", "nobody", "%2e%2e", "basic/x"):
        answer = await person.http.get(f"/oauth/return/{other}")
        assert answer.status_code in {400, 404}
        assert "location" not in answer.headers


async def test_mix_up_is_noticed_by_the_issuer_in_every_answer(provider):
    """Success and error both say who answers. RFC 9207."""
    person = provider.person()
    assert (await person.code())["iss"] == "http://localhost:8000"
    assert person.told(await person.authorize(scope="profile"))["iss"] == "http://localhost:8000"


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        "https://rp.example/callback/../evil",
        "//evil.example",
        "https://rp.example/callback#x",
        "",
    ],
)
async def test_no_redirect_leads_to_an_address_that_is_not_registered(provider, uri):
    """The person sees a page, in a frame of nobody."""
    person = provider.person()
    for changes in ({}, {"prompt": "none"}, {"response_type": "token"}):
        for post in (False, True):
            answer = await person.authorize(redirect_uri=uri or None, post=post, **changes)
            assert (answer.status_code, answer.headers.get("location")) == (400, None)
            assert answer.headers["x-frame-options"] == "DENY"
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"] == "no-store"


async def test_a_redirect_uri_keeps_its_own_query(provider):
    """And what the client's state has in it cannot add parameters."""
    person = provider.person()
    told = person.told(
        await person.authorize(
            prompt="none", redirect_uri="https://rp.example/callback?fixed=1", state="x&code=evil&iss=evil#y"
        )
    )
    assert told["fixed"] == "1"
    assert told["state"] == "x&code=evil&iss=evil#y"
    assert "code" not in told


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic abc", "bearer", None])
async def test_userinfo_wants_a_token_of_ours(provider, header):
    """401 with a challenge; nothing is said of who there is."""
    async with provider.http() as http:
        answer = await http.get("/oauth/userinfo", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_other_secrets_are_no_access_tokens(provider):
    """Codes, ID tokens and client secrets."""
    person = provider.person()
    told = await person.code()
    tokens = (await provider.token(person.form(told["code"]))).json()
    for secret in (told["code"], tokens["id_token"], provider.secrets["basic"]):
        assert (await provider.userinfo(secret)).status_code == 401


async def test_userinfo_is_asked_in_three_ways_and_never_by_url(provider):
    """By header with GET and POST, and by form."""
    token = (await provider.person().tokens())["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    async with provider.http() as http:
        answers = [
            await http.get("/oauth/userinfo", headers=bearer),
            await http.post("/oauth/userinfo", headers=bearer),
            await http.post("/oauth/userinfo", data={"access_token": token}),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len({answer.json()["sub"] for answer in answers}) == 1
        refusals = [
            await http.get(f"/oauth/userinfo?access_token={token}"),
            await http.post("/oauth/userinfo", headers=bearer, data={"access_token": token}),
        ]
        assert [answer.status_code for answer in refusals] == [400, 400]


async def test_a_client_that_was_taken_out_gets_nothing(provider):
    """Its tokens end with it."""
    token = (await provider.person().tokens())["access_token"]
    live = provider.service._live
    before = live.current
    parties = {name: party for name, party in before.relying_parties.items() if name != "basic"}
    live.current = before.model_copy(update={"relying_parties": parties})
    assert live.current.relying_parties.keys() == parties.keys()
    assert (await provider.userinfo(token)).status_code == 401
    async with provider.http() as http:
        assert (await http.get("/oauth/authorize?client_id=basic")).status_code == 400
    live.current = before.model_copy(update={"relying_parties": {}})
    async with provider.http() as http:
        for path in ("/.well-known/openid-configuration", "/oauth/jwks", "/oauth/authorize"):
            assert (await http.get(path)).status_code == 404


async def test_a_failed_verification_gives_no_code_whatever_comes_later(provider):
    """The client asked once, and heard once."""
    person = provider.person()
    await person.start(await person.authorize())
    await person.end(VerificationState.FAILED)
    assert (await person.come_back())["error"] == "access_denied"
    assert person.told(await person.authorize(prompt="none"))["error"] == "login_required"
    location = (await person.authorize(max_age="10000")).headers["location"]
    assert "/start/" in location
    assert not parse_qs(urlsplit(location).query)


async def test_an_address_cannot_begin_forever(provider):
    """The limit of sessions by address holds; the client hears that it may try later."""
    person = provider.person()
    maximum = provider.service.settings.client_session_max_attempts
    network = "127.0.0.1"
    for _ in range(maximum):
        await provider.service.shared_limits.count_session(network)
    assert person.told(await person.authorize())["error"] == "temporarily_unavailable"


async def test_an_erasure_finds_what_is_kept_for_minutes(provider):
    """Login, code and token are noted with the person; what they hold of them goes with the notes."""
    person = provider.person()
    told = await person.code("hints", login_hint="ada@example.org", scope="openid profile")
    tokens = (await provider.token(person.form(told["code"]), "hints")).json()
    service = provider.service
    index = ErasureIndex(service._results, service._live)
    keys = {key for note in await index.read(person.record.person) for key in note.keys}
    kinds = {key.split(":")[1] for key in keys if key.startswith("oidc:")}
    assert kinds == {"login", "code", "token"}
    for key in keys:
        await service._results.delete(key)
    assert (await provider.userinfo(tokens["access_token"])).status_code == 401
    assert person.told(await person.authorize("hints", prompt="none"))["error"] == "login_required"


async def test_claims_that_are_essential_and_unmet_are_no_error(provider):
    """Core, section 5.5: essential does not oblige; but for acr, whose values we know."""
    wanted = {"userinfo": {"email": {"essential": True}}, "id_token": {"auth_time": {"essential": True}}}
    tokens = await provider.person().tokens(claims=json.dumps(wanted))
    answer = (await provider.userinfo(tokens["access_token"])).json()
    assert answer.keys() == {"sub"}
