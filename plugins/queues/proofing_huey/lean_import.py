"""Imports Huey without the clients that the chosen storage does not use."""

import sys
from importlib import import_module

#: What Huey imports wherever it is installed. Together they take longer to import than all else that a
#: process of the embedded default needs.
_CLIENTS = ("psycopg", "redis")


def import_huey(storage: str) -> None:
    """Import Huey, and of the clients only the one that *storage* is named after; once a process.

    Called while a process is put together, when no other thread imports one of them. `redis_storage` gives
    Huey what it lacks, should a process use both storages.
    """
    if "huey.storage" in sys.modules:
        return
    hidden = [name for name in _CLIENTS if name != storage and name not in sys.modules]
    absent: dict[str, object] = dict.fromkeys(hidden)
    sys.modules.update(absent)  # type: ignore[arg-type] # None: its import fails, as where it is not installed
    try:
        import_module("huey.storage")
    finally:
        for name in hidden:
            del sys.modules[name]
