"""The mock vendor: all six kinds of proofer, and a messenger; for tests and demonstrations.

All answer by sentinel inputs. ``mock`` answers at once; ``mock:polling`` answers the same later, in a job
that is parked meanwhile;
``mock:hosted`` sends the person to a vendor of its own, and ``mock:exchange`` asks a wallet; the servers of
both are started alongside by `proofing run`.

Settings, section ``mock`` of settings.yaml::

    mock:
      latency_seconds: 0          # each call takes that long
      test_ssn_allowed_list: []   # SSNs that resolve although they could exist
      polling_seconds: 5          # after which mock:polling has its answer
      polling_again_seconds: 2    # after which it wants to be asked again
      polling_expires_seconds: 3600   # after which it answers nothing anymore
      hosted_url: http://127.0.0.1:8900   # of mock:hosted; another host than the product's
      hosted_echoes: true         # whether it gets our id of the question, and its webhooks repeat it
      hosted_again_seconds: 5     # after which it is asked again whose person is done and who has not decided
      hosted_expires_seconds: 3600    # after which the person is no longer waited for
      hosted_timeout_seconds: 5   # for each call
      exchange_url: http://127.0.0.1:8910   # of the wallet of mock:exchange; another host than the product's
      exchange_expires_seconds: 3600  # after which the wallet is no longer waited for

Credentials: ``mock.hosted_api_key``, ``mock.hosted_webhook_secret`` and, after a rotation,
``mock.hosted_webhook_previous_secret``; those not set are derived from the application's secret, as is the
key of ``mock:exchange``. ``mock`` and ``mock:polling`` need none: nothing leaves the process. Only SSNs that
cannot be issued (900-…, 666-…)
resolve. Its maturity is `Maturity.MOCK`, which core refuses in production.

Inputs (docs/vendors/mock.md has the whole table):

* resolution: SSN 000-00-0000 no contact; first name with ``fail``, ``time``, ``parse``, ``bad``, ``review``,
  ``deceased``; ZIP 00000;
* messenger: 703-555-0181 opted out of text messages, 703-555-0182 unreachable, 703-555-0188 time-out,
  703-555-0189 exception;
* phone: 703-555-0183 an internet line, 703-555-5555 failure, 703-555-5777 review, 703-555-5888 time-out,
  703-555-5999 exception;
* state ID: number ``mvatimeout`` time-out 0047; number empty or zeros, unknown jurisdiction or type: failure;
* passport: machine-readable zone with ``fail``, ``time``, ``parse``, ``bad``, ``review``;
* device: session id contains ``no_result``, ``reject``, ``review`` or ``pass``;
* document: any image reads as the standard applicant; a YAML text decides everything itself.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from proofing.plugin import (
    PHYSICAL_TYPES,
    RESULT_TYPES,
    Again,
    DocumentType,
    Exchange,
    Leave,
    Maturity,
    MessengerDescriptor,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    QuestionSeconds,
    WebhookDescriptor,
    hookimpl,
)

if TYPE_CHECKING:
    import asyncio

    from proofing_mock.documents import DocumentMock
    from proofing_mock.exchange.proofer import ExchangeMock
    from proofing_mock.hosted.proofer import HostedMock
    from proofing_mock.hosted.webhook import HostedWebhook
    from proofing_mock.messenger import MessengerMock
    from proofing_mock.polling import PollingMock
    from proofing_mock.proofers import (
        DeviceMock,
        PassportMock,
        PhoneMock,
        ResolutionMock,
        StateIDMock,
    )

_SSN = re.compile(r"\d{3}-?\d{2}-?\d{4}", re.ASCII)
#: An address on this machine.
_URL = r"^http://(127\.0\.0\.1|localhost):[1-9][0-9]{0,4}$"
_WEBHOOK = "mock-hosted"
_COMPANY = "the made-up vendor of this test system"
_HOME = ("address1", "address2", "city", "state", "zipcode")


class MockSettings(PluginSettings):
    """The section ``mock``."""

    exchange_expires_seconds: float = Field(
        default=3600.0,
        gt=0,
        le=86_400,
        description="after which mock:exchange waits for the wallet no longer",
    )
    exchange_url: str = Field(
        default="http://127.0.0.1:8910",
        pattern=_URL,
        description="address on this machine of the wallet of mock:exchange",
    )
    hosted_again_seconds: float = Field(
        default=5.0, ge=0, le=86_400, description="after which mock:hosted is asked again who decides later"
    )
    hosted_api_key: SecretStr | None = Field(
        default=None, min_length=32, description="key of the API of mock:hosted"
    )
    hosted_echoes: bool = Field(
        default=True,
        description="whether mock:hosted gets our id of a question; its webhooks repeat it",
    )
    hosted_expires_seconds: float = Field(
        default=3600.0, gt=0, le=86_400, description="after which mock:hosted waits for the person no longer"
    )
    hosted_timeout_seconds: QuestionSeconds = Field(
        default=5.0, description="what one question to mock:hosted may take"
    )
    hosted_url: str = Field(
        default="http://127.0.0.1:8900",
        pattern=_URL,
        description="address on this machine of the server of mock:hosted",
    )
    hosted_webhook_previous_secret: SecretStr | None = Field(
        default=None, min_length=32, description="secret of its webhook from before a rotation"
    )
    hosted_webhook_secret: SecretStr | None = Field(
        default=None, min_length=32, description="secret by which mock:hosted signs its webhook"
    )
    latency_seconds: float = Field(default=0.0, ge=0, le=600, description="each call takes that long")
    polling_seconds: float = Field(
        default=5.0, ge=0, le=86_400, description="after which mock:polling has its answer"
    )
    polling_again_seconds: float = Field(
        default=2.0, ge=0, le=86_400, description="after which it wants to be asked again"
    )
    polling_expires_seconds: float = Field(
        default=3600.0, gt=0, le=86_400, description="after which it answers nothing anymore"
    )
    test_ssn_allowed_list: list[str] = Field(
        default_factory=list, repr=False, description="SSNs that resolve although they could exist"
    )

    @field_validator("test_ssn_allowed_list")
    @classmethod
    def _are_ssns(cls, ssns: list[str]) -> list[str]:
        """Refuse what is not an SSN, and keep digits only."""
        if not all(_SSN.fullmatch(ssn) for ssn in ssns):
            raise ValueError("must be a list of nine-digit SSNs")
        return [ssn.replace("-", "") for ssn in ssns]


def _make_resolution(settings: MockSettings, _process: ProcessContext) -> "ResolutionMock":
    from proofing_mock.proofers import ResolutionMock  # noqa: PLC0415 - loaded when first used

    return ResolutionMock(settings)


def _make_phone(settings: MockSettings, _process: ProcessContext) -> "PhoneMock":
    from proofing_mock.proofers import PhoneMock  # noqa: PLC0415 - loaded when first used

    return PhoneMock(settings)


def _make_state_id(settings: MockSettings, _process: ProcessContext) -> "StateIDMock":
    from proofing_mock.proofers import StateIDMock  # noqa: PLC0415 - loaded when first used

    return StateIDMock(settings)


def _make_passport(settings: MockSettings, _process: ProcessContext) -> "PassportMock":
    from proofing_mock.proofers import PassportMock  # noqa: PLC0415 - loaded when first used

    return PassportMock(settings)


def _make_device(settings: MockSettings, _process: ProcessContext) -> "DeviceMock":
    from proofing_mock.proofers import DeviceMock  # noqa: PLC0415 - loaded when first used

    return DeviceMock(settings)


def _make_document(settings: MockSettings, _process: ProcessContext) -> "DocumentMock":
    from proofing_mock.documents import DocumentMock  # noqa: PLC0415 - imports PyYAML

    return DocumentMock(settings)


def _make_messenger(settings: MockSettings, _process: ProcessContext) -> "MessengerMock":
    from proofing_mock.messenger import MessengerMock  # noqa: PLC0415 - loaded when first used

    return MessengerMock(settings)


def _later(offer: ProoferDescriptor) -> ProoferDescriptor:
    """Return the descriptor of the mock that answers as that of *offer* does, but later."""

    def make(settings: MockSettings, process: ProcessContext) -> "PollingMock":
        from proofing_mock.polling import PollingMock  # noqa: PLC0415 - loaded when first used

        return PollingMock(settings, offer.make(settings, process), RESULT_TYPES[offer.kind])

    return replace(offer, name="mock:polling", make=make, continues=frozenset({Again}))


def _hosted(offer: ProoferDescriptor) -> ProoferDescriptor:
    """Return the descriptor of the mock whose person visits a page first; approved, it answers as *offer*."""

    def make(settings: MockSettings, process: ProcessContext) -> "HostedMock":
        from proofing_mock.hosted.proofer import HostedMock  # noqa: PLC0415 - loaded when first used

        return HostedMock(settings, process, offer.make(settings, process))

    return replace(
        offer,
        name="mock:hosted",
        make=make,
        hosts=lambda settings: frozenset({urlsplit(settings.hosted_url).netloc}),
        timeout_seconds=lambda settings: settings.hosted_timeout_seconds,
        # Photos are for the vendor's page.
        takes_selfie=False,
        accepts_test_documents=False,
        captures_images=offer.kind is ProoferKind.DOCUMENT,
        continues=frozenset({Leave, Again}),
        webhook=_WEBHOOK,
        stand_in=_serve_hosted,
    )


async def _serve_hosted(settings: MockSettings, process: ProcessContext, stop: "asyncio.Event") -> None:
    """Serve the vendor of ``mock:hosted``."""
    from proofing_mock.hosted.server import serve  # noqa: PLC0415 - imports the web framework

    await serve(settings, process, stop)


def _exchange(offer: ProoferDescriptor) -> ProoferDescriptor:
    """Return the descriptor of the mock that asks a wallet first; approved, it answers as *offer* does."""

    def make(settings: MockSettings, process: ProcessContext) -> "ExchangeMock":
        from proofing_mock.exchange.proofer import ExchangeMock  # noqa: PLC0415 - loaded when first used

        return ExchangeMock(settings, process, offer.make(settings, process))

    is_document = offer.kind is ProoferKind.DOCUMENT
    return replace(
        offer,
        name="mock:exchange",
        make=make,
        # Photos are no part of what a wallet shares.
        takes_selfie=False,
        accepts_test_documents=False,
        captures_images=is_document,
        document_types=frozenset({DocumentType.MOBILE_DRIVERS_LICENSE}) if is_document else PHYSICAL_TYPES,
        continues=frozenset({Exchange}),
        stand_in=_serve_wallet,
    )


async def _serve_wallet(settings: MockSettings, process: ProcessContext, stop: "asyncio.Event") -> None:
    """Serve the wallet of ``mock:exchange``."""
    from proofing_mock.exchange.server import serve  # noqa: PLC0415 - imports the web framework

    await serve(settings, process, stop)


def _make_webhook(settings: MockSettings, process: ProcessContext) -> "HostedWebhook":
    from proofing_mock.hosted.webhook import HostedWebhook  # noqa: PLC0415 - loaded when first used

    return HostedWebhook(settings, process)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``mock``."""
    return MockSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return four proofers of each kind: ``mock``, and three of other shapes that answer as it does."""
    offers = [
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.RESOLUTION,
            make=_make_resolution,
            attributes=frozenset({"first_name", "last_name", "dob", "ssn", *_HOME}),
            company=_COMPANY,
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.PHONE,
            make=_make_phone,
            attributes=frozenset({"first_name", "last_name", "phone"}),
            company=_COMPANY,
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.STATE_ID,
            make=_make_state_id,
            attributes=frozenset(
                {
                    *("first_name", "last_name", "dob", "state_id_number", "state_id_jurisdiction"),
                    *("state_id_expiration", "document_type_received"),
                    *_HOME,
                }
            ),
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.PASSPORT,
            make=_make_passport,
            attributes=frozenset({"mrz"}),
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.DEVICE,
            make=_make_device,
            needs=frozenset({"device_session_id"}),
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.DOCUMENT,
            make=_make_document,
            authenticates=True,
            takes_selfie=True,
            company=_COMPANY,
            accepts_test_documents=True,
            maturity=Maturity.MOCK,
        ),
    ]
    return [*offers, *map(_later, offers), *map(_hosted, offers), *map(_exchange, offers)]


@hookimpl
def proofing_messengers() -> Sequence[MessengerDescriptor]:
    """Return the messenger ``mock``."""
    return [MessengerDescriptor(name="mock", make=_make_messenger, maturity=Maturity.MOCK)]


@hookimpl
def proofing_webhooks() -> Sequence[WebhookDescriptor]:
    """Return the webhook of ``mock:hosted``."""
    return [WebhookDescriptor(name=_WEBHOOK, make=_make_webhook, max_body_bytes=16 * 1024, production=False)]
