"""`proofing plugins`: it needs nothing of what a process is put together from, and imports none of it."""

import argparse
import json
from dataclasses import asdict

from proofing.registry.plugins import PluginManager, plugin_names
from proofing.settings import read_layers


async def plugins(options: argparse.Namespace) -> int:
    """List the plugins."""
    layers = read_layers()
    manager = PluginManager(plugin_names(layers))
    if options.json:
        print(json.dumps([asdict(report) for report in manager.reports]))
    else:
        for report in manager.reports:
            state = report.problem or ("enabled" if report.enabled else "installed, not enabled")
            origin = f"{report.distribution} {report.version}" if report.distribution else "-"
            print(f"{report.name:<12} {origin}  {state}")
            for offer in report.offers:
                print(f"{'':<12}   {offer}")
    return 1 if manager.problems() else 0
