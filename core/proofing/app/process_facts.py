"""What backends and proofers may know of their process, and the application's keys as key rings."""

from functools import partial
from typing import Any

from pydantic import SecretStr

from proofing.base.errors import PluginError
from proofing.contracts.hooks import BackendContext
from proofing.contracts.processes import ProcessContext
from proofing.crypto.derived_secrets import secret_reader
from proofing.crypto.encryption import KeyRing
from proofing.settings import Layers, Settings
from proofing.settings.values import decode_key


def backend_context(layers: Layers, role: str, settings: Settings | None) -> BackendContext:
    """Return what backends may know; without *settings* they have no secret yet."""
    return BackendContext(role=role, **_process_facts(layers, settings, "backend"))


def proofer_process(layers: Layers, settings: Settings, plugin: str) -> ProcessContext:
    """Return what the proofers of *plugin* may know of this process."""
    return ProcessContext(**_process_facts(layers, settings, f"proofer/{plugin}"))


def key_ring(current: SecretStr, old: tuple[SecretStr, ...]) -> KeyRing:
    """Return a key ring of secret settings."""
    return KeyRing(application_key(current), [application_key(key) for key in old])


def application_key(secret: SecretStr) -> bytes:
    """Return the 32 bytes of a secret setting, which the schema has checked.

    Raises:
        PluginError: it is malformed.
    """
    key = decode_key(secret.get_secret_value())
    if key is None:
        raise PluginError("a key is malformed")
    return key


def _process_facts(layers: Layers, settings: Settings | None, user: str) -> dict[str, Any]:
    """Return the fields of a `ProcessContext` for *user*; without *settings* there is no secret."""

    def key() -> bytes:
        if settings is None:
            raise PluginError("a secret store has no application secret")
        return application_key(settings.session_encryption_key)

    def old_secrets(label: str) -> list[bytes]:
        old = settings.session_encryption_previous_keys if settings else ()
        return [secret_reader(partial(application_key, one), user)(label) for one in old]

    return {
        "environment": layers.environment,
        "is_production": layers.is_production,
        "public_url": str(layers.get("public_url", Settings.model_fields["public_url"].default)),
        "secret": secret_reader(key, user),
        "old_secrets": old_secrets,
    }
