"""The local plugin registers its stores, and none of them is for production."""

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import proofing_local
from proofing.contracts.hooks import BackendContext
from proofing.contracts.stores import UploadReceiver
from proofing_local.settings import LocalSettings

_CONTEXT = BackendContext(
    environment="test", role="web", public_url="http://localhost", secret=lambda _: bytes(32)
)


def test_every_store_is_offered_and_refused_in_production(tmp_path: Path) -> None:
    """Each descriptor has the plugin's name and builds its store without I/O."""
    settings = LocalSettings(directory=str(tmp_path / "local"))
    descriptors = [
        *proofing_local.proofing_secret_stores(),
        *proofing_local.proofing_key_services(),
        *proofing_local.proofing_image_stores(),
        *proofing_local.proofing_result_stores(),
        *proofing_local.proofing_verification_stores(),
        *proofing_local.proofing_call_stores(),
    ]
    assert [descriptor.name for descriptor in descriptors] == ["local"] * 6
    assert not any(descriptor.production for descriptor in descriptors)
    stores: list[object] = [descriptor.make(settings, _CONTEXT) for descriptor in descriptors]
    assert isinstance(stores[2], UploadReceiver)
    assert not (tmp_path / "local").exists()


def test_every_setting_is_explained() -> None:
    """Each key is in the manual."""
    for name in LocalSettings.model_fields:
        assert f"``{name}``" in (proofing_local.__doc__ or ""), name


@pytest.mark.parametrize(
    "values",
    [{"directory": ""}, {"directory": 3}, {"timeout_seconds": 0}, {"unknown": 1}, {"timeout_seconds": "5"}],
)
def test_wrong_settings_are_refused(values: dict[str, object]) -> None:
    """Types and ranges are strict and unknown keys an error."""
    with pytest.raises(ValidationError):
        proofing_local.proofing_settings().model_validate(values)


def test_settings_are_read_without_heavy_libraries() -> None:
    """The schema is there before SQLite, YAML and cryptography are needed."""
    assert proofing_local.proofing_settings().model_validate({"timeout_seconds": 3}).directory == ".local"
    assert "proofing_local" in sys.modules
