"""Three images of 15 MiB in one JSON body: the longest turn of the loop and the peak of memory.

The outbound client with `StreamedBody`, and alongside it the same call with `json.dumps` of base64 texts. A
turn is measured in CPU time of its thread, so that other programs on the machine do not count; the vendor is
a process of its own, which reads and discards.
"""

import asyncio
import base64
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.report import Row, report
from bench.turns import Turns
from proofing.contracts.bodies import Base64
from proofing.contracts.images import MAX_IMAGE_BYTES
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.testing.processes import start_process

RUNS = 3
IMAGES = 3
_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


async def serve() -> None:
    """Be the vendor: read a request by its length, answer, until standard input ends."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while length:
                length -= len(await reader.read(min(length, 1 << 20)))
            writer.write(_ANSWER)
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


def resident() -> int:
    """Return the bytes that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def send(port: int, *, streamed: bool) -> None:
    """Send the images once, and print what it took."""
    transport = OutboundTransport()
    transport.prepare(None)
    policy = OutboundPolicy(vendor_name="acme", hosts=frozenset({f"127.0.0.1:{port}"}), timeout_seconds=120.0)
    client = OutboundClient(transport, policy)
    url = f"http://127.0.0.1:{port}/"
    await client.post(url, json_body={"warm": True})
    before = resident()
    images = [os.urandom(MAX_IMAGE_BYTES) for _ in range(IMAGES)]
    turns = Turns()
    await asyncio.sleep(0)  # the turn that is in progress is not measured
    started = time.perf_counter()
    if streamed:
        await client.post(url, json_body={"images": [Base64(image) for image in images]})
    else:
        texts = [base64.b64encode(image).decode() for image in images]
        await client.post(url, content=json.dumps({"images": texts}).encode())
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    await transport.close()
    found = {
        "stall": turns.longest * 1000,
        "memory": (peak - before) / (IMAGES * MAX_IMAGE_BYTES),
        "seconds": seconds,
    }
    print(json.dumps(found))


def measure(way: str) -> dict[str, float]:
    """Return what one sending takes, in a process of its own."""
    program = [sys.executable, "-m", "bench.bodies"]
    vendor = start_process([*program, "vendor"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = vendor.stdout.readline().strip()
    done = subprocess.run([*program, way, port], capture_output=True, text=True, check=True)
    vendor.communicate("", timeout=60)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure both and print the table."""
    ours = [measure("streamed") for _ in range(RUNS)]
    plain = [measure("plain") for _ in range(RUNS)]

    def row(key: str, unit: str, measure: str, limit: str = "") -> Row:
        values = [one[key] for one in ours]
        peer = statistics.median(one[key] for one in plain)
        return Row(
            measure=measure,
            unit=unit,
            ours=statistics.median(values),
            peers={"json.dumps of base64": peer},
            limit=limit,
            runs=values,
        )

    report(
        "bodies",
        [
            row("stall", "ms", "longest turn of the loop (CPU) while 3 x 15 MiB of images are sent", "<= 5"),
            row("memory", "times", "peak memory, in sizes of the images", "<= 2.5"),
            row("seconds", "s", "from the call to the answer"),
        ],
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["vendor"]:
            asyncio.run(serve())
        case [("streamed" | "plain") as way, port]:
            asyncio.run(send(int(port), streamed=way == "streamed"))
        case _:
            main()
