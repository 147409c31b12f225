"""The contract suite of key services: data keys that open in their own context only."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator

import pytest

from proofing.base.errors import EncryptionError, StoreUnavailableError
from proofing.contracts.stores import DataKey, KeyService
from proofing.testing.injections import Calls, assert_unavailable, extended, foreign_errors
from proofing.testing.store_basis import GIVE_UP_SECONDS

_CONTEXT = {"app": "proofing", "environment": "test", "purpose": "args"}


class KeyServiceContract(ABC):
    """What every key service does. Two services from `make_service` have the same master keys."""

    @abstractmethod
    def make_service(self) -> KeyService:
        """Return a service that is not open yet."""

    @abstractmethod
    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Have whatever library, database or disk the backend calls raise *error* from now on."""

    def make_unreachable_service(self) -> KeyService | None:
        """Return a service whose backend does not answer, or None to skip those tests."""
        return None

    @pytest.fixture
    async def service(self) -> AsyncIterator[KeyService]:
        """Give an open service."""
        service = self.make_service()
        await service.open()
        yield service
        await service.close()

    async def test_key_unwraps(self, service: KeyService) -> None:
        """A data key has 32 bytes and comes back from its wrapping."""
        key = await service.generate(_CONTEXT)
        assert len(key.plaintext) == 32
        assert await service.unwrap(key.wrapped, key.key_id, _CONTEXT) == key.plaintext

    async def test_wrapping_fits_a_message(self, service: KeyService) -> None:
        """Key id and wrapped key fit the lengths that the message format gives them."""
        key = await service.generate(_CONTEXT)
        assert 0 < len(key.key_id.encode()) <= 255
        assert 0 < len(key.wrapped) <= 65_535
        assert key.plaintext not in key.wrapped

    async def test_keys_are_fresh(self, service: KeyService) -> None:
        """No two calls return the same key or wrapping."""
        keys = await asyncio.gather(*(service.generate(_CONTEXT) for _ in range(50)))
        assert len({key.plaintext for key in keys}) == 50
        assert len({key.wrapped for key in keys}) == 50

    async def test_context_order_does_not_matter(self, service: KeyService) -> None:
        """The context is a map, not a list."""
        key = await service.generate(_CONTEXT)
        turned = dict(reversed(list(_CONTEXT.items())))
        assert await service.unwrap(key.wrapped, key.key_id, turned) == key.plaintext

    @pytest.mark.parametrize(
        "context",
        [
            {},
            {**_CONTEXT, "purpose": "result"},
            {**_CONTEXT, "environment": "production"},
            {**_CONTEXT, "more": "x"},
            {"app": "proofing", "environment": "test"},
        ],
    )
    async def test_other_context_does_not_open(self, service: KeyService, context: dict[str, str]) -> None:
        """A data key opens in the context it was made for, and in no other."""
        key = await service.generate(_CONTEXT)
        with pytest.raises(EncryptionError):
            await service.unwrap(key.wrapped, key.key_id, context)

    async def test_tampered_wrapping_does_not_open(self, service: KeyService) -> None:
        """Changed, cut, extended and foreign wrappings are refused alike."""
        key = await service.generate(_CONTEXT)
        middle = len(key.wrapped) // 2
        flipped = bytearray(key.wrapped)
        flipped[-1] ^= 1
        texts = set()
        for wrapped in (bytes(flipped), key.wrapped[:middle], key.wrapped + b"x", b"", b"nonsense" * 10):
            with pytest.raises(EncryptionError) as caught:
                await service.unwrap(wrapped, key.key_id, _CONTEXT)
            texts.add(str(caught.value))
            assert caught.value.__cause__ is None
        assert len(texts) == 1

    async def test_unknown_key_id_does_not_open(self, service: KeyService) -> None:
        """A key id of somewhere else is refused."""
        key = await service.generate(_CONTEXT)
        with pytest.raises(EncryptionError):
            await service.unwrap(key.wrapped, "00000000-0000-0000-0000-000000000000", _CONTEXT)

    async def test_other_process_unwraps(self, service: KeyService) -> None:
        """The worker opens what the web process sealed."""
        key = await service.generate(_CONTEXT)
        other = self.make_service()
        await other.open()
        try:
            assert await other.unwrap(key.wrapped, key.key_id, _CONTEXT) == key.plaintext
        finally:
            await other.close()

    async def test_keys_are_neither_printed_nor_logged(
        self, service: KeyService, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No repr and no log line holds a key."""
        with caplog.at_level(logging.DEBUG):
            key = await service.generate(_CONTEXT)
            await service.unwrap(key.wrapped, key.key_id, _CONTEXT)
        for text in (repr(key), repr(service), caplog.text):
            assert key.plaintext.hex() not in text
            assert repr(key.plaintext) not in text
        assert isinstance(key, DataKey)

    async def test_close_is_harmless(self) -> None:
        """`close` may come before `open` and twice."""
        service = self.make_service()
        await service.close()
        await service.open()
        await service.close()
        await service.close()

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self,
        service: KeyService,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        foreign: Exception,
    ) -> None:
        """Whatever the library raises is `StoreUnavailableError` at every method, until it stops."""
        key = await service.generate(_CONTEXT)
        other = self.make_service()
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            calls: Calls = {
                "open": other.open,
                "generate": lambda: service.generate(_CONTEXT),
                "unwrap": lambda: service.unwrap(key.wrapped, key.key_id, _CONTEXT),
            }
            calls = extended(calls, service, KeyService, without={"ping"})
            await assert_unavailable(calls, StoreUnavailableError, foreign, caplog)
            await other.close()
        assert await service.unwrap(key.wrapped, key.key_id, _CONTEXT) == key.plaintext

    async def test_unreachable_backend_is_reported_in_time(self) -> None:
        """A backend that does not answer is an error within the service's own deadline."""
        service = self.make_unreachable_service()
        if service is None:
            pytest.skip("no unreachable service to test with")

        async def use() -> None:
            await service.open()
            await service.generate(_CONTEXT)

        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(use(), GIVE_UP_SECONDS)
        await service.close()
