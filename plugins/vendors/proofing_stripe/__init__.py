"""Stripe Identity: the person shows a document, and their face, on Stripe's page.

One proofer of documents, ``stripe``. Settings, section ``stripe`` of settings.yaml::

    stripe:
      selfie: true                # whether the face is compared with the portrait; only a match passes
      live_capture: true          # whether photos must be taken with a camera there, not uploaded
      again_seconds: 15           # after which a check that Stripe works on is asked about again
      expires_seconds: 3600       # after which the person is no longer waited for; at most a day
      redact_results: false       # whether Stripe deletes what it holds once its answer was read
      timeout_seconds: 10         # for each call
      api_url: https://api.stripe.com         # another address for what plays Stripe on this machine
      pages_url: https://verify.stripe.com    # where people are sent, and nowhere else

Credentials, in the secret store: ``stripe.api_key``, a *restricted* key (``rk_…``), because a secret key
cannot read birth date, number and expiration date of a document. Least permissions: Identity, *Verification
Sessions and Reports* to write, and *Access recent detailed verification results* to read.
``stripe.webhook_secret`` (``whsec_…``), and ``stripe.webhook_previous_secret`` for a day after it was rolled.

Register ``https://OUR-HOST/webhooks/stripe`` for the events ``identity.verification_session.*``.

Limits: driver's licenses and ID cards of the United States. Passports are not taken: Stripe does not give the
machine-readable zone. Reference: docs/vendors/stripe.md
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.plugin import (
    Again,
    DocumentType,
    Leave,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    WebhookDescriptor,
    hookimpl,
)
from proofing_stripe.settings import StripeSettings

if TYPE_CHECKING:
    from proofing_stripe.proofer import StripeProofer
    from proofing_stripe.webhook import StripeWebhook

__all__ = ["StripeSettings", "proofing_proofers", "proofing_settings", "proofing_webhooks"]

_WEBHOOK = "stripe"
#: An event holds a session without its verified data.
_MAX_EVENT_BYTES = 128 * 1024


def _make(settings: StripeSettings, process: ProcessContext) -> "StripeProofer":
    from proofing_stripe.proofer import StripeProofer  # noqa: PLC0415 - loaded when first used

    return StripeProofer(settings, process)


def _make_webhook(settings: StripeSettings, _process: ProcessContext) -> "StripeWebhook":
    from proofing_stripe.webhook import StripeWebhook  # noqa: PLC0415 - loaded when first used

    return StripeWebhook(settings)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``stripe``."""
    return StripeSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return the one proofer."""
    return [
        ProoferDescriptor(
            name="stripe",
            kind=ProoferKind.DOCUMENT,
            make=_make,
            authenticates=True,
            hosts=lambda settings: frozenset({urlsplit(settings.api_url).netloc}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            captures_images=True,
            document_types=frozenset({DocumentType.DRIVERS_LICENSE, DocumentType.STATE_ID_CARD}),
            continues=frozenset({Leave, Again}),
            webhook=_WEBHOOK,
        )
    ]


@hookimpl
def proofing_webhooks() -> Sequence[WebhookDescriptor]:
    """Return the address that Stripe posts to: ``/webhooks/stripe``."""
    return [WebhookDescriptor(name=_WEBHOOK, make=_make_webhook, max_body_bytes=_MAX_EVENT_BYTES)]
