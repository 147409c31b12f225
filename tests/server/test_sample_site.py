"""The sample site: its labels, and what its pages may load."""

import httpx
import pytest

from proofing.verifications.signatures import new_secret
from proofing_demo.config import DemoConfig
from proofing_demo.site import make_site, words

CONFIG = DemoConfig(
    proofing_url="http://localhost:8000",
    own_url="http://localhost:8001",
    name="Sample Library",
    client_id="demo",
    policies=("personal_data", "state-id"),
    api_key="none",
    webhook_keys=(new_secret(),),
    client_secret="none",
    has_openid=False,
)


@pytest.mark.parametrize(
    ("name", "label"),
    [("state_id", "State ID"), ("personal_data", "Personal data"), ("identity", "Identity"), ("id", "ID")],
)
def test_names_are_shown_as_labels(name, label):
    """With the abbreviation as people write it, and no word that merely begins so."""
    assert words(name) == label


async def test_a_page_may_load_its_icon():
    """Otherwise browsers ask for one that the policy of the page forbids, and log an error."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=make_site(CONFIG)), base_url=CONFIG.own_url
    ) as browser:
        page = await browser.get("/")
    assert '<link rel="icon" href="data:,">' in page.text
    assert "img-src data:" in page.headers["content-security-policy"]
    assert "> State ID</label>" in page.text
