"""The contract suite of secret stores: secrets are loaded whole and in shape, or the start is refused."""

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError, StoreUnavailableError
from proofing.contracts.stores import SecretStore, VersionedSecretStore
from proofing.testing.injections import assert_unavailable, foreign_errors
from proofing.testing.store_basis import GIVE_UP_SECONDS

_CANARY = "canary-secret-value"


class SecretStoreContract(ABC):
    """What every secret store does."""

    @abstractmethod
    def make_store(self, text: bytes) -> SecretStore:
        """Return a store that holds the YAML document *text*."""

    @abstractmethod
    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Have whatever library, database or disk the backend calls raise *error* from now on."""

    def make_missing_store(self) -> SecretStore | None:
        """Return a store that holds nothing and makes nothing by itself, or None to skip that test."""
        return None

    def make_unreachable_store(self) -> SecretStore | None:
        """Return a store whose backend does not answer, or None to skip those tests."""
        return None

    @foreign_errors
    async def test_foreign_exceptions_are_unavailable(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, foreign: Exception
    ) -> None:
        """Whatever the library raises is `StoreUnavailableError`, and the next try reads the secrets."""
        store = self.make_store(b"key: value\n")
        with monkeypatch.context() as broken:
            self.break_library(broken, foreign)
            steps: dict[str, Any] = {"load": store.load}
            if isinstance(store, VersionedSecretStore):
                steps["version"] = store.version
            await assert_unavailable(steps, StoreUnavailableError, foreign, caplog)
        assert (await store.load()).values == {"key": "value"}

    async def test_version_is_that_of_what_is_loaded(self) -> None:
        """A store that is followed names, before and after, the version that `load` returns."""
        store = self.make_store(b"key: value\n")
        if not isinstance(store, VersionedSecretStore):
            pytest.skip("this store is not followed")
        try:
            before = await store.version()
            secrets = await store.load()
            assert before == secrets.version == await store.version()
        finally:
            await store.close()
        # Nothing that was closed is needed: the next question opens it again.
        assert await store.version() == before
        await store.close()
        await store.close()

    async def test_values_keep_their_shape(self) -> None:
        """Nested values and types survive; version and source are reported."""
        store = self.make_store(
            b"session_encryption_key: 00ff\nlexisnexis:\n  password: 'x'\n  tries: 3\nold_keys: [a, b]\n"
        )
        secrets = await store.load()
        assert secrets.values == {
            "session_encryption_key": "00ff",
            "lexisnexis": {"password": "x", "tries": 3},
            "old_keys": ["a", "b"],
        }
        assert secrets.version
        assert secrets.source

    async def test_values_are_neither_printed_nor_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """No repr and no log line holds a value."""
        store = self.make_store(f"some_password: {_CANARY}\n".encode())
        with caplog.at_level(logging.DEBUG):
            secrets = await store.load()
        assert secrets.values["some_password"] == _CANARY
        for text in (repr(secrets), repr(store), secrets.version, secrets.source, caplog.text):
            assert _CANARY not in text

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"just " + _CANARY.encode(),
            b"- " + _CANARY.encode(),
            b"key: [" + _CANARY.encode(),
            b"key: !!python/object/apply:os.getcwd []\nother: " + _CANARY.encode(),
            b"\xff\xfe" + _CANARY.encode(),
            b"1: " + _CANARY.encode(),
        ],
    )
    async def test_malformed_document_stops_the_start(self, text: bytes) -> None:
        """What is not a mapping of names is refused; the message holds nothing of the text."""
        store = self.make_store(text)
        with pytest.raises(ConfigurationError) as caught:
            await store.load()
        assert _CANARY not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.problems[0].source
        assert caught.value.problems[0].rule

    async def test_missing_document_stops_the_start(self) -> None:
        """Secrets that are not there are a configuration error."""
        store = self.make_missing_store()
        if store is None:
            pytest.skip("this store makes its secrets at the first start")
        with pytest.raises(ConfigurationError):
            await store.load()

    async def test_unreachable_backend_is_reported_in_time(self) -> None:
        """A backend that does not answer is an error within the store's own deadline."""
        store = self.make_unreachable_store()
        if store is None:
            pytest.skip("no unreachable store to test with")
        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(store.load(), GIVE_UP_SECONDS)
        if isinstance(store, VersionedSecretStore):
            with pytest.raises(StoreUnavailableError):
                await asyncio.wait_for(store.version(), GIVE_UP_SECONDS)
            await store.close()
