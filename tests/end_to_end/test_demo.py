"""The sample site of `make run` in a real browser: by API and by OpenID Connect, there and back."""

from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml
from playwright.async_api import expect

from proofing.cli.sample_card import draw_specimen
from proofing.testing.waiting import eventually
from proofing_devtools.page_structure import check_structure
from proofing_devtools.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

#: A card that the reader reads, and the given name on it.
SPECIMEN, WHO = draw_specimen(seed=3, state="TX")
GIVEN = WHO.removeprefix("A made-up person: ").split()[0]
SETTINGS = Path(__file__).resolve().parents[2] / "settings.yaml"


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    """The product as `make run` starts it, with the sample site at a port of its own."""
    shipped = yaml.safe_load(SETTINGS.read_text())
    with Product(tmp_path_factory.mktemp("demo"), {**shipped["default"], **shipped["development"]}) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def sample_url(product):
    """Where the sample site is: the product says so when it is ready."""
    return await eventually(lambda: product.output.partition("uses it at ")[2].split(" ")[0])


async def start(page, person):
    """Begin on the product's page, and agree."""
    await person.heading("Verify your identity")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.get_by_label("I agree").check()
    await page.get_by_role("button", name="Continue").click()


async def test_by_api(sample_url, page, person):
    """A document alone; the events arrive with right signatures; the claims are collected once."""
    await page.goto(sample_url)
    await check_structure(page)
    await page.get_by_label("Document", exact=True).check()
    await page.get_by_role("button", name="Verify my identity").click()
    await start(page, person)
    await person.give_photos(SPECIMEN)
    await person.submit_photos()
    await person.heading("You’re verified")
    await page.get_by_role("link", name="Continue to Sample Library").click()
    assert page.url.startswith(f"{sample_url}/outcome?verification_id=ver_")
    await expect(page.locator("h1")).to_have_text("Your verification: verified")
    await check_structure(page)
    # It reloads until the last event is there.
    await expect(page.locator("ol li").last).to_have_text("verification.verified", timeout=20_000)
    assert await page.locator("ol li").first.inner_text() == "verification.created"
    await page.get_by_role("button", name="Collect what was released").click()
    await expect(page.locator("pre")).to_contain_text(f'"first_name": "{GIVEN}"')
    await expect(page.get_by_role("button", name="Collect what was released")).to_have_count(0)


async def test_by_openid_connect(sample_url, page, person):
    """The whole policy; the code is in no address that stays."""
    await page.goto(sample_url)
    await page.get_by_role("button", name="Log in with Proofing").click()
    await start(page, person)
    await person.give_photos(SPECIMEN)
    await person.submit_photos()
    await person.heading("Enter your Social Security number")
    await person.give_ssn()
    await person.submit_information()
    await person.give_phone()
    await person.get_code()
    await person.heading("Enter your confirmation code")
    await person.return_code()
    await page.get_by_role("link", name="Continue to Sample Library").click()
    await person.heading("You’re logged in")
    assert page.url == f"{sample_url}/login/done"
    await expect(page.locator("pre")).to_contain_text(f'"given_name": "{GIVEN}"')


async def test_answers_of_others_log_nobody_in(sample_url, page):
    """A callback without a login, one of another login, and one of another provider."""
    await page.goto(f"{sample_url}/login/callback?code=1&state=2")
    await expect(page.locator("main")).to_contain_text("no login has begun in this browser")
    async with httpx.AsyncClient(base_url=sample_url) as browser:
        for answer, why in (
            ({"code": "1", "state": "other"}, "belongs to another login"),
            ({"code": "1", "iss": "https://other.example"}, "comes from another provider"),
        ):
            begun = await browser.post("/login")
            state = httpx.URL(begun.headers["location"]).params["state"]
            found = await browser.get("/login/callback", params={"state": state, **answer})
            assert found.status_code == 400
            assert why in found.text


async def test_events_of_others_are_refused(sample_url):
    """Without a signature, with a wrong one, and too large."""
    headers = {"webhook-id": "evt_1", "webhook-timestamp": "1800000000", "webhook-signature": "v1,AAAA"}
    async with httpx.AsyncClient(base_url=sample_url) as other:
        assert (await other.post("/webhook", content=b"{}")).status_code == 400
        assert (await other.post("/webhook", content=b"{}", headers=headers)).status_code == 400
        assert (await other.post("/webhook", content=b"x" * 70_000, headers=headers)).status_code == 413


async def test_a_stranger_sees_no_verification(sample_url):
    """Neither one that is unknown, nor what another browser asked for."""
    async with httpx.AsyncClient(base_url=sample_url) as stranger:
        found = await stranger.get("/outcome", params={"verification_id": "ver_" + "0" * 32})
    assert found.status_code == 404
