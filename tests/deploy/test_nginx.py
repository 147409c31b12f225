"""A real nginx with the shipped configuration, before the product and before what reports its requests."""

import asyncio
import contextlib
import datetime as dt
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import pytest
import uvicorn
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from proofing.testing.keeper import descendants
from proofing.testing.processes import end_process, free_port, start_process
from proofing.testing.waiting import eventually
from proofing_devtools.product import Product
from proofing_server.client_address import ClientAddressMiddleware, TrustedProxies

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy/nginx/proofing.conf"
SETTINGS = yaml.safe_load((ROOT / "deploy/settings.production.yaml").read_text())
_SIGTERM = 15
_BIG = 8 * 1024 * 1024
_MAIN = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/proofing.conf;
}}
"""


class Nginx:
    """One nginx before a web process on *upstream*; only names, ports and folders of the file are replaced.

    Attributes:
        url: where it serves.
        plain_port: where it answers with a redirect.
        certificate: file of the certificate, which is its own authority.
    """

    def __init__(self, folder: Path, upstream: int, port: int) -> None:
        self.folder = folder
        self.certificate = folder / "certificate.pem"
        self.port, self.plain_port, self.url = port, free_port(), f"https://localhost:{port}"
        self.pid = 0
        write_certificate(folder)
        text = CONFIGURATION.read_text()
        for old, new in {
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl http2;": "",
            "server_name proofing-staging.example.gov;": "server_name localhost;",
            "/etc/ssl/proofing": str(folder),
            "/var/log/nginx": str(folder),
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        (folder / "proofing.conf").write_text(text)
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))
        self.command = [find_nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]

    @property
    def context(self) -> ssl.SSLContext:
        """What trusts the certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    @contextlib.contextmanager
    def running(self) -> Iterator["Nginx"]:
        """Run for the length of the ``with`` block."""
        with (self.folder / "output").open("ab") as output:
            process = start_process(self.command, stdout=output, stderr=output)
        try:
            pause = threading.Event()
            # Its sockets are open before it writes its pid.
            while not (self.folder / "nginx.pid").exists():
                assert process.poll() is None, (self.folder / "output").read_text()
                pause.wait(0.02)
            self.pid = process.pid
            yield self
        finally:
            end_process(process, _SIGTERM)

    def files_on_disk(self) -> list[str]:
        """Return the temporary files that its processes have open; nginx unlinks them at once."""
        found = []
        for pid in [self.pid, *descendants([self.pid])]:
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found.append(str(link.readlink()))
        kinds = tuple(f"{self.folder}/{kind}/" for kind in ("body", "proxy"))
        return [name for name in found if name.startswith(kinds)]


def find_nginx() -> str:
    """Return the program, or skip the test; with REQUIRE_NGINX set, fail."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        if os.environ.get("REQUIRE_NGINX"):
            pytest.fail("nginx is not installed, and REQUIRE_NGINX is set")
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    return found


def write_certificate(folder: Path) -> None:
    """Write key.pem and certificate.pem for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)


class Upstream:
    """In the place of the web process: reports what it gets through the middleware that reads headers."""

    def __init__(self) -> None:
        self.port = free_port()
        self.half_arrived = asyncio.Event()
        self.may_end = asyncio.Event()
        proxies = TrustedProxies.of(SETTINGS["default"]["trusted_proxies"])
        application = ClientAddressMiddleware(self._serve, proxies=proxies)
        self._server = uvicorn.Server(
            uvicorn.Config(application, port=self.port, log_config=None, proxy_headers=False, lifespan="off")
        )

    async def __aenter__(self) -> Self:
        """Listen."""
        self._task = asyncio.create_task(self._server.serve())
        await eventually(lambda: self._server.started, within_seconds=60)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop."""
        self._server.should_exit = True
        await self._task

    async def _serve(self, scope, receive, send) -> None:
        """Answer with what came, or with much that ends when it may."""
        request = Request(scope, receive)
        if request.url.path == "/big":
            await StreamingResponse(self._big(), media_type="text/html")(scope, receive, send)
            return
        arrived = 0
        async for piece in request.stream():
            arrived += len(piece)
            if arrived >= _BIG // 2:
                self.half_arrived.set()
        facts = {
            "client": request.client.host,
            "scheme": scope["scheme"],
            "host": request.headers["host"],
            "bytes": arrived,
        }
        await JSONResponse(facts)(scope, receive, send)

    async def _big(self):
        """Yield more than nginx keeps in memory."""
        for _ in range(_BIG // 65536):
            yield b"x" * 65536


@pytest.fixture
async def reporting(tmp_path):
    """Nginx before what reports requests."""
    async with Upstream() as upstream:
        with Nginx(tmp_path, upstream.port, free_port()).running() as nginx:
            yield nginx, upstream


def browser(nginx, address="127.0.0.1", **headers):
    """Return a client that connects from *address* of the loopback network."""
    transport = httpx.AsyncHTTPTransport(local_address=address, verify=nginx.context)
    return httpx.AsyncClient(transport=transport, base_url=nginx.url, headers=headers, timeout=60)


def test_nginx_accepts_the_file_without_a_warning(tmp_path):
    """`nginx -t`, with a certificate."""
    nginx = Nginx(tmp_path, 8000, free_port())
    checked = subprocess.run([*nginx.command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert not re.search("warn|emerg|error", checked.stderr), checked.stderr


@pytest.mark.parametrize("forged", ["198.51.100.7", "127.0.0.1", "198.51.100.7, 127.0.0.1", "unknown"])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
async def test_the_persons_address_and_scheme_arrive_and_forged_ones_do_not(reporting, address, forged):
    """Also from an address that is itself a trusted proxy's."""
    nginx, _upstream = reporting
    lies = {
        "x-forwarded-for": forged,
        "x-forwarded-proto": "http",
        "forwarded": f"for={forged}",
        "x-real-ip": forged,
    }
    async with browser(nginx, address, **lies) as client:
        facts = (await client.get("/")).json()
    assert facts == {"client": address, "scheme": "https", "host": "localhost", "bytes": 0}


