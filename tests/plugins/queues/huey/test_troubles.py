"""What keeps a storage of Huey from serving is told apart, as for the other queues and stores."""

import pytest
from pydantic import ValidationError

from proofing.base.errors import ConfigurationError, QueueUnavailableError, Trouble
from proofing.testing.processes import free_port
from proofing.testing.unreachable import UNKNOWN_HOST, silent_server
from proofing_devtools.redis import running_redis
from proofing_huey.backend import HueyQueue
from proofing_huey.settings import HueySettings


async def failure(**settings):
    """Return the error with which a queue does not open."""
    queue = HueyQueue(
        HueySettings.model_validate({"timeout_seconds": 2, **settings}), lambda _label: bytes(32)
    )
    with pytest.raises(QueueUnavailableError) as caught:
        await queue.open()
    await queue.close()
    return caught.value.trouble


@pytest.mark.parametrize(
    ("host", "trouble"),
    [
        ("127.0.0.1:{free}", Trouble.CONNECTION_REFUSED),
        (f"{UNKNOWN_HOST}:6379", Trouble.UNKNOWN_HOST),
        ("127.0.0.1:{silent}", Trouble.TIMEOUT),
    ],
)
async def test_ways_that_lead_nowhere(host, trouble):
    """They are told apart."""
    with silent_server() as silent:
        host = host.format(free=free_port(), silent=silent)
        assert await failure(storage="redis", url=f"redis://{host}/0") is trouble


def test_a_certificate_that_is_not_there_stops_the_start():
    """Before a connection is tried, and without its path."""
    url = "rediss://h/0?ssl_ca_certs=/none/letmein.pem"
    output = "huey.url: the file that ssl_ca_certs names cannot be read: No such file"
    with pytest.raises(ConfigurationError, match=output) as caught:
        HueyQueue(HueySettings.model_validate({"storage": "redis", "url": url}), lambda _label: bytes(32))
    assert "letmein" not in str(caught.value)


def test_a_redis_url_with_an_impossible_host_is_refused():
    """By the schema."""
    with pytest.raises(ValidationError, match="two dots in a row"):
        HueySettings.model_validate({"storage": "redis", "url": "redis://:letmein@a..b/0"})


async def test_a_redis_that_does_not_let_us_in():
    """A wrong password is not an unreachable server."""
    with running_redis(password="right-synthetic") as server:
        host = server.url.rpartition("@")[2]
        assert await failure(storage="redis", url=f"redis://:wrong@{host}") is Trouble.CREDENTIALS
