"""The backends that a command works with, opened and closed around it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from proofing.bootstrap import Configuration, configure, make_backends
from proofing.registry.backends import Backends, open_backend


@asynccontextmanager
async def open_backends(role: str, *keys: str) -> AsyncIterator[tuple[Configuration, Backends]]:
    """Read the settings and give the backends of *keys*, open; see `opened`."""
    configuration = await configure(role=role)
    async with opened(configuration, role, *keys) as backends:
        yield configuration, backends


@asynccontextmanager
async def opened(configuration: Configuration, role: str, *keys: str) -> AsyncIterator[Backends]:
    """Give the backends of the settings, those of *keys* open, and no other.

    Args:
        configuration: from `proofing.bootstrap.configure`.
        role: what the process is for; see `proofing.contracts.hooks.BackendContext`.
        keys: of the settings, such as ``verification_store``.
    """
    backends = make_backends(configuration, role)
    async with AsyncExitStack() as stack:
        for key, backend in backends.in_order():
            if key in keys:
                stack.push_async_callback(backend.close)
                await open_backend(key, backend)
        yield backends
