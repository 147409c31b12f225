"""The way to drive tabs does not mistake a page that is still loading for the next one."""

import asyncio
import contextlib

import pytest
import pytest_asyncio

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

FORM = b"<!doctype html><form method=post action=/><button>Send</button></form>"
REFUSED = b"<!doctype html><p id=refused>Refused</p><script type=module src=/plain.js></script>"
#: How long the script of the refusal takes to come.
SCRIPT_SECONDS = 1.0
PLAIN = b"history.replaceState(null, '', location.href)"


@pytest_asyncio.fixture(loop_scope="session")
async def slow_script():
    """The address of a form whose refusal is shown before its script comes; the pages requested."""
    pages = []

    async def serve(reader, writer):
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            kind, body = b"text/html", REFUSED if head.startswith(b"POST") else FORM
            if b"/plain.js" in head:
                kind, body = b"text/javascript", PLAIN
                await asyncio.sleep(SCRIPT_SECONDS)
            elif b" / " in head.splitlines()[0]:
                pages.append(body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nConnection: close\r\n\r\n%b" % (kind, body))
            await writer.drain()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", pages


async def test_reload_waits_for_the_page_to_load(slow_script, visitor):
    """Only when the script has made what a post answered a plain page, it is loaded again."""
    url, pages = slow_script
    await visitor.tab.goto(url)
    await visitor.tab.click("text=Send")
    await visitor.tab.see("#refused")
    await visitor.tab.reload()
    assert pages[:2] == [FORM, REFUSED]
    assert len(pages) == 3
