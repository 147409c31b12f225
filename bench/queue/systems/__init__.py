"""The systems that are measured, by the names of the command line."""

from importlib import import_module

from bench.queue.systems.base import System

#: Name to module and class.
SYSTEMS = {
    "ours": ("ours", "Ours"),
    "floor": ("floor", "Floor"),
    "pgqueuer": ("pgqueuer", "PgQueuerSystem"),
    "oban": ("oban", "ObanSystem"),
    "procrastinate": ("procrastinate", "ProcrastinateSystem"),
    "huey": ("huey", "HueySystem"),
}


def make_system(name: str, dsn: str) -> System:
    """Return the system *name* on the database *dsn*; its libraries are imported only now."""
    module, cls = SYSTEMS[name]
    made: System = getattr(import_module(f"bench.queue.systems.{module}"), cls)(dsn)
    return made
