"""The section ``lexisnexis`` of the settings: two platforms, two accounts of the first, and their products.

A section may be left out when no vendor of it is named in the settings. Account, organization, policies and
credentials are never printed; workflows, modes, time limits and thresholds are.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from proofing.plugin import ConfigurationError, PluginSettings, Problem, QuestionSeconds

#: Scheme and host alone: a path would be lost, and a slash at the end would be signed. HTTP on this machine.
BaseURL = Annotated[
    str,
    Field(
        pattern=r"^(https://[a-z0-9.-]+(:[1-9][0-9]{0,4})?|http://(127\.0\.0\.1|localhost):[1-9][0-9]{0,4})$"
    ),
]
#: Part of a path.
Workflow = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$")]
Policy = Annotated[str, Field(min_length=1, max_length=100)]
Service = Annotated[str, Field(min_length=1, max_length=100)]
Threshold = Annotated[int, Field(ge=0, le=1000)]


class RDPSettings(PluginSettings):
    """The section ``lexisnexis.rdp``: what all products of the Risk Defense Platform share."""

    base_url: BaseURL = Field(description="scheme and host of the Risk Defense Platform")
    hmac_auth_enabled: bool = Field(
        default=True, description="requests are signed with the HMAC key; false: user name and password"
    )
    request_mode: str = Field(
        pattern=r"^[a-z]{1,20}$", description="Mode of the requests, as agreed: testing, live"
    )


class HMACSettings(PluginSettings):
    """The key by which the requests of an account are signed."""

    # It goes into a header, where a comma would end it.
    key_id: str = Field(pattern=r"^[^\s,]{1,200}$", repr=False, description="id of the key")
    secret_key: SecretStr = Field(min_length=1, description="the key")


class BasicSettings(PluginSettings):
    """User name and password of an account."""

    password: SecretStr = Field(min_length=1, description="for basic authentication")
    username: str = Field(pattern=r"^[^:]{1,200}$", repr=False, description="for basic authentication")


class AccountSettings(PluginSettings):
    """An account of the Risk Defense Platform, with the credentials for either way to authenticate."""

    account_id: str = Field(
        pattern=r"^[A-Za-z0-9_-]{1,64}$", repr=False, description="number or name of the account"
    )
    basic: BasicSettings | None = Field(default=None, description="user name and password")
    hmac: HMACSettings | None = Field(default=None, description="key of signed requests")


class IdentitySettings(AccountSettings):
    """The section ``lexisnexis.identity``: the account of Instant Verify and Phone Finder."""

    instant_verify_timeout_seconds: QuestionSeconds = Field(default=1.0, description="for one question")
    instant_verify_workflow: Workflow | None = Field(default=None, description="name of the workflow")
    phone_finder_timeout_seconds: QuestionSeconds = Field(default=1.0, description="for one question")
    phone_finder_workflow: Workflow | None = Field(default=None, description="name of the workflow")


class TrueIDThresholds(PluginSettings):
    """Below these an image is bad. TrueID's own scales: sharpness and glare from 0 (bad) to 100 (good)."""

    dpi_threshold: Threshold = Field(default=290, description="dots per inch, on either axis")
    glare_threshold: Threshold = Field(default=40, description="of TrueID's metric")
    sharpness_threshold: Threshold = Field(default=40, description="of TrueID's metric")


class TrueIDSettings(AccountSettings, TrueIDThresholds):
    """The section ``lexisnexis.true_id``: the account of TrueID."""

    image_cropping_mode: Literal[0, 1, 3] = Field(
        default=3, description="0: images are cropped already; 1: TrueID decides; 3: TrueID crops"
    )
    liveness_cropping_workflow: Workflow | None = Field(default=None, description="with a selfie, crops")
    liveness_nocropping_workflow: Workflow | None = Field(
        default=None, description="with a selfie, for image_cropping_mode 0"
    )
    noliveness_cropping_workflow: Workflow | None = Field(default=None, description="without a selfie, crops")
    noliveness_nocropping_workflow: Workflow | None = Field(
        default=None, description="without a selfie, for image_cropping_mode 0"
    )
    timeout_seconds: QuestionSeconds = Field(default=50.0, description="for one question")


