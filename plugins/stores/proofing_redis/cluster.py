"""What a cluster needs when a node goes silent: fresh connections, and a check for its successor.

redis-py reads the map of the slots again only after an error of a node, and a node that says nothing gives
none. Closing the whole client would make it read the map, but would also end the calls to the other nodes
that are in progress, and the wake-ups; and the map may come from the silent node. So the nodes are asked
alongside the client, which reads the map again only when a node's answer differs from it.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import AbstractConnection
from redis.cluster import get_node_name

#: One answer of CLUSTER SLOTS: start, end, then [host, port, …] of the primary and of each replica.
_Slots = Sequence[Sequence[object]]


async def forget(connections: Iterable[AbstractConnection]) -> None:
    """Close idle connections right away, without the notification that a silent peer would not answer.

    They stay in their pool and connect again when next used. Nothing waits here: a caller that takes one of
    them meanwhile would write to a connection that is half closed.
    """
    for connection in tuple(connections):
        await connection.disconnect(nowait=True)


class TopologyRefresher:
    """Looks after the nodes of a cluster, in the background and one look at a time.

    Args:
        deadline_seconds: for the answer of a node, and again for reading the map of the slots.
    """

    def __init__(self, deadline_seconds: float) -> None:
        self._deadline_seconds = deadline_seconds
        self._task: asyncio.Task[None] | None = None

    def begin(self, client: RedisCluster) -> None:
        """Look at all nodes, unless that is being done."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look(client))

    async def close(self) -> None:
        """End a refresh that is in progress."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _look(self, client: RedisCluster) -> None:
        """Forget what lies idle, ask each node for the map, and have the client read it if it changed."""
        nodes = client.get_nodes()
        # The nodes that were named at the start keep connections of their own, over which the map is read.
        for node in (*nodes, *client.nodes_manager.startup_nodes.values()):
            await forget(node._free)  # noqa: SLF001 - the public method waits for the TLS close notification
        answers = await asyncio.gather(*(self._ask(node) for node in nodes))
        silent = [node.name for node, answer in zip(nodes, answers, strict=True) if answer is None]
        if not any(_differs(client, node, answer) for node, answer in zip(nodes, answers, strict=True)):
            return
        with contextlib.suppress(Exception):  # the next silence begins another look
            async with asyncio.timeout(self._deadline_seconds):
                await client.nodes_manager.initialize(last_failed_node_name=next(iter(silent), None))

    async def _ask(self, node: ClusterNode) -> _Slots | None:
        """Return the map as *node* has it; None when it does not answer."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                slots: _Slots = await node.execute_command("CLUSTER SLOTS")
        except Exception:  # noqa: BLE001 - a node that cannot be asked, whatever its client raises
            return None
        return slots


def _differs(client: RedisCluster, node: ClusterNode, answer: _Slots | None) -> bool:
    """Return whether *node* knows another primary for any slot than the client does."""
    known = client.nodes_manager.slots_cache
    for start, end, primary, *_ in answer or ():
        host, port = (_text(value) for value in primary[:2])  # type: ignore[index]
        # A node that does not know its own address gives none.
        name = get_node_name(host or node.host, int(port))
        for slot in range(int(str(start)), int(str(end)) + 1):
            if slot not in known or known[slot][0].name != name:
                return True
    return False


def _text(value: object) -> str:
    """Decode a bulk string."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
