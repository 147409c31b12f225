"""Sealed messages open for exactly what they were sealed for, and for nothing else."""

import asyncio
import secrets
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofing.base.errors import EncryptionError, StoreUnavailableError
from proofing.contracts.images import Side
from proofing.contracts.stores import DataKey
from proofing.crypto import data_keys
from proofing.crypto.data_keys import Purpose
from proofing.crypto.encryption import (
    KeyRing,
    SealContext,
    Sealer,
    aead_open,
    aead_seal,
    open_image,
    seal_image,
)

KEY = bytes(range(32))
CONTEXT = SealContext(purpose=Purpose.ARGUMENTS, subject="person-1", item="job-1")


class CountingKeyService:
    """A key service in memory that counts its calls and binds the context, as a real one does."""

    def __init__(self) -> None:
        self.generated = 0
        self.unwrapped = 0
        self._master = secrets.token_bytes(32)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, context: Mapping[str, str]) -> DataKey:
        self.generated += 1
        key = secrets.token_bytes(32)
        return DataKey(key, aead_seal(self._master, key, repr(sorted(context.items())).encode()), "k1")

    async def unwrap(self, wrapped: bytes, key_id: str, context: Mapping[str, str]) -> bytes:
        self.unwrapped += 1
        await asyncio.sleep(0)  # as a call over a network lets others run
        return aead_open(self._master, wrapped, repr(sorted(context.items())).encode())


class HaltingKeyService(CountingKeyService):
    """Answers only while it is let through, and fails while it is down."""

    def __init__(self) -> None:
        super().__init__()
        self.called = 0
        self.let_through = asyncio.Event()
        self.is_down = False

    async def generate(self, context: Mapping[str, str]) -> DataKey:
        self.called += 1
        await self.let_through.wait()
        if self.is_down:
            raise StoreUnavailableError("down")
        return await super().generate(context)

    async def unwrap(self, wrapped: bytes, key_id: str, context: Mapping[str, str]) -> bytes:
        await self.let_through.wait()
        if self.is_down:
            raise StoreUnavailableError("down")
        return await super().unwrap(wrapped, key_id, context)


def make_sealer(
    service: CountingKeyService | None = None, *, ring: KeyRing | None = None, **options
) -> Sealer:
    """Return a sealer of the test environment."""
    return Sealer(service or CountingKeyService(), ring or KeyRing(KEY), environment="test", **options)


async def test_what_was_sealed_opens():
    """A message opens for its own context."""
    sealer = make_sealer()
    assert await sealer.open(await sealer.seal(b"plain", CONTEXT), CONTEXT) == b"plain"


@pytest.mark.parametrize(
    "other",
    [
        SealContext(purpose=Purpose.RESULT, subject="person-1", item="job-1"),
        SealContext(purpose=Purpose.ARGUMENTS, subject="person-2", item="job-1"),
        SealContext(purpose=Purpose.ARGUMENTS, subject="person-1", item="job-2"),
        SealContext(purpose=Purpose.ARGUMENTS, subject="person-1job-1", item=""),
    ],
)
async def test_a_message_moved_elsewhere_does_not_open(other):
    """Another purpose, person or job does not open the message, even with all keys at hand."""
    sealer = make_sealer(data_key_max_messages=100)
    blob = await sealer.seal(b"plain", CONTEXT)
    with pytest.raises(EncryptionError):
        await sealer.open(blob, other)


async def test_another_environment_does_not_open():
    """A message of the test environment means nothing in production."""
    service = CountingKeyService()
    blob = await make_sealer(service).seal(b"plain", CONTEXT)
    production = Sealer(service, KeyRing(KEY), environment="production")
    with pytest.raises(EncryptionError):
        await production.open(blob, CONTEXT)


