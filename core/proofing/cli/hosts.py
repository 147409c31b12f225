"""`proofing hosts`: where the vendors in the settings are, for the allow-list of a forward proxy.

It runs where neither secrets nor backends can be reached, as alongside Terraform: hosts are in settings.yaml.
"""

import argparse
import json

from pydantic import SecretStr

from proofing.base.errors import ConfigurationError
from proofing.bootstrap import with_sources
from proofing.crypto.encryption import KEY_BYTES
from proofing.registry.plugins import PluginManager, plugin_names
from proofing.routing.router import vendor_hosts, vendor_problems
from proofing.settings import Layers, Settings, read_layers, validate_settings


async def hosts(options: argparse.Namespace) -> int:
    """Print each host that vendors in the settings may call."""
    layers = read_layers()
    plugins = PluginManager(plugin_names(layers))
    _add_placeholders(layers, plugins)
    problems = plugins.problems() + plugins.read_sections(layers)
    examined = validate_settings(layers)
    problems += examined.problems
    problems += examined.excluding_defaults(vendor_problems(examined.settings, plugins))
    if problems:
        raise ConfigurationError(with_sources(problems, layers))
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
        values[plugin] = {
            name: "placeholder"
            for name, field in schema.model_fields.items()
            if field.is_required() and field.annotation is SecretStr and layers.value([plugin, name]) is None
        }
    layers.add({key: value for key, value in values.items() if value}, "secret store")
