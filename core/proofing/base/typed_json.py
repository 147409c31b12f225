"""Typed records as JSON: what one process writes and another one reads, checked strictly against the type."""

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

RecordT = TypeVar("RecordT")


def write_typed(record: Any) -> bytes:
    """Return *record*, an instance of a dataclass, as JSON without what has its default.

    Raises:
        ValueError: a field is not of its type, as Python does not check. The message may hold it.
    """
    kind: Any = type(record)
    data: bytes = _adapter(kind).dump_json(record, exclude_defaults=True, warnings="error")
    return data


def read_typed(kind: type[RecordT], data: str | bytes) -> RecordT:
    """Read what `write_typed` wrote; names that a newer process wrote are ignored.

    Raises:
        ValueError: *data* is not a record of this kind. The message does not hold it.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - see `_adapter`

    wanted: Any = kind
    try:
        found: RecordT = _adapter(wanted).validate_json(data, strict=True)
    except ValidationError:
        # Its message quotes the values.
        raise ValueError(f"not a {kind.__name__}") from None
    return found


@cache
def _adapter(kind: Any) -> "TypeAdapter[Any]":
    """Return what reads and writes *kind*; building it takes milliseconds."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - 50 ms, which quick commands do without

    return TypeAdapter(kind)
