"""Huey's messages as JSON with a MAC: nothing is pickled, and nothing foreign is believed.

A blob is ``1``, 32 bytes of HMAC-SHA-256, and JSON. The MAC covers the queue's name, so that a message moved
to another queue is refused.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from huey.registry import Message
from huey.serializer import Serializer

from proofing.plugin.support import MACKeys

_VERSION = b"1"
_MAC_BYTES = 32
_TIMES = ("eta", "expires_resolved")


class MessageRefusedError(ValueError):
    """A blob of the storage was not written by this application, or not for this queue."""


class AuthenticatedSerializer(Serializer):  # type: ignore[misc]
    """Serializes Huey's task messages and its few values (revocations)."""

    def __init__(self, key: bytes, queue_name: str, old_keys: Sequence[bytes] = ()) -> None:
        """Prepare the keys of one queue.

        Args:
            key: the application's, 32 bytes; it writes and reads.
            queue_name: which queue the messages are for.
            old_keys: keys that were in use before; they only read.
        """
        super().__init__(compression=False)
        self._keys = MACKeys(key, old_keys).derive(b"queue\x00" + queue_name.encode())

    def _serialize(self, data: Any) -> bytes:
        """Return the blob of a task message or value."""
        if isinstance(data, Message):
            fields = {name: value for name, value in data._asdict().items() if value is not None}
            for name in _TIMES:
                if name in fields:
                    fields[name] = fields[name].isoformat()
            values: dict[str, Any] = {"message": fields}
        else:
            values = {"value": data}
        content = json.dumps(values, separators=(",", ":"), sort_keys=True).encode()
        return _VERSION + self._keys.sign(content) + content

    def _deserialize(self, data: Any) -> Any:
        """Return what a blob holds.

        Raises:
            MessageRefusedError: the MAC is wrong, or there is none.
        """
        blob = bytes(data)
        content = blob[1 + _MAC_BYTES :]
        if blob[:1] != _VERSION or not self._keys.verify(content, blob[1 : 1 + _MAC_BYTES]):
            raise MessageRefusedError("not a message of this queue")
        values = json.loads(content)
        if "message" not in values:
            return values["value"]
        fields = values["message"]
        for name in _TIMES:
            if name in fields:
                fields[name] = datetime.fromisoformat(fields[name])
        return Message(**{name: value for name, value in fields.items() if name in Message._fields})
