"""Web, worker, PostgreSQL and Redis as processes, a hosted vendor in this one, a person without a browser.

Each process can be killed (SIGKILL) at a chosen point. At the vendor a call is held back before it is
answered, or before it is read; in our own processes a plugin holds them at the places of `HOLDING`, as long
as a file of that name is in the folder that `HOLD_FOLDER` names.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
import uvicorn
import yaml

from proofing import bootstrap
from proofing.cli.smoke import Answers, Walk, make_image
from proofing.contracts.images import Side
from proofing.contracts.records import JobState
from proofing.testing.processes import free_port, is_healthy, start_process
from proofing.testing.vendor_fakes import make_process
from proofing.testing.waiting import eventually
from proofing_devtools.postgres import FAST, PostgresServer
from proofing_devtools.product import FROM_ONE_ADDRESS, NO_AUTHORITIES
from proofing_devtools.redis import RedisServer
from proofing_mock import MockSettings
from proofing_mock.hosted.server import running_app

HOLDING = '''
"""Holds a process where a test wants to kill it."""

import asyncio
import functools
import os
from pathlib import Path

from proofing.contracts.hooks import hookimpl
from proofing.jobs.events import VendorEvents
from proofing.jobs.parking import Parker
from proofing.jobs.runner import JobRunner
from proofing.jobs.submissions import Submitter
from proofing_huey import lost_jobs, storages

FOLDER = Path(os.environ["HOLD_FOLDER"])


def holding(method, name):
    @functools.wraps(method)
    async def call(*arguments, **options):
        answer = await method(*arguments, **options)
        file = FOLDER / name
        if file.exists():
            (FOLDER / f"{name}.reached").touch()
            while file.exists():
                await asyncio.sleep(0.01)
        return answer

    return call


Submitter.submit = holding(Submitter.submit, "enqueued")
VendorEvents._wake = holding(VendorEvents._wake, "woken")
Parker.park = holding(Parker.park, "parking")
JobRunner._park = holding(JobRunner._park, "images deleted")
JobRunner._publish = holding(JobRunner._publish, "published")
# In place of half a minute.
storages.LEASE_SECONDS, lost_jobs.LOOK_SECONDS = 5.0, 1.0


@hookimpl
def proofing_proofers():
    return []
'''
SECRETS = {"hosted_api_key": "k" * 32, "hosted_webhook_secret": "s" * 32}
START_SECONDS = 60
WAIT_SECONDS = 60
WAIT_PAGE = "/document/wait"


class Hold:
    """Calls of one kind that are held back from now on, until `release`."""

    def __init__(self):
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    async def pass_through(self):
        """Wait for the release."""
        self.reached.set()
        await self._released.wait()

    async def is_reached(self):
        """Wait until a call is held back."""
        await asyncio.wait_for(self.reached.wait(), WAIT_SECONDS)

    def release(self):
        """Let everything through."""
        self._released.set()


class FileHold:
    """The same in our own processes."""

    def __init__(self, folder, name):
        self._file, self._reached = folder / name, folder / f"{name}.reached"
        self._reached.unlink(missing_ok=True)
        self._file.touch()

    async def is_reached(self):
        """Wait until a process is held."""
        await eventually(self._reached.exists, within_seconds=WAIT_SECONDS)

    def release(self):
        """Let it continue."""
        self._file.unlink(missing_ok=True)


class Vendor:
    """The vendor's own server, which nobody kills.

    Attributes:
        fetches: how many calls for a session were answered.
        keys: the idempotency keys of the calls that open one.
    """

    def __init__(self, app, url):
        self.fetches = 0
        self.keys = []
        self._app = app
        self._url = url
        self._holds = {}

    async def facts(self):
        """Return its sessions and what it has sent."""
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            return (await client.get(f"{self._url}/testing")).json()

    async def test(self, path, **values):
        """Do what testers do."""
        async with httpx.AsyncClient(verify=NO_AUTHORITIES) as client:
            answer = await client.post(f"{self._url}/testing/{path}", json=values)
        assert answer.status_code == 200, answer.text

    async def sent(self, session, kind):
        """Return how the product answered the events of *kind* about a session."""
        sent = (await self.facts())["sent"]
        found = [one["statuses"] for one in sent if (one["session"], one["type"]) == (session, kind)]
        return [status for statuses in found for status in statuses]

    def hold(self, method, phase):
        """Hold back calls of *method*, ``before`` they are read, or ``after`` that."""
        hold = self._holds[method, phase] = Hold()
        return hold

    async def _pass(self, method, phase):
        if hold := self._holds.pop((method, phase), None):
            await hold.pass_through()

    async def __call__(self, scope, receive, send):
        """Serve one request (ASGI)."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/sessions"):
            await self._app(scope, receive, send)
            return
        method, answer = scope["method"], []
        self.keys += [value for name, value in scope["headers"] if name == b"idempotency-key"]

        async def keep(message):
            answer.append(message)

        await self._pass(method, "before")
        await self._app(scope, receive, keep)
        await self._pass(method, "after")
        self.fetches += method == "GET"
        for message in answer:
            await send(message)


