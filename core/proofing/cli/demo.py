"""`proofing demo`: a sample site of a relying party, with keys of its own.

The keys are made at each start and retired at its end: none is written anywhere. Those of the latest start
before stay usable, since that one may still run: another `make run` on the same stores. Older ones are
retired, so that starts that were killed leave no more than that.
"""

import argparse
import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import entry_points
from typing import Any, Final

from proofing.app.worker import stop_on_signals
from proofing.base.errors import ConfigurationError, PluginError, Problem, StoreUnavailableError
from proofing.base.listening import listen_sockets
from proofing.bootstrap import Configuration, configure, make_credentials, make_sealer
from proofing.cli.parent import stop_with_parent
from proofing.cli.startup import failed_starts_logged, start_logs
from proofing.cli.stores import opened
from proofing.contracts.verification_store import CredentialKind
from proofing.contracts.verifications import Mode
from proofing.settings import Settings
from proofing.settings.relying_parties import RelyingPartySettings
from proofing.verifications.credentials import DEFAULT_SCOPES
from proofing.verifications.webhook_keys import WebhookKeys

#: The relying party of the settings whose site this is.
RELYING_PARTY: Final = "demo"
#: How long it may take to stop once the process that started it is gone.
_END_SECONDS = 10.0


async def demo(options: argparse.Namespace) -> int:
    """Serve the sample site until told to stop."""
    async with AsyncExitStack() as stack:
        with failed_starts_logged("demo"):
            configuration = await configure(role="relying-party")
            start_logs(configuration, "demo")
            site = load_site()
            party = _party(configuration.settings)
            url = site_url(options.port)
            require_addresses(party, url, site)
            listeners = listen_sockets(options.host, options.port)
            keys = await stack.enter_async_context(site_keys(configuration, party))
            stop = asyncio.Event()
            stop_on_signals(stop)
            if options.with_parent:
                stop_with_parent(stop, kill_after_seconds=_END_SECONDS)
        config = site.DemoConfig(
            proofing_url=configuration.settings.public_url,
            own_url=url,
            name=party.display_name,
            client_id=RELYING_PARTY,
            policies=party.policies,
            has_openid=party.oidc is not None,
            **keys,
        )
        if not options.with_parent:
            print(f"The sample site is ready at {url}. Ctrl-C stops it.", flush=True)
        await site.serve(config, listeners, stop=stop)
    return 0


def has_site(settings: Settings) -> bool:
    """Return whether the settings name the relying party of the sample site, where it may be served."""
    return RELYING_PARTY in settings.relying_parties and not settings.is_production


def site_url(port: int) -> str:
    """Return the origin of the sample site."""
    return f"http://localhost:{port}"


def variables_for(settings: Settings, port: int) -> Mapping[str, str]:
    """Return the variables by which processes expect the sample site at *port*."""
    party = settings.relying_parties[RELYING_PARTY]
    site, url = load_site(), site_url(port)
    prefix = f"PROOFING_RELYING_PARTIES__{RELYING_PARTY.upper()}__"
    found = {f"{prefix}RETURN_URLS": f'["{url}{site.OUTCOME_PATH}"]'}
    for name in party.webhooks:
        found[f"{prefix}WEBHOOKS__{name.upper()}__URL"] = f"{url}{site.WEBHOOK_PATH}"
    if party.oidc is not None:
        found[f"{prefix}OIDC__REDIRECT_URIS"] = f'["{url}{site.CALLBACK_PATH}"]'
    return found


def require_addresses(party: RelyingPartySettings, url: str, site: Any) -> None:
    """Refuse to begin where the product would send people or events to another place.

    Raises:
        ConfigurationError: names the keys.
    """
    below = f"relying_parties.{RELYING_PARTY}"
    places = [(f"{below}.return_urls", party.return_urls, url + site.OUTCOME_PATH)]
    places += [
        (f"{below}.webhooks.{name}.url", (webhook.url,), url + site.WEBHOOK_PATH)
        for name, webhook in party.webhooks.items()
    ]
    if party.oidc is not None:
        places.append((f"{below}.oidc.redirect_uris", party.oidc.redirect_uris, url + site.CALLBACK_PATH))
    problems = [
        Problem("settings", key, f"must have {wanted} for the sample site at this port")
        for key, found, wanted in places
        if wanted not in found
    ]
    if problems:
        raise ConfigurationError(problems)


def _party(settings: Settings) -> RelyingPartySettings:
    """Return the relying party of the sample site. Raises `ConfigurationError`."""
    party = settings.relying_parties.get(RELYING_PARTY)
    if settings.is_production:
        raise ConfigurationError([Problem("command line", "demo", "is not for production")])
    if party is None:
        rule = f"must name {RELYING_PARTY}, whose sample site this is; settings.yaml has it for development"
        raise ConfigurationError([Problem("settings", "relying_parties", rule)])
    return party


@asynccontextmanager
async def site_keys(
    configuration: Configuration, party: RelyingPartySettings
) -> AsyncIterator[dict[str, Any]]:
    """Make the keys of the site, as `DemoConfig` names them, and retire them when it ends."""
    async with opened(configuration, "relying-party", "key_service", "verification_store") as backends:
        store = backends.verifications
        credentials = make_credentials(configuration, store)
        webhook_keys = WebhookKeys(store, make_sealer(configuration, backends))
        ids, tokens = [], {}
        for kind, scopes in ((CredentialKind.API_KEY, DEFAULT_SCOPES), (CredentialKind.CLIENT_SECRET, ())):
            for old in (await credentials.usable(RELYING_PARTY, Mode.TEST, kind))[:-1]:
                await credentials.retire(old.id)
            made = await credentials.add(RELYING_PARTY, Mode.TEST, kind=kind, scopes=scopes)
            ids.append(made.credential.id)
            tokens[kind] = made.token
        secrets = []
        for name in party.webhooks:
            usable = await webhook_keys.usable(RELYING_PARTY, Mode.TEST, name)
            for each in (CredentialKind.WEBHOOK_SECRET, CredentialKind.WEBHOOK_KEY):
                for one in [one for one in usable if one.kind is each][:-1]:
                    await webhook_keys.retire(RELYING_PARTY, one.id)
            keys = await webhook_keys.add(RELYING_PARTY, Mode.TEST, name, alongside=True)
            ids += keys.ids
            secrets.append(keys.secret)
        try:
            yield {
                "api_key": tokens[CredentialKind.API_KEY],
                "client_secret": tokens[CredentialKind.CLIENT_SECRET],
                "webhook_keys": tuple(secrets),
            }
        finally:
            # A store that ended first leaves them to a later start.
            with suppress(StoreUnavailableError):
                for one_id in ids:
                    await store.retire_credential(one_id, at=store.now())


def load_site() -> Any:
    """Return what serves it; core itself knows no web framework. Raises `PluginError`."""
    found = list(entry_points(group="proofing.server", name="demo"))
    if not found:
        raise PluginError("no sample site is installed")
    return found[0].load()
