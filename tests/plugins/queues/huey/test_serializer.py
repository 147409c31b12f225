"""Messages are JSON with a MAC, and nothing else is believed."""

import json
import pickle  # noqa: TID251 - what an attacker would put into the storage
from datetime import UTC, datetime, timedelta

import pytest
from huey.registry import Message

from proofing.contracts.records import JobKind
from proofing.testing.queues import make_message
from proofing_huey.messages import read_message, write_message
from proofing_huey.serializer import AuthenticatedSerializer, MessageRefusedError

_KEY = bytes(range(32))


def _serializer(key: bytes = _KEY, queue_name: str = "high_address_proofing") -> AuthenticatedSerializer:
    return AuthenticatedSerializer(key, queue_name)


def _task() -> Message:
    now = datetime.now(UTC).replace(tzinfo=None)
    return Message(
        id="a", name="proofing.ProofAddress", eta=now, args=({"kind": "phone"}, 1.5),
        kwargs={}, expires_resolved=now + timedelta(seconds=300), timeout=56.0, retries=0,
    )  # fmt: skip


def test_task_survives() -> None:
    """Times come back as times, lists of arguments as lists."""
    task = _task()
    found = _serializer().deserialize(_serializer().serialize(task))
    assert found == task._replace(args=list(task.args))


def test_value_survives() -> None:
    """Huey's own small values pass too."""
    assert _serializer().deserialize(_serializer().serialize((None, True))) == [None, True]


def test_blob_is_readable_json() -> None:
    """After version and MAC there is JSON, without anything that could run."""
    blob = _serializer().serialize(_task())
    assert blob[:1] == b"1"
    assert json.loads(blob[33:])["message"]["name"] == "proofing.ProofAddress"


@pytest.mark.parametrize("position", [0, 1, 20, 33, 60, -1])
def test_changed_blob_is_refused(position: int) -> None:
    """A flipped bit anywhere is noticed."""
    blob = bytearray(_serializer().serialize(_task()))
    blob[position] ^= 1
    with pytest.raises(MessageRefusedError):
        _serializer().deserialize(bytes(blob))


def test_foreign_blobs_are_refused() -> None:
    """Pickles, other keys, other queues, cut and extended blobs are all alike."""
    blob = _serializer().serialize(_task())
    for foreign in (
        pickle.dumps(_task()),
        b"",
        b"1",
        blob[:-1],
        blob + b" ",
        _serializer(key=bytes(32)).serialize(_task()),
        _serializer(queue_name="high_document_proofing").serialize(_task()),
    ):
        with pytest.raises(MessageRefusedError, match="not a message of this queue"):
            _serializer().deserialize(foreign)


def test_message_of_a_newer_process_is_read() -> None:
    """Names that we do not know are ignored; names that it left out take their default."""
    message = make_message(JobKind.DOCUMENT, object_keys=("a/b",), metadata={"front": {"width": 3}})
    values = json.loads(json.dumps(write_message(message)))
    assert read_message(values) == message
    del values["counter_keys"]
    assert read_message({**values, "invented_later": 1}) == message
