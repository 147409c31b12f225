"""The errors of redis-py: which mean that Redis did not do as asked, and what operators get to read."""

from redis import exceptions

from proofing.plugin import Trouble
from proofing.plugin.support import TROUBLE_WORDS as WORDS
from proofing.plugin.support import trouble_of_redis

#: All that redis-py raises, and the sockets below it; the cluster's own error is not a RedisError.
REDIS_ERRORS = (TimeoutError, exceptions.RedisError, exceptions.RedisClusterException, OSError)

_TEXTS = {
    Trouble.CREDENTIALS: "refuses our credentials: see redis.username and redis.password",
    Trouble.PERMISSION: "refuses a command to our user: see the permissions in the plugin's manual",
    Trouble.NOT_FOUND: "has no database of the number in redis.url",
    Trouble.UNAVAILABLE: "cannot serve now",
}


def explain(error: Exception) -> tuple[str, Trouble]:
    """Return what happened, for operators, and its kind. The error's own text may show commands."""
    trouble = trouble_of_redis(error)
    return _TEXTS.get(trouble) or f"cannot be reached: {WORDS[trouble]}", trouble
