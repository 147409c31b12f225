"""The settings of the postgres plugin."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from proofing.hookspecs import PluginSettings

#: Kinds of jobs, or their queues, by name.
QueueName = Annotated[str, Field(min_length=1, max_length=63)]


class PostgresSettings(PluginSettings):
    """The section ``postgres`` of settings.yaml; the package's docstring explains each key."""

    claim_batch: int = Field(default=500, ge=1, le=5000)
    deadline_grace_seconds: float = Field(default=20.0, gt=0, le=600)
    dsn: SecretStr = SecretStr("postgresql://postgres@127.0.0.1:5432/postgres")
    fence_seconds: float = Field(default=7.0, gt=0)
    flush_items: int = Field(default=500, ge=1, le=5000)
    flush_seconds: float = Field(default=0.005, ge=0, le=1)
    global_limits: Annotated[dict[QueueName, Annotated[int, Field(ge=1)]], Field(strict=False)] = Field(
        default_factory=dict
    )
    history_days: float = Field(default=7.0, gt=0)
    lease_seconds: float = Field(default=10.0, gt=0)
    listen: Literal["auto", "on", "off"] = "auto"
    max_crashes: int = Field(default=2, ge=1, le=100)
    ping_seconds: float = Field(default=15.0, gt=0)
    poll_pooled_seconds: float = Field(default=0.25, gt=0)
    poll_seconds: float = Field(default=5.0, gt=0)
    poll_without_listen_seconds: float = Field(default=1.0, gt=0)
    pool_size: int = Field(default=4, ge=1, le=100)
    renew_seconds: float = Field(default=3.0, gt=0)
    statement_seconds: float = Field(default=2.5, gt=0)
    sweep_seconds: float = Field(default=3.0, gt=0)
    timeout_seconds: float = Field(default=5.0, gt=0)

    @model_validator(mode="after")
    def _times_nest(self) -> "PostgresSettings":
        """Refuse times by which two workers could own one job."""
        if self.renew_seconds > self.lease_seconds / 3:
            raise ValueError("renew_seconds must be at most a third of lease_seconds")
        if not self.renew_seconds < self.fence_seconds < self.lease_seconds:
            raise ValueError("fence_seconds must lie between renew_seconds and lease_seconds")
        if self.statement_seconds > self.timeout_seconds:
            raise ValueError("statement_seconds must not exceed timeout_seconds")
        return self
