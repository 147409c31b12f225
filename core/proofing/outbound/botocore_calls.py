"""Lets boto3 clients send through the outbound client; nothing of botocore is imported."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from email.message import Message
from io import BytesIO
from typing import Any

from proofing.base.errors import Cause, VendorError
from proofing.contracts.http import VendorResponse
from proofing.contracts.proofers import BlockingTwins, ProofingContext

_carrier: ContextVar[BlockingTwins | None] = ContextVar("botocore_carrier", default=None)

#: The client counts the body by itself, and nobody would answer *100-continue*.
_LEFT_OUT = frozenset({"content-length", "expect", "transfer-encoding"})


@contextlib.contextmanager
def carry_botocore(service: Any, context: ProofingContext) -> Iterator[None]:
    """Let the calls of a boto3 client within be carried by the outbound client, in a plain adapter.

    botocore signs, serializes and parses; its event ``before-send`` hands each finished request over, so that
    hosts, certificates, proxy, deadline, caps, intent and log lines are those of every call::

        with carry_botocore(self._rekognition, context):
            answer = self._rekognition.compare_faces(...)

    From the first time on the client sends nothing by itself: outside it raises a `VendorError`. Make it with
    ``Config(retries={"total_max_attempts": 1})``, because botocore repeats what the vendor may have billed.

    Args:
        service: a boto3 client; may be shared by threads.
        context: of the question that is being asked.
    """
    service.meta.events.register_last("before-send", _send, unique_id="proofing-outbound")
    token = _carrier.set(context.sync)
    try:
        yield
    finally:
        _carrier.reset(token)


def _send(request: Any, **_event: Any) -> "_Response":
    """Answer botocore's event, in place of the network."""
    carrier = _carrier.get()
    if carrier is None:
        raise VendorError(Cause.BAD_REQUEST, "a call of this client belongs within carry_botocore")
    headers = {
        name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in _LEFT_OUT
    }
    body = request.body
    if isinstance(body, str):
        body = body.encode()
    elif body is not None and not isinstance(body, bytes):
        body = bytes(body) if isinstance(body, bytearray) else body.read()
    answer = carrier.request(request.method, request.url, content=body, headers=headers)
    return _Response(request.url, answer)


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