async def test_photos_are_passed_on_and_never_written_to_disk(reporting):
    """The first half of a form arrives before the second is sent."""
    nginx, upstream = reporting

    async def body():
        yield b"x" * (_BIG // 2)
        async with asyncio.timeout(60):
            await upstream.half_arrived.wait()
        assert nginx.files_on_disk() == []
        yield b"x" * (_BIG // 2)

    async with browser(nginx) as client:
        answer = await client.post("/", content=body(), headers={"content-length": str(_BIG)})
    assert answer.json()["bytes"] == _BIG


async def test_pages_are_never_written_to_disk(reporting):
    """Not even for a client that does not read."""
    nginx, _upstream = reporting
    async with browser(nginx) as client, client.stream("GET", "/big") as answer:
        # What is read first has passed through nginx, which has begun to hold what follows.
        pieces = answer.aiter_bytes(65536)
        taken = len(await anext(pieces))
        assert nginx.files_on_disk() == []
        async for piece in pieces:
            taken += len(piece)
    assert taken == _BIG


async def test_a_body_that_is_too_large_is_refused(reporting):
    """By its length alone, before any of it is sent."""
    nginx, _upstream = reporting

    def send(length):
        connection = http.client.HTTPSConnection("localhost", nginx.port, context=nginx.context, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest("POST", "/")
            connection.putheader("content-length", str(length))
            connection.endheaders(b"x" if length == 1 else None)
            return connection.getresponse().status

    assert await asyncio.to_thread(send, 1) == 200
    assert await asyncio.to_thread(send, 49 * 1024 * 1024) == 413


def test_plain_http_leads_to_https_and_the_log_holds_no_address(reporting_product):
    """The redirect names our host, whatever the request's Host is."""
    nginx, _product = reporting_product
    connection = http.client.HTTPConnection("127.0.0.1", nginx.plain_port)
    connection.request("GET", "/consent", headers={"host": "evil.example"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["location"]) == (308, "https://localhost/consent")
    connection.close()


@pytest.fixture(scope="module")
def reporting_product(tmp_path_factory):
    """The product behind nginx."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    settings = {
        "public_url": f"https://localhost:{port}",
        "trusted_proxies": SETTINGS["default"]["trusted_proxies"],
        "client_session_max_attempts": 2,
        # An answer that is there before its waiting page is followed by no stream.
        "mock": {"latency_seconds": 1},
    }
    with (
        Product(tmp_path_factory.mktemp("product"), settings) as product,
        Nginx(folder, product.port, port).running() as nginx,
    ):
        yield nginx, product


async def test_a_whole_proofing_passes_behind_it(reporting_product):
    """Pages, uploads, and the streams of waiting pages, over TLS; and nothing of the person is in its log."""
    nginx, _product = reporting_product
    smoke = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "proofing.cli", "smoke", "--url", nginx.url, "--json"],
        env={**os.environ, "SSL_CERT_FILE": str(nginx.certificate)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert smoke.returncode == 0, smoke.stdout + smoke.stderr
    log = nginx.folder / "proofing.log"

    def streams() -> list[dict[str, object]]:
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return [line for line in lines if line["path"].endswith("/events") and line["status"] == 200]

    # A line is written when nginx has noticed the end of the request.
    await eventually(streams)
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert {key for line in lines for key in line} == {"time", "method", "path", "status", "seconds", "bytes"}


async def test_limits_count_each_person_and_forged_headers_do_not_help(reporting_product):
    """Behind nginx each address has its own two sessions an hour."""
    nginx, _product = reporting_product

    async def begin(address, number):
        async with browser(nginx, address, **{"x-forwarded-for": f"198.51.100.{number}"}) as client:
            page = await client.get("/consent")
            token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
            assert token is not None
            data = {"csrf_token": token[1], "consent": "yes"}
            headers = {"origin": nginx.url}
            return (await client.post("/consent", data=data, headers=headers)).headers["location"]

    led = [await begin("127.0.0.3", number) for number in range(3)]
    assert led[:2] == ["/document", "/document"]
    assert "client_session" in led[2]
    assert await begin("127.0.0.4", 9) == "/document"
