"""The local key service keeps the contract, and what is special about it."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError, EncryptionError, StoreUnavailableError
from proofing.contracts.stores import KeyService
from proofing.testing.stores import KeyServiceContract
from proofing_local.files import create_private_file
from proofing_local.key_file import LocalKeyService
from proofing_local.settings import LocalSettings

_CONTEXT = {"purpose": "args"}


class TestLocalKeyService(KeyServiceContract):
    """The file keeps the key service contract."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path, break_disk: Any) -> None:
        self.break_disk = break_disk
        self.folder = tmp_path / "local"

    def make_service(self) -> KeyService:
        return LocalKeyService(LocalSettings(directory=str(self.folder)))

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither disk nor keys."""
        self.break_disk(monkeypatch, error)

    def make_unreachable_service(self) -> KeyService:
        """A path below a file cannot be made."""
        file = self.folder.parent / "file"
        file.write_text("")
        return LocalKeyService(LocalSettings(directory=str(file / "below")))


async def _opened(tmp_path: Path) -> LocalKeyService:
    service = LocalKeyService(LocalSettings(directory=str(tmp_path)))
    await service.open()
    return service


async def test_first_start_makes_a_private_key_file(tmp_path: Path) -> None:
    """The file is for the owner only; processes that start together agree on it."""
    services = await asyncio.gather(*(_opened(tmp_path / "local") for _ in range(10)))
    key = await services[0].generate(_CONTEXT)
    for service in services:
        assert await service.unwrap(key.wrapped, key.key_id, _CONTEXT) == key.plaintext
        await service.close()
    (file,) = (tmp_path / "local").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_rotation(tmp_path: Path) -> None:
    """The last line wraps, older lines unwrap, and a running process learns of a new line."""
    running = await _opened(tmp_path)
    old = await running.generate(_CONTEXT)
    with (tmp_path / "master-keys").open("a") as file:
        file.write(f"second {'ab' * 32}\n")
    started = await _opened(tmp_path)
    new = await started.generate(_CONTEXT)
    assert new.key_id == "second"
    assert await started.unwrap(old.wrapped, old.key_id, _CONTEXT) == old.plaintext
    assert await running.unwrap(new.wrapped, new.key_id, _CONTEXT) == new.plaintext
    with pytest.raises(EncryptionError):
        await running.unwrap(new.wrapped, old.key_id, _CONTEXT)
    await running.close()
    await started.close()


@pytest.mark.parametrize(
    "text", ["", "no key\n", f"a {'0' * 63}\n", f"a {'0' * 64}\na {'1' * 64}\n", f"A {'0' * 64}\n"]
)
async def test_malformed_file_stops_the_start(tmp_path: Path, text: str) -> None:
    """A line that is not a key, or an id used twice, is refused without showing it."""
    create_private_file(tmp_path / "master-keys", text.encode())
    with pytest.raises(ConfigurationError) as caught:
        await _opened(tmp_path)
    assert "0000" not in str(caught.value)


async def test_file_for_others_is_refused(tmp_path: Path) -> None:
    """A key file that others can read stops the start."""
    await (await _opened(tmp_path)).close()
    (tmp_path / "master-keys").chmod(0o644)
    with pytest.raises(ConfigurationError, match="group or others"):
        await _opened(tmp_path)


async def test_closed_service_says_so(tmp_path: Path) -> None:
    """A service that is not open is unavailable."""
    service = LocalKeyService(LocalSettings(directory=str(tmp_path)))
    with pytest.raises(StoreUnavailableError):
        await service.generate(_CONTEXT)
    with pytest.raises(StoreUnavailableError):
        await service.unwrap(b"", "x", _CONTEXT)
