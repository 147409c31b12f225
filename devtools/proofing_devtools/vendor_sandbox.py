"""`proofing sandbox` behind a forward proxy: vendors that a product reaches through the proxy alone.

The address in the settings is that of a `Front`, which browsers visit. The product's calls come by the proxy,
which leads them to the same sandbox, so whatever comes to the front was not carried by the proxy.
"""

import subprocess
import sys
from collections import Counter
from typing import Any, Self

import httpx
import yaml

from proofing.testing.processes import free_port, start_process
from proofing_devtools.forward_proxy import ForwardProxy, Front
from proofing_devtools.product import NO_AUTHORITIES

#: What browsers load from vendors.
_PAGES = ("/favicon.ico", "/fp/tags", "/socure/capture/", "/stripe/start/")
_STOP_SECONDS = 30.0


class VendorSandbox:
    """The sandbox, its proxy, and what testers choose there. Use it as an asynchronous context manager.

    Attributes:
        settings: with which a product asks the sandbox, through the proxy.
        front: what came to the vendors' own address.
        proxy: what came by the proxy.
    """

    settings: dict[str, Any]

    def __init__(self) -> None:
        """Choose ports."""
        self._port = free_port()
        self.front = Front(onward=self._port)
        self.proxy = ForwardProxy()
        self._process: subprocess.Popen[str] | None = None

    async def __aenter__(self) -> Self:
        """Open the front and the proxy."""
        await self.front.__aenter__()
        self.proxy.routes = {self.front.url.removeprefix("http://"): self._port}
        await self.proxy.__aenter__()
        command = [sys.executable, "-m", "proofing.cli", "sandbox", "--settings", "--url", self.front.url]
        printed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603, ASYNC221
        sections: dict[str, Any] = yaml.safe_load(printed.stdout)
        self.settings = {
            "plugins": ["huey", "local", "mock", *sections],
            "outbound_proxy": self.proxy.url,
            **sections,
        }
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop everything."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=_STOP_SECONDS)
        await self.proxy.__aexit__()
        await self.front.__aexit__()

    def start(self, product_url: str) -> None:
        """Start the sandbox, whose webhooks go to *product_url*; return when it serves."""
        command = [sys.executable, "-m", "proofing.cli", "sandbox", "--port", str(self._port)]
        self._process = start_process(
            [*command, "--url", self.front.url, "--product-url", product_url],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "is ready" in line, line

    async def choose(self, product: str, **behavior: object) -> None:
        """Have *product*, or all with ``*``, answer by *behavior*."""
        async with self._tester() as client:
            answer = await client.put(f"/sandbox/{product}", json=behavior)
        assert answer.status_code == 204, answer.text

    async def reset(self) -> None:
        """Have everything as at the start, and forget what came."""
        async with self._tester() as client:
            await client.delete("/sandbox")
        self.front.carried.clear()
        self.proxy.carried.clear()

    async def facts(self) -> dict[str, Any]:
        """Return what the sandbox shows of itself."""
        async with self._tester() as client:
            facts: dict[str, Any] = (await client.get("/sandbox")).json()
        return facts

    async def calls(self) -> Counter[str]:
        """Return how often each product was asked. Raises AssertionError when a call passed the proxy by."""
        past = [one for one in self.front.carried if not one.path.startswith(_PAGES)]
        assert not past, f"{len(past)} calls came without the proxy: {past[0].method}"
        calls = Counter((await self.facts())["calls"])
        assert calls.total() <= len(self.proxy.carried)
        assert {one.authority for one in self.proxy.carried} <= set(self.proxy.routes)
        return calls

    def _tester(self) -> httpx.AsyncClient:
        """Return a client of the sandbox itself, which counts for neither way."""
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self._port}", verify=NO_AUTHORITIES, trust_env=False
        )
