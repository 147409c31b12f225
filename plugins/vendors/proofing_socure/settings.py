"""The section ``socure`` of settings.yaml."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator

from proofing.plugin import PluginSettings, QuestionSeconds

#: Scheme and host. Plain http is for a stand-in on this machine.
_ORIGIN = r"(https://[a-z0-9.-]+(:[0-9]+)?|http://(127\.0\.0\.1|localhost):[0-9]+)"

#: Informational (I) or risk (R).
ReasonCode = Annotated[str, Field(pattern=r"^[IR][0-9]{3}$")]
Domain = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$")]
#: One word, since a webhook's header is read by words.
Secret = Annotated[SecretStr, Field(min_length=16)]


class SocureSettings(PluginSettings):
    """What the three products need; those of a product that is not used may be left out."""

    api_key: SecretStr = Field(min_length=1, description="key of the Socure account")
    base_url: str = Field(pattern=f"^{_ORIGIN}$", description="scheme and host of ID+")
    docv_capture_domains: list[Domain] = Field(
        default=["socure.com", "socure.us"],
        description="domains, with all below them, to whose capture app people are sent",
    )
    docv_expires_seconds: float = Field(
        default=3600.0, gt=0, le=86_400, description="after which the person is no longer waited for"
    )
    docv_mobile_license_codes: list[ReasonCode] = Field(
        default=[], description="reason codes that make a driver's license one on a phone"
    )
    docv_request_url: str | None = Field(
        default=None,
        pattern=rf"^{_ORIGIN}/\S+$",
        description="whole address of document requests, which ends in /api/5.0/documents/request",
    )
    docv_selfie: bool = Field(
        default=False, description="whether DocV compares a selfie, and only a match passes"
    )
    docv_selfie_fail_codes: list[ReasonCode] = Field(
        default=[], description="reason codes that say that the selfie does not match"
    )
    docv_selfie_not_processed_codes: list[ReasonCode] = Field(
        default=[], description="reason codes that say that no selfie was compared"
    )
    docv_selfie_pass_codes: list[ReasonCode] = Field(
        default=[], description="reason codes that say that the selfie matches"
    )
    docv_selfie_use_case_key: str | None = Field(
        default=None, min_length=1, description="flow of the account with a selfie"
    )
    docv_timeout_seconds: QuestionSeconds = Field(default=30.0, description="what one call of DocV may take")
    docv_use_case_key: str | None = Field(
        default=None, min_length=1, description="flow of the account without a selfie"
    )
    kyc_auto_fail_codes: list[ReasonCode] = Field(
        default=["R907", "R909", "R911", "R913"], description="reason codes with which nobody resolves"
    )
    phone_risk_auto_fail_codes: list[ReasonCode] = Field(
        default=[], description="reason codes with which no phone passes"
    )
    phone_risk_correlation_above: float | None = Field(
        default=None, ge=0, le=1, description="what the correlation of name and phone must exceed"
    )
    phone_risk_name_mismatch_codes: list[ReasonCode] = Field(
        default=[], description="risk codes that say no more than that the name is another one"
    )
    phone_risk_score_below: float | None = Field(
        default=None, ge=0, le=1, description="what the risk score must stay below"
    )
    reason_codes_api_key: SecretStr | None = Field(
        default=None, min_length=1, description="key of the list of reason codes; None: api_key"
    )
    timeout_seconds: QuestionSeconds = Field(
        default=5.0, description="what one question to KYC or PhoneRisk may take"
    )
    webhook_previous_secrets: list[Secret] = Field(
        default=[], description="secrets of the webhook from before a rotation"
    )
    webhook_secret: Secret | None = Field(default=None, description="secret that Socure's webhook sends")

    @model_validator(mode="after")
    def _check_selfie(self) -> Self:
        if self.docv_selfie and not (self.docv_selfie_use_case_key and self.docv_selfie_pass_codes):
            raise ValueError("docv_selfie needs docv_selfie_use_case_key and docv_selfie_pass_codes")
        return self

    @model_validator(mode="after")
    def _check_secrets(self) -> Self:
        secrets = [*self.webhook_previous_secrets, *([self.webhook_secret] if self.webhook_secret else [])]
        if any(len(secret.get_secret_value().split()) != 1 for secret in secrets):
            raise ValueError("secrets of the webhook have no spaces")
        return self
