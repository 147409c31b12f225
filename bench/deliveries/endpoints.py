"""Endpoints that answer at once and remember when which event came: ``python -m bench.deliveries.endpoints``.

Prints its port; when its standard input ends, the arrivals as JSON: event to seconds since the epoch.
"""

import asyncio
import json
import re
import sys
import time

_ID = re.compile(rb"\r\nwebhook-id: ([^\r]+)", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
ARRIVALS: dict[str, float] = {}


class Endpoint(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        self._transport = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        """Answer each whole request."""
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            length = int(_LENGTH.search(head)[1])
            if len(rest) < length:
                return
            ARRIVALS.setdefault(_ID.search(head)[1].decode(), time.time())
            self._data = rest[length:]
            self._transport.write(_ANSWER)


async def main() -> None:
    """Serve until standard input ends."""
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(ARRIVALS))


if __name__ == "__main__":
    asyncio.run(main())
