"""What workers share of a vendor: one value for all, sealed, and none when the store is down."""

import asyncio
import logging
import secrets
from contextlib import AsyncExitStack

import pytest
import redis
from pydantic import SecretStr

from proofing.base.errors import Cause, PluginError, StoreUnavailableError, VendorError
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.crypto.encryption import KeyRing, Sealer
from proofing.jobs.vendor_cache import SharedValues, VendorCaches
from proofing.registry.proofers import LoadedProofer
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import make_process
from proofing.testing.waiting import eventually
from proofing_devtools.redis import running_redis
from proofing_local.key_file import LocalKeyService
from proofing_local.results import LocalResultStore
from proofing_local.settings import LocalSettings
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings

TOKEN = "bearer-4f9c1e77aa5b"
KEY = secrets.token_bytes(32)


class AcmeSettings(PluginSettings):
    """The section of a vendor with a credential."""

    api_key: SecretStr = SecretStr("key-1f83d9abfb41bd6b")
    timeout_seconds: float = 5.0


def loaded_of(plugin="acme", settings=None, name="acme:one"):
    """Return a proofer of *plugin*; it is never made."""
    descriptor = ProoferDescriptor(name=name, kind=ProoferKind.PHONE, make=lambda *_: None)
    return LoadedProofer(plugin, descriptor, settings or AcmeSettings(), make_process)


@pytest.fixture(scope="module")
def server():
    """Run one Redis for this module."""
    with running_redis(password="synthetic") as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
async def start(request, tmp_path):
    """Return a function that starts the cache of one more process over the same store."""
    directory = tmp_path / "store"
    if request.param == "redis":
        server = request.getfixturevalue("server")
        server.command("FLUSHALL")
    async with AsyncExitStack() as stack:

        async def begin(*, key=KEY, **options):
            settings = LocalSettings(directory=str(directory))
            if request.param == "sqlite":
                results = LocalResultStore(settings)
            else:
                results = RedisResultStore(RedisSettings.model_validate({"url": server.url}))
            service = LocalKeyService(settings)
            for backend in (service, results):
                stack.push_async_callback(backend.close)
                await backend.open()
            keys = KeyRing(key)
            sealer = Sealer(service, keys, environment="test", data_key_max_messages=100)
            shared = SharedValues(results, sealer, keys, **options)
            return VendorCaches(shared), shared, results

        begin.everything = lambda: _everything(request, directory)
        yield begin


def _everything(request, directory):
    """Return all that a thief of the store would have."""
    if request.param == "sqlite":
        return b"".join(path.read_bytes() for path in directory.iterdir() if "results" in path.name)
    client = redis.Redis.from_url(request.getfixturevalue("server").url)
    # A key may expire between the two.
    return b"".join(key + (client.get(key) or b"") for key in client.scan_iter())


class Maker:
    """Makes a new value each time, and counts."""

    def __init__(self, *values, seconds=60.0):
        self.values = list(values)
        self.seconds = seconds
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        await asyncio.sleep(0)
        value = self.values.pop(0)
        if isinstance(value, Exception):
            raise value
        return value, self.seconds


def cache_of(caches, loaded=None, seconds=30.0):
    """Return the cache that a question of *loaded* has."""
    return caches.of(loaded or loaded_of(), lambda: seconds)


async def test_one_value_for_all_processes(start):
    """Of twenty questions in two processes at once one makes it, and all get it."""
    one, two = (await start())[0], (await start())[0]
    make = Maker(TOKEN)
    found = await asyncio.gather(
        *(cache_of(caches).get_or_make("token", make) for caches in (one, two) for _ in range(10))
    )
    assert found == [TOKEN] * 20
    assert make.calls == 1


@pytest.mark.parametrize("value", ["text é", "", b"\x00\xff", b"", b"x" * 65_536])
async def test_a_value_comes_back_as_it_was(start, value):
    """Text as text, bytes as bytes, also to another process."""
    await cache_of((await start())[0]).get_or_make("keys", Maker(value))
    found = await cache_of((await start())[0]).get_or_make("keys", Maker())
    assert (type(found), found) == (type(value), value)


async def test_values_are_apart(start):
    """By name, by plugin, and by every setting of the plugin; the products of a plugin share."""
    caches, *_ = await start()
    other_key = AcmeSettings(api_key=SecretStr("key-2"))
    places = [
        (loaded_of(), "token"),
        (loaded_of(), "keys"),
        (loaded_of("other"), "token"),
        (loaded_of(settings=other_key), "token"),
        (loaded_of(settings=AcmeSettings(timeout_seconds=6.0)), "token"),
    ]
    for number, (loaded, name) in enumerate(places):
        assert await cache_of(caches, loaded).get_or_make(name, Maker(f"v{number}")) == f"v{number}"
    for number, (loaded, name) in enumerate(places):
        assert await cache_of(caches, loaded).get_or_make(name, Maker()) == f"v{number}"
    assert await cache_of(caches, loaded_of(name="acme:two")).get_or_make("token", Maker()) == "v0"


