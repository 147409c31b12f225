"""The settings of the huey plugin."""

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from proofing.plugin import PluginSettings


class HueySettings(PluginSettings):
    """The section ``huey`` of settings.yaml; the package's docstring explains each key."""

    dsn: SecretStr | None = None
    max_threads: int = Field(default=200, ge=1, le=1000)
    path: str = Field(default=".local/huey.db", min_length=1)
    poll_seconds: float = Field(default=0.02, ge=0.001, le=1)
    storage: Literal["sqlite", "redis", "postgres"] = "sqlite"
    timeout_seconds: float = Field(default=5.0, gt=0)
    url: SecretStr | None = None

    @model_validator(mode="after")
    def _storage_has_address(self) -> "HueySettings":
        """Demand the address of the storage that is chosen."""
        if self.storage == "redis" and self.url is None:
            raise ValueError("url must be set for the storage redis")
        if self.storage == "postgres" and self.dsn is None:
            raise ValueError("dsn must be set for the storage postgres")
        return self
