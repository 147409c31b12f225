"""A vendor that answers each call after ten seconds, or those of its argument, in a process of its own.

Prints its port, serves until standard input ends, then prints what it saw as one line of JSON.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass

ANSWER_SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{"match":true}'


@dataclass
class Seen:
    """What came in so far; times are seconds of the machine's monotonic clock."""

    calls: int = 0
    open_calls: int = 0
    most_open: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
    """Answer the calls of one connection."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        seen.began_at = seen.began_at or time.monotonic()
        seen.calls += 1
        seen.open_calls += 1
        seen.most_open = max(seen.most_open, seen.open_calls)
        await asyncio.sleep(ANSWER_SECONDS)
        writer.write(_ANSWER)
        await writer.drain()
        seen.open_calls -= 1
        seen.ended_at = time.monotonic()


async def main() -> None:
    """Serve until standard input ends."""
    seen = Seen()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer, seen)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0, backlog=10_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(vars(seen)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
