"""What the children run."""

from typing import Any


def nothing(_data: bytes, _args: Any) -> None:
    """Do nothing with the bytes."""


def echo(data: bytes, _args: Any = None) -> bytes:
    """Return the bytes."""
    return data
