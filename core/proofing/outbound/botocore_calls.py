"""Lets boto3 clients send through the outbound client; nothing of botocore is imported."""

import base64
import contextlib
import secrets
from collections.abc import Iterator
from contextvars import ContextVar
from email.message import Message
from io import BytesIO
from typing import Any

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import PIECE_BYTES, Base64, StreamedBody
from proofing.contracts.http import VendorResponse
from proofing.contracts.proofers import BlockingTwins, ProofingContext

#: The client counts the body by itself, and nobody would answer *100-continue*.
_LEFT_OUT = frozenset({"content-length", "expect", "transfer-encoding"})
#: What stands for large bytes while botocore serializes: random, and base64 without padding.
_MARK_BYTES = 24
#: The heads of CBOR byte strings, by the number of bytes of their length: RFC 8949, section 3.
_CBOR_LENGTHS = ((1, 0x58), (2, 0x59), (4, 0x5A), (8, 0x5B))


class BotocoreCalls:
    """The calls within one `carry_botocore`."""

    def __init__(self, twins: BlockingTwins) -> None:
        """Let *twins* carry them."""
        self.twins = twins
        self._blobs: dict[bytes, bytes] = {}

    def blob(self, content: bytes) -> bytes:
        """Return what stands for *content* in the parameters of a call, where these are bytes.

        botocore encodes 2 MB in one piece, which holds the interpreter for tens of milliseconds. It gets a
        mark instead, and the body that it makes is completed piece by piece, before it is signed.
        """
        if len(content) <= PIECE_BYTES:
            return content
        mark = secrets.token_bytes(_MARK_BYTES)
        self._blobs[mark] = content
        return mark

    def complete(self, body: Any) -> "_StreamedFile | None":
        """Return *body*, as botocore serialized it, with all contents; None when it has no marks.

        Raises:
            VendorError: a mark is not where base64 or CBOR would have put it.
        """
        if not self._blobs:
            return None
        parts: list[bytes | Base64] = [body] if isinstance(body, bytes) else []
        for mark, content in self._blobs.items():
            spellings: dict[bytes, list[bytes | Base64]] = {
                base64.b64encode(mark): [Base64(content)],
                _cbor_head(len(mark)) + mark: [_cbor_head(len(content)), content],
            }
            parts = _replaced(parts, spellings)
        return _StreamedFile(StreamedBody(*parts))


_calls: ContextVar[BotocoreCalls | None] = ContextVar("botocore_calls", default=None)


@contextlib.contextmanager
def carry_botocore(service: Any, context: ProofingContext) -> Iterator[BotocoreCalls]:
    """Let the calls of a boto3 client within be carried by the outbound client, in a plain adapter.

    botocore signs, serializes and parses; its event ``before-send`` hands each finished request over, so that
    hosts, certificates, proxy, deadline, caps, intent and log lines are those of every call::

        with carry_botocore(self._rekognition, context) as calls:
            source = {"Bytes": calls.blob(front.content)}
            answer = self._rekognition.compare_faces(SourceImage=source, ...)

    From the first time on the client sends nothing by itself: outside it raises a `VendorError`. Make it with
    ``Config(retries={"total_max_attempts": 1})``, because botocore repeats what the vendor may have billed.

    Args:
        service: a boto3 client; may be shared by threads.
        context: of the question that is being asked.
    """
    service.meta.events.register_last("before-sign", _complete, unique_id="proofing-outbound-blobs")
    service.meta.events.register_last("before-send", _send, unique_id="proofing-outbound")
    calls = BotocoreCalls(context.sync)
    token = _calls.set(calls)
    try:
        yield calls
    finally:
        _calls.reset(token)


def _complete(request: Any, **_event: Any) -> None:
    """Put the large contents into the body that is about to be signed."""
    calls = _calls.get()
    body = calls.complete(request.data) if calls is not None else None
    if body is not None:
        request.data = body


def _send(request: Any, **_event: Any) -> "_Response":
    """Answer botocore's event, in place of the network."""
    calls = _calls.get()
    if calls is None:
        raise VendorError(Cause.BAD_REQUEST, "a call of this client belongs within carry_botocore")
    headers = {
        name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in _LEFT_OUT
    }
    body = request.body
    if isinstance(body, _StreamedFile):
        body = body.body
    elif isinstance(body, str):
        body = body.encode()
    elif body is not None and not isinstance(body, bytes):
        body = bytes(body) if isinstance(body, bytearray) else body.read()
    answer = calls.twins.request(request.method, request.url, content=body, headers=headers)
    return _Response(request.url, answer)


def _cbor_head(length: int) -> bytes:
    """Return what comes before a CBOR byte string of more than 23 bytes."""
    size, head = next(pair for pair in _CBOR_LENGTHS if length < 256 ** pair[0])
    return bytes([head]) + length.to_bytes(size, "big")


def _replaced(
    parts: list[bytes | Base64], spellings: dict[bytes, list[bytes | Base64]]
) -> list[bytes | Base64]:
    """Return *parts* with what one of *spellings* stands for, once, in its place. Raises `VendorError`."""
    for place, part in enumerate(parts):
        for spelling, content in spellings.items():
            if isinstance(part, bytes) and len(part) < PIECE_BYTES and part.count(spelling) == 1:
                before, _, after = part.partition(spelling)
                return [*parts[:place], before, *content, after, *parts[place + 1 :]]
    raise VendorError(Cause.BAD_REQUEST, "botocore encodes bytes in a way that is not known here")


class _StreamedFile:
    """A `StreamedBody` as botocore takes one: a file, which it reads from its start to hash it."""

    def __init__(self, body: StreamedBody) -> None:
        self.body = body
        self.seek(0)

    def __len__(self) -> int:
        return len(self.body)

    def tell(self) -> int:
        """Return the place that botocore comes back to."""
        return 0

    def seek(self, _start: int) -> None:
        """Go back to the start."""
        self._pieces = iter(self.body)

    def read(self, _size: int) -> bytes:
        """Return the next piece, which is shorter than botocore asks for; nothing at the end."""
        return next(self._pieces, b"")


class _Body(BytesIO):
    """What botocore reads an answer from."""

    def stream(self) -> Iterator[bytes]:
        """Yield what is left."""
        yield self.read()


class _Response:
    """What botocore takes for a response: the attributes of its ``AWSResponse``."""

    def __init__(self, url: str, answer: VendorResponse) -> None:
        self.url = url
        self.status_code = answer.status
        self.headers = Message()  # blind to case, as headers are
        for name, value in answer.headers.items():
            self.headers[name] = value
        self.content = answer.content
        self.raw = _Body(answer.content)

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode()
