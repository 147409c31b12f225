"""What is wrong with settings, plugins included; the same for a start and for an edit while processes run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from proofing.base.errors import ConfigurationError, Problem
from proofing.contracts.results import Assurance
from proofing.contracts.stores import Secrets
from proofing.crypto.fips import fips_problems
from proofing.registry.plugins import BACKEND_HOOKS, PluginManager, plugin_names
from proofing.routing.policies import policy_problems
from proofing.routing.vendors import validate_vendors, vendor_problems
from proofing.settings import Layers, Settings, read_layers, validate_settings
from proofing.settings.layers import DEFAULT_BLOCK
from proofing.settings.watch import AUTHOR, Sources
from proofing.verifications.targets import LOOPBACK_ENVIRONMENTS, parse_target


def judge_settings(layers: Layers, plugins: PluginManager) -> tuple[Settings, list[Problem]]:
    """Return the settings of core and everything wrong with them; the same for a start and for an edit."""
    examined = validate_settings(layers)
    problems = list(examined.problems)
    try:
        problems += examined.excluding_defaults(_combined_problems(layers, examined.settings, plugins))
    except ConfigurationError as error:
        problems += error.problems
    return examined.settings, problems


def with_sources(problems: Sequence[Problem], layers: Layers) -> list[Problem]:
    """Return *problems* with the file or variable that set each key, and none of them twice."""
    found = dict.fromkeys(
        replace(problem, source=layers.origin(problem.key.split(".")))
        if problem.source == "settings"
        else problem
        for problem in problems
    )
    # A section that is not a map is for core a key that it does not know.
    others = {problem.key for problem in found if not problem.rule.startswith("unknown key")}
    return [
        problem for problem in found if not (problem.rule.startswith("unknown key") and problem.key in others)
    ]


def reread_settings(
    path: Path | None,
    environ: Mapping[str, str] | None,
    plugins: PluginManager,
    secrets: Secrets,
    *,
    had_file: bool = True,
) -> Sources:
    """Return what the file and *secrets* say now. Runs in a thread, and changes nothing.

    Raises:
        ConfigurationError: they would not do for a start, such as a mock in production.
    """
    layers = read_layers(path, environ, is_required=had_file)
    file_author = layers.get(AUTHOR)
    layers.add(secrets.values, secrets.source)
    names = plugin_names(layers)
    # The next start would load other plugins; the vendors switched to now must be of those that are loaded.
    judges = plugins if set(names) == set(plugins.enabled) else PluginManager(names, is_trial=True)
    settings, problems = judge_settings(layers, judges)
    problems += judges.section_problems(layers)
    if judges is not plugins:
        problems += judges.problems()
        problems = problems or [
            replace(problem, rule="names a vendor whose plugin is not loaded yet: restart")
            for problem in vendor_problems(settings, plugins)
        ]
    if problems:
        raise ConfigurationError(with_sources(problems, layers))
    return Sources(settings=settings, layers=layers, file_author=file_author)


def unusable_vendors(plugins: PluginManager, settings: Settings, layers: Layers) -> list[Problem]:
    """Return the vendors of *settings* that cannot be made: what no start would take is not switched to."""
    return with_sources(validate_vendors(settings, plugins), layers)


def _combined_problems(layers: Layers, settings: Settings, plugins: PluginManager) -> list[Problem]:
    """Return the problems that only show with settings and plugins together. Raises `ConfigurationError`."""
    is_production = settings.is_production
    problems = [
        Problem(layers.path.name, name, f"is a plugin and not an environment; put it below {DEFAULT_BLOCK}")
        for name in layers.blocks
        if name in plugins.installed
    ]
    problems += [
        problem
        for key in BACKEND_HOOKS
        for problem in plugins.check_backend(key, getattr(settings, key), is_production=is_production)
    ]
    if is_production and not settings.public_url.startswith("https://"):
        problems.append(Problem(layers.origin(["public_url"]), "public_url", "must be https in production"))
    if is_production and settings.document_requires is not Assurance.AUTHENTICATED:
        rule = "must be authenticated in production"
        problems.append(Problem(layers.origin(["document_requires"]), "document_requires", rule))
    if is_production and settings.trusted_proxies == ():
        # Behind a proxy that is not named, everybody would have one address, and share its limits.
        rule = "must name the proxies in front of the web process in production, or be 0 for none"
        problems.append(Problem(layers.origin(["trusted_proxies"]), "trusted_proxies", rule))
    if (proxy := settings.outbound_proxy_url) is not None and not _is_proxy_url(proxy):
        rule = "must be the http or https URL of a proxy, such as http://proxy.example.gov:3128"
        problems.append(Problem(layers.origin(["outbound_proxy"]), "outbound_proxy", rule))
    problems += _webhook_problems(layers, settings)
    problems += fips_problems() if settings.fips_required else []
    problems += vendor_problems(settings, plugins) + policy_problems(settings, plugins)
    if plugins.problems():
        # What a plugin that did not load would have offered is missing for that reason alone.
        return [one for one in problems if not one.rule.startswith("no enabled plugin")]
    return problems


def _webhook_problems(layers: Layers, settings: Settings) -> list[Problem]:
    """Return what is wrong with the URLs of webhooks; in development this machine may be one."""
    allows_loopback = layers.environment in LOOPBACK_ENVIRONMENTS and not settings.is_production
    problems = []
    for party, party_settings in settings.relying_parties.items():
        for name, webhook in party_settings.webhooks.items():
            try:
                parse_target(webhook.url, allows_loopback=allows_loopback)
            except ValueError as error:
                key = f"relying_parties.{party}.webhooks.{name}.url"
                problems.append(Problem("settings", key, str(error)))
    return problems


def _is_proxy_url(text: str) -> bool:
    """Return whether *text* is the URL of a forward proxy."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
