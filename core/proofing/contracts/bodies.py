"""Request bodies that are made while they are sent, so that large images neither hold the loop nor pile up.

A base64 text of 15 MiB and the JSON around it cost hundreds of milliseconds in one piece, and twice the
image's memory; a thread does not help, because both hold the interpreter's lock. Here the text around the
images is made at once, and the images are encoded piece by piece::

    body = StreamedBody.json({"front": Base64(front.content), "back": Base64(back.content)})
    mac = hmac.new(key, digestmod="sha256")
    async for piece in body:           # plain `for` in a plain adapter
        mac.update(piece)
    await context.http.post(url, content=body, headers={"x-signature": mac.hexdigest()})

The same body goes through a `requests` session: ``context.sync.http.post(url, data=body)``.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

#: What is encoded or sent between two turns of the loop; a multiple of 3, so that base64 needs no padding.
PIECE_BYTES = 48 * 1024


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Base64:
    """Bytes that go out as base64 text, such as an image's; a value in a JSON body."""

    content: bytes

    def __len__(self) -> int:
        return (len(self.content) + 2) // 3 * 4

    def pieces(self) -> Iterator[bytes]:
        """Yield the text, `PIECE_BYTES` of content at a time."""
        view = memoryview(self.content)
        for start in range(0, len(view), PIECE_BYTES):
            yield base64.b64encode(view[start : start + PIECE_BYTES])


class StreamedBody:
    """A body of known length in small pieces. Can be gone through any number of times, sync or async.

    Attributes:
        content_type: the media type it is sent with, unless the call's headers name another.
    """

    def __init__(self, *parts: bytes | Base64, content_type: str = "application/octet-stream") -> None:
        """Take the *parts* in order: bytes as they are, `Base64` as its text."""
        self.content_type = content_type
        self._parts = parts
        self._length = sum(len(part) for part in parts)

    @classmethod
    def json(cls, value: Any) -> "StreamedBody":
        """Return the body that `json.dumps` makes of *value*, in which images are `Base64`.

        Raises:
            ValueError: a number is not finite.
            TypeError: something is not JSON.
        """
        # 128 random bits, so that nothing an applicant typed can be taken for the place of an image.
        mark = secrets.token_hex(16)
        images: list[Base64] = []

        def place(item: object) -> str:
            if not isinstance(item, Base64):
                raise TypeError(f"{type(item).__name__} is not JSON")
            images.append(item)
            return mark

        text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=place)
        parts: list[bytes | Base64] = []
        for number, around in enumerate(text.split(mark)):
            if number:
                parts.append(images[number - 1])
            parts.append(around.encode())
        return cls(*parts, content_type="application/json")

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, Base64):
                yield from part.pieces()
            else:
                for start in range(0, len(part), PIECE_BYTES):
                    yield part[start : start + PIECE_BYTES]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece
            # Anyone who takes the piece may do so without waiting; the others must get their turn.
            await asyncio.sleep(0)
