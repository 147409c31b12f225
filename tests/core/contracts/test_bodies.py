"""Streamed bodies: the bytes of `json.dumps`, in small pieces, with turns for others between them."""

import asyncio
import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing.contracts.bodies import PIECE_BYTES, Base64, StreamedBody

#: What base64 makes of the largest piece of content.
LARGEST = PIECE_BYTES // 3 * 4

images = st.binary(max_size=200).map(Base64)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | images,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def plain(value):
    """Return *value* with the texts of its images."""
    match value:
        case Base64():
            return base64.b64encode(value.content).decode()
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value


@given(values)
def test_the_bytes_are_those_of_json(value):
    """Wherever the images are, and whatever is around them."""
    body = StreamedBody.json(value)
    expected = json.dumps(plain(value), separators=(",", ":")).encode()
    assert b"".join(body) == expected
    assert len(body) == len(expected)
    assert body.content_type == "application/json"


@pytest.mark.parametrize(
    "size", [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 2]
)
def test_borders_of_pieces(size):
    """No padding but at the end, and the length is known before."""
    image = Base64(bytes(size))
    assert b"".join(image.pieces()) == base64.b64encode(bytes(size))
    assert len(image) == len(base64.b64encode(bytes(size)))


def test_no_piece_is_large():
    """Images and what is around them: this bounds what is done between two turns of the loop."""
    image = Base64(bytes(2 * 1024 * 1024))
    body = StreamedBody.json({"note": "x" * 1_000_000, "images": [image, image]})
    assert max(len(piece) for piece in body) == LARGEST


async def test_others_have_a_turn_after_each_piece():
    """One turn a piece at least; a second way through gives the same bytes."""
    body = StreamedBody.json({"front": Base64(bytes(1024 * 1024))})
    turns = 0

    async def other():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    pieces = [piece async for piece in body]
    task.cancel()
    assert pieces == list(body)
    assert turns >= len(pieces) - 1


@pytest.mark.parametrize(
    ("value", "kind"), [({"a": math.nan}, ValueError), ({"a": object()}, TypeError), ({"a": b"x"}, TypeError)]
)
def test_what_is_no_json(value, kind):
    """As `json.dumps` has it; bytes have to say how."""
    with pytest.raises(kind):
        StreamedBody.json(value)


def test_nothing_prints_its_content():
    """Not even short images."""
    assert "secret" not in repr(Base64(b"secret")) + repr(StreamedBody(b"secret"))
