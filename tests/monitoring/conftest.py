"""What the tests of alarms share: promtool, and the names of the product's metrics."""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from proofing.cli.smoke import Answers, SmokeError, Walk
from proofing.contracts.images import Side
from proofing.testing.images import make_jpeg
from proofing.testing.waiting import eventually

#: Between two questions of a visitor, so that a crowd is a load and no storm.
PAUSE_SECONDS = 0.2
#: Another one than that of single visitors, where loopback has more than one.
CROWDS_ADDRESS = "127.0.0.2" if sys.platform == "linux" else None
ROOT = Path(__file__).parents[2]
_HINT = "no {name} found: apt-get install --no-install-recommends prometheus, or set {variable}"


def find_program(name: str) -> str:
    """Return the path of promtool or prometheus, or skip; REQUIRE_PROMTOOL=1 fails instead."""
    variable = name.upper()
    program = shutil.which(os.environ.get(variable, name))
    if program is None:
        hint = _HINT.format(name=name, variable=variable)
        if os.environ.get("REQUIRE_PROMTOOL") == "1":
            pytest.fail(hint)
        pytest.skip(hint)
    return program


@pytest.fixture(scope="session")
def promtool():
    """Return what runs promtool and returns its exit code and output."""
    program = find_program("promtool")

    def run(*arguments):
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def prometheus_program():
    """The path of Prometheus."""
    return find_program("prometheus")


@pytest.fixture(scope="session")
def known_metrics():
    """Every name in the reference of metrics, with the suffixes of histograms, and Prometheus's own."""
    page = (ROOT / "docs/reference/metrics.md").read_text()
    names = {"up", "ALERTS"}
    for line in page.splitlines():
        if line.startswith("| `proofing_"):
            cells = line.split("|")
            for name in re.findall(r"`(\w+)`", cells[1]):
                is_histogram = cells[2].strip() == "histogram"
                names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")} if is_histogram else {name}
    own = page.partition("A backend adds numbers of its own.")[2].partition("## ")[0]
    return names | {f"proofing_queue{name}" for name in re.findall(r"`…(_\w+)`", own)}


@pytest.fixture(scope="session")
def metrics_of():
    """Return what finds the names of metrics in an expression."""
    words = set(
        "sum increase rate round max min absent vector by or and unless on count histogram_quantile".split()
    )

    def find(expression):
        bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(by|on) \([^)]*\)", "", expression)
        return set(re.findall(r"\b[a-zA-Z_]\w*\b", bare)) - words

    return find


PLUGIN = '''
"""A phone vendor whose server a test plays."""

import os

from proofing.contracts.hooks import hookimpl
from proofing.contracts.results import PhoneResult, Outcome
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind

PLACE = f"127.0.0.1:{os.environ['REHEARSAL_PORT']}"


class Phone:
    async def proof(self, request, context):
        answer = (await context.http.post(f"http://{PLACE}/", json_body={})).require_success()
        return PhoneResult(vendor_name="rehearsal", outcome=Outcome(answer.json()["outcome"]))


@hookimpl
def proofing_proofers():
    return [
        ProoferDescriptor(
            name="rehearsal",
            kind=ProoferKind.PHONE,
            make=lambda *_: Phone(),
            hosts=lambda settings: frozenset({PLACE}),
            timeout_seconds=lambda settings: 54.0,
            idempotent=True,
            maturity=Maturity.MOCK,
        )
    ]
'''


