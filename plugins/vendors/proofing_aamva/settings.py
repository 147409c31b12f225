"""The section ``aamva`` of settings.yaml."""

from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from proofing.plugin import JOB_DEADLINE_SECONDS, PluginSettings, check_hosts, hosts_of

NAME = "aamva:state_id"
#: The attributes that are sent in any case, if need be empty.
REQUIRED = (
    *("first_name", "last_name", "dob", "address1", "city", "state", "zipcode"),
    *("state_id_number", "state_id_jurisdiction"),
)
#: The attributes that are sent when known.
OPTIONAL = (
    *("middle_name", "name_suffix", "address2", "height", "weight", "eye_color", "sex"),
    *("state_id_issued", "state_id_expiration", "document_type_received"),
)
#: What a question needs of an applicant; ``uuid`` is our reference of the person, which the answer repeats.
ATTRIBUTES = frozenset({*REQUIRED, *OPTIONAL, "uuid"})
_URL = r"^(https://[a-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._/-]*)?$"

Jurisdiction = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


#: What one call may take at most: a question may make six.
_CALL_SECONDS = JOB_DEADLINE_SECONDS / 6


class AAMVASettings(PluginSettings):
    """The section ``aamva``."""

    authentication_timeout_seconds: float = Field(
        default=5.0, gt=0, le=_CALL_SECONDS, description="for each of the two calls that get a token"
    )
    authentication_url: str = Field(pattern=_URL, description="address of the authentication service")
    cert_mode: bool = Field(
        default=False,
        description="whether the addresses are those of the certification environment, where the "
        "jurisdiction P6 answers for all",
    )
    certificate: str = Field(
        description="X.509 certificate that AAMVA knows: PEM, or the base64 of PEM or DER"
    )
    first_word_of_last_name: Annotated[tuple[Jurisdiction, ...], Field(strict=False)] = Field(
        default=(), description="jurisdictions that get the first word of the last name alone"
    )
    originator_id: str = Field(pattern=r"^[A-Za-z0-9]{1,20}$", description="our id as AAMVA assigned it")
    private_key: SecretStr = Field(description="RSA key of the certificate, not encrypted: as certificate")
    verification_timeout_seconds: float = Field(
        default=5.0, gt=0, le=_CALL_SECONDS, description="for the call that verifies"
    )
    verification_url: str = Field(pattern=_URL, description="address of the verification service")

    @field_validator("authentication_url", "verification_url")
    @classmethod
    def _have_hosts(cls, url: str) -> str:
        """Refuse a host that no resolver takes."""
        check_hosts(hosts_of(url))
        return url

    @field_validator("certificate")
    @classmethod
    def _is_certificate(cls, text: str) -> str:
        """Refuse what is not a certificate."""
        from proofing_aamva.credentials import read_certificate  # noqa: PLC0415 - imports cryptography

        read_certificate(text)
        return text

    @field_validator("private_key")
    @classmethod
    def _is_key(cls, key: SecretStr) -> SecretStr:
        """Refuse what is not a key."""
        from proofing_aamva.credentials import read_key  # noqa: PLC0415 - imports cryptography

        read_key(key.get_secret_value())
        return key

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        """Refuse another certificate's key."""
        from proofing_aamva.credentials import read_credentials  # noqa: PLC0415 - imports cryptography

        read_credentials(self.private_key.get_secret_value(), self.certificate)
        return self

    @property
    def timeout_seconds(self) -> float:
        """What one question may take: a token, a verification, and both again after a refused token."""
        return 2 * (2 * self.authentication_timeout_seconds + self.verification_timeout_seconds)
