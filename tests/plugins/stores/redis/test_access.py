"""Real TLS, and the rights that the plugin's manual asks for: these, and no more, are enough."""

import asyncio
import contextlib
import datetime as dt
import re
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import proofing_redis
from proofing.base.errors import StoreUnavailableError
from proofing.contracts.stores import Count, Mark
from proofing.contracts.vendor_gates import BreakerTerms, CallLimits, Gate, GateOutcome
from proofing.testing.faults import NO_FAULT, Fault, FaultProxy
from proofing.testing.processes import free_port
from proofing.testing.store_basis import make_ended, make_record
from proofing.testing.waiting import eventually
from proofing_devtools.redis import running_redis
from proofing_redis.batches import Client
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings


async def use_everything(store: RedisResultStore) -> None:
    """Call every method once."""
    record = make_record()
    assert await store.begin(record, ttl_seconds=60)
    waiter = asyncio.create_task(store.wait(record.result_id, timeout_seconds=10))
    ended = make_ended(record)
    await store.finish(ended, ttl_seconds=60, sealed_result=b"sealed")
    assert await waiter == ended
    assert await store.result(record.result_id) == b"sealed"
    assert await store.result(record.result_id) == b"sealed"
    await store.save("key", b"value", ttl_seconds=60)
    assert await store.load("key") == b"value"
    await store.delete("key")
    assert await store.add("key", b"value", ttl_seconds=60)
    assert (await store.count("limit", maximum=1, window_seconds=60)).counted
    assert not (await store.count("limit", maximum=1, window_seconds=60)).counted
    assert (await store.usage("limit")).count == 1
    assert (await store.refund("limit")).count == 0
    assert await store.erase(record.result_id)
    changed = await store.compare_and_set(
        "key", b"new", expected=b"value", ttl_seconds=60, consumes=record.result_id
    )
    assert changed == b"new"
    marks = [Mark(key="mark", value=b"value", ttl_seconds=60)]
    assert (await store.admit(marks=marks, counts=[Count(counter="x", maximum=1, window_seconds=60)])).granted
    await store.add_member("set", b"member", ttl_seconds=60)
    assert await store.members("set") == {b"member"}
    assert await store.drop_members("set") == 1
    assert await store.time() > 0
    limits = (CallLimits(scope="acme", per_second=100.0, concurrent=1, per_hour=1000),)
    terms = BreakerTerms(faults=1, open_seconds=0.0, probe_seconds=1.0)
    gate = Gate(name="phone/acme", breaker=terms, limits=limits)
    for outcome in GateOutcome:
        assert (await store.enter([gate], entrant="e", max_wait_seconds=5.0)).index == 0
        await store.leave(gate, entrant="e", outcome=outcome)
    assert (await store.gate_states([gate]))[0].limits[0].calls_this_hour > 0
    await store.close_breaker(gate)


@pytest.mark.parametrize("topology", ["single", "cluster"])
async def test_the_rights_of_the_manual_are_enough(topology: str) -> None:
    """A user with exactly the documented rights can do everything, polling included."""
    manual = " ".join((proofing_redis.__doc__ or "").split())
    found = re.search(
        r"Least permissions \(ACL\): ``([^`]*)``.*?``([^`]*)``.*On a cluster also ``([^`]*)``", manual
    )
    assert found is not None
    rights = " ".join(found.groups() if topology == "cluster" else found.groups()[:2]).split()
    with running_redis(config={"cluster-enabled": "yes" if topology == "cluster" else "no"}) as server:
        scheme = "redis"
        if topology == "cluster":
            scheme = "redis+cluster"
            for slot in range(0, 16_384, 1_024):
                server.command("CLUSTER", "ADDSLOTS", *range(slot, slot + 1_024))
            await eventually(lambda: "cluster_state:ok" in str(server.command("CLUSTER", "INFO")))
        server.command("ACL", "SETUSER", "store", "on", ">synthetic", *rights)
        url = f"{scheme}://store:synthetic@{server.host}:{server.port}"
        store = RedisResultStore(RedisSettings.model_validate({"url": url, "poll_seconds": 0.05}))
        await store.open()
        assert await store.check() == []
        await use_everything(store)
        # The end comes without a message, so that only the poll can see it.
        record = make_record()
        await store.begin(record, ttl_seconds=60)
        waiter = asyncio.create_task(store.wait(record.result_id, timeout_seconds=10))
        await eventually(
            lambda: server.command("PUBSUB", "NUMSUB", "proofing:ended") == ["proofing:ended", 1]
        )
        ended = make_ended(record)
        server.command("SET", f"proofing:{{{record.result_id}}}:status", "1" + ended.to_json())
        assert await waiter == ended
        await store.close()
        server.command("ACL", "SETUSER", "store", "-del")
        await store.open()
        with pytest.raises(StoreUnavailableError, match="permissions"):
            await store.drop_result("id")
        await store.close()


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate for *name*; return the paths of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return paths


