"""Stores for one machine: results, images, secrets and keys in one directory. Not for production.

Name in settings.yaml: ``local``. It offers a secret store, a key service, an image store, a result store, a
verification store and a call store, so that Proofing runs without any service alongside it. Web and worker
are separate processes that share the directory; they must run on one machine and as one user.

Settings, below ``local``:

``directory`` (``.local``)
    Where everything is kept. Made with mode 0700 when missing; relative to the working directory.
``timeout_seconds`` (5)
    Total deadline of every call to disk or database.
``upload_timeout_seconds`` (300)
    Total deadline of one upload, however slow the network.

What lies in the directory:

``secrets.yaml``
    The application's secrets, made at the first start with random keys. Mode 0600; a file that group or
    others can read stops the start. Add further secrets, such as vendor passwords, by hand.
``master-keys``
    The key service's master keys, made at the first start, mode 0600. One key a line; the last one wraps,
    all of them unwrap. To rotate, append a line with a new id and 64 hex digits.
``results.db``
    Records, sealed results, sessions and limit counters, in SQLite with write-ahead log.
``verifications.db``
    Verifications, their events and deliveries, and the keys of relying parties. Synced at every commit.
    Back it up with ``sqlite3 verifications.db ".backup FILE"``, which may run while processes do.
``calls.db``
    Records of calls that vendors bill, and routing decisions. Synced and backed up as ``verifications.db``.
``images/``
    Ciphertext of uploaded images, for minutes.

No credentials and no rights are needed but those of the user who owns the directory.

Limits: one machine, local disk (SQLite's log does not work on network file systems), about a thousand writes
a second. The write-ahead log of ``results.db`` is not synced at every commit: a power cut may lose the last
moments, a killed process loses nothing. SQLite 3.35 or newer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from proofing.plugin import BackendContext, BackendDescriptor, PluginSettings, hookimpl
from proofing_local.settings import LocalSettings

if TYPE_CHECKING:
    from proofing.plugin import CallStore, ImageStore, KeyService, ResultStore, SecretStore, VerificationStore


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``local``."""
    return LocalSettings


@hookimpl
def proofing_secret_stores() -> Sequence["BackendDescriptor[SecretStore]"]:
    """Offer ``secrets.yaml``."""
    return [BackendDescriptor(name="local", make=_make_secret_store, production=False)]


@hookimpl
def proofing_key_services() -> Sequence["BackendDescriptor[KeyService]"]:
    """Offer ``master-keys``."""
    return [BackendDescriptor(name="local", make=_make_key_service, production=False)]


@hookimpl
def proofing_image_stores() -> Sequence["BackendDescriptor[ImageStore]"]:
    """Offer ``images/``."""
    return [BackendDescriptor(name="local", make=_make_image_store, production=False)]


@hookimpl
def proofing_result_stores() -> Sequence["BackendDescriptor[ResultStore]"]:
    """Offer ``results.db``."""
    return [BackendDescriptor(name="local", make=_make_result_store, production=False)]


@hookimpl
def proofing_verification_stores() -> Sequence["BackendDescriptor[VerificationStore]"]:
    """Offer ``verifications.db``."""
    return [BackendDescriptor(name="local", make=_make_verification_store, production=False)]


@hookimpl
def proofing_call_stores() -> Sequence["BackendDescriptor[CallStore]"]:
    """Offer ``calls.db``."""
    return [BackendDescriptor(name="local", make=_make_call_store, production=False)]


def _make_secret_store(settings: LocalSettings, _context: BackendContext) -> "SecretStore":
    """Build the secret store, importing it only now."""
    from proofing_local.secret_file import LocalSecretStore  # noqa: PLC0415 - as the docstring says

    return LocalSecretStore(settings)


def _make_key_service(settings: LocalSettings, _context: BackendContext) -> "KeyService":
    """Build the key service, importing it only now."""
    from proofing_local.key_file import LocalKeyService  # noqa: PLC0415 - as the docstring says

    return LocalKeyService(settings)


def _make_image_store(settings: LocalSettings, context: BackendContext) -> "ImageStore":
    """Build the image store, importing it only now."""
    from proofing_local.images import LocalImageStore  # noqa: PLC0415 - as the docstring says

    return LocalImageStore(settings, context.secret, context.old_secrets)


def _make_result_store(settings: LocalSettings, _context: BackendContext) -> "ResultStore":
    """Build the result store, importing it only now."""
    from proofing_local.results import LocalResultStore  # noqa: PLC0415 - as the docstring says

    return LocalResultStore(settings)


def _make_verification_store(settings: LocalSettings, _context: BackendContext) -> "VerificationStore":
    """Build the verification store, importing it only now."""
    from proofing_local.verifications.store import LocalVerificationStore  # noqa: PLC0415 - as the docstring says

    return LocalVerificationStore(settings)


def _make_call_store(settings: LocalSettings, _context: BackendContext) -> "CallStore":
    """Build the call store, importing it only now."""
    from proofing_local.calls.store import LocalCallStore  # noqa: PLC0415 - as the docstring says

    return LocalCallStore(settings)
