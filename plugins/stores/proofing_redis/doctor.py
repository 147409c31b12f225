"""The start check: does the server keep what it should forget?

Redis writes nothing to disk when ``save`` is empty and ``appendonly`` is off; the slow log would keep the
arguments of slow commands; an eviction policy could drop a limit counter. Managed services forbid CONFIG;
then the check says that it could not look.
"""

import asyncio
from collections.abc import Mapping

from redis import exceptions
from redis.asyncio import RedisCluster

from proofing_redis.connection import Client, RedisConnection
from proofing_redis.settings import Address

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_SETTINGS = ("save", "appendonly", "slowlog-max-len", "slowlog-log-slower-than", "maxmemory-policy")


async def find_risks(connection: RedisConnection, address: Address) -> list[str]:
    """Return one sentence for each risk, with how to mend it.

    Raises:
        StoreUnavailableError: the server does not answer.
    """
    risks: list[str] = []
    if not address.tls and not all(host in _LOOPBACK for host, _ in address.nodes):
        risks.append("the connection is not encrypted: use a rediss:// URL")
    answers = await connection.call(_read_settings)
    if any(answer is None for answer in answers):
        risks.append(
            "the server does not show its configuration: make sure that it persists nothing "
            "(save, appendonly) and keeps no slow log, or allow CONFIG GET"
        )
    found: dict[str, None] = {}
    for answer in answers:
        found |= dict.fromkeys(_judge(answer or {}))
    return risks + list(found)


async def _read_settings(client: Client) -> list[Mapping[str, str] | None]:
    """Return the configuration of each server that holds data; None for one that does not show it."""
    if not isinstance(client, RedisCluster):
        return [await _read_one(client, {})]
    await client.initialize()
    return list(
        await asyncio.gather(*(_read_one(client, {"target_nodes": node}) for node in client.get_primaries()))
    )


async def _read_one(client: Client, options: dict[str, object]) -> Mapping[str, str] | None:
    """Ask one server; CONFIG GET takes one pattern only before Redis 7."""
    values: dict[str, str] = {}
    try:
        for name in _SETTINGS:
            answer = await client.execute_command("CONFIG", "GET", name, **options)
            values |= _pairs(answer)
    except (exceptions.ResponseError, exceptions.NoPermissionError):
        return None
    return values


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


def _judge(values: Mapping[str, str]) -> list[str]:
    """Return what is wrong with one server."""
    risks = []
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
