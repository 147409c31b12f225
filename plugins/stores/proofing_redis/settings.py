"""The settings of the Redis plugin and the forms of its URL."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator

from proofing.plugin import PluginSettings, check_hosts

#: Host and port.
Server = tuple[str, int]

_DEFAULT_PORT = 6379
_DEFAULT_SENTINEL_PORT = 26379
_NODE_RULE = "must name hosts as host:port, with a port from 1 to 65535"


class Topology(StrEnum):
    """How the servers behind a URL work together."""

    #: One server, or a name that always leads to the one in charge.
    SINGLE = "single"
    #: Sentinels that are asked who is in charge.
    SENTINEL = "sentinel"
    #: Slots spread over several servers.
    CLUSTER = "cluster"


_SCHEMES = {
    "redis": (Topology.SINGLE, False),
    "rediss": (Topology.SINGLE, True),
    "redis+sentinel": (Topology.SENTINEL, False),
    "rediss+sentinel": (Topology.SENTINEL, True),
    "redis+cluster": (Topology.CLUSTER, False),
    "rediss+cluster": (Topology.CLUSTER, True),
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Address:
    """What a Redis URL says.

    Attributes:
        nodes: host and port of the server, of the sentinels, or of the first servers of the cluster.
        service: the name the sentinels know the servers by.
        database: number; 0 in a cluster.
    """

    topology: Topology
    tls: bool
    nodes: tuple[Server, ...]
    service: str = ""
    database: int = 0
    username: str | None = None
    password: str | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read *url*.

        Raises:
            ValueError: it has none of the forms; the message says which rule it broke, and nothing of it.
        """
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in _SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{name}://' for name in _SCHEMES)}")
        topology, tls = _SCHEMES[scheme]
        authority, _, path = rest.partition("/")
        if "?" in rest or "#" in rest:
            raise ValueError("must have no query or fragment; there are settings for what belongs there")
        credentials, _, hosts = authority.rpartition("@")
        username, _, password = credentials.partition(":")
        default_port = _DEFAULT_SENTINEL_PORT if topology is Topology.SENTINEL else _DEFAULT_PORT
        nodes = tuple(_node(host, default_port) for host in hosts.split(","))
        check_hosts(host for host, _port in nodes)
        if topology is Topology.SINGLE and len(nodes) > 1:
            raise ValueError("must name one host; several are for +sentinel and +cluster")
        service, database = "", path
        if topology is Topology.SENTINEL:
            service, _, database = path.partition("/")
            if not service:
                raise ValueError("must name the service after the sentinels: …:26379/SERVICE/0")
        if database and not database.isdecimal():
            raise ValueError("must end with the number of the database")
        if topology is Topology.CLUSTER and int(database or 0):
            raise ValueError("must not name a database; a cluster has only number 0")
        return cls(
            topology=topology,
            tls=tls,
            nodes=nodes,
            service=service,
            database=int(database or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
        )


class RedisSettings(PluginSettings):
    """The section ``redis`` of settings.yaml; the package's docstring explains each key."""

    deadline_seconds: float = Field(default=1.0, gt=0, le=30)
    key_prefix: str = Field(default="proofing", min_length=1, max_length=40, pattern=r"^[A-Za-z0-9_.:-]+$")
    max_connections: int = Field(default=32, ge=1, le=1000)
    password: SecretStr | None = None
    poll_seconds: float = Field(default=2.0, ge=0.05, le=30)
    strict_config: bool = False
    sentinel_password: SecretStr | None = None
    sentinel_username: str | None = None
    tls_ca_file: str | None = None
    tls_certificate_file: str | None = None
    tls_key_file: str | None = None
    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    username: str | None = None

    @field_validator("url")
    @classmethod
    def _is_readable(cls, url: SecretStr) -> SecretStr:
        """Refuse a URL of an unknown form before anything connects."""
        Address.from_url(url.get_secret_value())
        return url

    @property
    def address(self) -> Address:
        """What the URL says."""
        return Address.from_url(self.url.get_secret_value())


def _node(text: str, default_port: int) -> Server:
    """Split ``host:port``; IPv6 addresses are in brackets."""
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_NODE_RULE) from None
    if not host or port == 0:
        raise ValueError(_NODE_RULE)
    return host, port or default_port
