"""The huey plugin registers its queue, and is read without Huey."""

import subprocess
import sys

import pytest
from pydantic import SecretStr, ValidationError

import proofing_huey
from proofing.base.errors import ConfigurationError
from proofing.contracts.hooks import BackendContext
from proofing.contracts.queues import Capability
from proofing_huey.settings import HueySettings

_CONTEXT = BackendContext(
    environment="test", role="web", public_url="http://localhost", secret=lambda _label: bytes(32)
)


def test_queue_is_offered() -> None:
    """The queue is built without I/O, and does not promise what Huey cannot do."""
    (descriptor,) = proofing_huey.proofing_queues()
    assert descriptor.name == "huey"
    queue = descriptor.make(HueySettings(path="/nowhere/huey.db"), _CONTEXT)
    assert not queue.capabilities & {
        Capability.CRASH_RECOVERY,
        Capability.TRANSACTIONAL,
        Capability.STORE_CLOCK,
    }


def test_settings_are_read_without_heavy_libraries() -> None:
    """Neither Huey nor a client library is imported with the plugin."""
    program = (
        # What measures coverage imports sqlite3 itself.
        "import sys; before = set(sys.modules); import proofing_huey;"
        "found = {'huey', 'redis', 'psycopg', 'sqlite3'} & (set(sys.modules) - before);"
        "assert not found, found"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)


def test_every_setting_is_explained() -> None:
    """Each key is in the manual."""
    for name in HueySettings.model_fields:
        assert f"``{name}``" in (proofing_huey.__doc__ or ""), name


@pytest.mark.parametrize(
    "values",
    [
        {"storage": "redis"},
        {"storage": "memory"},
        {"max_threads": 0},
        {"max_threads": "5"},
        {"poll_seconds": 5},
        {"path": ""},
        {"workers": 3},
    ],
)
def test_wrong_settings_are_refused(values: dict[str, object]) -> None:
    """Types and ranges are strict, unknown keys an error, and a storage needs its address."""
    with pytest.raises(ValidationError):
        proofing_huey.proofing_settings().model_validate(values)


def test_addresses_are_secrets() -> None:
    """The URL comes from plain text and does not print."""
    settings = HueySettings.model_validate({"storage": "redis", "url": "redis://:canary@host:1/0"})
    assert isinstance(settings.url, SecretStr)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"storage": "redis", "url": "canary-host"}, "huey.url"),
        ({"storage": "redis", "url": "redis://host:canary"}, "huey.url"),
    ],
)
def test_addresses_that_are_none_name_their_key(values: dict[str, object], key: str) -> None:
    """Reported when the queue is made, without the address, which may hold a password."""
    (descriptor,) = proofing_huey.proofing_queues()
    with pytest.raises(ConfigurationError) as caught:
        descriptor.make(HueySettings.model_validate(values), _CONTEXT)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert "canary" not in str(caught.value)


def test_a_file_that_still_names_the_postgres_storage_is_led_to_the_plugin() -> None:
    """Huey kept jobs in PostgreSQL once; the plugin `postgres` does that better on the same database."""
    with pytest.raises(ValidationError, match="set queue: postgres and postgres"):
        HueySettings.model_validate({"storage": "postgres", "dsn": "host=db"})


def test_no_client_but_that_of_the_storage_is_imported() -> None:
    """Huey by itself imports all that are installed, which doubles the time of a start.

    A process that makes the other storage later gets a whole one.
    """
    program = """
import sys
from pydantic import SecretStr
import proofing_huey
from proofing.contracts.hooks import BackendContext

(offer,) = proofing_huey.proofing_queues()
context = BackendContext(environment="test", role="web", public_url="", secret=lambda _label: bytes(32))
settings = proofing_huey.HueySettings(path="/nowhere/huey.db")
offer.make(settings, context)
found = {"opentelemetry.sdk", "psycopg", "redis"} & set(sys.modules)
assert not found, found

import psycopg, redis
url = SecretStr("redis://localhost:1/0")
queue = offer.make(settings.model_copy(update={"storage": "redis", "url": url}), context)
assert isinstance(queue._huey("document").storage.conn, redis.Redis)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
