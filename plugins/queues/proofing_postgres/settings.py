"""The settings of the postgres plugin."""

import re
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import Field, SecretStr, field_validator, model_validator

from proofing.plugin import PluginSettings

#: Kinds of jobs, or their queues, by name.
QueueName = Annotated[str, Field(min_length=1, max_length=63)]

_MAX_PORT = 65_535
#: In libpq's form ``key=value``.
_PORT = re.compile(r"(?:^|\s)port\s*=\s*'?([^\s']*)")


def _ports(dsn: str) -> list[str]:
    """Return the ports that a DSN names, in either form of libpq, several hosts included."""
    if "://" not in dsn:
        named = _PORT.findall(dsn)
    else:
        place, _, query = dsn.partition("://")[2].partition("?")
        hosts = place.partition("/")[0].rpartition("@")[2].split(",")
        # Behind the bracket of an IPv6 address.
        named = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
        named += [value for key, value in parse_qsl(query) if key == "port"]
    return [port for ports in named for port in ports.split(",") if port]


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
    idle_seconds: float = Field(default=60.0, gt=0)
    lease_seconds: float = Field(default=10.0, gt=0)
    listen: Literal["auto", "on", "off"] = "auto"
    max_crashes: int = Field(default=2, ge=1, le=100)
    ping_seconds: float = Field(default=15.0, gt=0)
    poll_pooled_seconds: float = Field(default=0.25, gt=0)
    poll_seconds: float = Field(default=5.0, gt=0)
    poll_without_listen_seconds: float = Field(default=1.0, gt=0)
    pool_size: int = Field(default=4, ge=1, le=100)
    renew_seconds: float = Field(default=3.0, gt=0)
    replication: Literal["standby", "managed", "none"] = "standby"
    statement_seconds: float = Field(default=2.5, gt=0)
    sweep_seconds: float = Field(default=3.0, gt=0)
    timeout_seconds: float = Field(default=5.0, gt=0)
    verification_pool_size: int = Field(default=4, ge=1, le=100)

    @field_validator("dsn")
    @classmethod
    def _names_a_server(cls, dsn: SecretStr) -> SecretStr:
        """Refuse what libpq would take for its own defaults, and ports that do not exist."""
        text = dsn.get_secret_value().strip()
        if not text:
            raise ValueError("must be set, such as postgresql://user@host:5432/database")
        if not all(
            port.isascii() and port.isdigit() and 1 <= int(port) <= _MAX_PORT for port in _ports(text)
        ):
            raise ValueError(f"the port must be a whole number from 1 to {_MAX_PORT}")
        return dsn

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
