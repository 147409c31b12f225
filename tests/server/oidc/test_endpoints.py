"""Discovery, keys, logout, and what scripts of other origins may read."""

import json

import pytest

CONFIGURATION = "/.well-known/openid-configuration"
ISSUER = "http://localhost:8000"
SPA = "http://localhost:5173"


async def test_discovery_says_what_there_is_and_what_there_is_not(provider):
    """Every URL is below the issuer, and answers."""
    async with provider.http() as http:
        found = (await http.get(CONFIGURATION)).json()
        assert found["issuer"] == ISSUER
        assert {"ES256", "RS256"} == set(found["id_token_signing_alg_values_supported"])
        assert found["response_types_supported"] == ["code"]
        assert found["subject_types_supported"] == ["pairwise"]
        assert found["code_challenge_methods_supported"] == ["S256"]
        assert found["claims_parameter_supported"] is True
        assert found["request_parameter_supported"] is False
        assert found["request_uri_parameter_supported"] is False
        assert found["authorization_response_iss_parameter_supported"] is True
        assert found["verified_claims_supported"] is True
        assert "none" not in found["id_token_signing_alg_values_supported"]
        for name, url in found.items():
            if name.endswith("_endpoint") or name == "jwks_uri":
                answer = await http.get(url.removeprefix(ISSUER))
                assert answer.status_code in {200, 400, 401, 405}, (name, answer.status_code)


async def test_the_cookie_of_a_browser_is_out_of_reach(secure_provider):
    """Of scripts, of other sites' forms, of other hosts of the domain, of plain http."""
    answer = await secure_provider.person().authorize()
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    assert name == "__Host-proofing-login"
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} == set(rest.split("; ")[1:])
    assert answer.headers["location"].startswith("https://proofing.example.gov/start/")


async def test_published_keys_have_no_private_part(provider):
    """And may be kept for minutes only, so that clients see a new key a day before it signs."""
    async with provider.http() as http:
        answer = await http.get("/oauth/jwks")
    assert answer.headers["cache-control"] == "public, max-age=300"
    for key in answer.json()["keys"]:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/userinfo"])
async def test_scripts_of_public_clients_alone_read_tokens(provider, path):
    """By the origins of their redirect URIs, without cookies."""
    async with provider.http() as http:
        ask = {"Access-Control-Request-Method": "POST"}
        good = await http.options(path, headers={"Origin": SPA, **ask})
        assert (good.status_code, good.headers["access-control-allow-origin"]) == (204, SPA)
        assert "access-control-allow-credentials" not in good.headers
        for origin in ("https://rp.example", "https://evil.example", "null", SPA + ".evil.example"):
            other = await http.options(path, headers={"Origin": origin, **ask})
            assert "access-control-allow-origin" not in other.headers
        answer = await http.post(path, data={"x": "y"}, headers={"Origin": SPA})
        assert answer.headers["access-control-allow-origin"] == SPA


async def test_authorize_and_logout_are_read_by_no_script(provider):
    """They are for browsers that go there."""
    async with provider.http() as http:
        for path in ("/oauth/authorize", "/oauth/logout", "/oauth/return/basic"):
            answer = await http.get(path, headers={"Origin": SPA})
            assert "access-control-allow-origin" not in answer.headers


async def test_logout_ends_the_login_and_leads_where_the_client_may_send_people(provider):
    """With an ID token; then nobody is logged in."""
    person = provider.person()
    tokens = await person.tokens()
    hint = tokens["id_token"]
    target = "https://rp.example/goodbye"
    answer = await person.http.get(
        "/oauth/logout", params={"id_token_hint": hint, "post_logout_redirect_uri": target, "state": "a&b"}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, f"{target}?state=a%26b")
    assert person.told(await person.authorize(prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize(
    "target",
    ["https://rp.example/callback", "https://evil.example/", "https://rp.example/goodbye/", "//evil"],
)
async def test_logout_redirects_nowhere_else(provider, target):
    """An open redirect would be a gift to phishers: the person stays here, signed out."""
    person = provider.person()
    tokens = await person.tokens()
    answer = await person.http.get(
        "/oauth/logout", params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": target}
    )
    assert (answer.status_code, answer.headers.get("location")) == (200, None)
    assert person.told(await person.authorize(prompt="none"))["error"] == "login_required"


@pytest.mark.parametrize("hint", [None, "a.b.c", "foreign"])
async def test_logout_without_an_id_token_asks_the_person(provider, hint):
    """Any site could send people there; only our own page ends the login then."""
    person = provider.person()
    tokens = await person.tokens()
    if hint == "foreign":
        header, _payload, signature = tokens["id_token"].split(".")
        hint = f"{header}.e30.{signature}"
    asked = {
        "post_logout_redirect_uri": "https://rp.example/goodbye",
        **({"id_token_hint": hint} if hint else {}),
    }
    answer = await person.http.post(
        "/oauth/logout", data=asked, headers={"Origin": "https://rp.example", "Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 200
    assert 'action="/oauth/logout/confirm"' in answer.text
    assert "code" in person.told(await person.authorize(prompt="none"))
    forged = await person.http.post("/oauth/logout/confirm", headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    assert "code" in person.told(await person.authorize(prompt="none"))
    answer = await person.http.post("/oauth/logout/confirm", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200
    assert person.told(await person.authorize(prompt="none"))["error"] == "login_required"


async def test_an_id_token_of_another_client_ends_nothing(provider):
    """The hint names its own client."""
    person = provider.person()
    await person.tokens()
    other = await provider.person().tokens("post")
    await person.http.get("/oauth/logout", params={"id_token_hint": other["id_token"], "client_id": "basic"})
    assert "code" in person.told(await person.authorize(prompt="none"))


async def test_a_store_that_is_down_is_said_as_clients_expect_it(provider):
    """503 and a code that programs know; a person sees a page."""
    person = provider.person()
    told = await person.code()
    await provider.service.verifications.store.close()
    answer = await provider.token(person.form(told["code"]))
    assert (answer.status_code, answer.json()) == (503, {"error": "temporarily_unavailable"})
    assert answer.headers["retry-after"]
    async with provider.http() as http:
        answer = await http.get("/oauth/jwks")
        assert (answer.status_code, answer.json()) == (503, {"code": "technical"})
    assert (await person.authorize()).status_code == 503


async def test_bodies_of_other_types_and_sizes_are_refused(provider):
    """JSON is no form; a form has few fields."""
    async with provider.http() as http:
        answer = await http.post("/oauth/token", json={"grant_type": "authorization_code"})
        assert (answer.status_code, answer.json()) == (415, {"code": "unsupported_media_type"})
        answer = await http.post("/oauth/token", data={f"p{number}": "x" for number in range(100)})
        assert answer.status_code == 400
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await http.post("/oauth/token", content=b"code=%ff", headers=form)
        assert answer.status_code == 400
        answer = await http.post("/oauth/authorize", content=json.dumps({}), headers=form)
        assert answer.status_code == 400
