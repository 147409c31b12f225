"""Two keys that everybody knows."""

from proofing.plugin import Secrets


class VaultSecretStore:
    """Has nothing to open."""

    async def load(self):
        """Return the keys."""
        values = {"hmac_fingerprinter_key": "12" * 32, "session_encryption_key": "34" * 32}
        return Secrets(values=values, version="1", source="vault")