class DDPSettings(TrueIDThresholds):
    """The section ``lexisnexis.ddp``: the Dynamic Decision Platform with ThreatMetrix.

    A service is the name that a step has in the vendor's console; the answers name it.
    """

    api_key: SecretStr = Field(min_length=1, description="key of the organization")
    base_url: BaseURL = Field(description="scheme and host of the API")
    instant_verify_policy: Policy | None = Field(default=None, repr=False, description="policy to ask")
    instant_verify_service: Service = Field(default="Execute Instant Verify", description="name of the step")
    instant_verify_timeout_seconds: QuestionSeconds = Field(default=1.0, description="for one question")
    org_id: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$", repr=False, description="id of the organization")
    phone_finder_policy: Policy | None = Field(default=None, repr=False, description="policy to ask")
    phone_finder_service: Service = Field(default="Phone Finder", description="name of the step")
    phone_finder_timeout_seconds: QuestionSeconds = Field(default=1.0, description="for one question")
    tags_base_url: BaseURL = Field(
        default="https://h.online-metrix.net", description="scheme and host of the tags in the page"
    )
    tags_certificate: str | None = Field(
        default=None,
        description="X.509 certificate, as PEM, by which LexisNexis signs the tags' script; proofing check "
        "--deep then verifies the script. None: nothing is verified",
    )
    tags_image_urls: list[BaseURL] = Field(
        default_factory=list, description="further hosts, with scheme, whose images the tags show"
    )
    threat_metrix_policy: Policy | None = Field(default=None, repr=False, description="policy to ask")
    threat_metrix_timeout_seconds: QuestionSeconds = Field(default=1.0, description="for one question")
    true_id_liveness_policy: Policy | None = Field(
        default=None, repr=False, description="policy to ask with a selfie"
    )
    true_id_noliveness_policy: Policy | None = Field(
        default=None, repr=False, description="policy to ask without a selfie"
    )
    true_id_service: Service = Field(default="Authentication", description="name of the step")
    true_id_timeout_seconds: QuestionSeconds = Field(default=50.0, description="for one question")

    @field_validator("tags_certificate")
    @classmethod
    def _is_certificate(cls, text: str | None) -> str | None:
        if text is not None:
            from proofing_lexisnexis.tags_signature import (  # noqa: PLC0415 - imports cryptography
                read_certificate,
            )

            read_certificate(text)
        return text


class LexisNexisSettings(PluginSettings):
    """The section ``lexisnexis``."""

    ddp: DDPSettings | None = Field(default=None, description="the Dynamic Decision Platform")
    identity: IdentitySettings | None = Field(
        default=None, description="the account of Instant Verify and Phone Finder"
    )
    rdp: RDPSettings | None = Field(default=None, description="the Risk Defense Platform")
    true_id: TrueIDSettings | None = Field(default=None, description="the account of TrueID")

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        for name, account in (("identity", self.identity), ("true_id", self.true_id)):
            if account is None:
                continue
            if self.rdp is None:
                raise ValueError(f"{name} needs the section rdp")
            if self.rdp.hmac_auth_enabled and account.hmac is None:
                raise ValueError(f"rdp.hmac_auth_enabled needs {name}.hmac")
            if not self.rdp.hmac_auth_enabled and account.basic is None:
                raise ValueError(f"without rdp.hmac_auth_enabled, {name} needs basic")
        return self


def required(settings: LexisNexisSettings, section: str, key: str, *, product: str) -> tuple[Any, Any]:
    """Return a section and one of its values, both of which *product* cannot do without.

    Raises:
        ConfigurationError: one of them is not set.
    """
    values = getattr(settings, section)
    value = getattr(values, key) if values is not None else None
    if value is None:
        name = section if values is None else f"{section}.{key}"
        raise ConfigurationError([Problem("settings", f"lexisnexis.{name}", f"{product} needs it")])
    return values, value
