"""The settings of the plugin."""

import re

from pydantic import Field, SecretStr, field_validator

from proofing.plugin import PluginSettings, QuestionSeconds

_ORIGIN = r"^(https://[a-z0-9.-]+(:\d{1,5})?|http://(127\.0\.0\.1|localhost)(:\d{1,5})?)$"
_API_KEY = re.compile(r"rk_(live|test)_[A-Za-z0-9]{8,}")
_WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{16,}")


class StripeSettings(PluginSettings):
    """The section ``stripe`` of settings.yaml."""

    again_seconds: float = Field(
        default=15.0,
        ge=1,
        le=3600,
        description="after which a check that Stripe works on is asked about again",
    )
    api_key: SecretStr = Field(description="restricted key of the Stripe account")
    api_url: str = Field(
        default="https://api.stripe.com", pattern=_ORIGIN, description="scheme and host of the API"
    )
    expires_seconds: float = Field(
        default=3600.0, ge=60, le=86_400, description="after which the person is no longer waited for"
    )
    live_capture: bool = Field(default=True, description="whether photos must be taken with a camera there")
    pages_url: str = Field(
        default="https://verify.stripe.com",
        pattern=_ORIGIN,
        description="scheme and host of the pages that people are sent to",
    )
    redact_results: bool = Field(
        default=False, description="whether Stripe is told to delete what it holds once its answer was read"
    )
    selfie: bool = Field(default=True, description="whether the face is compared with the portrait")
    timeout_seconds: QuestionSeconds = Field(default=10.0, description="what one call may take")
    webhook_previous_secret: SecretStr | None = Field(
        default=None, description="secret of the webhook from before it was rolled"
    )
    webhook_secret: SecretStr | None = Field(
        default=None, description="secret by which Stripe signs events; None refuses all"
    )

    @field_validator("api_key")
    @classmethod
    def _is_restricted(cls, key: SecretStr) -> SecretStr:
        """Refuse a secret key: with it every verified person would lack birth date and number."""
        if not _API_KEY.fullmatch(key.get_secret_value()):
            raise ValueError("must be a restricted key: rk_live_… or rk_test_…")
        return key

    @field_validator("webhook_secret", "webhook_previous_secret")
    @classmethod
    def _is_webhook_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not _WEBHOOK_SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("must be the signing secret of a webhook: whsec_…")
        return secret
