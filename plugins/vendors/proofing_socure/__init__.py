"""Socure ID+: KYC (resolution), PhoneRisk (phone), and DocV (documents, on a page of Socure's).

* ``socure:kyc`` asks whether name, birth date, SSN and address belong to one person;
* ``socure:phone_risk`` asks how well phone and name go together, and how risky the phone is;
* ``socure:docv`` sends the person to Socure's capture app, and fetches the result when Socure's webhook says
  that the documents are uploaded.

Settings, section ``socure`` of settings.yaml: `proofing_socure.settings.SocureSettings`, and with every value
in docs/vendors/socure.md. KYC needs none but these::

    socure:
      base_url: https://sandbox.socure.us

Credentials, in the secret store: ``socure.api_key``; for DocV also ``socure.webhook_secret``, and
``socure.webhook_previous_secrets`` while one is rotated. Register ``https://OUR-HOST/webhooks/socure`` at
Socure for the events of DocV. Built from descriptions of Socure's API (ID+ 3.0, document requests 5.0); never
run against Socure.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.plugin import (
    LICENSE_TYPES,
    PASSPORT_TYPES,
    Again,
    Leave,
    Maturity,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    WebhookDescriptor,
    hookimpl,
)
from proofing_socure.settings import SocureSettings

if TYPE_CHECKING:
    from proofing_socure.docv import DocV
    from proofing_socure.kyc import KYC
    from proofing_socure.phone_risk import PhoneRisk
    from proofing_socure.webhook import SocureWebhook

_WEBHOOK = "socure"
_HOME = ("address1", "address2", "city", "state", "zipcode")
_PERSON = ("uuid", "first_name", "last_name", *_HOME, "phone", "email")


def _make_kyc(settings: SocureSettings, _process: ProcessContext) -> "KYC":
    from proofing_socure.kyc import KYC  # noqa: PLC0415 - loaded when first used

    return KYC(settings)


def _make_phone_risk(settings: SocureSettings, _process: ProcessContext) -> "PhoneRisk":
    from proofing_socure.phone_risk import PhoneRisk  # noqa: PLC0415 - loaded when first used

    return PhoneRisk(settings)


def _make_docv(settings: SocureSettings, _process: ProcessContext) -> "DocV":
    from proofing_socure.docv import DocV  # noqa: PLC0415 - loaded when first used

    return DocV(settings)


def _make_webhook(settings: SocureSettings, _process: ProcessContext) -> "SocureWebhook":
    from proofing_socure.webhook import SocureWebhook  # noqa: PLC0415 - loaded when first used

    return SocureWebhook(settings)


def _hosts(settings: SocureSettings) -> frozenset[str]:
    return frozenset({urlsplit(settings.base_url).netloc})


def _docv_hosts(settings: SocureSettings) -> frozenset[str]:
    requests = {urlsplit(settings.docv_request_url).netloc} if settings.docv_request_url else frozenset()
    return _hosts(settings) | requests


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``socure``."""
    return SocureSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return the three products."""
    return [
        ProoferDescriptor(
            name="socure:kyc",
            kind=ProoferKind.RESOLUTION,
            make=_make_kyc,
            attributes=frozenset({*_PERSON, "dob", "ssn"}),
            needs=frozenset({"consented_at"}),
            company="Socure",
            hosts=_hosts,
            timeout_seconds=lambda settings: settings.timeout_seconds,
            maturity=Maturity.DOCUMENTED,
        ),
        ProoferDescriptor(
            name="socure:phone_risk",
            kind=ProoferKind.PHONE,
            make=_make_phone_risk,
            attributes=frozenset(_PERSON),
            company="Socure",
            hosts=_hosts,
            timeout_seconds=lambda settings: settings.timeout_seconds,
            maturity=Maturity.DOCUMENTED,
        ),
        ProoferDescriptor(
            name="socure:docv",
            kind=ProoferKind.DOCUMENT,
            make=_make_docv,
            authenticates=True,
            attributes=frozenset({"uuid", "email"}),
            needs=frozenset({"locale"}),
            hosts=_docv_hosts,
            timeout_seconds=lambda settings: settings.docv_timeout_seconds,
            captures_images=True,
            document_types=LICENSE_TYPES | PASSPORT_TYPES,
            continues=frozenset({Leave, Again}),
            webhook=_WEBHOOK,
            maturity=Maturity.DOCUMENTED,
        ),
    ]


@hookimpl
def proofing_webhooks() -> Sequence[WebhookDescriptor]:
    """Return the address that DocV posts to: ``/webhooks/socure``."""
    return [WebhookDescriptor(name=_WEBHOOK, make=_make_webhook)]
