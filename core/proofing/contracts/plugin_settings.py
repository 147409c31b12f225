"""What a plugin's settings are made of: their base, and certificates for its connections."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

_PEM = r"(?s)^(-----BEGIN .*|/.+)$"

#: What a job may take, unless ``job_deadline_seconds`` says otherwise; a question of it takes no longer.
JOB_DEADLINE_SECONDS = 55.0
#: The type of a setting that says how long a question may take, or one call of it.
QuestionSeconds = Annotated[float, Field(gt=0, le=JOB_DEADLINE_SECONDS)]


class PluginSettings(BaseModel):
    """Base of a plugin's settings: frozen, strict, unknown keys refused. Secrets are `pydantic.SecretStr`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class TLSSettings(PluginSettings):
    """A field of a plugin's settings, handed to core by `ProoferDescriptor.tls`.

    Each value is PEM text, as it comes from the secret store, or the absolute path of a file that holds it.
    Files are read once a process.
    """

    ca: str | None = Field(
        default=None,
        pattern=_PEM,
        description="authorities that the vendor's certificate must come from, in place of the public ones",
    )
    certificate: str | None = Field(
        default=None, pattern=_PEM, description="client certificate, with the chain above it"
    )
    key: SecretStr | None = Field(default=None, description="private key of the client certificate")
    key_password: SecretStr | None = Field(default=None, description="password of the private key")

    @model_validator(mode="after")
    def _check_pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together")
        if self.key_password is not None and self.key is None:
            raise ValueError("key_password needs key")
        return self
