"""A device profiler's scripts in a real browser: what the policy lets through, and a page that needs none."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest
import pytest_asyncio
from playwright.async_api import expect

from proofing.testing.processes import free_port
from proofing.testing.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SSN = "Enter your Social Security number"
KINDS = ("connect", "frame", "image", "script")
PLUGIN = '''
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
OWN_SCRIPT = """
const { vendor, sessionId } = document.currentScript.dataset;
fetch(`${vendor}/own?session_id=${sessionId}`, { mode: "no-cors" });
"""
#: Tries everything, at the vendor's origin and at another one.
TAGS = """
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
PROBE = """
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


class Vendor:
    """A vendor's server, and another one that nobody has named.

    Attributes:
        asked: what came, by port: path and query.
        hangs: whether nobody gets an answer.
    """

    def __init__(self):
        self.ports = free_port(), free_port()
        self.url, self.other = (f"http://127.0.0.1:{port}" for port in self.ports)
        self.asked = {port: [] for port in self.ports}
        self.hangs = False

    def named(self, name):
        """Return what came at the vendor's path *name*."""
        return [path for path in self.asked[self.ports[0]] if path.startswith(f"/{name}?")]

    async def serve(self, reader, writer):
        """Answer one request."""
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split()[1].decode()
            self.asked[writer.get_extra_info("sockname")[1]].append(path)
            if self.hangs:
                await reader.read()
                return
            script = TAGS.replace("ORIGINS", json.dumps([self.url, self.other])) if "tags" in path else ""
            script = PROBE.replace("ORIGIN", self.url) if "probe" in path else script
            kind = "text/html" if path.startswith(("/frame", "/noscript")) else "text/javascript"
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n{script}".encode()
            )
            await writer.drain()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers() -> AsyncIterator[Vendor]:
    """Both servers."""
    vendor = Vendor()
    async with contextlib.AsyncExitStack() as stack:
        for port in vendor.ports:
            await stack.enter_async_context(await asyncio.start_server(vendor.serve, "127.0.0.1", port))
        yield vendor


@pytest_asyncio.fixture(loop_scope="session")
async def vendor(servers):
    """The vendor, of whom nothing is asked yet."""
    for paths in servers.asked.values():
        paths.clear()
    yield servers
    servers.hangs = False


def install_profiler(install, servers, **settings):
    """Return an installation with the vendor's plugin."""
    made = install(
        plugins=["huey", "local", "mock", "spy", "profiler"],
        device_vendor="profiler",
        profiler={"vendor": servers.url, **settings},
    )
    facts = made.directory / "plugins" / "profiler-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: profiler\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nprofiler = proofing_profiler\n")
    (made.directory / "plugins" / "proofing_profiler.py").write_text(PLUGIN)
    (made.directory / "plugins" / "profile.js").write_text(OWN_SCRIPT)
    made.start_all()
    return made


@pytest.fixture(scope="session")
def installation(install, servers):
    """An installation whose page loads the vendor's script itself."""
    return install_profiler(install, servers)


@pytest.fixture(scope="session")
def isolated(install, servers):
    """An installation whose page keeps the vendor's script apart."""
    return install_profiler(install, servers, isolated=True)


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(chromium, meet):
    """A person whose browser may block what it has to."""
    context = await chromium.new_context()
    yield meet(await context.new_page())
    await context.close()


async def reach_ssn(visitor, installation):
    """Come to the page that profiles."""
    await visitor.consent(installation.url)
    await visitor.give_photos()
    await visitor.submit_photos()
    await visitor.heading(SSN)


async def test_exactly_the_origins_that_are_listed(installation, vendor, visitor):
    """For scripts, connections, images and frames, on this page alone; the proofer gets the session's id."""
    await reach_ssn(visitor, installation)
    await eventually(lambda: all(vendor.named(name) for name in (*KINDS, "own", "tags.js")))

    async def is_blocked():
        return sorted(await visitor.page.evaluate("window.blocked")) == sorted(
            f"{directive} {vendor.other}"
            for directive in ("connect-src", "frame-src", "img-src", "script-src-elem")
        )

    await eventually(is_blocked)
    assert vendor.asked[vendor.ports[1]] == []
    came = list(vendor.asked[vendor.ports[0]])
    (query,) = {path.partition("?")[2] for path in came}
    session_id = query.removeprefix("session_id=")
    assert len(came) == 6
    await visitor.give_ssn()
    await visitor.submit_information()
    await expect(visitor.page.get_by_label("Phone number")).to_be_visible()
    assert {"device": session_id} in [json.loads(line) for line in installation.seen.read_text().splitlines()]
    assert vendor.asked[vendor.ports[0]] == came


async def test_without_script(installation, vendor, visitor, chromium):
    """The vendor's frame is loaded in place of its script, and the form works."""
    await reach_ssn(visitor, installation)
    state = await visitor.page.context.storage_state()
    context = await chromium.new_context(java_script_enabled=False, storage_state=state)
    page = await context.new_page()
    vendor.asked[vendor.ports[0]].clear()
    await page.goto(f"{installation.url}/ssn")
    await eventually(lambda: vendor.named("noscript"))
    await page.get_by_label("Social Security number").fill("900-66-1234")
    await page.get_by_role("button", name="Continue").click()
    await expect(page.locator("h1")).to_have_text("Check your information")
    assert len(vendor.asked[vendor.ports[0]]) == 1
    await context.close()


async def test_a_vendor_that_hangs(installation, vendor, visitor):
    """The page waits for nobody."""
    vendor.hangs = True
    await reach_ssn(visitor, installation)
    await eventually(lambda: vendor.named("tags.js"))
    await visitor.give_ssn()


async def test_an_isolated_script(isolated, vendor, visitor):
    """It runs as it wants to, and reaches neither the page, nor cookies, storage or server of this site."""
    await reach_ssn(visitor, isolated)
    (told,) = await eventually(lambda: vendor.named("told"))
    assert json.loads(unquote(told.partition("?")[2])) == {
        "eval": 2,
        "style": "7px",
        "page": "SecurityError",
        "cookie": "SecurityError",
        "storage": "SecurityError",
        "origin": "null",
        "ours": "blocked",
    }
    await visitor.give_ssn()
