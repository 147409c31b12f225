"""A strict stand-in for Amazon S3: a real HTTP server on loopback that believes nothing.

It verifies Signature Version 4 in header and query, expiry, signed headers, payload hash, checksums, length,
*only if absent*, CORS and a bucket policy; loose stand-ins accept any signature and so prove nothing about
uploads. It serves PUT, GET, HEAD, DELETE and ListObjectsV2, by path (``/bucket/key``) and by host name
(``bucket.localhost``). Objects live in memory.

    with running_s3([Bucket(name="images")]) as s3:
        client = boto3.client("s3", endpoint_url=s3.url, ...)

As a process: ``python -m proofing_devtools.s3 --port 9000 --bucket images --cors-origin http://127.0.0.1:3000``,
with ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` in the environment as the one credential it knows, or
several in ``S3_CREDENTIALS``, see `proofing_devtools.aws_rights.read_credentials`.
"""

import argparse
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from proofing_devtools.aws_rights import DEFAULT_CREDENTIAL, Credential, read_credentials
from proofing_devtools.aws_signature import AWSError, SignedRequest, verify
from proofing_devtools.s3_answers import (
    Answer,
    cors_headers,
    error_answer,
    list_answer,
    object_headers,
    preflight_headers,
)
from proofing_devtools.s3_bucket import Bucket, CORSRule

__all__ = ["AWSError", "Bucket", "CORSRule", "Credential", "S3Server", "SeenRequest", "running_s3"]

DEFAULT_REGION = "us-east-1"

_ACTIONS = {"PUT": "PutObject", "GET": "GetObject", "HEAD": "GetObject", "DELETE": "DeleteObject"}
_IDLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One line of the server's access log; no query, which holds signatures."""

    method: str
    bucket: str
    key: str
    status: int
    code: str


