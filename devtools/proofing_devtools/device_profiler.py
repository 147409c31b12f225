"""A device profiler with a part of the page: its vendor's server, and its plugin.

Its scripts try what a page may keep from them; browsers' tests ask what came of it.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote

from proofing.testing.processes import free_port

_PLUGIN = '''
"""The mock device profiler, with a page; it writes down whom it is asked about."""

import json
import os
from pathlib import Path

from pydantic import Field

from proofing.plugin import BrowserPart, Maturity, PluginSettings, ProoferDescriptor, ProoferKind, hookimpl
from proofing_mock import MockSettings
from proofing_mock.proofers import DeviceMock


class ProfilerSettings(PluginSettings):
    isolated: bool = Field(default=False, description="whether the page is kept apart")
    vendor: str = Field(description="origin of the vendor")


class Profiler(DeviceMock):
    async def proof(self, request, context):
        with open(os.environ["SPY_FILE"], "a") as file:
            file.write(json.dumps({"device": request.circumstances.device_session_id}) + "\\n")
        return await super().proof(request, context)


def page(settings):
    vendor = settings.vendor
    if settings.isolated:
        return BrowserPart(
            scripts=[vendor + "/probe.js?session_id={session_id}"],
            frame=vendor + "/noscript?session_id={session_id}",
            script_sources=frozenset({vendor}),
            connect_sources=frozenset({vendor}),
            frame_sources=frozenset({vendor}),
            isolated=True,
        )
    return BrowserPart(
        scripts=[vendor + "/tags.js?session_id={session_id}"],
        frame=vendor + "/noscript?session_id={session_id}",
        own_script=Path(__file__).parent / "profile.js",
        values={"vendor": vendor},
        script_sources=frozenset({vendor}),
        connect_sources=frozenset({vendor}),
        image_sources=frozenset({vendor}),
        frame_sources=frozenset({vendor}),
    )


@hookimpl
def proofing_settings():
    return ProfilerSettings


@hookimpl
def proofing_proofers():
    return [
        ProoferDescriptor(
            name="profiler",
            kind=ProoferKind.DEVICE,
            make=lambda settings, process: Profiler(MockSettings()),
            needs=frozenset({"device_session_id"}),
            page=page,
            # No mock, for which testers would choose another session id.
            maturity=Maturity.DOCUMENTED,
        )
    ]
'''
_OWN_SCRIPT = """
const { vendor, sessionId } = document.currentScript.dataset;
fetch(`${vendor}/own?session_id=${sessionId}`, { mode: "no-cors" });
"""
#: Tries everything, at the vendor's origin and at another one.
_TAGS = """
const query = new URL(document.currentScript.src).search;
window.blocked = [];
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
  blocked.push(`${effectiveDirective} ${new URL(blockedURI).origin}`));
for (const origin of ORIGINS) {
  new Image().src = `${origin}/image${query}`;
  fetch(`${origin}/connect${query}`, { mode: "no-cors" }).catch(() => {});
  for (const name of ["iframe", "script"]) {
    const element = document.createElement(name);
    element.src = `${origin}/${name.replace("iframe", "frame")}${query}`;
    document.documentElement.append(element);
  }
}
"""
#: What an isolated script can do, and cannot, told to the vendor.
_PROBE = """
const tries = (work) => { try { return work(); } catch (error) { return error.name; } };
const style = document.createElement("style");
style.textContent = "html { letter-spacing: 7px }";
document.head.append(style);
const told = {
  eval: tries(() => eval("1 + 1")),
  style: getComputedStyle(document.documentElement).letterSpacing,
  page: tries(() => parent.document.title),
  cookie: tries(() => document.cookie),
  storage: tries(() => localStorage.length),
  origin: self.origin,
};
fetch("/healthz").then(() => "reached", () => "blocked").then((ours) => fetch(
  `ORIGIN/told?${encodeURIComponent(JSON.stringify({ ...told, ours }))}`, { mode: "no-cors" }));
"""


#: What the isolated script must find.
APART = {
    "eval": 2,
    "style": "7px",
    "page": "SecurityError",
    "cookie": "SecurityError",
    "storage": "SecurityError",
    "origin": "null",
    "ours": "blocked",
}


class DeviceVendor:
    """A vendor's server, and another one that nobody has named.

    Attributes:
        url: of the vendor's server.
        other: of the other one.
        asked: what came, by port: path and query.
        hangs: whether nobody gets an answer.
    """

    def __init__(self) -> None:
        """Choose ports."""
        self.ports = free_port(), free_port()
        self.url, self.other = (f"http://127.0.0.1:{port}" for port in self.ports)
        self.asked: dict[int, list[str]] = {port: [] for port in self.ports}
        self.hangs = False

    def named(self, name: str) -> list[str]:
        """Return what came at the vendor's path *name*."""
        return [path for path in self.asked[self.ports[0]] if path.startswith(f"/{name}?")]

    def told(self) -> dict[str, object] | None:
        """Return what the isolated script found, once it has told."""
        found = self.named("told")
        return json.loads(unquote(found[0].partition("?")[2])) if found else None

    def reset(self) -> None:
        """Forget what came, and answer."""
        for paths in self.asked.values():
            paths.clear()
        self.hangs = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            self.asked[writer.get_extra_info("sockname")[1]].append(path)
            if self.hangs:
                await reader.read()
                return
            script = _TAGS.replace("ORIGINS", json.dumps([self.url, self.other])) if "tags" in path else ""
            script = _PROBE.replace("ORIGIN", self.url) if "probe" in path else script
            kind = "text/html" if path.startswith(("/frame", "/noscript")) else "text/javascript"
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{script}".encode()
            )
            await writer.drain()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve both."""
        async with contextlib.AsyncExitStack() as stack:
            for port in self.ports:
                await stack.enter_async_context(await asyncio.start_server(self._serve, "127.0.0.1", port))
            yield

    def settings(self, *, isolated: bool = False) -> dict[str, object]:
        """Return the settings of a product that has the plugin."""
        return {"device_vendor": "profiler", "profiler": {"vendor": self.url, "isolated": isolated}}


def install_plugin(folder: Path) -> None:
    """Install the plugin ``profiler`` in *folder*, as any distribution would: a module, an entry point."""
    facts = folder / "profiler-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: profiler\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nprofiler = proofing_profiler\n")
    (folder / "proofing_profiler.py").write_text(_PLUGIN)
    (folder / "profile.js").write_text(_OWN_SCRIPT)
