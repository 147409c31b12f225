"""The section ``aamva`` of settings.yaml."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, PrivateAttr, SecretStr, field_validator, model_validator

from proofing.plugin import JOB_DEADLINE_SECONDS, PluginSettings, check_hosts, hosts_of
from proofing_aamva.windows import Schedule, Window, has_zone

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
_MAX_WINDOW_MINUTES = 7 * 24 * 60

Jurisdiction = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class WindowSettings(PluginSettings):
    """One maintenance window of a state's system."""

    cron: str = Field(description="when it begins, as in cron, in New York's time")
    minutes: int = Field(ge=1, le=_MAX_WINDOW_MINUTES, description="how long it lasts")
    _window: Window = PrivateAttr()

    @model_validator(mode="after")
    def _parse(self) -> Self:
        """Refuse what is not a cron expression, and keep what it says."""
        self._window = Window(Schedule.parse(self.cron), timedelta(minutes=self.minutes))
        return self

    def is_open(self, now: datetime) -> bool:
        """Return whether *now* is within the window."""
        return self._window.is_open(now)


def _announced() -> dict[str, tuple[WindowSettings, ...]]:
    """Return the windows that are known."""
    return {
        "DC": (WindowSettings(cron="0 0 * * *", minutes=360),),
        "NC": (WindowSettings(cron="0 0 * * *", minutes=420),),
        "VA": (WindowSettings(cron="0 5 * * *", minutes=30),),
    }


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
    maintenance_windows: Mapping[Jurisdiction, Annotated[tuple[WindowSettings, ...], Field(strict=False)]] = (
        Field(
            default_factory=_announced,
            validate_default=True,
            description="by jurisdiction, when its system is under maintenance",
        )
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

    @field_validator("maintenance_windows")
    @classmethod
    def _can_be_judged(
        cls, windows: Mapping[str, tuple[WindowSettings, ...]]
    ) -> Mapping[str, tuple[WindowSettings, ...]]:
        """Refuse windows on a system that does not know New York's time."""
        if windows and not has_zone():
            raise ValueError("needs a time zone database: install tzdata, of the system or the package")
        return windows

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

    def is_in_maintenance(self, jurisdiction: str, now: datetime) -> bool:
        """Return whether the system of *jurisdiction* is within a maintenance window."""
        return any(window.is_open(now) for window in self.maintenance_windows.get(jurisdiction, ()))

    @property
    def timeout_seconds(self) -> float:
        """What one question may take: a token, a verification, and both again after a refused token."""
        return 2 * (2 * self.authentication_timeout_seconds + self.verification_timeout_seconds)
