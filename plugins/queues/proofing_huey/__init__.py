"""The queue of the embedded default: Huey, on SQLite or Redis.

Name in settings.yaml: ``huey``. Needs the extra ``huey`` (``pip install proofing[huey]``).

Settings, below ``huey``:

``storage`` (``sqlite``)
    ``sqlite`` for processes of one machine, ``redis`` for several. For jobs in PostgreSQL use the plugin
    ``postgres``.
``path`` (``.local/huey.db``)
    The SQLite file. Its directory is made with mode 0700 when missing, the file with mode 0600.
``url``
    Redis, such as ``redis://:password@host:6379/0`` or ``rediss://…`` for TLS. Secret. Redis 5 or newer.
``max_threads`` (200)
    Worker threads in one process, whatever the slots say; a running job holds one.
``poll_seconds`` (0.02)
    How often a worker asks SQLite whether another process has written. Jobs start about that late at worst;
    asking costs no query and about a thousandth of a core.
``timeout_seconds`` (5)
    Total deadline of every call from the web process.

Rights: on Redis, keys that begin with ``huey.`` and ``proofing.huey.``.

What is in the queue: sealed arguments, ids and facts without PII, as JSON with a MAC over queue name and
content, and the sealed notes of parked jobs. Nothing is pickled; a message that was not written by this
application is dropped and counted. Results, texts of exceptions and tracebacks are neither stored nor logged.

Limits, as the capabilities say: a job is started at most once (a stopped worker hands its jobs back). That of
a killed worker does not run again: within a minute any worker ends it as ``unknown_outcome``, refunded, since
nobody knows whether its vendor was called.
Only waiting jobs can be listed. Staleness is judged by the clocks of two hosts. A delay may last up to a
second longer than asked. A pause does not keep unique keys from expiring, and a job that has waited in one
for a day is not woken anymore. About 200 jobs at once in a process. The setting ``require_crash_recovery``
refuses such a queue; ``postgres`` has no such limits.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proofing.plugin import BackendContext, BackendDescriptor, PluginSettings, hookimpl
from proofing_huey.settings import HueySettings

if TYPE_CHECKING:
    from proofing.plugin import Queue


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``huey``."""
    return HueySettings


@hookimpl
def proofing_queues() -> Sequence["BackendDescriptor[Queue]"]:
    """Offer the queue ``huey``."""
    return [BackendDescriptor(name="huey", make=_make_queue)]


def _make_queue(settings: HueySettings, context: BackendContext) -> "Queue":
    """Build the queue, importing Huey and the storage's library only now."""
    from proofing_huey.lean_import import import_huey  # noqa: PLC0415 - as the docstring says

    import_huey(settings.storage)
    from proofing_huey.backend import HueyQueue  # noqa: PLC0415 - imports what else it finds of Huey

    return HueyQueue(settings, context.secret, context.old_secrets)
