"""The way to Redis: one client a process, a bounded number of connections, a total deadline on every call.

redis-py would retry ten times with back-off by default, and its time-outs hold for single socket operations.
Here nothing is retried (a counter must not count twice) and `asyncio.timeout` covers connecting, sending
and waiting together.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from proofing.plugin import ConfigurationError, Problem, StoreUnavailableError, Trouble
from proofing.plugin.support import translated, unreadable
from proofing_redis.batches import Batches, Client, ServerClock
from proofing_redis.cluster import TopologyRefresher, forget
from proofing_redis.errors import REDIS_ERRORS, explain
from proofing_redis.settings import RedisSettings, Server, Topology

#: Connections that are neither in the pool's count nor the caller's: the listener's and a spare.
_EXTRA_CONNECTIONS = 4

#: In messages and log lines.
NAME = "the result store (redis)"


class RedisConnection:
    """Calls Redis, each time within the total deadline.

    Args:
        settings: the plugin's.

    Raises:
        ConfigurationError: a file of certificates or keys cannot be read.
    """

    def __init__(self, settings: RedisSettings) -> None:
        _check_files(settings)
        self.deadline_seconds = settings.deadline_seconds
        self._settings = settings
        #: Whether the keys lie on several servers.
        self.is_cluster = settings.address.topology is Topology.CLUSTER
        self._client: Client | None = None
        self._sentinel: Sentinel | None = None
        # redis-py raises right away when a pool is exhausted; here the caller waits its turn instead.
        self._turns = asyncio.Semaphore(settings.max_connections)
        self._cluster_look = TopologyRefresher(settings.deadline_seconds)
        self.clock = ServerClock()
        self._batches = Batches(self.call, self.clock)

    async def open(self) -> None:
        """Make the client and see that it answers.

        Raises:
            StoreUnavailableError: it does not, or refuses our credentials.
        """
        if self._client is not None:
            return
        self._client, self._sentinel = _make_client(self._settings)
        try:
            await self.read_clock()
        except StoreUnavailableError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close all connections. Harmless when not open."""
        client, self._client = self._client, None
        sentinel, self._sentinel = self._sentinel, None
        await self._cluster_look.close()
        with contextlib.suppress(Exception):  # what cannot be closed is left
            async with asyncio.timeout(self.deadline_seconds):
                if client is not None:
                    await client.aclose()
                if isinstance(client, Redis):
                    # A client that was given its pool does not close it (Sentinel's).
                    await client.connection_pool.disconnect()
                for watcher in sentinel.sentinels if sentinel is not None else ():
                    await watcher.aclose()

    async def call(self, ask: Callable[[Client], Awaitable[Any]]) -> Any:
        """Return what *ask* answers, within the deadline.

        Raises:
            StoreUnavailableError: no answer in time, no connection, or the server refused.
        """
        client = self.client
        try:
            # redis-py passes on what asyncio raises: since Python 3.13 writing to a connection that was reset
            # is an AttributeError (`_SelectorSocketTransport.writelines`).
            with translated(StoreUnavailableError, NAME, passing=REDIS_ERRORS):
                async with asyncio.timeout(self.deadline_seconds), self._turns:
                    return await ask(client)
        except (TimeoutError, exceptions.TimeoutError):
            await self._forget_idle_connections(client)
            self._fail("does not answer within its deadline", Trouble.TIMEOUT)
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError) as error:
            self._fail(*explain(error))

    async def evaluate(self, script: str, keys: list[str], *arguments: str | bytes | float) -> Any:
        """Run a Lua script as one atomic step.

        The text travels each time: it is a few kilobytes at most, and no flush or failover can forget it.
        """
        return await self.command("EVAL", script, len(keys), *keys, *arguments)

    async def command(self, *command: str | bytes | float) -> Any:
        """Return what the server answers to one command.

        What is asked at the same moment travels together, in one round trip; on a cluster each command goes
        to the server of its key by itself.

        Raises:
            StoreUnavailableError: as `call`.
        """
        if self.is_cluster:
            asking = self.call(lambda client: client.execute_command(*command))
            if not self.clock.is_old:
                return await asking
            # The clock of the same server: another may be silent, which does not concern this command.
            key = command[3] if command[0] == "EVAL" else command[1]
            answers: Any = await asyncio.gather(asking, self._ask_clock(str(key)), return_exceptions=True)
            if isinstance(answers[0], BaseException):
                raise answers[0]
            return answers[0]
        return await self._batches.ask(*command)

    async def read_clock(self) -> float:
        """Return the server's time; of a cluster, that of one of its servers."""
        return await self._ask_clock()

    async def _ask_clock(self, key: str | None = None) -> float:
        """Return the time; of a cluster, that of the server of *key*, or of any."""
        asked = self.clock.here()

        async def ask(client: Client) -> Any:
            if not isinstance(client, RedisCluster):
                return await client.execute_command("TIME")  # type: ignore[no-untyped-call]
            node = client.get_node_from_key(key) if key is not None else None
            command: Any = client.execute_command
            return await command("TIME", target_nodes=node or RedisCluster.RANDOM)

        return self.clock.note(await self.call(ask), asked)

    @property
    def is_open(self) -> bool:
        """Whether calls can be made."""
        return self._client is not None

    @property
    def client(self) -> Client:
        """The client, for calls that `call` wraps.

        Raises:
            StoreUnavailableError: not open.
        """
        if self._client is None:
            raise StoreUnavailableError(f"{NAME} is not open")
        return self._client

    @property
    def refuses_risks(self) -> bool:
        """Whether the start is to stop for what the start check finds."""
        return self._settings.strict_config

    @property
    def sentinels(self) -> list[Redis]:
        """The clients of the sentinels; none in another topology, or when not open."""
        return list(self._sentinel.sentinels) if self._sentinel is not None else []

    @property
    def replicas(self) -> frozenset[Server]:
        """The replicas that the cluster lists with their address; none in another topology."""
        client = self.client
        nodes = client.get_replicas() if isinstance(client, RedisCluster) else ()
        return frozenset((node.host, int(node.port)) for node in nodes if node.host)

    def client_of(self, server: Server) -> Redis:
        """Return a client of one *server*, with our credentials and TLS; the caller closes it."""
        host, port = server
        settings = self._settings
        return Redis(host=host, port=port, **_socket_options(settings), **_credentials(settings))

    def listener(self) -> PubSub:
        """Return a new subscriber; it takes a connection of its own when first used."""
        return self.client.pubsub(ignore_subscribe_messages=False)

    async def _forget_idle_connections(self, client: Client) -> None:
        """Close the connections that lie idle: when one peer has gone silent, so have probably the others.

        Otherwise each of them would cost another deadline after the network has healed. Returns right away:
        the caller's deadline is over.
        """
        if isinstance(client, RedisCluster):
            self._cluster_look.begin(client)
        else:
            await forget(client.connection_pool._available_connections)  # noqa: SLF001 - the public way waits

    def _fail(self, what: str, trouble: Trouble) -> NoReturn:
        """Raise our error; the foreign one may show hosts and commands."""
        raise StoreUnavailableError(f"{NAME} {what}", trouble=trouble) from None


