"""A secret store for tests."""

from proofing.plugin import BackendDescriptor, hookimpl


def _make(_settings, _context):
    from proofing_vault.secret_store import VaultSecretStore  # noqa: PLC0415 - loaded when first used

    return VaultSecretStore()


@hookimpl
def proofing_secret_stores():
    """Return the one store."""
    return [BackendDescriptor(name="vault", make=_make)]
