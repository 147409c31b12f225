"""Slow form posts with images hold descriptors and disk, not memory."""

import asyncio
import re
import secrets

from proofing.testing.images import make_jpeg
from proofing_devtools.web_process import get, pending_session, running_web

#: Posts, and bytes that each sends before it stops.
CASES = {"test_held_posts_stay_out_of_memory": ((40, 8_000_000), (500, 2_000_000))}
MAX_RESIDENT_BYTES = 300_000_000
SWITCHES = {"doc_auth_enable_presigned_s3_urls": False, "ruby_workers_idv_enabled": False}


async def post_half(port, number, session_id, count):
    """Begin a form post of two images, send *count* bytes of it, and return the open connection."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(f"127.2.0.{1 + number % 250}", 0)
    )
    head = (
        "POST /document HTTP/1.1",
        f"Host: localhost:{port}",
        "Sec-Fetch-Site: same-origin",
        f"Cookie: proofing={session_id}",
        "Content-Type: multipart/form-data; boundary=b",
        "Content-Length: 25000000",
        "",
        "--b",
        'Content-Disposition: form-data; name="front"; filename="a.jpg"',
        "",
        "",
    )
    writer.write("\r\n".join(head).encode())
    writer.write(make_jpeg(padding_bytes=count))
    await writer.drain()
    return reader, writer


async def spooled_bytes(port):
    """Return what a web process has on disk of incomplete forms, as its probe port shows it."""
    text = (await get(port, "/metrics"))[1]
    return float(re.search(rb"^proofing_web_spooled_bytes (\S+)\r?$", text, re.MULTILINE)[1])


async def test_held_posts_stay_out_of_memory(cases, claim, tmp_path):
    """Half-sent posts leave a web process below 300 MB, and it still answers."""
    count, sent = cases
    with running_web(tmp_path, {**SWITCHES, "trusted_proxies": 0}) as web:
        session_id, _ = await pending_session(web, pending=None, recent={}, csrf=secrets.token_urlsafe(32))
        held = [await post_half(web.port, number, session_id, sent) for number in range(count)]
        async with asyncio.timeout(60):
            while await spooled_bytes(web.probe_port) < count * (sent - 200_000):
                assert not any(reader.at_eof() for reader, _ in held)
                assert (await get(web.port, "/"))[0] == 200
        resident = web.resident_bytes()
        assert resident < MAX_RESIDENT_BYTES
        assert not any(reader.at_eof() for reader, _ in held)
        for _, writer in held:
            writer.close()
    claim(
        "S16",
        f"{count} half-sent posts of {sent // 1_000_000} MB with uploads switched off",
        f"{resident // 1_000_000} MB of memory in the web process",
    )
