"""`proofing sandbox`: real vendors' wire formats on this machine."""

import argparse
import asyncio
from importlib.metadata import entry_points
from typing import Any

import yaml

from proofing.app.worker import stop_on_signals
from proofing.base.errors import PluginError
from proofing.base.listening import listen_sockets


async def sandbox(options: argparse.Namespace) -> int:
    """Serve the vendors until told to stop, or print the settings with which adapters ask them."""
    module = _module()
    url = options.url or f"http://{options.host}:{options.port}"
    if options.settings:
        print(yaml.safe_dump(dict(module.settings_for(url)), sort_keys=True), end="")
        return 0
    listeners = listen_sockets(options.host, options.port)
    stop = asyncio.Event()
    stop_on_signals(stop)

    def tell() -> None:
        print(f"The sandbox is ready at {url}. Ctrl-C stops it.", flush=True)

    await module.serve(listeners, url=url, product_url=options.product_url, stop=stop, ready=tell)
    return 0


def _module() -> Any:
    """Return what serves it; core itself knows no web framework. Raises `PluginError`."""
    found = list(entry_points(group="proofing.server", name="sandbox"))
    if not found:
        raise PluginError("no sandbox is installed")
    return found[0].load()
