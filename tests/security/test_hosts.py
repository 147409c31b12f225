"""Three web processes behind a balancer without stickiness: everything twice, in parallel, on any of them."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import sys
from collections import Counter
from functools import partial

import httpx
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proofing.sessions.samples import make_test_ssn
from proofing.testing.images import make_jpeg
from proofing.testing.processes import free_port, start_process
from proofing.testing.waiting import eventually
from proofing_devtools.balancer import Balancer
from proofing_devtools.product import FROM_ONE_ADDRESS
from proofing_devtools.redis import running_redis

CASES = {
    "test_everything_twice_on_three_hosts": (40, 1_000),
    "test_everything_twice_on_three_hosts_inline": (12, 200),
}
#: People at a time; two requests of each are in progress.
BESIDE = 12
PAGES = {"/document": "document", "/verify": "resolution", "/phone": "phone"}


@contextlib.asynccontextmanager
async def hosts(directory, **switches):
    """Run three web processes and a worker on one Redis; give the balancer's URL and the log file."""
    with running_redis(password="synthetic") as redis, contextlib.ExitStack() as stack:
        port, ports = free_port(), [free_port() for _ in range(3)]
        settings = {
            "plugins": ["huey", "local", "mock", "redis"],
            "result_store": "redis",
            "redis": {"url": redis.url, "deadline_seconds": 20.0},
            "local": {"directory": str(directory / "local")},
            "huey": {"path": str(directory / "huey.db")},
            "log_directory": str(directory / "log"),
            "public_url": f"http://localhost:{port}",
            **FROM_ONE_ADDRESS,
            **switches,
        }
        path = directory / "settings.yaml"
        path.write_text(yaml.safe_dump({"default": settings}))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")},
            "PROOFING_ENV": "test",
            "PROOFING_SETTINGS": str(path),
        }
        output = stack.enter_context((directory / "output").open("wb"))

        def start(*words):
            process = start_process(
                [sys.executable, "-m", "proofing.cli", *words], env=environment, stdout=output, stderr=output
            )
            stack.callback(process.wait)
            stack.callback(process.kill)

        start("worker")
        for one in ports:
            start("web", "--port", str(one))
        async with Balancer(ports, port=port), httpx.AsyncClient(trust_env=False) as probe:
            for one in ports:
                await eventually(partial(answers, probe, one))
            yield f"http://localhost:{port}", directory / "log" / "test.log"


async def answers(probe, port):
    """Return whether a web process serves."""
    try:
        return (await probe.get(f"http://127.0.0.1:{port}/healthz")).is_success
    except httpx.HTTPError:
        return False


