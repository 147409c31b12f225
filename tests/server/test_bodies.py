"""Bodies: caps while reading, slow senders, strict JSON and forms, images never in clear on a disk."""

import asyncio
import os
import tempfile
from dataclasses import replace

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from proofing.base.errors import StoreUnavailableError
from proofing.testing.images import make_jpeg
from proofing_server import bodies, spool
from proofing_server.bodies import MAX_BODY_BYTES, BodyLimit, read_form, read_json
from proofing_server.images import check_image
from proofing_server.multipart import read_multipart
from proofing_server.spool import Forms
from proofing_server.waits import Waits

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
        async with read_multipart(request(b"", "multipart/form-data"), Forms(9), max_file_bytes=9):
            pass
    assert caught.value.status_code == 415


def multipart(*parts):
    """Return a multipart body."""
    lines = []
    for head, content in parts:
        lines += [b"--b", b"Content-Disposition: form-data; " + head, b"", content]
    return b"\r\n".join([*lines, b"--b--", b""])


async def test_images_never_reach_the_disk_in_clear(monkeypatch):
    """Files of megabytes wait in temporary files that have no name and hold nothing of the images."""
    made = []
    make = tempfile.TemporaryFile

    def note(*arguments, **named):
        file = make(*arguments, **named)
        made.append(os.dup(file.fileno()))
        return file

    monkeypatch.setattr(tempfile, "TemporaryFile", note)
    photo = make_jpeg(padding_bytes=3_000_000)
    small = make_jpeg(padding_bytes=10)
    body = multipart(
        (b'name="csrf_token"', b"t"),
        (b'name="front"; filename="a.jpg"', photo),
        (b'name="small"; filename="b.jpg"', small),
        (b'name="back"; filename=""', b""),
        (b'name="other"; filename="big"', b"x" * 5_000_000),
    )
    forms = Forms(100_000_000)
    sent = request(body, "multipart/form-data; boundary=b", step=70_001)
    async with read_multipart(sent, forms, max_file_bytes=4_000_000) as form:
        assert form.fields == {"csrf_token": "t"}
        assert form.files["front"] == photo
        assert form.files["small"] == small
        assert form.files["back"] == b""
        assert form.file_names["back"] == ""
        assert form.too_large == {"other"}
        assert form.files["other"] == b""
    written = 0
    for descriptor in made:
        status = os.fstat(descriptor)
        assert status.st_nlink == 0
        written += status.st_size
        content = os.pread(descriptor, status.st_size, 0)
        assert not any(photo[at : at + 16] in content for at in range(0, len(photo), 10_007))
        assert b"x" * 16 not in content
        os.close(descriptor)
    assert written > 6_000_000
    assert forms == Forms(100_000_000)


async def test_room_for_forms_is_bounded(monkeypatch):
    """Too many files, or bytes of them, are refused as *try again*, and everything is released."""
    monkeypatch.setattr(spool, "MAX_FILES", 1)
    photo = make_jpeg(padding_bytes=300_000)
    one = multipart((b'name="front"; filename="a.jpg"', photo))
    two = multipart((b'name="front"; filename="a.jpg"', photo), (b'name="back"; filename="b.jpg"', photo))
    for forms, body in ((Forms(200_000), one), (Forms(10_000_000), two)):
        before = replace(forms)
        with pytest.raises(StoreUnavailableError):
            async with read_multipart(
                request(body, "multipart/form-data; boundary=b", step=1000), forms, max_file_bytes=4_000_000
            ):
                pass
        assert forms == before
        async with read_multipart(
            request(one, "multipart/form-data; boundary=b"), Forms(10_000_000), max_file_bytes=4_000_000
        ) as form:
            assert form.files["front"] == photo


async def test_complete_forms_are_opened_one_after_the_other(monkeypatch):
    """What is in clear at one moment has a sum; a waiting form gets its turn, or is asked to try again."""
    forms = Forms(0, open_bytes=100)
    order, let_go = [], [asyncio.Event() for _ in range(4)]

    async def hold(number, count):
        async with forms.opened(count):
            order.append(number)
            await let_go[number].wait()

    tasks = []
    for number, count in enumerate((500, 60, 60, 40)):
        tasks.append(asyncio.create_task(hold(number, count)))
        await asyncio.sleep(0)
    assert order == [0]
    let_go[0].set()
    await tasks[0]
    for _ in range(20):
        await asyncio.sleep(0)
    assert order == [0, 1]
    monkeypatch.setattr(spool, "_WAIT_SECONDS", 0.01)
    with pytest.raises(StoreUnavailableError):
        await hold(3, 10)
    for event in let_go:
        event.set()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]


async def test_waiting_for_other_forms_is_no_time_of_its_own():
    """A complete form that waits for memory loses no time for its job."""
    forms = Forms(0, open_bytes=1)
    body = multipart((b'name="a"; filename="a"', b"x" * 9))
    sent = request(body, "multipart/form-data; boundary=b")
    waits = Waits.of(sent.scope)

    async def read():
        async with read_multipart(sent, forms, max_file_bytes=100):
            return waits.seconds

    async with forms.opened(1):
        reading = asyncio.create_task(read())
        for _ in range(20):
            await asyncio.sleep(0)
        assert 0 < waits.seconds < waits.seconds
        assert not reading.done()
    assert await reading == waits.seconds


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
    sent = request(body, "multipart/form-data; boundary=b")
    with pytest.raises(HTTPException) as caught:
        async with read_multipart(sent, Forms(100), max_file_bytes=100):
            pass
    assert caught.value.status_code == 400


