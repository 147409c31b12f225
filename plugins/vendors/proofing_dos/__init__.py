"""The passport check of the US Department of State: does its record agree with the machine-readable zone?

Settings, section ``dos`` of settings.yaml::

    dos:
      mrz_url: https://passports.example.gov/mrz         # whole address of the check
      health_url: https://passports.example.gov/health   # of the health check, general or composite
      timeout_seconds: 20                                # for one check

Credentials, in the secret store: ``dos.client_id`` and ``dos.client_secret``, which travel in headers of each
check. Built from a description of the service; never run against it.
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
    QuestionSeconds,
    hookimpl,
)

if TYPE_CHECKING:
    from proofing_dos.passport import PassportCheck

#: A whole address. Plain http is for a stand-in on this machine.
_URL = r"^(https://[a-z0-9.-]+(:[0-9]+)?|http://(127\.0\.0\.1|localhost):[0-9]+)/\S*$"


class DOSSettings(PluginSettings):
    """The section ``dos``."""

    client_id: SecretStr = Field(min_length=1, description="id of the client of the passport service")
    client_secret: SecretStr = Field(min_length=1, description="secret of the client")
    health_url: str = Field(pattern=_URL, description="whole address of the service's health check")
    mrz_url: str = Field(pattern=_URL, description="whole address of the check of machine-readable zones")
    timeout_seconds: QuestionSeconds = Field(default=20.0, description="what one check may take")


def _make(settings: DOSSettings, _process: ProcessContext) -> "PassportCheck":
    from proofing_dos.passport import PassportCheck  # noqa: PLC0415 - loaded when first used

    return PassportCheck(settings)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``dos``."""
    return DOSSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return the passport check."""
    return [
        ProoferDescriptor(
            name="dos:passport",
            kind=ProoferKind.PASSPORT,
            make=_make,
            attributes=frozenset({"mrz", "document_type_received"}),
            hosts=lambda settings: frozenset(
                urlsplit(url).netloc for url in (settings.mrz_url, settings.health_url)
            ),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            maturity=Maturity.DOCUMENTED,
        )
    ]
