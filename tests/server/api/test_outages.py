"""The verification store takes no writes for a while: what the API and the pages of a link answer."""

import contextlib
import json
import sqlite3

import httpx
import pytest

from proofing.contracts.verifications import VerificationState

ORIGIN = "http://localhost:8000"
#: How long a call waits for the store.
TIMEOUT = {"local__timeout_seconds": "0.3"}
POLICIES = {"standard": {"steps": ["document"], "claims": ["first_name"]}}
PARTIES = {"agency": {"display_name": "Agency", "policies": ["standard"]}}


@pytest.fixture
async def outage(start, tmp_path):
    """Return a site, and what keeps its verification store from writing."""

    @contextlib.contextmanager
    def begin():
        database = tmp_path / "local/verifications.db"
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("begin immediate")
            yield
            other.execute("rollback")

    settings = {"policies": json.dumps(POLICIES), "relying_parties": json.dumps(PARTIES), **TIMEOUT}
    async with start(**settings) as site:
        yield site, begin


@pytest.fixture
async def agency(outage):
    """Return what calls the API with a key whose use was noted just now."""
    site, _begin = outage
    made = await site.service.relying_parties.credentials.add(
        "agency", "test", scopes=("verifications:write", "verifications:read", "claims:read", "reviews:write")
    )
    transport = httpx.ASGITransport(app=site.app)
    headers = {"Authorization": f"Bearer {made.token}"}
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as http:
        assert (await http.get("/v1/verifications")).status_code == 200
        yield http


async def create(http, subject, key):
    """Ask for a verification under an idempotency key."""
    return await http.post("/v1/verifications", json={"subject": subject}, headers={"Idempotency-Key": key})


async def test_what_cannot_be_kept_is_said_and_may_be_sent_again(outage, agency):
    """Every change answers 503 with its wait; sent again with its key, it happens once."""
    _site, begin = outage
    made = (await create(agency, "s1", "one")).json()
    path = f"/v1/verifications/{made['id']}"
    with begin():
        refused = [
            await create(agency, "s2", "two"),
            *[
                await agency.post(f"{path}/{action}", headers={"Idempotency-Key": action})
                for action in ("cancel", "link")
            ],
            await agency.post(f"/v1/test/verifications/{made['id']}/simulate", json={"outcome": "verified"}),
        ]
        for answer in refused:
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.headers["retry-after"]
        read = (await agency.get(path)).json()
        assert (read["state"], read["sequence"]) == ("created", 1)
    again = await create(agency, "s2", "two")
    assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
    assert (await create(agency, "s2", "two")).content == again.content
    assert len((await agency.get("/v1/verifications")).json()["data"]) == 2
    canceled = await agency.post(f"{path}/cancel", headers={"Idempotency-Key": "cancel"})
    assert canceled.json()["sequence"] == 2


async def test_a_link_stays_usable(outage, agency):
    """Start says that something went wrong, and works afterward; the person is sent nowhere."""
    site, begin = outage
    made = (await create(agency, "s1", "one")).json()
    link = made["link"]["url"].removeprefix(ORIGIN)
    browser = site.browser()
    await browser.get(link)
    with begin():
        await browser.post(link)
        assert browser.page.status_code == 503
        assert "Something went wrong on our end" in browser.page.text
        record = await site.service.verifications.get(None, made["id"])
        assert record.state is VerificationState.CREATED
    await browser.get(link)
    await browser.post(link)
    assert browser.path == "/consent"
    with begin():
        await browser.post("/exit")
        assert browser.page.status_code == 503
    record = await site.service.verifications.get(None, made["id"])
    assert record.state is VerificationState.IN_PROGRESS
