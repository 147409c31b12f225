"""What keeps Redis from serving is told apart, by real servers and real sockets."""

import pytest

from proofing.app.readiness import Pace, Readiness
from proofing.base.errors import StoreUnavailableError, Trouble
from proofing.settings import LiveSettings, Settings
from proofing.testing.memory_queue import MemoryQueue
from proofing.testing.processes import free_port
from proofing.testing.unreachable import UNKNOWN_HOST, silent_server, talkative_server
from proofing.testing.waiting import eventually
from proofing_devtools.redis import running_redis
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import RedisSettings

SECRET = "letmein-synthetic"


async def failure(url, **settings):
    """Return the error with which a store on *url* does not open."""
    values = {"url": url, "deadline_seconds": 2.0, **settings}
    store = RedisResultStore(RedisSettings.model_validate(values))
    with pytest.raises(StoreUnavailableError) as caught:
        await store.open()
    assert SECRET not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("redis://127.0.0.1:{free}/0", Trouble.CONNECTION_REFUSED),
        ("redis://localhost:{free}/0", Trouble.CONNECTION_REFUSED),
        (f"redis://{UNKNOWN_HOST}:6379/0", Trouble.UNKNOWN_HOST),
        ("redis://127.0.0.1:{silent}/0", Trouble.TIMEOUT),
        ("rediss://localhost:{plain}/0", Trouble.TLS),
    ],
)
async def test_ways_that_lead_nowhere(url, trouble):
    """Refused port, unknown host, silence, and a server without TLS."""
    with silent_server() as silent, talkative_server() as plain:
        url = url.format(free=free_port(), silent=silent, plain=plain)
        assert (await failure(url)).trouble is trouble


async def test_a_server_that_does_not_let_us_in():
    """A wrong password, none, and a database that it does not have."""
    with running_redis(password="right-synthetic") as server:
        host = server.url.rpartition("@")[2].partition("/")[0]
        for url in (f"redis://{host}/0", f"redis://:{SECRET}@{host}/0", f"redis://nobody:{SECRET}@{host}/0"):
            assert (await failure(url)).trouble is Trouble.CREDENTIALS, url
        error = await failure(f"redis://:right-synthetic@{host}/4711")
        assert error.trouble is Trouble.NOT_FOUND
        assert "redis.url" in str(error)


async def test_a_ping_asks_the_server():
    """It passes while the server serves, and fails when it is gone."""
    with running_redis() as server:
        store = RedisResultStore(RedisSettings.model_validate({"url": server.url, "deadline_seconds": 2.0}))
        await store.open()
        await store.ping()
        server.stop()
        with pytest.raises(StoreUnavailableError):
            await store.ping()
        await store.close()


async def test_readiness_follows_a_server_that_dies_and_comes_back():
    """Named while it is gone, with the kind of trouble; ready again when it is back, without our restart."""
    key = "00" * 32
    settings = Settings(session_encryption_key=key, hmac_fingerprinter_key=key)
    live = LiveSettings(settings)
    with running_redis() as server:
        store = RedisResultStore(RedisSettings.model_validate({"url": server.url, "deadline_seconds": 1.5}))
        await store.open()
        readiness = Readiness(
            [("queue", MemoryQueue()), ("result_store", store)], live, pace=Pace(fresh_seconds=-1.0)
        )
        assert (await readiness.report()).is_ready
        server.kill()
        # The first question may go out on a connection of before, which breaks.
        assert (await readiness.report()).down.keys() == {"result_store"}
        assert (await readiness.report()).down == {"result_store": Trouble.CONNECTION_REFUSED}
        server.start()
        await eventually(lambda: _is_ready(readiness))
        server.pause()
        assert (await readiness.report()).down == {"result_store": Trouble.TIMEOUT}
        server.resume()
        await eventually(lambda: _is_ready(readiness))
        await readiness.close()
        await store.close()


async def _is_ready(readiness):
    """Return whether all backends serve now."""
    return (await readiness.report()).is_ready
