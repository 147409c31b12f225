"""The local secret store keeps the contract, and what is special about it."""

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest

from proofing.base.errors import ConfigurationError, StoreUnavailableError
from proofing.contracts.stores import SecretStore
from proofing.testing.stores import SecretStoreContract
from proofing_local.files import create_private_file
from proofing_local.secret_file import LocalSecretStore
from proofing_local.settings import LocalSettings


class TestLocalSecretStore(SecretStoreContract):
    """The file keeps the secret store contract."""

    @pytest.fixture(autouse=True)
    def _use_folder(self, tmp_path: Path, break_disk: Any) -> None:
        self.break_disk = break_disk
        self.folder = tmp_path

    def make_store(self, text: bytes) -> SecretStore:
        create_private_file(self.folder / "secrets.yaml", text)
        return LocalSecretStore(LocalSettings(directory=str(self.folder)))

    def break_library(self, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
        """Neither disk nor keys."""
        self.break_disk(monkeypatch, error)

    def make_unreachable_store(self) -> SecretStore:
        """A path below a file cannot be made."""
        file = self.folder / "file"
        file.write_text("")
        return LocalSecretStore(LocalSettings(directory=str(file / "below")))


async def test_first_start_makes_keys(tmp_path: Path) -> None:
    """Both keys are random, 32 bytes in hex, in a file for the owner only, and stay the same."""
    settings = LocalSettings(directory=str(tmp_path / "new" / "local"))
    secrets = await LocalSecretStore(settings).load()
    assert set(secrets.values) == {"session_encryption_key", "hmac_fingerprinter_key"}
    assert all(len(bytes.fromhex(value)) == 32 for value in secrets.values.values())
    assert len(set(secrets.values.values())) == 2
    file = tmp_path / "new" / "local" / "secrets.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    again = await LocalSecretStore(settings).load()
    assert (again.values, again.version) == (secrets.values, secrets.version)


async def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    """However many make the file at once, all read the same keys and no scraps stay."""
    settings = LocalSettings(directory=str(tmp_path / "local"))
    loaded = await asyncio.gather(*(LocalSecretStore(settings).load() for _ in range(20)))
    assert all(secrets.values == loaded[0].values for secrets in loaded)
    assert [file.name for file in (tmp_path / "local").iterdir()] == ["secrets.yaml"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o601])
async def test_file_for_others_is_refused(tmp_path: Path, mode: int) -> None:
    """A file that group or others may use stops the start; the message names file and rule."""
    settings = LocalSettings(directory=str(tmp_path))
    await LocalSecretStore(settings).load()
    file = tmp_path / "secrets.yaml"
    file.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        await LocalSecretStore(settings).load()
    (problem,) = caught.value.problems
    assert problem.source == str(file)
    assert "group or others" in problem.rule


async def test_directory_that_others_can_write_is_refused(tmp_path: Path) -> None:
    """Anyone who can write the directory could replace the file."""
    settings = LocalSettings(directory=str(tmp_path))
    await LocalSecretStore(settings).load()
    tmp_path.chmod(0o770)  # noqa: ASYNC240 - a test
    with pytest.raises(ConfigurationError, match="writable by group or others"):
        await LocalSecretStore(settings).load()


async def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A directory in the place of the file is refused with our error."""
    (tmp_path / "secrets.yaml").mkdir(mode=0o700)
    with pytest.raises((ConfigurationError, StoreUnavailableError)):
        await LocalSecretStore(LocalSettings(directory=str(tmp_path))).load()


@pytest.mark.parametrize(
    "text",
    ["a: '1'\na: '2'\n", "a: 0200\n", "a: 1:30\n", "", "# nothing\n", "- a\n", "a: '@int 5'\n", "a: [\n"],
)
async def test_a_file_that_another_store_would_refuse_is_refused(tmp_path: Path, text: str) -> None:
    """One reader for the secrets of all stores: no duplicate key, no number in a base that nobody meant."""
    settings = LocalSettings(directory=str(tmp_path))
    await LocalSecretStore(settings).load()
    (tmp_path / "secrets.yaml").write_text(text)
    with pytest.raises(ConfigurationError):
        await LocalSecretStore(settings).load()
