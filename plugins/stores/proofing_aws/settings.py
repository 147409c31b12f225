"""The settings of the AWS plugin, and the check that what a store needs is set."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from proofing.plugin import ConfigurationError, PluginSettings, Problem, check_hosts, hosts_of


def _has_host(url: str) -> str:
    check_hosts(hosts_of(url))
    return url


_URL = Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+/?$"), AfterValidator(_has_host)]
_BUCKET = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class AWSSettings(PluginSettings):
    """The section ``aws`` of settings.yaml; the package's docstring explains each key."""

    attempts: int = Field(default=2, ge=1, le=5)
    connect_timeout_seconds: float = Field(default=2.0, gt=0, le=60)
    deadline_seconds: float = Field(default=5.0, gt=0, le=60)
    image_bucket: _BUCKET | None = None
    image_prefix: str = Field(default="", pattern=r"^([A-Za-z0-9_.-]+/)*$", max_length=200)
    kms_deadline_seconds: float = Field(default=1.5, gt=0, le=60)
    kms_endpoint_url: _URL | None = None
    kms_key_id: str | None = Field(default=None, min_length=1, max_length=255)
    probe_at_start: bool = True
    proxy_url: SecretStr | None = None
    read_timeout_seconds: float = Field(default=4.0, gt=0, le=60)
    region: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    s3_addressing: Literal["virtual", "path"] = "virtual"
    s3_endpoint_url: _URL | None = None
    secret_bucket: _BUCKET | None = None
    secret_object_key: str | None = Field(default=None, min_length=1, max_length=1024)
    threads: int = Field(default=16, ge=1, le=200)

    @field_validator("proxy_url")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        """Refuse what would be told as a broken network at the first call."""
        if value is not None:
            _has_host(value.get_secret_value())
        return value

    @field_validator("secret_bucket")
    @classmethod
    def _keep_apart(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Refuse the bucket that browsers write to, and that forgets what is a day old."""
        if value is not None and value == info.data.get("image_bucket"):
            raise ValueError("must not be the image_bucket")
        return value


def require(value: str | None, key: str) -> str:
    """Return *value*.

    Raises:
        ConfigurationError: it is not set.
    """
    if value is None:
        raise ConfigurationError([Problem("settings", f"aws.{key}", "must be set")])
    return value
