"""The settings of the postgres plugin."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from proofing.hookspecs import PluginSettings

#: Kinds of jobs, or their queues, by name.
QueueName = Annotated[str, Field(min_length=1, max_length=63)]


class PostgresSettings(PluginSettings):
    """The section ``postgres`` of settings.yaml; the package's docstring explains each key."""

    claim_batch: int = Field(default=500, ge=1, le=5000, description="Most jobs that one statement claims.")
    deadline_grace_seconds: float = Field(
        default=20.0, gt=0, le=600, description="How long after its own deadline a job is ended from outside."
    )
    dsn: SecretStr = Field(
        default=SecretStr("postgresql://postgres@127.0.0.1:5432/postgres"),
        description="libpq URL or keywords of the database.",
    )
    fence_seconds: float = Field(
        default=7.0, gt=0, description="A worker that could not renew for so long stops its own jobs."
    )
    flush_items: int = Field(default=500, ge=1, le=5000, description="Most ends that one statement writes.")
    flush_seconds: float = Field(
        default=0.005, ge=0, le=1, description="How long an end waits for others to be written with."
    )
    global_limits: Annotated[dict[QueueName, Annotated[int, Field(ge=1)]], Field(strict=False)] = Field(
        default_factory=dict,
        description="Queue name to the most jobs of it that run in all workers together.",
    )
    history_days: float = Field(default=7.0, gt=0, description="How long ended jobs are remembered.")
    lease_seconds: float = Field(
        default=10.0, gt=0, description="How long after its last sign of life a worker's jobs are taken over."
    )
    listen: Literal["auto", "on", "off"] = Field(
        default="auto", description="Wake up by LISTEN; auto does so unless a pooler stands between."
    )
    max_crashes: int = Field(
        default=2, ge=1, le=100, description="A job whose workers died so often ends as worker_lost."
    )
    ping_seconds: float = Field(
        default=15.0, gt=0, description="How often the wake-up channel is tried with a ping."
    )
    poll_pooled_seconds: float = Field(
        default=0.25, gt=0, description="How often to look for jobs behind a transaction pooler."
    )
    poll_seconds: float = Field(
        default=5.0, gt=0, description="How often to look for jobs although nothing woke the worker."
    )
    poll_without_listen_seconds: float = Field(
        default=1.0, gt=0, description="The same while the wake-up channel does not work."
    )
    pool_size: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Connections of a process that enqueues; a worker has four of its own.",
    )
    renew_seconds: float = Field(default=3.0, gt=0, description="How often a worker shows that it lives.")
    statement_seconds: float = Field(default=2.5, gt=0, description="The server ends a longer statement.")
    sweep_seconds: float = Field(
        default=3.0, gt=0, description="How often to look for stale jobs and for jobs of dead workers."
    )
    timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        description="Total deadline of one exchange with the database, connecting included.",
    )

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