@contextlib.asynccontextmanager
async def tls_before(host: str, port: int, certificate: tuple[Path, Path]) -> AsyncIterator[int]:
    """End TLS before a server, and give the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    tasks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65_536):
                writer.write(piece)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection(host, port)
        for work in (pump(reader, behind_writer), pump(behind_reader, writer)):
            task = asyncio.create_task(work)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_tls_serves_whom_it_can_prove_itself_to(tmp_path: Path) -> None:
    """With our authority everything works; an unknown authority or another name is refused."""
    good, other = make_certificate(tmp_path, "localhost"), make_certificate(tmp_path, "results.example")
    with running_redis() as server:
        async with tls_before(server.host, server.port, good) as port:
            settings = {"url": f"rediss://localhost:{port}/0", "tls_ca_file": str(good[0])}
            store = RedisResultStore(RedisSettings.model_validate(settings))
            await store.open()
            assert await store.check() == []
            await use_everything(store)
            await store.close()
            unknown = RedisResultStore(RedisSettings.model_validate({"url": settings["url"]}))
            with pytest.raises(StoreUnavailableError):
                await unknown.open()
        async with tls_before(server.host, server.port, other) as port:
            settings = {"url": f"rediss://localhost:{port}/0", "tls_ca_file": str(other[0])}
            impostor = RedisResultStore(RedisSettings.model_validate(settings))
            with pytest.raises(StoreUnavailableError):
                await impostor.open()


async def ping(client: Client) -> object:
    """Make a round trip of its own."""
    return await client.ping()


async def test_a_silent_network_costs_no_second_deadline_over_tls(tmp_path: Path) -> None:
    """A call ends by its deadline, though idle connections lie there whose TLS cannot be closed."""
    certificate = make_certificate(tmp_path, "localhost")
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(running_redis())
        tls_port = await stack.enter_async_context(tls_before(server.host, server.port, certificate))
        proxy = await stack.enter_async_context(FaultProxy("127.0.0.1", tls_port))
        store = RedisResultStore(
            RedisSettings.model_validate(
                {
                    "url": f"rediss://localhost:{proxy.port}/0",
                    "tls_ca_file": str(certificate[0]),
                    "deadline_seconds": 3.0,  # the hand-shakes before may be slow on a busy machine
                }
            )
        )
        stack.push_async_callback(store.close)
        await store.open()
        await asyncio.gather(*(store._connection.call(ping) for _ in range(8)))
        used = proxy.connections
        assert used > 1
        await proxy.set(Fault(black_hole=True))
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError, match="deadline"):
            await store.load("key")
        assert time.monotonic() - started < 4.5  # of 6.0, which two deadlines would take
        # None of the old connections is used again, which would cost another deadline each.
        await proxy.set(NO_FAULT)
        await asyncio.gather(*(store._connection.call(ping) for _ in range(8)))
        assert proxy.connections == used + 8


async def test_replicas_are_asked_over_tls(tmp_path: Path) -> None:
    """The start check has a replica prove its name as the primary does, and never talks plainly."""
    good, other = make_certificate(tmp_path, "localhost"), make_certificate(tmp_path, "results.example")
    async with contextlib.AsyncExitStack() as stack:
        primary = stack.enter_context(running_redis())
        if not primary.is_ours:
            pytest.skip("needs a redis-server of our own")
        port = await stack.enter_async_context(tls_before(primary.host, primary.port, good))
        for certificate in (good, other):
            replica_port = free_port()
            tls_port = await stack.enter_async_context(tls_before("127.0.0.1", replica_port, certificate))
            config = {
                "replicaof": f"{primary.host} {primary.port}",
                "replica-announce-ip": "localhost",
                "replica-announce-port": str(tls_port),
                "appendonly": "yes",
            }
            with running_redis(port=replica_port, config=config) as replica:
                await eventually(
                    lambda tls_port=tls_port: (
                        f"port={tls_port}," in str(primary.command("INFO", "replication"))
                    )
                )
                assert replica.port == replica_port
                settings = {
                    "url": f"rediss://localhost:{port}/0",
                    "tls_ca_file": str(good[0]),
                    "deadline_seconds": 15.0,
                }
                store = RedisResultStore(RedisSettings.model_validate(settings))
                await store.open()
                lines = await store.check()
                await store.close()
                (line,) = lines
                if certificate is good:
                    assert line.startswith(f"localhost:{tls_port}: commands are written")
                else:
                    assert f"could not look at 1 replica (localhost:{tls_port})" in line
            await eventually(lambda: "connected_slaves:0" in str(primary.command("INFO", "replication")))