class S3Server:
    """The server; runs in a thread of its own.

    Args:
        buckets: what it holds.
        credentials: who may sign.
        region: that signatures must name.
        port: 0 takes a free one.
        now: the clock, for tests of expiry.

    Attributes:
        requests: the access log.
    """

    def __init__(
        self,
        buckets: Iterable[Bucket],
        *,
        credentials: Sequence[Credential] = (DEFAULT_CREDENTIAL,),
        region: str = DEFAULT_REGION,
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.buckets = {bucket.name: bucket for bucket in buckets}
        self.credentials = {credential.access_key: credential for credential in credentials}
        self.region = region
        self.requests: list[SeenRequest] = []
        self.now = now
        self._port = port
        self._server: _Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """The endpoint URL."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port as before when it was started before."""
        handler = type("Handler", (_Handler,), {"s3": self})
        self._server = _Server(("127.0.0.1", self._port), handler)
        self._port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening. Harmless when not running."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.end_connections()
            server.server_close()

    def load(self, bucket: str, key: str, body: bytes) -> None:
        """Put an object without a signature, as anyone who owns the bucket can."""
        self.buckets[bucket].put(key, SignedRequest("PUT", "", "", (), body), self.now())

    def answer(self, request: SignedRequest) -> Answer:
        """Return the answer to *request*, whatever it is, and note it in the access log."""
        bucket_name = key = ""
        cors: dict[str, str] = {}
        try:
            bucket_name, key = self._locate(request)
            bucket = self.buckets.get(bucket_name)
            if bucket is None:
                raise AWSError(404, "NoSuchBucket")
            rule = bucket.rule_for(request.header("origin"), request.method)
            cors = cors_headers(rule) if rule is not None else {}
            answer = self._serve(bucket, key, request)
            code = ""
        except AWSError as error:
            answer, code = error_answer(error), error.code
        self.requests.append(SeenRequest(request.method, bucket_name, key, answer.status, code))
        return Answer(answer.status, {**answer.headers, **cors}, answer.body)

    def _serve(self, bucket: Bucket, key: str, request: SignedRequest) -> Answer:
        """Verify the request and do what it asks."""
        if request.method == "OPTIONS":
            rule = bucket.preflight(request)
            return Answer(200, preflight_headers(rule))
        now = self.now()
        signer = verify(request, self.credentials, self.region, now)
        action = _ACTIONS.get(request.method, "")
        if not key:
            action = "ListBucket" if request.method in {"GET", "HEAD"} else ""
        if not action:
            raise AWSError(405, "MethodNotAllowed")
        bucket.check_policy(request, signer, action, key)
        if action == "ListBucket":
            return (
                list_answer(bucket, dict(request.parameters)) if request.method == "GET" else Answer(200, {})
            )
        if action == "PutObject":
            return Answer(200, object_headers(bucket, bucket.put(key, request, now)))
        if action == "DeleteObject":
            bucket.delete(key)
            return Answer(204, {})
        stored = bucket.get(key)
        headers = {
            **object_headers(bucket, stored),
            "Content-Type": stored.content_type,
            "Last-Modified": formatdate(stored.modified_at, usegmt=True),
        }
        return Answer(200, headers, stored.body)

    def _locate(self, request: SignedRequest) -> tuple[str, str]:
        """Return bucket and key, from the host name or from the path."""
        host = (request.header("host") or "").partition(":")[0]
        label, dot, _ = host.partition(".")
        path = SignedRequest("", "", f"path={request.path[1:]}", ()).parameters[0][1]
        if dot and label in self.buckets:
            return label, path
        bucket, _, key = path.partition("/")
        return bucket, key


@contextlib.contextmanager
def running_s3(
    buckets: Iterable[Bucket],
    *,
    credentials: Sequence[Credential] = (DEFAULT_CREDENTIAL,),
    region: str = DEFAULT_REGION,
    port: int = 0,
    now: Callable[[], float] = time.time,
) -> Iterator[S3Server]:
    """Run the server for the length of the ``with`` block; the arguments are those of `S3Server`."""
    server = S3Server(buckets, credentials=credentials, region=region, port=port, now=now)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class _Server(ThreadingHTTPServer):
    """Knows its connections, so that it can end them."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection and serve it in a thread."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client that resets its connection is not an event."""

    def end_connections(self) -> None:
        """End all connections that clients keep open."""
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request whole, within bounds, and writes the answer."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    s3: S3Server

    def do_GET(self) -> None:
        """Serve any method alike."""
        request = SignedRequest(
            method=self.command,
            path=self.path.partition("?")[0],
            query=self.path.partition("?")[2],
            headers=[(name.lower(), value) for name, value in self.headers.items()],
        )
        try:
            body = self._read_body(request)
        except AWSError as error:
            self.close_connection = True
            self._send(error_answer(error))
            return
        if body is None:  # the client went away
            self.close_connection = True
            return
        self._send(
            self.s3.answer(SignedRequest(request.method, request.path, request.query, request.headers, body))
        )

    do_PUT = do_POST = do_HEAD = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the names http.server looks for

    def _read_body(self, request: SignedRequest) -> bytes | None:
        """Read as many bytes as Content-Length says; None when fewer come."""
        if request.header("transfer-encoding") is not None:
            raise AWSError(501, "NotImplemented")
        length = request.header("content-length")
        if length is None:
            if request.method == "PUT":
                raise AWSError(411, "MissingContentLength")
            return b""
        if not length.isascii() or not length.isdecimal():
            raise AWSError(400, "InvalidRequest")
        if int(length) > max(bucket.max_object_bytes for bucket in self.s3.buckets.values()):
            raise AWSError(400, "EntityTooLarge")
        try:
            body = self.rfile.read(int(length))
        except OSError:
            return None
        return body if len(body) == int(length) else None

    def _send(self, answer: Answer) -> None:
        """Write the answer; HEAD gets the headers only."""
        with contextlib.suppress(OSError):  # the client went away
            self.send_response(answer.status)
            headers = {"x-amz-request-id": "STRICTDOUBLE", "Content-Length": str(len(answer.body))}
            for name, value in (headers | answer.headers).items():
                self.send_header(name, value)
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the time of the stand-in's clock for the header Date."""
        return super().date_time_string(self.s3.now() if timestamp is None else timestamp)

    def log_message(self, *_: object) -> None:
        """Print nothing: URLs hold signatures."""

    def log_request(self, *_: object) -> None:
        """Print nothing."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the server until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m proofing_devtools.s3", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--region", default=os.environ.get("AWS_REGION", DEFAULT_REGION))
    parser.add_argument("--bucket", action="append", default=[], help="for images, with the upload rules")
    parser.add_argument("--cors-origin", action="append", default=[], help="page that may upload")
    parser.add_argument("--secrets-bucket", help="versioned, without upload rules")
    parser.add_argument("--load", action="append", default=[], metavar="BUCKET/KEY=FILE")
    options = parser.parse_args(arguments)
    rules = tuple(CORSRule(origin=origin) for origin in options.cors_origin)
    buckets = [
        Bucket(name=name, cors=rules, only_if_absent=True, max_signature_age_seconds=300.0)
        for name in options.bucket
    ]
    if options.secrets_bucket:
        buckets.append(Bucket(name=options.secrets_bucket, is_versioned=True))
    server = S3Server(
        buckets, credentials=read_credentials("S3_CREDENTIALS"), region=options.region, port=options.port
    )
    for item in options.load:
        place, _, file = item.partition("=")
        bucket, _, key = place.partition("/")
        body = Path(file).read_bytes()
        server.load(bucket, key, body)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    stopped.wait()
    server.stop()


if __name__ == "__main__":
    main()
