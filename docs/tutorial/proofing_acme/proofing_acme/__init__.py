"""Acme Resolution: do name, birth date, SSN and address belong to one person?

Settings, section ``acme`` of settings.yaml::

    acme:
      base_url: https://api.acme.example   # scheme and host
      timeout_seconds: 5                   # for one call

Credentials: ``acme.api_key``, in the secret store. Least permission: the scope ``resolutions:write``.
Limits: 50 calls a second; Acme answers 429 beyond, which counts as unavailable.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from proofing.plugin import (
    Maturity,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)

if TYPE_CHECKING:
    from proofing_acme.resolution import AcmeResolution


class AcmeSettings(PluginSettings):
    """The section ``acme``."""

    api_key: SecretStr = Field(description="key of the Acme account")
    base_url: str = Field(pattern=r"^https://[a-z0-9.-]+(:\d+)?$", description="scheme and host of the API")
    timeout_seconds: float = Field(default=5.0, gt=0, le=30, description="for one call")


def _make_resolution(settings: AcmeSettings, _process: ProcessContext) -> "AcmeResolution":
    from proofing_acme.resolution import AcmeResolution  # noqa: PLC0415 - loaded when first used

    return AcmeResolution(settings)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``acme``."""
    return AcmeSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return Acme's one product."""
    return [
        ProoferDescriptor(
            name="acme",
            kind=ProoferKind.RESOLUTION,
            make=_make_resolution,
            attributes=frozenset(
                {"first_name", "last_name", "dob", "ssn", "address1", "address2", "city", "state", "zipcode"}
            ),
            hosts=lambda settings: frozenset({urlsplit(settings.base_url).netloc}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            idempotent=True,  # Acme bills once for calls with one Idempotency-Key
            maturity=Maturity.DOCUMENTED,
        )
    ]
