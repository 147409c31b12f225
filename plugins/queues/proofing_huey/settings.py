"""The settings of the huey plugin."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from proofing.plugin import PluginSettings, check_hosts, hosts_of


class HueySettings(PluginSettings):
    """The section ``huey`` of settings.yaml; the package's docstring explains each key."""

    max_threads: int = Field(default=200, ge=1, le=1000)
    path: str = Field(default=".local/huey.db", min_length=1)
    poll_seconds: float = Field(default=0.02, ge=0.001, le=1)
    storage: Literal["sqlite", "redis"] = "sqlite"
    timeout_seconds: float = Field(default=5.0, gt=0)
    url: SecretStr | None = None

    @field_validator("storage", mode="before")
    @classmethod
    def _storage_is_not_postgres(cls, value: object) -> object:
        """Say where jobs in PostgreSQL belong: Huey kept them there once, without rescuing any."""
        if value == "postgres":
            raise ValueError(
                "must be sqlite or redis; for jobs in PostgreSQL set queue: postgres and postgres.dsn instead"
            )
        return value

    @field_validator("url")
    @classmethod
    def _has_host(cls, url: SecretStr | None) -> SecretStr | None:
        """Refuse host names that no resolver takes; the library reads the rest."""
        check_hosts(hosts_of(url.get_secret_value()) if url else [])
        return url

    @model_validator(mode="after")
    def _storage_has_address(self) -> "HueySettings":
        """Demand the address of the storage that is chosen."""
        if self.storage == "redis" and self.url is None:
            raise ValueError("url must be set for the storage redis")
        return self