async def test_too_large(site, sync_site):
    """A body over its cap gets 413, declared or not, and an image is refused where it does not belong."""
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


async def test_images_that_are_too_large(sync_site):
    """One is reported at its field; more than three of the largest are refused as a whole: never kept."""
    browser = sync_site.browser()
    await browser.consent()
    big = ("a.jpg", make_jpeg(padding_bytes=16_000_000))
    await browser.post_files("/document", {"front": big, "back": ("b.jpg", make_jpeg())})
    assert browser.page.status_code == 400
    assert "This file is too large" in browser.page.text
    token = browser.csrf
    files = {"front": ("a.jpg", b"\xff" * 48_000_000)}
    response = await browser.http.post(
        "/document", data={"csrf_token": token}, files=files, headers=SAME_ORIGIN
    )
    assert response.status_code == 413
    assert "too large" in response.text


async def answer_to(receive, *, max_bytes, headers):
    """Return what `BodyLimit` sends before an application that reads the body, and whether that was asked."""
    asked, sent = [], []

    async def app(_scope, receive, _send):
        asked.append(True)
        await receive()

    async def refuse(_request, status):
        return Response(status_code=status)

    async def send(message):
        sent.append(message)

    limit = BodyLimit(app, max_bytes=lambda _scope: max_bytes, refuse=refuse)
    await limit({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    return sent[0], bool(asked)


async def test_slow_small_bodies_end_before_the_application(monkeypatch):
    """A sender that stops in the middle is let go after the deadline, and nobody was bothered."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    never = asyncio.Event()

    async def receive():
        await never.wait()

    start, asked = await answer_to(
        receive, max_bytes=MAX_BODY_BYTES, headers=[(b"transfer-encoding", b"chunked")]
    )
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert not asked


async def test_slow_large_bodies_end(monkeypatch):
    """Dribbling does not keep a large body alive: it has to keep up with a rate."""
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.1)

    async def receive():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def app(_scope, receive, _send):
        while True:
            await receive()

    limit = BodyLimit(app, max_bytes=lambda _scope: 10**12, refuse=None)
    monkeypatch.setattr(bodies, "MIN_BYTES_PER_SECOND", 10**9)
    with pytest.raises(HTTPException) as caught:
        await limit({"type": "http", "method": "PUT", "path": "/", "headers": []}, receive, None)
    assert caught.value.status_code == 408


async def answered_early(status, pieces):
    """Return how many of the *pieces* of a large body were read, and the headers of an answer before them."""
    left, sent = [b"x" * 1000] * pieces, []

    async def receive():
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(), "more_body": bool(left) or pieces > 10}

    async def send(message):
        sent.append(message)

    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    limit = BodyLimit(app, max_bytes=lambda _scope: 10**12, refuse=None)
    headers = [(b"content-length", b"1000000")]
    await limit({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    return pieces - len(left), dict(sent[0]["headers"])


async def test_a_body_is_read_before_the_browser_is_led_elsewhere():
    """The answer could be lost otherwise; with an error the connection closes at once."""
    assert await answered_early(303, 3) == (3, {})
    assert await answered_early(403, 3) == (0, {b"connection": b"close"})


async def test_a_body_that_does_not_end_delays_the_answer_for_seconds(monkeypatch):
    """Then the connection closes."""
    monkeypatch.setattr(bodies, "_REST_SECONDS", 0.01)
    assert await answered_early(303, 11) == (11, {b"connection": b"close"})


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

    limit = BodyLimit(app, max_bytes=lambda _scope: MAX_BODY_BYTES, refuse=None)
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
def test_check_image(content, code):
    """The first look, with data URLs decoded."""
    assert check_image(content, allow_text=False)[0] == code


async def test_the_same_photo_for_both_sides(sync_site):
    """Reported at the second side before an attempt is counted, also when it carries other metadata."""
    browser = sync_site.browser()
    await browser.consent()
    photo = make_jpeg()
    for other in (photo, photo + b"a motion photo's film"):
        await browser.post_files("/document", {"front": ("a.jpg", photo), "back": ("b.jpg", other)})
        assert browser.page.status_code == 400
        assert "same photo as for the other side" in browser.page.text
        assert 'id="error-summary"' in browser.page.text
    await browser.post_files(
        "/document", {"front": ("a.jpg", photo), "back": ("b.jpg", make_jpeg(comment=b"back"))}
    )
    assert browser.path == "/ssn"


async def test_a_heic_photo_gets_advice(sync_site):
    """The kind that phones make and none of our browsers reads."""
    browser = sync_site.browser()
    await browser.consent()
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99
    await browser.post_files("/document", {"front": ("a.heic", heic), "back": ("b.jpg", make_jpeg())})
    assert "Most Compatible" in browser.page.text
