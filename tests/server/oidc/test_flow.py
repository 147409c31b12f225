"""The whole way: from a client's request to its tokens, as each client goes it."""

import base64
import json
import logging
import time
from typing import Any

import pytest
from joserfc import jws
from jwt import PyJWKSet, PyJWS

from proofing.contracts.verifications import Mode, VerificationState
from proofing_server.oidc.client_authentication import ASSERTION_TYPE
from proofing_server.oidc.id_tokens import at_hash

ISSUER = "http://localhost:8000"


async def read_id_token(provider: Any, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of an ID token, verified with the published keys."""
    async with provider.http() as http:
        keys = PyJWKSet.from_dict((await http.get("/oauth/jwks")).json())
    header = json.loads(_decoded(token.split(".", maxsplit=1)[0]))
    found = PyJWS().decode_complete(token, keys[header["kid"]], algorithms=[header["alg"]])
    return header, json.loads(found["payload"])


def _decoded(text: str) -> bytes:
    """Return what base64url encodes."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize(
    ("client", "algorithm"), [("basic", "RS256"), ("post", "ES256"), ("spa", "ES256"), ("old", "ES256")]
)
async def test_a_person_is_verified_for_a_client(provider, client, algorithm):
    """Code, tokens, userinfo: all agree about whom they speak of."""
    person = provider.person()
    tokens = await person.tokens(client, scope="openid profile")
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 300, "openid profile")
    header, claims = await read_id_token(provider, tokens["id_token"])
    assert header["alg"] == algorithm
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, client, person.parameters["nonce"])
    assert claims["at_hash"] == at_hash(tokens["access_token"])
    assert claims["acr"] == f"{ISSUER}/acr/standard"
    assert claims["exp"] - claims["iat"] == 300
    assert abs(claims["auth_time"] - person.record.ended_at) <= 1
    assert "Ada" not in json.dumps(claims)
    answer = await provider.userinfo(tokens["access_token"])
    assert answer.json() == {
        "sub": claims["sub"],
        "name": "Ada Sample",
        "given_name": "Ada",
        "family_name": "Sample",
        "birthdate": "1985-10-06",
    }
    assert answer.headers["cache-control"] == "no-store"


def assertion(key: Any, **changes: Any) -> dict[str, str]:
    """Return the parameters of private_key_jwt."""
    now = int(time.time())
    claims = {
        "iss": "signs",
        "sub": "signs",
        "aud": ISSUER,
        "iat": now,
        "exp": now + 60,
        "jti": "1",
        **changes,
    }
    token = jws.serialize_compact({"alg": "ES256", "kid": "client-key"}, json.dumps(claims), key)
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


async def test_a_client_signs_for_itself(provider, client_key):
    """private_key_jwt, for the issuer or the token endpoint; an assertion counts once."""
    person = provider.person()
    told = await person.code("signs")
    signed = assertion(client_key)
    answer = await provider.token({**person.form("wrong"), **signed}, "signs")
    assert answer.json()["error"] == "invalid_grant"
    answer = await provider.token({**person.form(told["code"]), **signed}, "signs")
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    other = assertion(client_key, jti="2", aud=f"{ISSUER}/oauth/token")
    answer = await provider.token({**person.form(told["code"]), **other}, "signs")
    assert answer.status_code == 200, answer.text


async def test_verified_claims_are_given_where_they_are_asked_for(provider):
    """With what the evidence supports, and no level that it does not."""
    asked = {
        "userinfo": {
            "verified_claims": {
                "verification": {
                    "trust_framework": {"value": "nist_800_63A"},
                    "assurance_level": None,
                    "evidence": [{"type": None}],
                },
                "claims": {"given_name": None, "birthdate": None, "phone_number": None},
            }
        }
    }
    tokens = await provider.person().tokens(claims=json.dumps(asked))
    userinfo = (await provider.userinfo(tokens["access_token"])).json()
    assert userinfo.keys() == {"sub", "verified_claims"}
    assert userinfo["verified_claims"] == {
        "verification": {
            "trust_framework": "nist_800_63A",
            "evidence": [{"type": "document"}, {"type": "electronic_record"}],
        },
        "claims": {"given_name": "Ada", "birthdate": "1985-10-06"},
    }


async def test_claims_are_handed_over_once(provider):
    """The store has none anymore, and a second code of the same verification gets none."""
    person = provider.person()
    tokens = await person.tokens(scope="openid profile")
    assert "given_name" in (await provider.userinfo(tokens["access_token"])).json()
    told = person.told(await person.authorize(prompt="none", scope="openid profile"))
    again = (await provider.token(person.form(told["code"]))).json()
    userinfo = (await provider.userinfo(again["access_token"])).json()
    assert userinfo == {"sub": userinfo["sub"]}