def _make_client(settings: RedisSettings) -> tuple[Client, Sentinel | None]:
    """Build the client for the topology of the URL. No I/O."""
    address = settings.address
    options = _socket_options(settings)
    credentials = _credentials(settings)
    limit = settings.max_connections + _EXTRA_CONNECTIONS
    if address.topology is Topology.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in address.nodes]
        return RedisCluster(startup_nodes=nodes, max_connections=limit, **options, **credentials), None
    if address.topology is Topology.SENTINEL:
        own = settings.sentinel_password
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            address.nodes,
            sentinel_kwargs={
                **options,
                "username": settings.sentinel_username,
                "password": own.get_secret_value() if own else None,
            },
            **options,
            **credentials,
        )
        return sentinel.master_for(address.service, db=address.database, max_connections=limit), sentinel
    ((host, port),) = address.nodes
    client = Redis(host=host, port=port, db=address.database, max_connections=limit, **options, **credentials)
    return client, None


def _credentials(settings: RedisSettings) -> dict[str, Any]:
    """Return what the servers ask; the settings replace what the URL says."""
    address = settings.address
    return {
        "username": settings.username or address.username,
        "password": settings.password.get_secret_value() if settings.password else address.password,
    }


def _check_files(settings: RedisSettings) -> None:
    """Refuse files that redis-py would miss at each connection, and tell as a broken network."""
    names = ("tls_ca_file", "tls_certificate_file", "tls_key_file") if settings.address.tls else ()
    problems = [
        Problem("settings", f"redis.{name}", f"the file cannot be read: {trouble}")
        for name in names
        if (path := getattr(settings, name)) and (trouble := unreadable(path))
    ]
    if problems:
        raise ConfigurationError(problems)


def _socket_options(settings: RedisSettings) -> dict[str, Any]:
    """Return what all three topologies share."""
    options: dict[str, Any] = {
        # With a time-out of its own redis-py sends through `asyncio.wait_for`, which in Python 3.11 swallows
        # a cancellation that comes as it ends (cpython 86296): our deadline, or a stop, would be lost.
        "socket_timeout": None,
        "socket_connect_timeout": settings.deadline_seconds,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # RESP 3 brings push messages of newer servers that we neither need nor want
        "driver_info": None,  # CLIENT SETINFO came with 7.2 and would cost a round trip
    }
    if settings.address.tls:
        options |= {
            "ssl": True,
            "ssl_ca_certs": settings.tls_ca_file,
            "ssl_certfile": settings.tls_certificate_file,
            "ssl_keyfile": settings.tls_key_file,
        }
    return options
