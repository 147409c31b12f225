"""What vendors must not get away with: answers that no adapter may read anything from, nor fall over.

Each case has a name, and a body or a function that answers (`proofing.testing.vendor_fakes.Answer`).
"""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import httpx

from proofing.testing.vendor_fakes import Answer, Stream

_JSON = {"content-type": "application/json"}
_XML = {"content-type": "text/xml; charset=utf-8"}
_HTML = {"content-type": "text/html"}
#: More than any adapter's cap.
_TOO_MANY_BYTES = 6 * 1024 * 1024

_XML_BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">
<!ENTITY c "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">
<!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;"><!ENTITY h "&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;">]><b>&h;</b>"""
_XML_FILE = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]><b>&x;</b>'

#: Bodies that come with HTTP 200.
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "empty": (b"", _JSON),
    "no content type": (b"{}", {}),
    "null": (b"null", _JSON),
    "true": (b"true", _JSON),
    "a number": (b"1", _JSON),
    "a word": (b'"passed"', _JSON),
    "an empty object": (b"{}", _JSON),
    "an empty list": (b"[]", _JSON),
    "a list of objects": (b"[{}]", _JSON),
    "a foreign object": (b'{"success":true,"status":"passed","result":"pass"}', _JSON),
    "an error in an object": (b'{"error":"not authorized"}', _JSON),
    "nulls": (b'{"status":null,"result":null,"Status":null,"Products":null}', _JSON),
    "cut off": (b'{"status":"passed","checks":[', _JSON),
    "trailing garbage": (b"{} {}", _JSON),
    "duplicate keys": (b'{"status":"failed","status":"passed"}', _JSON),
    "not a number": (b'{"status":NaN}', _JSON),
    "infinity": (b'{"score":-Infinity}', _JSON),
    "a huge exponent": (b'{"score":1e999}', _JSON),
    "a huge integer": (b'{"score":' + b"9" * 50_000 + b"}", _JSON),
    "deep lists": (b"[" * 100_000, _JSON),
    "deep objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, _JSON),
    "closed deep lists": (b"[" * 500 + b"]" * 500, _JSON),
    "many items": (b"[" + b"0," * 200_000 + b"0]", _JSON),
    "half a character": (b'{"status":"\\ud800"}', _JSON),
    "no UTF-8": (b'{"status":"\xff\xfe"}', _JSON),
    "UTF-16": ('{"status":"passed"}'.encode("utf-16"), _JSON),
    "a byte order mark": (b'\xef\xbb\xbf{"status":"passed"}', _JSON),
    "NUL": (b"\x00" * 1_000, _JSON),
    "an HTML page": (b"<html><body>Please log in</body></html>", _HTML),
    "an HTML page as JSON": (b"<html><body>Please log in</body></html>", _JSON),
    "an XML bomb": (_XML_BOMB, _XML),
    "an XML with a file": (_XML_FILE, _XML),
    "an empty XML": (b"<a/>", _XML),
    "a cut XML": (b"<a><b>", _XML),
    "compressed": (gzip.compress(b'{"status":"passed"}'), {**_JSON, "content-encoding": "gzip"}),
    "a compression bomb": (zlib.compress(b"\x00" * 50_000_000), {**_JSON, "content-encoding": "deflate"}),
    "an image": (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, {"content-type": "image/png"}),
}
#: Statuses that are no success, but for 204 and 206, which come without an answer.
STATUSES = (
    204,
    206,
    301,
    302,
    304,
    400,
    401,
    402,
    403,
    404,
    409,
    418,
    422,
    429,
    451,
    500,
    502,
    503,
    504,
    599,
)


async def _hang(_request: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def _drip(_request: httpx.Request) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    return httpx.Response(200, headers=_JSON, stream=Stream(pieces))


async def _hang_midway(_request: httpx.Request) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"status":'
        await asyncio.Event().wait()

    return httpx.Response(200, headers=_JSON, stream=Stream(pieces))


#: Cases that only a deadline ends.
SLOW: dict[str, Answer] = {
    "no answer": _hang,
    "an answer that drips": _drip,
    "an answer that stops midway": _hang_midway,
}


def whole(status: int, body: bytes, headers: dict[str, str]) -> Answer:
    """Return what answers every request in one piece."""

    def answer(_request: httpx.Request) -> httpx.Response:
        # As a stream, since httpx would decompress a given content right away.
        async def pieces() -> AsyncIterator[bytes]:
            yield body

        return httpx.Response(status, headers=headers, stream=Stream(pieces))

    return answer


def _raise(kind: type[httpx.HTTPError]) -> Answer:
    def answer(request: httpx.Request) -> httpx.Response:
        # Real ones hold the URL, and sometimes more.
        raise kind(f"{request.method} {request.url} {request.content[:200]!r}")

    return answer


async def _break_off(_request: httpx.Request) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"status":'
        raise httpx.ReadError("connection reset")

    return httpx.Response(200, headers=_JSON, stream=Stream(pieces))


async def _endless(_request: httpx.Request) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536
            await asyncio.sleep(0)

    return httpx.Response(200, headers=_JSON, stream=Stream(pieces))


#: Calls that fail, some of them after a while; each ends by itself.
FAILURES: dict[str, Answer] = {
    "an endless answer of a known length": whole(200, b" " * _TOO_MANY_BYTES, _JSON),
    "no connection": _raise(httpx.ConnectError),
    "a reset connection": _raise(httpx.ReadError),
    "no HTTP": _raise(httpx.RemoteProtocolError),
    "a refusing proxy": _raise(httpx.ProxyError),
    "a read time-out": _raise(httpx.ReadTimeout),
    "a connection that breaks off": _break_off,
    "an endless answer": _endless,
}
