"""Deletes what is left of a job that has ended, where its store answers; the rest expires or is swept."""

import logging

from proofing.base.errors import StoreError
from proofing.base.logs import get_logger, log
from proofing.contracts.stores import ResultStore

_logger = get_logger(__name__)


async def delete_if_possible(results: ResultStore, key: str, result_id: str) -> None:
    """Delete *key* of a job that has ended; what a store that is down still has expires."""
    try:
        await results.delete(key)
    except StoreError as error:
        log_cleanup_failed(result_id, error)


def log_cleanup_failed(result_id: str, error: Exception) -> None:
    """Log that something of a job is left, which a sweep or its expiry removes."""
    name = type(error).__name__
    log(_logger, "cleanup_failed", level=logging.WARNING, job_id=result_id, error=name)