class Person:
    """One person whose browser sends everything twice, each time over a connection of its own.

    Attributes:
        wrong: what was not as it should be: the step, and what came instead.
    """

    def __init__(self, http, url):
        self.http = http
        self.headers = {"origin": url, "connection": "close"}
        self.cookies = {}
        self.wrong = []
        self.page = ""

    @property
    def token(self):
        """The token in the forms of the page on show."""
        return re.search(r'name="csrf_token" value="([^"]+)"', self.page)[1]

    async def send(self, method, path, **more):
        """Send one request with the unchanged cookies; return the answer."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**self.headers, "cookie": cookies, **more.pop("headers", {})}
        answer = await self.http.request(method, path, headers=headers, **more)
        if answer.status_code >= 400:
            self.wrong.append(f"{method} {re.sub('[0-9a-f-]{30,}', 'ID', path)}: {answer.status_code}")
        return answer

    async def twice(self, method, path, **more):
        """Send a request twice at once; keep the cookies and the page of both, the last one on top."""
        both = await asyncio.gather(*(self.send(method, path, **more) for _ in range(2)))
        for answer in both:
            self.cookies |= dict(answer.cookies)
            self.page = answer.text
        return both

    async def show(self, path):
        """Open a page twice; it must be shown both times."""
        both = await self.twice("GET", path)
        self.wrong += [f"{path} led to {one.headers['location']}" for one in both if one.is_redirect]
        return both

    async def post(self, path, wanted, *, alongside=(), **more):
        """Send the form twice, and what else is sent *alongside*; both must lead to a *wanted* page."""
        both, *_ = await asyncio.gather(self.twice("POST", path, **more), *alongside)
        for one in both:
            if one.headers.get("location") not in wanted:
                self.wrong.append(f"POST {path} led to {one.headers.get('location')}")

    async def walk(self):
        """Go all the way to the end."""
        await self.show("/")
        await self.show("/consent")
        form = {"csrf_token": self.token, "consent": "yes"}
        await self.post("/consent", ["/document"], data=form)
        await self.document()
        await self.show("/ssn")
        token = self.token
        ssn = {"csrf_token": token, "ssn": make_test_ssn()}
        # A page that says that its person is still there, on another host.
        alive = [self.send("POST", "/api/session", headers={"x-csrf-token": token}) for _ in range(2)]
        await self.post("/ssn", ["/verify"], data=ssn, alongside=alive)
        await self.show("/verify")
        await self.job("/verify", "/phone", {"csrf_token": self.token})
        await self.show("/phone")
        await self.job("/phone", "/done", {"csrf_token": self.token, "phone": "202-555-0143"})
        await self.show("/done")

    async def document(self):
        """Give both images, in the way that the page asks for."""
        both = await self.show("/document")
        images = {side: make_jpeg(comment=secrets.token_bytes(16)) for side in ("front", "back")}
        if "data-attempt" not in self.page:
            files = {side: (side, content, "image/jpeg") for side, content in images.items()}
            await self.job("/document", "/ssn", {"csrf_token": self.token}, files=files)
            return
        # Each of the two pages uploads one side's image; the last one both, and is sent.
        headers = {"x-csrf-token": self.token}
        attempts = [re.search(r'data-attempt="([0-9a-f]+)"', one.text)[1] for one in both]
        _, body = await asyncio.gather(
            self.upload(attempts[0], {"front": images["front"]}, headers),
            self.upload(attempts[1], images, headers),
        )
        answers = await self.twice("POST", "/api/document", json=body, headers=headers)
        self.wrong += [one.text for one in answers if one.json().get("next") != "/document/wait"]
        await self.follow("/document/wait", "/ssn")

    async def upload(self, attempt, images, headers):
        """Encrypt and upload images; return what is submitted."""
        key, uploaded = os.urandom(32), {}
        for side, content in images.items():
            asked = {"attempt": attempt, "side": side}
            slot = (await self.send("POST", "/api/uploads", json=asked, headers=headers)).json()["slot"]
            iv = os.urandom(12)
            body = AESGCM(key).encrypt(iv, content, f"v2|{slot}|{side}".encode())
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            terms = {"attempt": attempt, "length": len(body), "sha256": digest}
            signed = await self.send("POST", f"/api/uploads/{slot}", json=terms, headers=headers)
            target = signed.json()
            await self.send("PUT", target["url"], content=body, headers=target["headers"])
            uploaded[side] = {"slot": slot, "iv": base64.b64encode(iv).decode()}
        return {"attempt": attempt, "key": base64.b64encode(key).decode(), "images": uploaded}

    async def job(self, path, then, data, **more):
        """Submit a job twice, and follow it."""
        # The second one may come when the first is done and taken in, by a page of another tab.
        await self.post(path, [f"{path}/wait"], data=data, **more)
        await self.follow(f"{path}/wait", then)

    async def follow(self, path, then):
        """Look at the waiting page, twice each time, until both lead on to *then*."""
        for _ in range(600):
            both = await self.twice("GET", path)
            where = {one.headers.get("location") for one in both}
            if where == {then}:
                return
            if not where <= {None, then} or 'data-stage="missing"' in self.page:
                self.wrong.append(f"{path} led to {where}")
                return
            await asyncio.sleep(0.05)
        self.wrong.append(f"{path} led nowhere")


async def walk_all(cases, tmp_path, **switches):
    """Let *cases* people go their way; return what went wrong, and how often each job asked its vendors."""
    wrong, turns = Counter(), asyncio.Semaphore(BESIDE)
    async with hosts(tmp_path, **switches) as (url, log_file):
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=url, timeout=120, trust_env=False, limits=limits) as http:

            async def one():
                async with turns:
                    person = Person(http, url)
                    await person.walk()
                    wrong.update(person.wrong)

            await asyncio.gather(*(one() for _ in range(cases)))
    lines = [json.loads(line) for line in log_file.read_text().splitlines()]
    performed = Counter(line["job_class"] for line in lines if line["name"] == "perform" and line["vendors"])
    crashes = [line for line in lines if line["name"] == "request_failed"]
    return wrong, performed, crashes


async def test_everything_twice_on_three_hosts(cases, claim, tmp_path):
    """No answer lost, no step repeated, no vendor asked twice, no error."""
    wrong, performed, crashes = await walk_all(cases, tmp_path)
    assert (wrong, crashes) == (Counter(), [])
    assert performed == {"ProofDocument": cases, "ProofResolution": cases, "ProofAddress": cases}
    claim(
        "S15",
        "Three web hosts without sticky sessions, every page requested and sent twice in parallel: answers "
        "lost, steps repeated, vendors asked twice, errors",
        f"0 in {cases:,} sessions",
    )


async def test_everything_twice_on_three_hosts_inline(cases, claim, tmp_path):
    """The same with jobs inside the request: the twin asks nobody."""
    switches = {"ruby_workers_idv_enabled": False, "doc_auth_enable_presigned_s3_urls": False}
    wrong, performed, crashes = await walk_all(cases, tmp_path, **switches)
    assert (wrong, crashes) == (Counter(), [])
    assert performed == {"ProofDocument": cases, "ProofResolution": cases, "ProofAddress": cases}
    claim(
        "S15",
        "The same with jobs inside the request",
        f"0 in {cases:,} sessions",
    )
