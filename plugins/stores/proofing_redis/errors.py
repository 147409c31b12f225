"""The errors of redis-py, as far as they mean that Redis did not do what it was asked."""

from redis import exceptions

#: All that redis-py raises, and the sockets below it; the cluster's own error is no RedisError.
REDIS_ERRORS = (TimeoutError, exceptions.RedisError, exceptions.RedisClusterException, OSError)
