"""The queue ``postgres``, a jobs table that loses nothing, and the stores ``postgres``.

The stores are those of verifications and of calls.

Settings, in the section ``postgres`` of settings.yaml; times are seconds.

- ``dsn`` (secret): libpq URL or keywords of the database. Use a database of the queue's own: long
  transactions of others keep its dead rows alive. TLS: ``?sslmode=verify-full&sslrootcert=…``.
- ``pool_size``: the most connections of a web process (or a command). A worker has four instead, however
  many jobs it runs, and a fifth while upkeep prunes or resumes. docs/howto/size-postgres.md has the sums.
- ``verification_pool_size``: the most connections of a process to the tables of verifications, on top of
  those of the queue. One more is for those of calls.
- ``idle_seconds``: after so long unused, a connection of the pool is closed.
- ``timeout_seconds``, ``statement_seconds``: total deadline of one exchange, and the server's own limit.
- ``lease_seconds``, ``renew_seconds``, ``fence_seconds``: a worker shows every ``renew_seconds`` that it
  lives; ``lease_seconds`` after the last sign others take over its jobs; a worker that could not renew for
  ``fence_seconds`` stops its own jobs.
- ``sweep_seconds``: how often any worker looks for stale jobs and for those of dead workers.
- ``listen``: ``auto`` (default), ``on`` or ``off``. Behind PgBouncer in transaction mode nothing can listen;
  ``auto`` notices a pooler and polls.
- ``poll_seconds``, ``poll_without_listen_seconds``, ``poll_pooled_seconds``: how often to look for jobs while
  listening, while the channel is broken, and behind a pooler.
- ``ping_seconds``: how often the channel is tried.
- ``claim_batch``, ``flush_items``, ``flush_seconds``: how many jobs one statement claims and ends, and how
  long an end waits for company.
- ``deadline_grace_seconds``: how long after its own deadline a job is ended from outside.
- ``max_crashes``: a job whose workers died so often ends as ``worker_lost``.
- ``global_limits``: queue name to the most of its jobs that run in all workers together.
- ``replication``: what keeps an accepted job when the server is lost. ``standby`` (default): a synchronous
  standby, which ``proofing check`` looks for; ``managed``: the service replicates below PostgreSQL (RDS
  Multi-AZ, Aurora, Cloud SQL), which no setting shows; ``none``: nothing does, and that is accepted.
- ``history_days``: how long ended jobs (without arguments) are remembered.

Least permissions: run ``proofing migrate`` as the owner of the database, then give rights with ``roles.sql``
of this package. ``proofing_web`` enqueues, cancels, wakes and looks, ``proofing_worker`` works,
``proofing_viewer`` looks, ``proofing_operator`` lists and cancels jobs and pauses queues; only the worker can
read arguments and notes.

Guarantees: at least one start, at most one accepted end. A job whose worker died before its first vendor call
runs again; one whose call had begun ends as ``unknown_outcome``. PostgreSQL 14 or newer. After a crash of the
server the last claims may be forgotten and made again, never an intent or an end.
"""

from collections.abc import Sequence

from proofing.plugin import (
    BackendContext,
    BackendDescriptor,
    CallStore,
    PluginSettings,
    Queue,
    VerificationStore,
    hookimpl,
)
from proofing_postgres.settings import PostgresSettings

__all__ = [
    "PostgresSettings",
    "proofing_call_stores",
    "proofing_queues",
    "proofing_settings",
    "proofing_verification_stores",
]


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``postgres``."""
    return PostgresSettings


@hookimpl
def proofing_queues() -> Sequence[BackendDescriptor[Queue]]:
    """Offer the queue ``postgres``."""
    return [BackendDescriptor(name="postgres", make=_make_queue)]


@hookimpl
def proofing_verification_stores() -> Sequence[BackendDescriptor[VerificationStore]]:
    """Offer the verification store ``postgres``."""
    return [BackendDescriptor(name="postgres", make=_make_verification_store)]


@hookimpl
def proofing_call_stores() -> Sequence[BackendDescriptor[CallStore]]:
    """Offer the call store ``postgres``."""
    return [BackendDescriptor(name="postgres", make=_make_call_store)]


def _make_queue(settings: PostgresSettings, _context: BackendContext) -> Queue:
    """Build the queue; psycopg is imported only now."""
    from proofing_postgres.queue import PostgresQueue  # noqa: PLC0415 - heavy, and not needed to list plugins

    return PostgresQueue(settings)


def _make_verification_store(settings: PostgresSettings, _context: BackendContext) -> VerificationStore:
    """Build the verification store; psycopg is imported only now."""
    from proofing_postgres.verifications.store import PostgresVerificationStore  # noqa: PLC0415 - as above

    return PostgresVerificationStore(settings)


def _make_call_store(settings: PostgresSettings, _context: BackendContext) -> CallStore:
    """Build the call store; psycopg is imported only now."""
    from proofing_postgres.calls.store import PostgresCallStore  # noqa: PLC0415 - as above

    return PostgresCallStore(settings)