async def test_a_value_expires(start):
    """By the store's clock; one without a life is not kept at all."""
    caches, *_ = await start()
    assert await cache_of(caches).get_or_make("a", Maker("old", seconds=0.05)) == "old"

    async def newer():
        found = await cache_of(caches).get_or_make("a", Maker("new"))
        return found == "new"

    await eventually(newer)
    make = Maker("one", "two", seconds=0)
    assert [await cache_of(caches).get_or_make("b", make) for _ in range(2)] == ["one", "two"]


async def test_a_refused_value_is_replaced_once(start):
    """Ten workers saw the same refused token; one new one is made, and the late ones do not delete it."""
    processes = [(await start())[0] for _ in range(2)]
    make = Maker("old", "new")
    assert await cache_of(processes[0]).get_or_make("token", make) == "old"

    async def refused(caches):
        cache = cache_of(caches)
        assert await cache.get_or_make("token", make) in {"old", "new"}
        await cache.drop("token", "old")
        return await cache.get_or_make("token", make)

    found = await asyncio.gather(*(refused(processes[number % 2]) for number in range(10)))
    assert found == ["new"] * 10
    await cache_of(processes[0]).drop("token", "old")
    await cache_of(processes[0]).drop("token", b"new")
    assert await cache_of(processes[1]).get_or_make("token", make) == "new"
    assert make.calls == 2


async def test_what_a_maker_raises_is_its_own_callers(start):
    """The next one tries, at once, in this process and in another one."""
    one, two = (await start())[0], (await start())[0]
    down = VendorError(Cause.UNREACHABLE, "no token")
    make = Maker(down, TOKEN)
    found = await asyncio.gather(
        *(cache_of(caches).get_or_make("token", make) for caches in (one, two)), return_exceptions=True
    )
    assert sorted(found, key=str) == sorted([down, TOKEN], key=str)
    assert make.calls == 2


async def test_a_maker_that_is_canceled_holds_nobody_up(start):
    """Its lock goes with it."""
    caches, *_ = await start(lock_seconds=600.0)
    begun = asyncio.Event()

    async def never():
        begun.set()
        await asyncio.Event().wait()

    making = asyncio.create_task(cache_of(caches).get_or_make("token", never))
    await begun.wait()
    making.cancel()
    await asyncio.gather(making, return_exceptions=True)
    assert await cache_of((await start(lock_seconds=600.0))[0]).get_or_make("token", Maker(TOKEN)) == TOKEN


async def test_a_maker_that_dies_holds_others_up_for_the_life_of_its_lock(start):
    """Then another one makes the value; a late release does not touch the new lock."""
    _caches, dead, _results = await start(lock_seconds=0.2)
    key = dead.key("place")
    value, lock = await dead.value_or_lock(key)
    assert value is None
    _none, second = await dead.value_or_lock(key)  # when the first has expired
    await dead.unlock(key, lock)
    locks = (await start(lock_seconds=600.0))[1]
    held = asyncio.create_task(locks.value_or_lock(key))
    await dead.keep(key, TOKEN, 60.0)
    assert await held == (TOKEN, b"")
    assert second != lock


async def test_a_waiter_waits_no_longer_than_its_question(start):
    """The maker may take longer."""
    _caches, other, _results = await start(lock_seconds=600.0)
    caches, *_ = await start()
    loaded = loaded_of()
    place = f'["acme", "{loaded.settings_digest}", "token"]'
    assert await other.value_or_lock(other.key(place)) != (None, b"")
    with pytest.raises(VendorError) as caught:
        await cache_of(caches, loaded, seconds=0.1).get_or_make("token", Maker(TOKEN))
    assert caught.value.cause is Cause.TIMEOUT


async def test_a_store_that_is_down_costs_the_sharing_only(start, caplog):
    """Each process makes a value of its own, with the same expiry, and drops that; later it shares again."""
    caches, _shared, results = await start()
    broken = {name: getattr(results, name) for name in ("load", "save", "add", "compare_and_set")}
    down = StoreUnavailableError("down")
    for name in broken:
        setattr(results, name, _raising(down))
    make = Maker("own", "own-2", "shared")
    cache = cache_of(caches)
    with caplog.at_level(logging.WARNING):
        assert await asyncio.gather(*(cache.get_or_make("token", make) for _ in range(5))) == ["own"] * 5
    assert "vendor_cache_unshared" in caplog.messages
    await cache.drop("token", "other")
    assert await cache.get_or_make("token", make) == "own"
    await cache.drop("token", "own")
    assert await cache.get_or_make("token", make) == "own-2"
    for name, method in broken.items():
        setattr(results, name, method)
    assert await cache.get_or_make("token", make) == "shared"
    assert await cache_of((await start())[0]).get_or_make("token", Maker()) == "shared"