@contextlib.asynccontextmanager
async def running_vendor(port, public_url):
    """Serve `mock:hosted` on *port*; its webhooks go to *public_url*."""
    settings = MockSettings(hosted_url=f"http://127.0.0.1:{port}", **SECRETS)
    async with running_app(settings, replace(make_process(), public_url=public_url)) as app:
        vendor = Vendor(app, settings.hosted_url)
        config = uvicorn.Config(
            vendor,
            access_log=False,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
            ws="none",
        )
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext
        with socket.create_server(("127.0.0.1", port)) as listener:
            serving = asyncio.create_task(server.serve([listener]))
            yield vendor
            server.should_exit = True
            await serving


class Product:
    """Our processes on one queue, with the servers that they need.

    Attributes:
        victims: what can be killed.
        loses_running_jobs: whether a job that runs does not run again when its worker dies.
    """

    def __init__(self, directory, settings, servers, vendor, url):
        self.directory, self.servers, self.vendor, self.url = directory, servers, vendor, url
        self.victims = ["worker", "web", *servers]
        self.loses_running_jobs = settings["queue"] == "huey"
        self.processes = {}
        self._settings_file = directory / "settings.yaml"
        self._settings_file.write_text(yaml.safe_dump({"default": settings}))
        holding = str(install_holding(directory / "plugins"))
        self._environ = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")},
            "PROOFING_ENV": "test",
            "PROOFING_SETTINGS": str(self._settings_file),
            "PYTHONPATH": os.pathsep.join([holding, *filter(None, [os.environ.get("PYTHONPATH")])]),
            "HOLD_FOLDER": str(directory),
        }
        self._output = (directory / "output").open("ab")

    async def start(self, name):
        """Start a process or a server; a web process answers when this returns."""
        if name in self.servers:
            await asyncio.to_thread(self.servers[name].start)
            return
        words = ["web", "--port", self.url.rpartition(":")[2]] if name == "web" else [name]
        self.processes[name] = start_process(
            [sys.executable, "-m", "proofing.cli", *words],
            env=self._environ,
            stdout=self._output,
            stderr=self._output,
        )
        if name == "web":
            await eventually(lambda: asyncio.to_thread(is_healthy, self.url), within_seconds=START_SECONDS)

    async def kill(self, name):
        """End a process or a server as a crash would."""
        if name in self.servers:
            await asyncio.to_thread(self.servers[name].kill)
            return
        process = self.processes[name]
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)

    async def strike(self, name):
        """Kill and start again."""
        await self.kill(name)
        await self.start(name)

    def hold(self, name):
        """Hold our processes at a place of `HOLDING`."""
        return FileHold(self.directory, name)

    def migrate(self):
        """Make what is missing."""
        command = [sys.executable, "-m", "proofing.cli", "migrate"]
        subprocess.run(command, env=self._environ, check=True, stdout=self._output)

    @contextlib.asynccontextmanager
    async def looking(self):
        """Open the stores, to look at them."""
        settings = yaml.safe_load(self._settings_file.read_text())["default"]
        # The plugin that holds is installed for our processes alone.
        settings["plugins"].remove("hold")
        own = self.directory / "looking.yaml"
        own.write_text(yaml.safe_dump({"default": settings}))
        configuration = await bootstrap.configure(own, self._environ)
        backends = bootstrap.make_backends(configuration, "web")
        async with contextlib.AsyncExitStack() as stack:
            for one in (backends.results, backends.queue):
                await one.open()
                stack.push_async_callback(one.close)
            self.backends = backends
            yield

    async def is_parked(self, result_id):
        """Return whether the job waits for its vendor."""
        found = await self.backends.queue.jobs(prefix=result_id)
        return [job.state for job in found] == [JobState.PARKED]

    async def is_over(self, result_id):
        """Return whether the queue has nothing of the job, or its end alone."""
        found = await self.backends.queue.jobs(prefix=result_id)
        return all(job.state is JobState.ENDED for job in found)

    async def record(self, result_id):
        """Return what is known of the end of a job, wherever it is kept."""
        record = await self.backends.results.status(result_id)
        return record if record and record.is_done else await self.backends.queue.final_status(result_id)

    def ends(self, result_id):
        """Return the ends of a job that workers logged."""
        text = "".join(path.read_text() for path in (self.directory / "log").glob("*.log"))
        lines = [json.loads(line) for line in text.splitlines()]
        ours = [line for line in lines if line.get("job_id") == result_id]
        ended = [line for line in ours if line["name"] in ("perform", "discard")]
        return [line["end_state"] for line in ended if line.get("end_state")]

    def close(self):
        """End everything."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self._output.close()


def install_holding(folder):
    """Install the plugin that holds processes, as any distribution would be, and return its folder."""
    facts = folder / "hold-1.0.dist-info"
    facts.mkdir(parents=True)
    (folder / "proofing_hold.py").write_text(HOLDING)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: hold\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nhold = proofing_hold\n")
    return folder


class Person:
    """Somebody whose document is checked at the vendor.

    Attributes:
        result_id: of the check, once the waiting page was seen.
        page: the waiting page as it was last seen.
    """

    def __init__(self, product):
        self.product = product
        self.client = httpx.AsyncClient(
            base_url=product.url,
            headers={"origin": product.url},
            follow_redirects=True,
            timeout=WAIT_SECONDS,
            verify=NO_AUTHORITIES,
        )
        documents = {side: (make_image(), "image/jpeg") for side in (Side.FRONT, Side.BACK)}
        self.walk = Walk(self.client, Answers(documents=documents))
        self.result_id = ""
        self.page = ""

    async def consent(self):
        """Come to the page of the photos."""
        report = await self.walk.run(before="document")
        assert report["passed"], report

    async def submit(self):
        """Send the form; the answer may be lost with its process."""
        with contextlib.suppress(httpx.HTTPError):
            await self.walk._document()
            self.result_id = self.walk._parse().wait["data-result-id"]

    async def look(self):
        """Load the waiting page; return its state, or where it led, or nothing when nobody answers."""
        try:
            answer = await self.client.get(WAIT_PAGE)
        except httpx.HTTPError:
            return None
        if not answer.is_success:
            return None
        if answer.url.path != WAIT_PAGE:
            return answer.url.path
        self.page = answer.text
        self.walk._keep(answer)
        wait = self.walk._parse().wait
        self.result_id = wait["data-result-id"]
        return wait["data-stage"]

    async def sees(self, *wanted):
        """Wait until the page has come so far."""

        async def has_come():
            seen = await self.look()
            return seen if seen in wanted else None

        return await eventually(has_come, within_seconds=WAIT_SECONDS)

    async def come_back(self, return_url):
        """Return from the vendor; the answer may be lost."""
        with contextlib.suppress(httpx.HTTPError):
            await self.client.get(return_url)


SHAPES = {
    "postgres": ("postgres", "redis"),
    "huey on SQLite": (),
    "huey on Redis": ("queue", "redis"),
}


@contextlib.asynccontextmanager
async def running_shape(directory, shape):
    """Run the servers of the queue *shape*; give the settings that lead to them, and the servers by name."""
    kept = {"appendonly": "yes", "appendfsync": "always"}
    makers = {
        "postgres": lambda: PostgresServer(durable=True),
        "redis": RedisServer,
        "queue": lambda: RedisServer(config=kept),
    }
    servers = {name: makers[name]() for name in SHAPES[shape]}
    settings = {
        "plugins": ["local", "mock"],
        "queue": "huey",
        "local": {"directory": str(directory / "local")},
        "log_directory": str(directory / "log"),
        **FROM_ONE_ADDRESS,
    }
    try:
        for server in servers.values():
            await asyncio.to_thread(server.start)
        if "redis" in servers:
            # As long as it takes: the machine may be busy.
            redis = {"url": servers["redis"].url, "deadline_seconds": 20.0}
            settings |= {"result_store": "redis", "redis": redis}
            settings["plugins"].append("redis")
        if "postgres" in servers:
            settings |= {"queue": "postgres", "require_crash_recovery": True}
            settings["postgres"] = {"dsn": servers["postgres"].new_database(), **FAST}
        elif "queue" in servers:
            settings["huey"] = {"storage": "redis", "url": servers["queue"].url}
        else:
            settings["huey"] = {"path": str(directory / "huey.db")}
        settings["plugins"].append(settings["queue"])
        yield settings, servers
    finally:
        for server in servers.values():
            server.stop()


@contextlib.asynccontextmanager
async def running_product(directory, shape):
    """Run web and worker on the queue *shape*."""
    url, port = f"http://localhost:{free_port()}", free_port()
    async with running_shape(directory, shape) as (settings, servers), running_vendor(port, url) as vendor:
        settings["plugins"].append("hold")
        settings |= {"document_vendor": "mock:hosted", "public_url": url}
        settings["mock"] = {
            "hosted_url": f"http://127.0.0.1:{port}",
            "hosted_again_seconds": 3600.0,
            # Longer than a process or a server needs to be back, on a busy machine.
            "hosted_timeout_seconds": 50.0,
            **SECRETS,
        }
        product = Product(directory, settings, servers, vendor, url)
        try:
            await asyncio.to_thread(product.migrate)
            await asyncio.gather(product.start("web"), product.start("worker"))
            async with product.looking():
                yield product
        finally:
            product.close()


@pytest.fixture
def run_shape():
    """Return what runs the servers of a queue."""
    return running_shape


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run_product(tmp_path_factory):
    """Return what gives the product on the queue of a shape; one runs at a time."""
    async with contextlib.AsyncExitStack() as stack:
        running = {}

        async def run(shape):
            if shape not in running:
                await stack.aclose()
                running.clear()
                directory = tmp_path_factory.mktemp("product")
                running[shape] = await stack.enter_async_context(running_product(directory, shape))
            return running[shape]

        yield run


@pytest_asyncio.fixture(loop_scope="module")
async def product(run_product, request):
    """Web and worker on a queue, and a vendor."""
    return await run_product(request.param)


@pytest_asyncio.fixture(loop_scope="module")
async def person(product):
    """Give a person who is about to submit photos."""
    person = Person(product)
    yield person
    await person.client.aclose()
