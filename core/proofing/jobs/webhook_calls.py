"""Has the webhooks of plugins judge what vendors post, so that none of them can hold up or end a web process.

A webhook is a plugin's code, pure and quick if it keeps its contract. It runs in threads of its own under a
deadline: one that hangs costs its own vendor's posts, which are sent again, and nobody else's requests.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from proofing.base.errors import PluginError
from proofing.base.logs import get_logger, log
from proofing.base.threads import BoundedThreads
from proofing.contracts.continuation import Event, is_media_type
from proofing.contracts.webhooks import Incoming, NotAuthenticError, Reply, Webhook
from proofing.registry.plugins import LoadedWebhook

_logger = get_logger(__name__)

#: How long one post may be judged, waiting for a thread included: a hundred times what the contract allows.
RECEIVE_SECONDS = 1.0
#: How many posts to one webhook are judged at once.
_THREADS = 2


class WebhookCalls:
    """The webhooks of one web process."""

    def __init__(self, webhooks: Mapping[str, LoadedWebhook]) -> None:
        """Call *webhooks*, by name. No thread is made yet."""
        self._webhooks = webhooks
        self._threads = {
            name: BoundedThreads(f"webhook {name}", threads=_THREADS, timeout_seconds=RECEIVE_SECONDS)
            for name in webhooks
        }

    def max_body_bytes(self, name: str) -> int:
        """Return the largest body of the webhook *name*; 0 when there is no such one."""
        webhook = self._webhooks.get(name)
        return webhook.max_body_bytes if webhook else 0

    async def receive(self, name: str, incoming: Incoming) -> tuple[Event | None, Reply]:
        """Return what the webhook *name* makes of a post.

        Raises:
            KeyError: there is no such webhook.
            NotAuthenticError: the post is not its vendor's.
            TimeoutError: it took too long.
            PluginError: it broke its contract.
        """
        webhook = self._webhooks[name].webhook
        try:
            event, reply = await self._threads[name].run(_receive, name, webhook, incoming)
        except TimeoutError:
            log(_logger, "webhook_timed_out", level=logging.ERROR, webhook=name, seconds=RECEIVE_SECONDS)
            raise
        _require_sound(name, event, reply)
        return event, reply

    def close(self) -> None:
        """Let the threads end; do not wait for those that hang."""
        for threads in self._threads.values():
            threads.close()


def _receive(name: str, webhook: Webhook, incoming: Incoming) -> tuple[Event | None, Reply]:
    """Have *webhook* judge a post; in a thread."""
    try:
        event, reply = webhook.receive(incoming, datetime.now(UTC))
    except NotAuthenticError:
        raise
    except BaseException as error:  # noqa: BLE001 - a plugin may raise anything; its text may hold PII
        raise PluginError(f"webhook {name} raised {type(error).__name__}") from None
    return event, reply


def _require_sound(name: str, event: Event | None, reply: Reply) -> None:
    """Raise `PluginError` when a webhook answers with something else than it may."""
    if not isinstance(cast("object", reply), Reply) or not (event is None or isinstance(event, Event)):
        raise PluginError(f"webhook {name} must return an Event or None, and a Reply")
    # 1xx says nothing yet, and 204 and 304 have no body.
    is_sound = type(reply.status) is int and 200 <= reply.status < 600 and isinstance(reply.body, bytes)  # noqa: PLR2004 - HTTP
    if not is_sound or (reply.body and reply.status in (204, 304)) or not is_media_type(reply.content_type):
        raise PluginError(f"webhook {name}: a Reply has a status from 200 to 599, bytes, and a media type")
    if event is not None:
        event.require_sound(name)
