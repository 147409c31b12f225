"""S3 and KMS slow, reset, silent or down: a typed error by the deadline, and healed without a restart."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from proofing.base.errors import StoreUnavailableError
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.waiting import eventually
from proofing_aws.clients import AWSCalls
from proofing_aws.image_store import S3ImageStore
from proofing_aws.key_service import KMSKeyService
from proofing_aws.secret_store import S3SecretStore
from proofing_devtools.aws_signature import SignedRequest
from proofing_devtools.kms import KMSServer
from proofing_devtools.s3 import S3Server

DEADLINE_SECONDS = 1.5
HEALED_SECONDS = 10.0
#: Room for a busy machine.
ROOM_SECONDS = 1.0
CONTEXT = {"purpose": "args"}
KEY = "images/one"

FAULTS = {
    "slow": Fault(latency_seconds=2.0),
    "dripping": Fault(slice_bytes=1, bytes_per_second=20),
    "reset": Fault(reset=True),
    "cut": Fault(cut_after_bytes=200),
    "black hole": Fault(black_hole=True),
    "down": Fault(is_down=True),
}

TIMES = {
    "deadline_seconds": DEADLINE_SECONDS,
    "kms_deadline_seconds": DEADLINE_SECONDS,
    "connect_timeout_seconds": 1.0,
    "read_timeout_seconds": 1.0,
    "attempts": 1,
    "threads": 4,
}


@pytest.fixture
async def proxy() -> AsyncIterator[Callable[[str], Awaitable[FaultProxy]]]:
    """Give a way to put a proxy before a server."""
    proxies: list[FaultProxy] = []

    async def put_before(url: str) -> FaultProxy:
        parts = urlsplit(url)
        proxy = FaultProxy(parts.hostname or "", parts.port or 0)
        await proxy.__aenter__()
        proxies.append(proxy)
        return proxy

    yield put_before
    for proxy in proxies:
        await proxy.__aexit__(None, None, None)


async def assert_fails_in_time(call: Awaitable[object]) -> None:
    """Check that *call* says, by the deadline, that the store is not available, and not what it was asked."""
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError) as caught:
        await asyncio.wait_for(call, 10.0)
    assert time.monotonic() - started < DEADLINE_SECONDS + ROOM_SECONDS
    assert caught.value.__cause__ is None
    assert "127.0.0.1" not in str(caught.value)
    assert KEY not in str(caught.value)


async def assert_heals(call: Callable[[], Awaitable[object]]) -> None:
    """Check that *call* succeeds again, on the same object."""

    async def succeeds() -> bool:
        try:
            await call()
        except StoreUnavailableError:
            return False
        return True

    await eventually(succeeds, within_seconds=HEALED_SECONDS)


@pytest.mark.parametrize("fault", FAULTS)
async def test_images(fault: str, s3: S3Server, aws: Any, proxy: Any) -> None:
    """Reading, deleting and sweeping; more calls at once than there are threads."""
    gate = await proxy(s3.url)
    body = bytes(300_000)
    s3.buckets["images"].put(KEY, SignedRequest("PUT", "", "", (), body), time.time())
    settings = aws.settings(s3_endpoint_url=f"http://127.0.0.1:{gate.port}", **TIMES)
    store = S3ImageStore(settings, role="web")
    await store.open()
    assert await store.read(KEY, max_bytes=len(body)) == body
    await gate.set(FAULTS[fault])
    calls: list[Awaitable[object]] = [store.read(KEY, max_bytes=len(body)) for _ in range(8)]
    calls.append(store.sweep(older_than_seconds=3600))
    if fault != "cut":  # the answer of DELETE is shorter than the cut
        calls.append(store.delete("images/none"))
    await asyncio.gather(*(assert_fails_in_time(call) for call in calls))
    await gate.set(NO_FAULT)
    await assert_heals(lambda: store.read(KEY, max_bytes=len(body)))
    assert await store.read(KEY, max_bytes=len(body)) == body
    await store.close()


@pytest.mark.parametrize("fault", FAULTS)
async def test_keys(fault: str, kms: KMSServer, aws: Any, proxy: Any) -> None:
    """Making and unwrapping data keys; more calls at once than there are threads."""
    gate = await proxy(kms.url)
    settings = aws.settings(kms_endpoint_url=f"http://127.0.0.1:{gate.port}", **TIMES)
    service = KMSKeyService(settings, environment="test")
    await service.open()
    key = await service.generate(CONTEXT)
    await gate.set(FAULTS[fault])
    calls: list[Awaitable[object]] = [service.generate(CONTEXT) for _ in range(4)]
    calls += [service.unwrap(key.wrapped, key.key_id, CONTEXT) for _ in range(4)]
    await asyncio.gather(*(assert_fails_in_time(call) for call in calls))
    await gate.set(NO_FAULT)
    await assert_heals(lambda: service.generate(CONTEXT))
    assert await service.unwrap(key.wrapped, key.key_id, CONTEXT) == key.plaintext
    await service.close()


@contextlib.asynccontextmanager
async def endless(header: bytes = b"") -> AsyncIterator[str]:
    """Serve answers that begin well, with *header*, and then come byte by byte, without end."""
    serving: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n" + header + b"\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for task in serving:
        task.cancel()


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["kept", "last answer"])
@pytest.mark.parametrize("service", ["kms", "s3"])
async def test_threads_come_back(aws: Any, service: str, header: bytes) -> None:
    """Calls that are abandoned, or whose caller is canceled, hold no thread, whatever the server does."""
    before = set(threading.enumerate())
    async with endless(header) as url:
        settings = aws.settings(
            s3_endpoint_url=url, kms_endpoint_url=url, **TIMES, probe_at_start=False, kms_key_id="alias/none"
        )
        calls = AWSCalls(settings, service, "test", deadline_seconds=0.3)
        await calls.open()
        client = calls.client

        def ask() -> object:
            if service == "kms":
                return client.generate_data_key(KeyId="x", KeySpec="AES_256")
            return client.list_objects_v2(Bucket="images")

        await asyncio.gather(*(assert_fails_in_time(calls.run(ask)) for _ in range(8)))
        canceled = [asyncio.ensure_future(calls.run(ask)) for _ in range(4)]
        await asyncio.sleep(0)
        for call in canceled:
            call.cancel()
        await asyncio.gather(*canceled, return_exceptions=True)
        mine = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("aws-")}
        assert 0 < len(mine) <= settings.threads
        await calls.close()
        await eventually(lambda: not any(thread.is_alive() for thread in mine))


@pytest.mark.parametrize("fault", FAULTS)
async def test_start(fault: str, s3: S3Server, kms: KMSServer, aws: Any, proxy: Any) -> None:
    """A process that starts while S3 or KMS is down gets an error that says so, and may try again."""
    s3_gate, kms_gate = await proxy(s3.url), await proxy(kms.url)
    s3.buckets["secrets"].put("test/secrets.yaml", SignedRequest("PUT", "", "", (), b"key: x"), 0.0)
    settings = aws.settings(
        s3_endpoint_url=f"http://127.0.0.1:{s3_gate.port}",
        kms_endpoint_url=f"http://127.0.0.1:{kms_gate.port}",
        **TIMES,
    )
    cut = Fault(cut_after_bytes=5)  # within the status line: an answer to a PUT needs no more than that
    for gate in (s3_gate, kms_gate):
        await gate.set(cut if fault == "cut" else FAULTS[fault])
    images = S3ImageStore(settings, role="web")
    keys = KMSKeyService(settings, environment="test")
    secrets = S3SecretStore(settings, environment="test")
    for call in (images.open, keys.open, secrets.load):
        # Making the client takes a call of its own.
        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(call(), 2 * DEADLINE_SECONDS + ROOM_SECONDS)
    for gate in (s3_gate, kms_gate):
        await gate.set(NO_FAULT)
    for call in (images.open, keys.open, secrets.load):
        await assert_heals(call)
    await images.close()
    await keys.close()