@pytest.mark.parametrize("lost", ["save", "add", "compare_and_set"])
async def test_a_store_that_goes_down_meanwhile(start, lost, caplog):
    """Wherever it fails, the question gets its value, and this process keeps it; one line says so."""
    caches, _shared, results = await start()
    for name in {lost, "compare_and_set"}:
        setattr(results, name, _raising(StoreUnavailableError("down")))
    with caplog.at_level(logging.WARNING):
        assert await cache_of(caches).get_or_make("token", Maker(TOKEN)) == TOKEN
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["vendor_cache_unshared"]
    await cache_of(caches).drop("token", TOKEN)


def _raising(error):
    async def fail(*_arguments, **_named):
        raise error

    return fail


async def test_a_store_holds_nothing_of_it(start, caplog):
    """Neither the value, nor its name, nor the credentials; and nothing of it is logged or printed."""
    canary = Canary(extra={"token": TOKEN, "name": "token-of-the-tests", "key": "key-1f83d9abfb41bd6b"})
    caches, shared, _results = await start()
    loaded = loaded_of()
    cache = cache_of(caches, loaded)
    with caplog.at_level(logging.DEBUG):
        assert await cache.get_or_make("token-of-the-tests", Maker(TOKEN)) == TOKEN
        with pytest.raises(PluginError) as caught:
            await cache.get_or_make("x", Maker([TOKEN]))
    stored = start.everything()
    assert b"cache:" in stored
    assert canary.find_leaks(stored) == []
    assert canary.find_leaks(f"{caches!r} {shared!r} {cache!r} {caught.value!r} {caplog.text}") == []


async def test_a_value_of_another_place_or_key_does_not_open(start, caplog):
    """It is bound to its place; what does not open is made again."""
    caches, shared, results = await start()
    await shared.keep("cache:a", TOKEN, 60.0)
    await results.save("cache:b", await results.load("cache:a"), ttl_seconds=60.0)
    await results.save("cache:c", b"no message", ttl_seconds=60.0)
    assert [await shared.load(f"cache:{name}") for name in "abc"] == [TOKEN, None, None]
    assert "vendor_cache_unreadable" in caplog.messages
    await cache_of(caches).get_or_make("token", Maker(TOKEN))
    stranger, *_ = await start(key=secrets.token_bytes(32))
    assert await cache_of(stranger).get_or_make("token", Maker("new")) == "new"


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (TOKEN, "a tuple of a value and seconds"),
        ((TOKEN,), "a tuple of a value and seconds"),
        ((None, 60), "bytes or text"),
        ((TOKEN, "60"), "and a number"),
        ((TOKEN, True), "and a number"),
        ((TOKEN, float("nan")), "and a number"),
        ((b"x" * 65_537, 60), "at most 65536 bytes"),
        (("é" * 32_769, 60), "at most 65536 bytes"),
    ],
)
async def test_what_may_be_kept(made, rule):
    """Anything else is a broken plugin."""

    async def make():
        return made

    with pytest.raises(PluginError, match=rule):
        await cache_of(VendorCaches()).get_or_make("token", make)


@pytest.mark.parametrize("name", ["", "x" * 101, None, 7])
async def test_names(name):
    """Short texts."""
    with pytest.raises(PluginError, match="1 to 100 characters"):
        await cache_of(VendorCaches()).get_or_make(name, Maker(TOKEN))


async def test_a_process_that_shares_nothing():
    """One value for its questions; it keeps no more than a few hundred."""
    caches = VendorCaches()
    make = Maker(TOKEN)
    found = await asyncio.gather(*(cache_of(caches).get_or_make("token", make) for _ in range(5)))
    assert (found, make.calls) == ([TOKEN] * 5, 1)
    for number in range(300):
        await cache_of(caches).get_or_make(f"n{number}", Maker("v"))
    assert len(caches._own) == 256
    assert await cache_of(caches).get_or_make("n299", Maker()) == "v"
    make = Maker("short", "next", seconds=0.01)
    assert await cache_of(caches).get_or_make("short", make) == "short"

    async def is_made_again():
        return await cache_of(caches).get_or_make("short", make) == "next"

    await eventually(is_made_again)
