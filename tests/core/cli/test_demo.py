"""`proofing demo`: where it may be served, and what its settings must name."""

import pytest

from proofing.base.errors import ConfigurationError
from proofing.cli import demo
from proofing.settings import Settings

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
SITE = demo.load_site()


def settings_at(port, **changes):
    """Return settings with the relying party of a sample site at *port*."""
    url = f"http://localhost:{port}"
    party = {
        "display_name": "Sample Library",
        "policies": ["phone"],
        "return_urls": [f"{url}/outcome"],
        "webhooks": {"site": {"url": f"{url}/webhook", "mode": "test"}},
        "oidc": {"redirect_uris": [f"{url}/login/callback"], "authentication": "client_secret_basic"},
    }
    return Settings.model_validate(
        {
            **KEYS,
            "policies": {"phone": {"steps": ["phone"]}},
            "relying_parties": {"demo": party},
            **changes,
        }
    )


def test_it_is_served_where_its_relying_party_is():
    """Not without it, and not in production."""
    assert demo.has_site(settings_at(8001))
    assert not demo.has_site(settings_at(8001, relying_parties={}))
    assert not demo.has_site(settings_at(8001).model_copy(update={"is_production": True}))


def test_every_address_that_does_not_lead_to_it_is_named():
    """Events and people would go elsewhere."""
    party = settings_at(8001).relying_parties["demo"]
    demo.require_addresses(party, demo.site_url(8001), SITE)
    with pytest.raises(ConfigurationError) as refused:
        demo.require_addresses(party, demo.site_url(9001), SITE)
    assert [problem.key for problem in refused.value.problems] == [
        "relying_parties.demo.return_urls",
        "relying_parties.demo.webhooks.site.url",
        "relying_parties.demo.oidc.redirect_uris",
    ]


def test_at_another_port_processes_are_told_by_variables():
    """`make run` with PORT: what the settings name for the usual port holds for that one."""
    variables = demo.variables_for(settings_at(8001), 9001)
    assert set(variables.values()) == {
        '["http://localhost:9001/outcome"]',
        "http://localhost:9001/webhook",
        '["http://localhost:9001/login/callback"]',
    }
    assert all(name.startswith("PROOFING_RELYING_PARTIES__DEMO__") for name in variables)
