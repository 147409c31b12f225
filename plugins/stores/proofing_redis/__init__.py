"""Results, sessions and limits in Redis, for any number of web hosts and workers.

Settings, under ``redis`` in settings.yaml (name the store with ``result_store: redis``):

- ``url``: ``redis://host:6379/0``, or ``rediss://`` with TLS. For Sentinel
  ``redis+sentinel://host1:26379,host2:26379/SERVICE/0``, for Cluster
  ``redis+cluster://host1:6379,host2:6379``; both also as ``rediss+…``. May hold ``user:password@``, but
  keep the password in the secrets.
- ``username``, ``password``: replace those of the URL.
- ``sentinel_username``, ``sentinel_password``: asked by the sentinels themselves, when they ask.
- ``tls_ca_file``: the authority of the servers, when it is not one of the system's.
- ``tls_certificate_file``, ``tls_key_file``: our own certificate, when the server asks for one.
- ``deadline_seconds``: total for each call, connecting included. Nothing is retried behind it.
- ``max_connections``: of one process. Those who wait for a result hold none; one more listens for all.
- ``poll_seconds``: how often the results that are waited for are looked up anyway, should a
  wake-up get lost. One batch a process.
- ``key_prefix``: of every key and of the wake-up channel, for instances that are shared.
- ``strict_config``: stop the start, instead of warning, when Redis persists to disk, keeps a slow log, or
  does not show whether it does. Replicas count too; they are asked with the same credentials and TLS. Those
  that cannot be reached do not stop the start: a warning names them.

Set up Redis 6.2 or later like this, for an instance of its own: ``save ""``, ``appendonly no``,
``slowlog-max-len 0``, ``maxmemory-policy noeviction`` (an evicted counter is a lost limit), TLS, a
password; each replica alike. All values expire. The sealed results are ciphertext, but what is never written
to disk needs no argument. A flushed or restarted Redis loses sessions and waiting results; with the
``postgres`` queue no final status is lost.

Least permissions (ACL): ``resetchannels ~proofing:* &proofing:* +get +getrange +set +del +exists
+eval +incr +decr +pttl +pexpire +sadd +scard +smembers +hmget +hset +hdel +zadd +zrem +zcount
+zrevrange +zremrangebyscore +publish +subscribe +unsubscribe +ping +time`` and,
for the start check, ``+config|get +info`` (without them the check says that it could not look). On a cluster
also ``+cluster|slots +command``.
"""

from collections.abc import Sequence

from proofing.plugin import BackendContext, BackendDescriptor, PluginSettings, ResultStore, hookimpl
from proofing_redis.settings import RedisSettings

__all__ = ["RedisSettings", "proofing_result_stores", "proofing_settings"]


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``redis``."""
    return RedisSettings


@hookimpl
def proofing_result_stores() -> Sequence[BackendDescriptor[ResultStore]]:
    """Offer the store ``redis``."""
    return [BackendDescriptor(name="redis", make=_make_result_store)]


def _make_result_store(settings: RedisSettings, _context: BackendContext) -> ResultStore:
    """Build the store; redis-py is imported only now."""
    from proofing_redis.results import RedisResultStore  # noqa: PLC0415 - heavy, and not needed to list plugins

    return RedisResultStore(settings)
