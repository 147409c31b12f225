"""Bodies: caps while reading, slow senders, strict JSON and forms, pictures that never touch a disk."""

import asyncio
import tempfile

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from proofing.testing.pictures import make_jpeg
from proofing_server import bodies
from proofing_server.bodies import MAX_BODY_BYTES, BodyLimit, read_form, read_json
from proofing_server.multipart import read_multipart
from proofing_server.pictures import check_picture

SAME_ORIGIN = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}


def request(content, media_type, *, step=None):
    """Return a request whose body comes in pieces of *step* bytes."""
    step = step or max(1, len(content))
    pieces = [content[at : at + step] for at in range(0, len(content), step)] or [b""]

    async def receive():
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": [(b"content-type", media_type.encode())],
    }
    return Request(scope, receive)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"7",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\xff"}',
        b'{"a":' + b"[" * 9 + b"]" * 9 + b"}",
        b"[" * 100_000,
    ],
)
async def test_bad_json(content):
    """Not an object, malformed, twice the same key, no number, too deep: 400."""
    with pytest.raises(HTTPException) as caught:
        await read_json(request(content, "application/json"))
    assert caught.value.status_code == 400


async def test_json():
    """An object, in any number of pieces."""
    body = await read_json(request(b'{"a": {"b": [1]}}', "application/json; charset=utf-8", step=1))
    assert body == {"a": {"b": [1]}}


@pytest.mark.parametrize("content", [b"a=%ff", b"\xff", "&".join(["a=1"] * 65).encode()])
async def test_bad_forms(content):
    """Not UTF-8, not ASCII outside, too many fields: 400."""
    with pytest.raises(HTTPException) as caught:
        await read_form(request(content, "application/x-www-form-urlencoded"))
    assert caught.value.status_code == 400


async def test_other_media_types():
    """A body of another type is refused with 415."""
    for reader in (read_form, read_json):
        with pytest.raises(HTTPException) as caught:
            await reader(request(b"{}", "text/plain"))
        assert caught.value.status_code == 415
    with pytest.raises(HTTPException) as caught:
        await read_multipart(request(b"", "multipart/form-data"), max_file_bytes=9)
    assert caught.value.status_code == 415


def multipart(*parts):
    """Return a multipart body."""
    lines = []
    for head, content in parts:
        lines += [b"--b", b"Content-Disposition: form-data; " + head, b"", content]
    return b"\r\n".join([*lines, b"--b--", b""])


async def test_multipart_stays_in_memory(monkeypatch):
    """Files of megabytes are kept in memory: nothing asks for a temporary file."""

    def refuse(*_args, **_named):
        raise AssertionError("a temporary file was made")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, refuse)
    photo = make_jpeg(padding_bytes=3_000_000)
    body = multipart(
        (b'name="csrf_token"', b"t"),
        (b'name="front"; filename="a.jpg"', photo),
        (b'name="back"; filename=""', b""),
        (b'name="other"; filename="big"', b"x" * 5_000_000),
    )
    form = await read_multipart(
        request(body, "multipart/form-data; boundary=b", step=70_001), max_file_bytes=4_000_000
    )
    assert form.fields == {"csrf_token": "t"}
    assert form.files["front"] == photo
    assert form.files["back"] == b""
    assert form.file_names["back"] == ""
    assert form.too_large == {"other"}
    assert form.files["other"] == b""


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense",
        multipart((b'name="a"', b"x" * 9000)),
        multipart(*[(b'name="a"', b"x")] * 40),
        multipart((b'name="a"', b"\xff")),
    ],
)
async def test_bad_multipart(body):
    """Malformed, a field too long, too many parts, not UTF-8: 400."""
    with pytest.raises(HTTPException) as caught:
        await read_multipart(request(body, "multipart/form-data; boundary=b"), max_file_bytes=100)
    assert caught.value.status_code == 400


async def test_too_large(site, sync_site):
    """A body over its cap gets 413, declared or not, and a picture is refused where it does not belong."""
    browser = site.browser()
    await browser.consent()

    async def endless():
        for _ in range(100):
            yield b"x" * 10_000

    for path in ("/ssn", "/api/uploads", "/reports/csp"):
        response = await browser.http.post(path, content=b"x" * (MAX_BODY_BYTES + 1), headers=SAME_ORIGIN)
        assert response.status_code in (303, 403, 413), path
    response = await browser.http.post("/reports/csp", content=endless(), headers=SAME_ORIGIN)
    assert response.status_code == 413


async def test_thirty_megabytes(sync_site):
    """A picture of 30 MB is told at its field, or refused as a whole when both are: never kept."""
    browser = sync_site.browser()
    await browser.consent()
    big = ("a.jpg", make_jpeg(padding_bytes=16_000_000))
    await browser.post_files("/document", {"front": big, "back": ("b.jpg", make_jpeg())})
    assert browser.page.status_code == 400
    assert "This file is too large" in browser.page.text
    token = browser.csrf
    files = {"front": ("a.jpg", b"\xff" * 32_000_000)}
    response = await browser.http.post(
        "/document", data={"csrf_token": token}, files=files, headers=SAME_ORIGIN
    )
    assert response.status_code == 413
    assert "too large" in response.text


async def test_slow_bodies_end(monkeypatch):
    """A sender that stops in the middle is let go after the deadline."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    never = asyncio.Event()

    async def receive():
        await never.wait()

    async def app(_scope, receive, _send):
        await receive()

    limit = BodyLimit(app, max_bytes=lambda _scope: MAX_BODY_BYTES)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    with pytest.raises(HTTPException) as caught:
        await limit(scope, receive, None)
    assert caught.value.status_code == 408


async def test_waiting_for_the_disconnect_has_no_deadline(monkeypatch):
    """Once the body is complete, a stream may wait for the end of the connection as long as it likes."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.01)
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    disconnected = asyncio.Event()

    async def receive():
        if messages:
            return messages.pop()
        await disconnected.wait()
        return {"type": "http.disconnect"}

    heard = []

    async def app(_scope, receive, _send):
        await receive()
        waiting = asyncio.create_task(receive())
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        disconnected.set()
        heard.append(await waiting)

    limit = BodyLimit(app, max_bytes=lambda _scope: MAX_BODY_BYTES)
    await limit({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, None)
    assert heard == [{"type": "http.disconnect"}]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"MZ", "not_an_image"),
        (b"data:image/png;base64,", "empty"),
        (b"data:image/png,abc", "not_an_image"),
        (b"data:" + b"x" * 200 + b";base64,AAAA", "not_an_image"),
        (make_jpeg()[:-2], "truncated"),
        (make_jpeg(), None),
    ],
)
def test_check_picture(content, code):
    """The first look, with data URLs decoded."""
    assert check_picture(content, allow_text=False)[0] == code
