"""`proofing demo`: where it may be served, and what its settings must name."""

import pytest

from proofing import bootstrap
from proofing.base.errors import ConfigurationError
from proofing.cli import demo
from proofing.cli.stores import opened
from proofing.contracts.verification_store import CredentialKind
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


@pytest.fixture
async def configured(bare_environment, settings_file, monkeypatch):
    """The configuration of a process with a sample site, and its relying party."""
    party = settings_at(8001).relying_parties["demo"].model_dump(mode="json", exclude_unset=True)
    path = settings_file(policies={"phone": {"steps": ["phone"]}}, relying_parties={"demo": party})
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    configuration = await bootstrap.configure(role="relying-party")
    return configuration, configuration.settings.relying_parties["demo"]


async def usable_keys(configuration):
    """Return how many keys of the sample site are usable, by kind."""
    async with opened(configuration, "relying-party", "verification_store") as backends:
        store = backends.verifications
        found = {}
        for kind in (
            CredentialKind.API_KEY,
            CredentialKind.CLIENT_SECRET,
            CredentialKind.WEBHOOK_SECRET,
            CredentialKind.WEBHOOK_KEY,
        ):
            all_keys = await store.credentials(relying_party=demo.RELYING_PARTY, kind=kind)
            found[kind.value] = sum(one.retire_at is None for one in all_keys)
        return found


async def test_a_second_sample_site_leaves_the_first_its_keys(configured):
    """The product may run twice on the same stores; at its end each site retires its own keys alone."""
    configuration, site = configured

    async def caller(keys):
        async with opened(configuration, "relying-party", "verification_store") as backends:
            credentials = bootstrap.make_credentials(configuration, backends.verifications)
            return await credentials.recognize(keys["api_key"])

    async with demo.site_keys(configuration, site) as first:
        async with demo.site_keys(configuration, site) as second:
            assert await caller(first) is not None
            assert await caller(second) is not None
        assert await caller(first) is not None
        assert await caller(second) is None
        assert set((await usable_keys(configuration)).values()) == {1}
    assert set((await usable_keys(configuration)).values()) == {0}


async def test_keys_of_starts_that_were_killed_do_not_pile_up(configured):
    """Those of the latest start stay, since it may still run."""
    configuration, site = configured
    killed = [demo.site_keys(configuration, site) for _ in range(4)]
    for one in killed:
        await one.__aenter__()
    try:
        assert set((await usable_keys(configuration)).values()) == {2}
    finally:
        for one in reversed(killed):
            await one.__aexit__(None, None, None)