async def test_a_client_that_asks_for_no_claims_leaves_them(provider):
    """They stay sealed for the API until they expire."""
    person = provider.person()
    await person.tokens()
    stored = await provider.service.verifications.store.load(person.record.id)
    assert stored.record.claims_collected_at is None


@pytest.mark.parametrize(
    ("state", "described"),
    [
        (VerificationState.FAILED, "the verification is failed"),
        (VerificationState.CANCELED, "the verification is canceled"),
        (VerificationState.EXPIRED, "the verification is expired"),
    ],
)
async def test_a_client_hears_of_a_no(provider, state, described):
    """With its state and our issuer, and never which datum it was."""
    person = provider.person()
    await person.start(await person.authorize())
    await person.end(state)
    assert await person.come_back() == {
        "error": "access_denied",
        "error_description": described,
        "state": person.parameters["state"],
        "iss": ISSUER,
    }


async def test_a_review_is_answered_later_in_the_same_browser(provider):
    """The client hears that a reviewer decides; after the decision it asks with prompt=none, once."""
    person = provider.person()
    await person.start(await person.authorize())
    await person.end(VerificationState.NEEDS_REVIEW)
    assert (await person.come_back())["error"] == "access_denied"
    assert person.told(await person.authorize())["error"] == "access_denied"
    await person.end(ended_at=provider.service.verifications.now() - 7200)
    told = person.told(await person.authorize(prompt="none", max_age="60"))
    assert told["error"] == "login_required"
    told = person.told(await person.authorize(prompt="none"))
    tokens = (await provider.token(person.form(told["code"]))).json()
    _header, claims = await read_id_token(provider, tokens["id_token"])
    assert claims["nonce"] == person.parameters["nonce"]
    assert person.told(await person.authorize(prompt="none"))["error"] == "login_required"


async def test_a_login_is_over_after_a_quarter_of_an_hour(provider):
    """Whatever the client would put up with."""
    person = provider.person()
    await person.start(await person.authorize())
    await person.end(ended_at=provider.service.verifications.now() - 901)
    assert "code" in await person.come_back()
    assert person.told(await person.authorize(prompt="none"))["error"] == "login_required"
    assert "/start/" in (await person.authorize(max_age="10000")).headers["location"]


async def test_a_login_of_another_hint_answers_nothing(provider):
    """Who is logged in is not the one whom the client asks about."""
    person = provider.person()
    tokens = await person.tokens("hints", login_hint="4711")
    assert "code" in person.told(await person.authorize("hints", prompt="none", login_hint="4711"))
    told = person.told(await person.authorize("hints", prompt="none", login_hint="4712"))
    assert told["error"] == "login_required"
    assert (
        "/start/" in (await person.authorize("hints", max_age="900", login_hint="4712")).headers["location"]
    )
    both = {"login_hint": "4712", "id_token_hint": tokens["id_token"]}
    assert person.told(await person.authorize("hints", **both))["error"] == "login_required"
    same = {"login_hint": "4711", "id_token_hint": tokens["id_token"]}
    assert "/start/" in (await person.authorize("hints", **same)).headers["location"]


async def test_a_person_who_comes_back_too_early_continues(provider):
    """Nothing is said to the client."""
    person = provider.person()
    await person.start(await person.authorize())
    answer = await person.http.get("/oauth/return/basic")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_a_person_who_begins_again_replaces_what_was_open(provider):
    """The verification before is canceled; the same person of limits begins the next one."""
    person = provider.person()
    await person.start(await person.authorize())
    before = person.record
    await person.start(await person.authorize())
    assert person.record.id != before.id
    assert person.record.person == before.person
    stored = await provider.service.verifications.store.load(before.id)
    assert stored.record.state is VerificationState.CANCELED
    await person.end()
    assert "code" in await person.come_back()


async def test_a_new_verification_is_about_a_new_subject(provider):
    """At a shared computer the next person must not become the one before; unless the client wants that."""
    person = provider.person()
    first = await person.tokens()
    second = await person.tokens()
    subjects = [(await read_id_token(provider, one["id_token"]))[1]["sub"] for one in (first, second)]
    assert subjects[0] != subjects[1]


