"""`proofing hosts`: where vendors and endpoints in the settings are, for the allow-list of a forward proxy.

It runs where neither secrets nor backends can be reached, as alongside Terraform: hosts are in settings.yaml.
"""

import argparse
import json
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from proofing.app.settings_check import with_sources
from proofing.base.errors import ConfigurationError
from proofing.crypto.encryption import KEY_BYTES
from proofing.registry.plugins import PluginManager, plugin_names
from proofing.routing.vendors import vendor_hosts, vendor_problems
from proofing.settings import Layers, Settings, read_layers, validate_settings
from proofing.verifications.targets import endpoint_hosts


async def hosts(options: argparse.Namespace) -> int:
    """Print each host that vendors in the settings may call, or to which events go."""
    layers = read_layers()
    plugins = PluginManager(plugin_names(layers))
    _add_placeholders(layers, plugins)
    problems = plugins.problems() + plugins.read_sections(layers)
    examined = validate_settings(layers)
    problems += examined.problems
    problems += examined.excluding_defaults(vendor_problems(examined.settings, plugins))
    if problems:
        raise ConfigurationError(with_sources(problems, layers))
    if options.endpoints:
        found = endpoint_hosts(examined.settings)
    else:
        found = vendor_hosts(examined.settings, plugins)
    if options.json:
        print(json.dumps(found))
    else:
        print("".join(f"{host}  # {name}\n" for name, those in found.items() for host in those), end="")
    return 0


def _add_placeholders(layers: Layers, plugins: PluginManager) -> None:
    """Put something in the place of what the secret store would bring."""
    values: dict[str, object] = {
        name: "00" * KEY_BYTES
        for name, field in Settings.model_fields.items()
        if field.is_required() and layers.get(name) is None
    }
    for plugin, schema in plugins.schemas.items():
        values[plugin] = _secrets(schema, layers.value([plugin]))
    layers.add({key: value for key, value in values.items() if value}, "secret store")


def _secrets(schema: type[BaseModel], given: Any) -> dict[str, Any]:
    """Return placeholders of the secrets that *schema* requires and *given* lacks, also in its sections."""
    known = given if isinstance(given, Mapping) else {}
    found: dict[str, Any] = {}
    for name, field in schema.model_fields.items():
        if field.annotation is SecretStr and field.is_required() and known.get(name) is None:
            found[name] = "placeholder"
        for section in (field.annotation, *get_args(field.annotation)):
            if isinstance(section, type) and issubclass(section, BaseModel) and known.get(name) is not None:
                found[name] = _secrets(section, known[name])
    return {name: value for name, value in found.items() if value}
