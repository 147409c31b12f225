"""The forms of the URL, and the settings that are refused."""

from pathlib import Path

import pytest
from pydantic import ValidationError

import proofing_redis
from proofing.base.errors import ConfigurationError, StoreUnavailableError
from proofing.contracts.hooks import BackendContext
from proofing_devtools.redis import running_redis
from proofing_redis.connection import RedisConnection, _socket_options
from proofing_redis.results import RedisResultStore
from proofing_redis.settings import Address, RedisSettings, Topology


def test_single_server() -> None:
    """The usual URL, with all its parts."""
    address = Address.from_url("redis://user:p%40ss@results.example:6380/3")
    assert (address.topology, address.tls) == (Topology.SINGLE, False)
    assert address.nodes == (("results.example", 6380),)
    assert (address.username, address.password, address.database) == ("user", "p@ss", 3)


def test_defaults() -> None:
    """Port 6379 (26379 for sentinels), database 0, no credentials."""
    assert Address.from_url("rediss://results.example").nodes == (("results.example", 6379),)
    assert Address.from_url("redis+sentinel://one,two:7/service").nodes == (("one", 26379), ("two", 7))
    address = Address.from_url("redis://[::1]/")
    assert address.nodes == (("::1", 6379),)
    assert (address.username, address.password, address.database) == (None, None, 0)


def test_sentinels_and_clusters() -> None:
    """Several hosts, with and without TLS."""
    sentinel = Address.from_url("rediss+sentinel://:secret@one:1,two:2,three:3/results/4")
    assert (sentinel.topology, sentinel.tls) == (Topology.SENTINEL, True)
    assert (sentinel.service, sentinel.database, sentinel.password) == ("results", 4, "secret")
    cluster = Address.from_url("rediss+cluster://one:1,two:2")
    assert (cluster.topology, cluster.tls, len(cluster.nodes)) == (Topology.CLUSTER, True, 2)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://",
        "redis://one,two/0",
        "redis://one:port/0",
        "redis://one:0/0",
        "redis://one:99999/0",
        "redis://one/zero",
        "redis://one/0?canary=1",
        "redis://one/0#canary",
        "redis+sentinel://one",
        "redis+sentinel://one//0",
        "redis+cluster://one/1",
        "redis+cluster://one,,two",
        "redis://one..two/0",
        "rediss+sentinel://one,two..three/service",
    ],
)
def test_other_urls_are_refused_without_being_shown(url: str) -> None:
    """The rule is named, the value never."""
    with pytest.raises(ValidationError) as caught:
        RedisSettings.model_validate({"url": url.replace("://", "://:canary-password@")})
    assert "canary" not in str(caught.value)
    assert "must" in str(caught.value)


def test_tls_is_verified() -> None:
    """rediss:// turns TLS on, with our authority, and with host names checked."""
    settings = RedisSettings.model_validate(
        {"url": "rediss://results.example", "tls_ca_file": "/etc/ca.pem", "tls_key_file": "/etc/key.pem"}
    )
    for url in ("rediss://one", "rediss+cluster://one", "rediss+sentinel://one/service"):
        options = _socket_options(settings.model_copy(update={"url": type(settings.url)(url)}))
        assert options["ssl"] is True
        assert options["ssl_ca_certs"] == "/etc/ca.pem"
        assert "ssl_cert_reqs" not in options  # redis-py's default is to require and to check
        assert "ssl_check_hostname" not in options


def test_files_of_tls_that_are_not_there_stop_the_start(tmp_path: Path) -> None:
    """Each by its key; redis-py would tell a broken network at each connection."""
    names = ("tls_ca_file", "tls_certificate_file", "tls_key_file")
    values = dict.fromkeys(names, str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError) as caught:
        RedisConnection(RedisSettings.model_validate({"url": "rediss://results.example", **values}))
    assert [problem.key for problem in caught.value.problems] == [f"redis.{name}" for name in names]
    assert {problem.rule for problem in caught.value.problems} == {
        "the file cannot be read: No such file or directory"
    }
    RedisConnection(RedisSettings.model_validate({"url": "redis://results.example", **values}))


async def test_a_plain_server_is_no_tls_server() -> None:
    """A TLS client does not fall back."""
    with running_redis() as server:
        connection = RedisConnection(
            RedisSettings.model_validate({"url": server.url.replace("redis://", "rediss://")})
        )
        with pytest.raises(StoreUnavailableError):
            await connection.open()


async def test_credentials_of_the_settings_win(caplog: pytest.LogCaptureFixture) -> None:
    """The password may come from the secrets; a wrong one is reported as such and not shown."""
    with running_redis(password="right") as server:
        good = RedisConnection(
            RedisSettings.model_validate(
                {"url": f"redis://:wrong-canary@{server.host}:{server.port}", "password": "right"}
            )
        )
        await good.open()
        await good.close()
        bad = RedisConnection(
            RedisSettings.model_validate({"url": f"redis://:wrong-canary@{server.host}:{server.port}"})
        )
        with pytest.raises(StoreUnavailableError, match="credentials") as caught:
            await bad.open()
        assert "canary" not in str(caught.value) + caplog.text


def test_plugin_offers_the_store_and_its_schema() -> None:
    """The hooks hand over what core needs, and making the store does no I/O."""
    (descriptor,) = proofing_redis.proofing_result_stores()
    assert (descriptor.name, descriptor.production) == ("redis", True)
    schema = proofing_redis.proofing_settings()
    context = BackendContext(
        environment="test", role="web", public_url="http://localhost", secret=lambda _: bytes(32)
    )
    assert isinstance(descriptor.make(schema(), context), RedisResultStore)
    assert "6379" not in repr(schema())
