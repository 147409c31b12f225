"""The settings of the plugin."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from proofing.plugin import PluginSettings, QuestionSeconds, check_hosts, hosts_of

#: The endpoints of AWS: "AWS service endpoints", AWS General Reference.
_DOMAINS = {"cn": "amazonaws.com.cn"}
_DOMAIN = "amazonaws.com"


def _is_origin(url: str) -> str:
    """Refuse what is not an https origin, or an http one on this machine."""
    if not re.fullmatch(r"https://[^/?#@\s]+|http://(127\.0\.0\.1|localhost)(:\d{1,5})?", url):
        raise ValueError("must be an https URL without a path, or http on this machine")
    check_hosts(hosts_of(url))
    return url


_Origin = Annotated[str, AfterValidator(_is_origin)]
#: A number, or the id or ARN of a number, a pool or a sender.
_SENDER = r"^[A-Za-z0-9_:/+-]{1,256}$"
_Percent = Annotated[float, Field(ge=0, le=100)]


class AWSIdentitySettings(PluginSettings):
    """The section ``aws_identity`` of settings.yaml."""

    access_key_id: SecretStr | None = Field(
        default=None, min_length=16, description="access key; None asks the AWS chain"
    )
    face_quality: Literal["none", "auto", "low", "medium", "high"] = Field(
        default="auto", description="faces of less quality are not compared"
    )
    fips: bool = Field(default=False, description="whether endpoints with validated cryptography are used")
    messaging_configuration_set: str | None = Field(
        default=None,
        pattern=_SENDER,
        description="name or ARN of a configuration set for codes; None for none",
    )
    messaging_endpoint_url: _Origin | None = Field(
        default=None, description="of a VPC endpoint or a stand-in; None for the region's own"
    )
    messaging_timeout_seconds: float = Field(default=10.0, gt=0, le=50, description="what one code may take")
    metadata_credentials: bool = Field(
        default=False, description="whether credentials may come from the metadata service of this machine"
    )
    min_confidence: _Percent = Field(
        default=80.0, description="percent; a field that Textract is less sure of counts as not read"
    )
    min_similarity: float = Field(
        default=99.0, ge=80, le=100, description="percent; a face that is less similar is another face"
    )
    region: str = Field(
        pattern=r"^[a-z]{2,}(-[a-z]+)+-\d+$", description="AWS region in which the images are processed"
    )
    rekognition_endpoint_url: _Origin | None = Field(
        default=None, description="of a VPC endpoint or a stand-in; None for the region's own"
    )
    secret_access_key: SecretStr | None = Field(default=None, min_length=16, description="secret of the key")
    session_token: SecretStr | None = Field(
        default=None, min_length=16, description="token of a temporary key; None for a lasting one"
    )
    text_from: str | None = Field(
        default=None, pattern=_SENDER, description="number, pool or sender that sends text messages"
    )
    textract_endpoint_url: _Origin | None = Field(
        default=None, description="of a VPC endpoint or a stand-in; None for the region's own"
    )
    timeout_seconds: QuestionSeconds = Field(
        default=20.0, description="what one question may take, with both calls"
    )
    voice_from: str | None = Field(
        default=None, pattern=_SENDER, description="number or pool that calls with a code"
    )

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key belong together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id")
        return self

    @property
    def textract_url(self) -> str:
        """Where Textract is called."""
        return self.textract_endpoint_url or self._endpoint("textract")

    @property
    def rekognition_url(self) -> str:
        """Where Rekognition is called."""
        return self.rekognition_endpoint_url or self._endpoint("rekognition")

    @property
    def messaging_url(self) -> str:
        """Where End User Messaging is called."""
        return self.messaging_endpoint_url or self._endpoint("sms-voice")

    @property
    def messaging_host(self) -> str:
        """The host of End User Messaging, with its port where the URL has one."""
        return urlsplit(self.messaging_url).netloc

    @property
    def textract_host(self) -> str:
        """The host of Textract, with its port where the URL has one."""
        return urlsplit(self.textract_url).netloc

    @property
    def rekognition_host(self) -> str:
        """The host of Rekognition, with its port where the URL has one."""
        return urlsplit(self.rekognition_url).netloc

    def _endpoint(self, service: str) -> str:
        name = f"{service}-fips" if self.fips else service
        return f"https://{name}.{self.region}.{_DOMAINS.get(self.region.partition('-')[0], _DOMAIN)}"
