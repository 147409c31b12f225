"""The settings of the AWS plugin, and the check that what a store needs is set."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from proofing.plugin import ConfigurationError, PluginSettings, Problem, check_hosts, hosts_of


def _has_host(url: str) -> str:
    check_hosts(hosts_of(url))
    return url


def _is(pattern: str, rule: str) -> AfterValidator:
    """Return a validator of the whole text, whose message is *rule* and not the pattern."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(f"must be {rule}")
        return text

    return AfterValidator(check)


_URL = Annotated[
    str,
    _is(r"https?://[^/?#@\s]+/?", "an http or https URL without a path, such as https://s3.example.gov"),
    AfterValidator(_has_host),
]
_BUCKET = Annotated[
    str,
    _is(
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "the name of a bucket: 3 to 63 lowercase letters, digits, dots and hyphens",
    ),
]
_REGION = Annotated[str, _is(r"[a-z0-9-]+", "the code of a region, such as us-east-1")]
#: Of AWS; other servers that speak S3 have names of their own.
_AWS_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_PREFIX = Annotated[
    str,
    _is(r"([A-Za-z0-9_.-]+/)*", "empty, or end with a slash and hold letters, digits and _ . - alone"),
]


class AWSSettings(PluginSettings):
    """The section ``aws`` of settings.yaml; the package's docstring explains each key."""

    attempts: int = Field(default=2, ge=1, le=5)
    connect_timeout_seconds: float = Field(default=2.0, gt=0, le=60)
    deadline_seconds: float = Field(default=5.0, gt=0, le=60)
    image_bucket: _BUCKET | None = None
    image_prefix: _PREFIX = Field(default="", max_length=200)
    kms_deadline_seconds: float = Field(default=1.5, gt=0, le=60)
    kms_endpoint_url: _URL | None = None
    kms_key_id: str | None = Field(default=None, min_length=1, max_length=255)
    probe_at_start: bool = True
    proxy_url: SecretStr | None = None
    read_timeout_seconds: float = Field(default=4.0, gt=0, le=60)
    region: _REGION | None = None
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

    @model_validator(mode="after")
    def _region_exists(self) -> Self:
        """Refuse what is no region of AWS where AWS is asked: its hosts would be unknown."""
        is_aws = self.s3_endpoint_url is None or self.kms_endpoint_url is None
        if is_aws and self.region is not None and not _AWS_REGION.fullmatch(self.region):
            raise ValueError("region must be the code of a region, such as us-east-1")
        return self


def require(value: str | None, key: str) -> str:
    """Return *value*.

    Raises:
        ConfigurationError: it is not set.
    """
    if value is None:
        raise ConfigurationError([Problem("settings", f"aws.{key}", "must be set")])
    return value
