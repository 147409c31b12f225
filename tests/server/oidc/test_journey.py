"""A person walks from a client to its verdict over real pages and jobs; nothing is set behind their back."""

import base64
import hashlib
import json
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from proofing.contracts.verification_store import CredentialKind
from proofing.contracts.verifications import Mode

CALLBACK = "https://rp.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PERSON = {
    "first_name": "Fakey",
    "last_name": "McFakerson",
    "dob_month": "10",
    "dob_day": "6",
    "dob_year": "1938",
}
ASKED = {
    "verification": {"trust_framework": None, "assurance_level": None, "evidence": [{"type": None}]},
    "claims": {"phone_number": None, "given_name": None},
}
SETTINGS = {
    "doc_auth_enable_presigned_s3_urls": "false",
    "ruby_workers_idv_enabled": "false",
    "policies": json.dumps({"phones": {"steps": ["phone"], "claims": ["phone"], "attempts": 1}}),
    "relying_parties": json.dumps(
        {
            "agency": {
                "display_name": "The Agency",
                "policies": ["phones"],
                "oidc": {"redirect_uris": [CALLBACK], "authentication": "client_secret_post"},
            }
        }
    ),
}


async def come(site):
    """Return a browser on the start page that the provider leads to."""
    browser = site.browser()
    wanted = {
        "client_id": "agency",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": "openid phone",
        "state": "the state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "claims": json.dumps({"userinfo": {"verified_claims": ASKED}}),
    }
    await browser.get(f"/oauth/authorize?{urlencode(wanted)}")
    assert browser.path.startswith("/start/")
    assert "The Agency" in browser.page.text
    return browser


async def walk(browser, phone):
    """Press Start and give everything that is asked for."""
    await browser.post(browser.path)
    await browser.post("/consent", consent="yes")
    if browser.path == "/identity":
        await browser.post("/identity", **PERSON)
    await browser.post("/phone", phone=phone)


async def go_back(browser):
    """Press the button of the last page, and return what the client hears."""
    link = re.search(r'href="http://localhost:8000(/oauth/return/agency[^"]*)"', browser.page.text)
    assert link is not None, browser.page.text
    answer = await browser.http.get(link[1].replace("&amp;", "&"))
    assert answer.headers["location"].startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


async def test_a_person_walks_from_the_client_and_back(start):
    """Start page, consent, phone, outcome, code, tokens, claims."""
    async with start(**SETTINGS) as site:
        made = await site.service.relying_parties.credentials.add(
            "agency", Mode.LIVE, kind=CredentialKind.CLIENT_SECRET
        )
        browser = await come(site)
        await walk(browser, "(202) 555-0143")
        assert browser.path == "/outcome", browser.page.text
        told = await go_back(browser)
        assert (told["state"], told["iss"]) == ("the state", "http://localhost:8000")
        answer = await browser.http.post(
            "/oauth/token",
            data={
                "grant_type": "authorization_code",
                "code": told["code"],
                "redirect_uri": CALLBACK,
                "code_verifier": VERIFIER,
                "client_id": "agency",
                "client_secret": made.token,
            },
        )
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        userinfo = (await browser.http.get("/oauth/userinfo", headers=bearer)).json()
        assert userinfo == {
            "sub": userinfo["sub"],
            "phone_number": "+12025550143",
            "verified_claims": {
                "verification": {
                    "trust_framework": "nist_800_63A",
                    "evidence": [{"type": "electronic_record"}],
                },
                "claims": {"phone_number": "+12025550143"},
            },
        }


@pytest.mark.parametrize("way", ["failed", "left"])
async def test_a_person_who_is_not_verified_is_led_back(start, way):
    """Failed by the vendor, or left by the person: the client hears access_denied."""
    async with start(**SETTINGS) as site:
        browser = await come(site)
        if way == "failed":
            await walk(browser, "(703) 555-5555")
            if browser.path != "/outcome":
                await browser.get("/outcome")
            told = await go_back(browser)
        else:
            await browser.post(browser.path)
            await browser.post("/exit")
            told = await go_back(browser)
        assert (told["error"], told["state"]) == ("access_denied", "the state")
        assert "code" not in told
