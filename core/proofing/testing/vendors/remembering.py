"""What a proofer, its classes and its modules still hold after questions have been answered."""

import gc
import sys
import types
from collections.abc import Iterator
from typing import Any

#: So many objects are searched; what holds more is a library.
_MOST_OBJECTS = 60_000
_MOST_CHARACTERS = 2_000_000
_SKIPPED = (
    types.ModuleType,
    types.FrameType,
    types.TracebackType,
    types.CodeType,
    types.BuiltinFunctionType,
)


def texts_held_by(proofer: Any, plugin: str) -> str:
    """Return all texts and bytes that can be reached from *proofer* and the modules of *plugin*."""
    texts: list[str] = []
    length = 0
    for found in _reached(proofer, plugin):
        if isinstance(found, str):
            texts.append(found)
        elif isinstance(found, (bytes, bytearray)):
            texts.append(bytes(found[:_MOST_CHARACTERS]).decode("latin-1"))
        else:
            continue
        length += len(texts[-1])
        if length > _MOST_CHARACTERS:
            break
    return "\n".join(texts)


def count_held_by(proofer: Any, plugin: str) -> int:
    """Return how many objects can be reached from *proofer* and the modules of *plugin*."""
    return sum(1 for _found in _reached(proofer, plugin))


def _reached(proofer: Any, plugin: str) -> Iterator[Any]:
    modules = [module for name, module in list(sys.modules.items()) if _is_of(name, plugin)]
    waiting: list[Any] = [proofer, *(value for module in modules for value in vars(module).values())]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_OBJECTS:
        found = waiting.pop()
        if id(found) in seen or isinstance(found, _SKIPPED):
            continue
        seen.add(id(found))
        if isinstance(found, type):
            if _is_of(found.__module__, plugin):
                waiting += vars(found).values()
            continue
        yield found
        waiting += _held_by(found)


def _held_by(found: Any) -> list[Any]:
    if isinstance(found, types.FunctionType):
        # What it names globally is of its module.
        return [found.__closure__, found.__defaults__, found.__kwdefaults__, found.__dict__]
    if type(found).__module__.partition(".")[0] in {"logging", "asyncio", "threading", "ssl", "weakref"}:
        return []
    return gc.get_referents(found)


def _is_of(name: object, plugin: str) -> bool:
    return isinstance(name, str) and (name == plugin or name.startswith(f"{plugin}."))