class VendorServer:
    """The vendor's own server.

    Attributes:
        mode: ``well`` (answers no), ``down`` (HTTP 503), ``refusing`` (HTTP 401), ``nonsense`` (an answer
            that breaks the adapter).
        asked: how many answers were sent.
    """

    def __init__(self):
        self.mode, self.asked = "well", 0
        self._seconds = 0.0
        self._turn = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                outer._wait()
                body = b'{"outcome": "failed"}' if outer.mode == "well" else b'{"something": "else"}'
                self.send_response({"down": 503, "refusing": 401}.get(outer.mode, 200))
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                outer.asked += 1

            def log_message(self, *_arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]

    @property
    def seconds(self):
        """How long an answer takes, also one in progress: a cause that ends leaves nothing behind."""
        return self._seconds

    @seconds.setter
    def seconds(self, seconds):
        with self._turn:
            self._seconds = seconds
            self._turn.notify_all()

    def _wait(self):
        """Return when the answer is due."""
        began = time.monotonic()
        with self._turn:
            while (left := began + self._seconds - time.monotonic()) > 0:
                self._turn.wait(left)

    def close(self):
        """End all answers and the server."""
        self.seconds = 0.0
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def vendor_server():
    """A vendor that is well, until a test changes it."""
    vendor = VendorServer()
    thread = threading.Thread(target=vendor.server.serve_forever, daemon=True)
    thread.start()
    yield vendor
    vendor.close()


@pytest.fixture(scope="module")
def rehearsal_plugin():
    """Return what installs the vendor's plugin in a folder, and returns the variables for processes."""

    def install(folder, vendor):
        facts = folder / "rehearsal-1.0.dist-info"
        facts.mkdir(parents=True)
        (folder / "proofing_rehearsal.py").write_text(PLUGIN)
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: rehearsal\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text("[proofing]\nrehearsal = proofing_rehearsal\n")
        return {"PYTHONPATH": str(folder), "REHEARSAL_PORT": str(vendor.port)}

    return install


class Visitor(Walk):
    """A person who stays at the last step and submits one phone number after the other."""

    def __init__(self, url, address=None):
        client = httpx.AsyncClient(
            base_url=url,
            headers={"origin": url},
            follow_redirects=True,
            timeout=90,
            transport=httpx.AsyncHTTPTransport(local_address=address),
        )
        documents = {
            side: (make_jpeg(comment=os.urandom(9)), "image/jpeg") for side in (Side.FRONT, Side.BACK)
        }
        super().__init__(client, Answers(documents=documents))

    async def come(self, before="phone"):
        """Take every step before one."""
        report = await self.run(before=before)
        assert report["passed"], report

    async def submit(self):
        """Submit a phone number, and return once the waiting page is there."""
        await self._get("/phone")
        await self._post({"phone": f"202-555-{secrets.randbelow(9000) + 1000}"})

    async def _post_to(self, action):
        """Send the form of the current page that leads to *action*."""
        self._keep(await self._client.post(action, data=self._form(action).hidden))

    async def ask(self):
        """Submit a phone number and wait for its end."""
        await self.submit()
        await self._follow()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_error):
        await self._client.aclose()


class Crowd:
    """Visitors who ask without end, each after a short pause.

    Attributes:
        asked: how many answers there were.
    """

    def __init__(self, url, size):
        self._url, self._size = url, size
        self._tasks = []
        self.asked = 0

    async def start(self):
        """Let all come; return when each has had an answer."""
        before = self.asked
        self._tasks = [asyncio.create_task(self._visit()) for _ in range(self._size)]

        def all_began():
            broken = [task for task in self._tasks if task.done()]
            assert not broken, broken[0].exception()
            return self.asked >= before + self._size

        await eventually(all_began, within_seconds=120)

    async def stop(self):
        """Let all leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _visit(self):
        """Submit; a person who gets an error starts over."""
        while True:
            async with Visitor(self._url, CROWDS_ADDRESS) as visitor:
                with contextlib.suppress(SmokeError, httpx.HTTPError, AssertionError, KeyError):
                    await visitor.come()
                    while True:
                        await visitor.ask()
                        self.asked += 1
                        await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)


@pytest.fixture(scope="session")
def visitors():
    """Return a maker of crowds, which are there for the length of a ``with`` block."""

    @contextlib.asynccontextmanager
    async def make(url, size=1):
        crowd = Crowd(url, size)
        await crowd.start()
        try:
            yield crowd
        finally:
            await crowd.stop()

    make.Visitor = Visitor
    return make