async def test_a_login_is_used_again_where_the_client_asks_for_that(provider):
    """prompt=none and max_age: same subject, same time; prompt=login and max_age=0 begin again."""
    person = provider.person()
    _header, first = await read_id_token(provider, (tokens := await person.tokens())["id_token"])
    for changes in (
        {"prompt": "none"},
        {"max_age": "10000"},
        {"prompt": "none", "id_token_hint": tokens["id_token"]},
        {"prompt": "none", "claims": json.dumps({"id_token": {"sub": {"value": first["sub"]}}})},
    ):
        told = person.told(await person.authorize(**changes))
        again = (await provider.token(person.form(told["code"]))).json()
        _header, claims = await read_id_token(provider, again["id_token"])
        assert (claims["sub"], claims["auth_time"]) == (first["sub"], first["auth_time"])
        assert claims["nonce"] == person.parameters["nonce"]
    for changes in ({}, {"prompt": "login"}, {"max_age": "0"}, {"max_age": "9", "prompt": "consent"}):
        assert "/start/" in (await person.authorize(**changes)).headers["location"], changes


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "none"},
        {"prompt": "none", "max_age": "10"},
        {"id_token_hint": "a.b.c"},
        {"claims": json.dumps({"id_token": {"sub": {"value": "somebody"}}})},
    ],
)
async def test_nobody_is_logged_in(provider, changes):
    """A request that only a login could answer gets login_required, with state and issuer."""
    person = provider.person()
    told = person.told(await person.authorize(**changes))
    assert told["error"] == "login_required"
    assert (told["state"], told["iss"]) == (person.parameters["state"], ISSUER)


async def test_a_login_of_another_policy_or_client_answers_nothing(provider):
    """What was done for one says nothing about the other."""
    person = provider.person()
    await person.tokens()
    assert person.told(await person.authorize(prompt="none", acr_values=f"{ISSUER}/acr/strict"))["error"]
    assert person.told(await person.authorize("post", prompt="none"))["error"] == "login_required"


async def test_acr_chooses_the_policy_and_comes_back(provider):
    """The verification has the terms of the policy that was asked for."""
    person = provider.person()
    tokens = await person.tokens(acr_values=f"urn:x {ISSUER}/acr/strict")
    assert person.record.policy == "strict"
    assert (await read_id_token(provider, tokens["id_token"]))[1]["acr"] == f"{ISSUER}/acr/strict"


async def test_subjects_are_pairwise_by_sector(provider):
    """With the client's own reference: the same person at one sector, another one elsewhere."""
    first = await provider.person().tokens("hints", login_hint="4711")
    second = await provider.person().tokens("hints", login_hint="4711")
    other = await provider.person().tokens("hints", login_hint="4712")
    subjects = [(await read_id_token(provider, one["id_token"]))[1]["sub"] for one in (first, second, other)]
    assert subjects[0] == subjects[1] != subjects[2]
    live, test = Mode.LIVE, Mode.TEST
    asked = [("sector/a", live), ("sector/b", live), ("client/a", live), ("sector/a", test)]
    ours = {provider.service.openid.subject(sector, mode, "4711") for sector, mode in asked}
    assert len(ours) == len(asked)


async def test_a_hint_counts_only_where_the_settings_say_so(provider):
    """It passes through the browser, which can change it."""
    tokens = [await provider.person().tokens(login_hint="4711") for _ in range(2)]
    subjects = [(await read_id_token(provider, one["id_token"]))[1]["sub"] for one in tokens]
    assert subjects[0] != subjects[1]


async def test_the_request_may_be_posted(provider):
    """From the client's page, which is of another origin."""
    person = provider.person()
    await person.start(await person.authorize(post=True))
    await person.end()
    assert "code" in await person.come_back()


async def test_who_only_looks_begins_nothing(provider):
    """HEAD, as link scanners send it."""
    async with provider.http() as http:
        answer = await http.head("/oauth/authorize?client_id=basic")
        assert (answer.status_code, answer.headers.get("location")) == (200, None)


async def test_languages_reach_the_verification(provider):
    """The first language tag of ui_locales."""
    person = provider.person()
    await person.start(await person.authorize(ui_locales=f"en{'-aaaaaaaa' * 5} es-MX en"))
    assert person.record.locale == "es-MX"


async def test_no_hint_code_or_token_reaches_a_log_or_record(provider, caplog):
    """Also at the level of debugging."""
    caplog.set_level(logging.DEBUG)
    person = provider.person()
    told = await person.code("hints", login_hint="ada@example.org")
    tokens = (await provider.token(person.form(told["code"]), "hints")).json()
    await provider.token(person.form(told["code"]), "hints")
    await provider.token(person.form(told["code"]), "hints", headers={"X": "y"})
    texts = [
        record.getMessage() + json.dumps(getattr(record, "proofing_fields", {}), default=str)
        for record in caplog.records
        if record.name.startswith("proofing")
    ]
    secrets = (
        "ada@example.org",
        told["code"],
        tokens["access_token"],
        tokens["id_token"],
        person.verifier,
        provider.secrets["hints"],
        person.parameters["state"],
    )
    assert texts
    assert not [secret for secret in secrets for text in texts if secret in text]
    assert "ada@example.org" not in person.record.to_json()
