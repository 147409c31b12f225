"""The start check: do the servers persist data that must expire?

Redis writes nothing to disk when ``save`` is empty and ``appendonly`` is off; the slow log would keep the
arguments of slow commands; an eviction policy could drop a limit counter. Managed services forbid CONFIG;
then the check says that it could not look.

Replicas hold the same data, each with a configuration of its own. Those that the primaries, the sentinels,
the cluster or another replica list are asked too. One that cannot be reached is reported, but does not
prevent the start: it may be down, and then no process could start until it is repaired.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool

from proofing.plugin import get_logger, log
from proofing.plugin.support import LOOPBACK
from proofing_redis.batches import Client
from proofing_redis.connection import RedisConnection
from proofing_redis.errors import REDIS_ERRORS
from proofing_redis.settings import Address, Server

_SETTINGS = ("save", "appendonly", "slowlog-max-len", "slowlog-log-slower-than", "maxmemory-policy")

_HIDDEN_SETTINGS = (
    "the server does not show its configuration: make sure that it persists nothing "
    "(save, appendonly) and keeps no slow log, or allow CONFIG GET"
)
_HIDDEN_REPLICAS = (
    "the server does not show its replicas: make sure that they persist nothing "
    "(save, appendonly) and keep no slow log, or allow INFO"
)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

_logger = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _View:
    """What one server shows of itself; None where it shows nothing."""

    settings: Mapping[str, str] | None
    replicas: frozenset[Server] | None


async def audit_config(connection: RedisConnection, address: Address) -> list[str]:
    """Return one sentence for each risk, with the servers that have it and how to fix it.

    Takes one deadline for the primaries, and one for all replicas together.

    Raises:
        StoreUnavailableError: a primary does not answer.
    """
    risks: list[str] = []
    if not address.tls and not all(host in LOOPBACK for host, _ in address.nodes):
        risks.append("the connection is not encrypted: use a rediss:// URL")
    views: dict[Server, _View] = await connection.call(partial(_view_primaries, address))
    unseen = await _view_replicas(connection, address, views)
    found: dict[str, list[Server]] = {}
    for server, view in views.items():
        for risk in _judge(view):
            found.setdefault(risk, []).append(server)
    risks += [f"{_names(servers)}: {risk}" for risk, servers in found.items()]
    if unseen:
        advice = (
            f"could not look at {len(unseen)} replica{'s' * (len(unseen) > 1)} ({_names(unseen)}): make sure "
            "that nothing is persisted there (save, appendonly), and no slow log kept"
        )
        if connection.refuses_risks:
            log(_logger, "result_store_risk", level=logging.WARNING, store="redis", rule=advice)
        else:
            risks.append(advice)
    return risks


async def _view_primaries(address: Address, client: Client) -> dict[Server, _View]:
    """Look at each server that takes writes."""
    if isinstance(client, RedisCluster):
        await client.initialize()
        nodes = client.get_primaries()
        views = await asyncio.gather(*(_view(client, {"target_nodes": node}) for node in nodes))
        return {(node.host, int(node.port)): view for node, view in zip(nodes, views, strict=True)}
    view = await _view(client, {})
    server = address.nodes[0]
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool) and pool.master_address is not None:
        server = pool.master_address
    return {server: view}


async def _view_replicas(
    connection: RedisConnection, address: Address, views: dict[Server, _View]
) -> list[Server]:
    """Look at all replicas, and theirs; add what they show to *views* and return those that do not answer."""
    clock = asyncio.get_running_loop().time
    end = clock() + connection.deadline_seconds
    lists = await _finish(
        {number: _listed(watcher, address) for number, watcher in enumerate(connection.sentinels)},
        connection.deadline_seconds / 2,  # a silent sentinel must leave time for the replicas
    )
    new = _replicas(views.values()).union(connection.replicas, *lists.values()) - views.keys()
    unseen: list[Server] = []
    while new:
        seen = await _finish({server: _look(connection, server) for server in new}, max(0.0, end - clock()))
        unseen += sorted(new - seen.keys())
        views |= seen
        new = _replicas(seen.values()) - views.keys() - set(unseen)
    return unseen


async def _finish(works: Mapping[_Key, Coroutine[Any, Any, _Value]], seconds: float) -> dict[_Key, _Value]:
    """Do all *works* at once, and return the values of those that Redis let end within *seconds*."""
    tasks = {key: asyncio.create_task(work) for key, work in works.items()}
    if not tasks:
        return {}
    values: dict[_Key, _Value] = {}
    try:
        done, _ = await asyncio.wait(tasks.values(), timeout=seconds)
        for key, task in tasks.items():
            if task in done:
                with contextlib.suppress(*REDIS_ERRORS):
                    values[key] = task.result()
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
    return values


async def _look(connection: RedisConnection, server: Server) -> _View:
    """Look at one replica, over a connection of its own."""
    async with connection.client_of(server) as client:
        return await _view(client, {})


async def _listed(watcher: Redis, address: Address) -> frozenset[Server]:
    """Return the replicas that one sentinel knows, also those that are down."""
    answer = await watcher.sentinel_slaves(address.service)
    return frozenset((str(replica["ip"]), int(replica["port"])) for replica in answer)


async def _view(client: Client, options: dict[str, Any]) -> _View:
    """Ask one server what it keeps, and who follows it."""
    return _View(await _read_settings(client, options), await _read_replicas(client, options))


async def _read_settings(client: Client, options: dict[str, Any]) -> Mapping[str, str] | None:
    """Return the configuration of one server; CONFIG GET takes one pattern only before Redis 7."""
    values: dict[str, str] = {}
    try:
        for name in _SETTINGS:
            answer = await client.execute_command("CONFIG", "GET", name, **options)
            values |= _pairs(answer)
    except (exceptions.ResponseError, exceptions.NoPermissionError):
        return None
    return values


async def _read_replicas(client: Client, options: dict[str, Any]) -> frozenset[Server] | None:
    """Return the replicas that follow one server."""
    try:
        answer = await client.execute_command("INFO", "replication", **options)
    except (exceptions.ResponseError, exceptions.NoPermissionError):
        return None
    return frozenset(
        (str(value["ip"]), int(value["port"]))
        for key, value in answer.items()
        if re.fullmatch(r"slave\d+", key) and isinstance(value, Mapping)
    )


def _replicas(views: Iterable[_View]) -> frozenset[Server]:
    """Return all replicas that *views* list."""
    return frozenset(server for view in views for server in view.replicas or ())


def _pairs(answer: object) -> dict[str, str]:
    """Turn the answer of CONFIG GET, a map or a flat list by version, into text."""
    if isinstance(answer, Mapping):
        items = list(answer.items())
    elif isinstance(answer, list):
        items = list(zip(answer[::2], answer[1::2], strict=False))
    else:
        items = []
    return {_text(key): _text(value) for key, value in items}


def _text(value: object) -> str:
    """Decode a bulk string."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _names(servers: Iterable[Server]) -> str:
    """Return servers as ``host:port, host:port``."""
    return ", ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in servers)


def _judge(view: _View) -> list[str]:
    """Return what is wrong with one server."""
    risks = []
    values = view.settings or {}
    if view.settings is None:
        risks.append(_HIDDEN_SETTINGS)
    if view.replicas is None:
        risks.append(_HIDDEN_REPLICAS)
    if values.get("save"):
        risks.append('snapshots are written to disk: set save ""')
    if values.get("appendonly", "no") != "no":
        risks.append("commands are written to disk: set appendonly no")
    keeps_slow_log = values.get("slowlog-max-len", "0") != "0"
    if keeps_slow_log and not values.get("slowlog-log-slower-than", "-1").startswith("-"):
        risks.append("the slow log keeps arguments of commands: set slowlog-max-len 0")
    if values.get("maxmemory-policy", "noeviction") != "noeviction":
        risks.append("limit counters may be evicted: set maxmemory-policy noeviction")
    return risks