async def test_every_changed_bit_is_found():
    """No single flipped bit, anywhere in the message, is accepted."""
    sealer = make_sealer(data_key_max_messages=100)
    blob = await sealer.seal(b"plain text", CONTEXT)
    for position in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[position // 8] ^= 1 << (position % 8)
        with pytest.raises(EncryptionError):
            await sealer.open(bytes(changed), CONTEXT)


async def test_every_truncation_and_extension_is_found():
    """No shorter or longer message is accepted."""
    sealer = make_sealer(data_key_max_messages=100)
    blob = await sealer.seal(b"plain text", CONTEXT)
    for length in range(len(blob)):
        with pytest.raises(EncryptionError):
            await sealer.open(blob[:length], CONTEXT)
    with pytest.raises(EncryptionError):
        await sealer.open(blob + b"\x00", CONTEXT)


@given(st.binary(max_size=400))
@settings(max_examples=300)
def test_random_bytes_never_open(blob):
    """Garbage gives the one error, never another."""
    with pytest.raises(EncryptionError):
        asyncio.run(make_sealer().open(blob, CONTEXT))


async def test_old_keys_still_open_and_never_seal():
    """After a rotation, messages under the old key open, and new ones need the new key."""
    service = CountingKeyService()
    before = await make_sealer(service).seal(b"before", CONTEXT)
    fresh = secrets.token_bytes(32)
    rotated = make_sealer(service, ring=KeyRing(fresh, [KEY]))
    assert await rotated.open(before, CONTEXT) == b"before"
    after = await rotated.seal(b"after", CONTEXT)
    with pytest.raises(EncryptionError):
        await make_sealer(service).open(after, CONTEXT)
    assert await make_sealer(service, ring=KeyRing(fresh)).open(after, CONTEXT) == b"after"


async def test_data_keys_are_reused_within_bounds():
    """Ten messages under bounds of four make three data keys, and reading them asks for none."""
    service = CountingKeyService()
    sealer = make_sealer(service, data_key_max_messages=4)
    blobs = [await sealer.seal(b"x", CONTEXT) for _ in range(10)]
    assert service.generated == 3
    assert [await sealer.open(blob, CONTEXT) for blob in blobs] == [b"x"] * 10
    assert service.unwrapped == 0


async def test_the_next_data_key_is_made_while_the_last_one_seals():
    """Nobody waits for the key service before a key is used up; then all wait for the one call."""
    service = HaltingKeyService()
    sealer = make_sealer(service, data_key_max_messages=10)
    service.let_through.set()
    await sealer.seal(b"x", CONTEXT)
    service.let_through.clear()
    for _ in range(9):
        await sealer.seal(b"x", CONTEXT)
    waiting = [asyncio.create_task(sealer.seal(b"x", CONTEXT)) for _ in range(3)]
    done, _ = await asyncio.wait(waiting, timeout=0)
    assert (done, service.called) == (set(), 2)
    service.let_through.set()
    blobs = await asyncio.gather(*waiting)
    assert (service.called, service.generated) == (2, 2)
    assert await sealer.open(blobs[0], CONTEXT) == b"x"


async def test_a_key_that_cannot_be_made_beforehand_is_asked_for_again():
    """While the key in use is valid, an outage of the key service is harmless; later it is reported."""
    service = HaltingKeyService()
    service.let_through.set()
    sealer = make_sealer(service, data_key_max_messages=5)
    await sealer.seal(b"x", CONTEXT)
    service.is_down = True
    for _ in range(4):
        await sealer.seal(b"x", CONTEXT)
    with pytest.raises(StoreUnavailableError):
        await sealer.seal(b"x", CONTEXT)
    service.is_down = False
    assert await sealer.seal(b"x", CONTEXT)


async def test_messages_that_are_opened_together_unwrap_their_key_once():
    """A worker that starts with a backlog asks the key service once a key, not once a job."""
    service = CountingKeyService()
    blobs = [await make_sealer(service, data_key_max_messages=100).seal(b"x", CONTEXT)] * 50
    reader = make_sealer(service, data_key_max_messages=100)
    assert await asyncio.gather(*(reader.open(blob, CONTEXT) for blob in blobs)) == [b"x"] * 50
    assert service.unwrapped == 1


async def test_an_unwrapping_that_fails_fails_for_all_who_wait_and_is_tried_again():
    """Nothing of a failed call is kept."""
    service = HaltingKeyService()
    service.let_through.set()
    blob = await make_sealer(service, data_key_max_messages=100).seal(b"x", CONTEXT)
    reader = make_sealer(service, data_key_max_messages=100)
    service.is_down = True
    ends = await asyncio.gather(*(reader.open(blob, CONTEXT) for _ in range(3)), return_exceptions=True)
    assert [type(end) for end in ends] == [StoreUnavailableError] * 3
    service.is_down = False
    assert await reader.open(blob, CONTEXT) == b"x"


async def test_of_many_data_keys_the_last_ones_are_remembered(monkeypatch):
    """A worker that reads messages of many hosts keeps a bounded number of keys in memory."""
    monkeypatch.setattr(data_keys, "_UNWRAPPED_KEYS", 2)
    service = CountingKeyService()
    blobs = [await make_sealer(service).seal(b"x", CONTEXT) for _ in range(3)]
    reader = make_sealer(service, data_key_max_messages=100)
    for blob in (*blobs, blobs[2], blobs[1]):
        await reader.open(blob, CONTEXT)
    assert service.unwrapped == 3
    await reader.open(blobs[0], CONTEXT)
    assert service.unwrapped == 4


def test_a_process_that_ends_while_a_key_is_made_ends_quietly(caplog):
    """The call is canceled with its loop, and that is no error for anybody to read."""

    async def leave():
        waiting = asyncio.create_task(make_sealer(HaltingKeyService()).seal(b"x", CONTEXT))
        await asyncio.wait([waiting], timeout=0)

    asyncio.run(leave())
    assert not caplog.records


async def test_without_reuse_every_message_has_its_own_data_key():
    """With a bound of one, nothing is remembered."""
    service = CountingKeyService()
    sealer = make_sealer(service)
    blobs = [await sealer.seal(b"x", CONTEXT) for _ in range(3)]
    await sealer.open(blobs[0], CONTEXT)
    assert (service.generated, service.unwrapped) == (3, 1)


async def test_purposes_never_share_a_data_key():
    """Reuse stays within one purpose."""
    service = CountingKeyService()
    sealer = make_sealer(service, data_key_max_messages=100)
    for purpose in Purpose:
        await sealer.seal(b"x", SealContext(purpose=purpose, subject="s"))
    assert service.generated == len(Purpose)


async def test_equal_messages_look_different():
    """Two seals of one text share no IV, message id or ciphertext."""
    sealer = make_sealer(data_key_max_messages=100)
    assert len({await sealer.seal(b"same", CONTEXT) for _ in range(1000)}) == 1000


async def test_an_image_opens_for_its_slot_and_side_only():
    """Slot, side, key and IV must all be the ones it was encrypted with."""
    key, iv = secrets.token_bytes(32), secrets.token_bytes(12)
    body = seal_image(b"pixels" * 100_000, key, iv, slot="s1", side=Side.FRONT)
    assert await open_image(body, key, iv, slot="s1", side=Side.FRONT) == b"pixels" * 100_000
    for change in (
        {"slot": "s2"},
        {"side": Side.BACK},
        {"key": secrets.token_bytes(32)},
        {"iv": secrets.token_bytes(12)},
        {"key": b"short"},
        {"iv": b"short"},
    ):
        arguments = {"key": key, "iv": iv, "slot": "s1", "side": Side.FRONT} | change
        with pytest.raises(EncryptionError):
            await open_image(body, **arguments)
    with pytest.raises(EncryptionError):
        await open_image(body[:15], key, iv, slot="s1", side=Side.FRONT)  # shorter than a tag


def test_keys_of_the_wrong_length_are_refused():
    """A key ring takes 32 bytes, nothing else."""
    with pytest.raises(EncryptionError):
        KeyRing(b"short")


def test_macs_verify_under_old_keys_and_are_bound_to_their_label():
    """A MAC of the old key holds after rotation; one for another label, or over other bytes, never does."""
    mac = KeyRing(KEY).sign(b"record", "verdict")
    rotated = KeyRing(secrets.token_bytes(32), [KEY])
    assert rotated.verify(b"record", mac, "verdict")
    assert not rotated.verify(b"record", mac, "slot")
    assert not rotated.verify(b"Record", mac, "verdict")
    assert not rotated.verify(b"record", "ä", "verdict")


def test_the_error_says_nothing():
    """The error's text is one sentence, whatever the cause."""
    with pytest.raises(EncryptionError, match=r"^the message does not open$"):
        aead_open(KEY, b"x" * 100, b"")
