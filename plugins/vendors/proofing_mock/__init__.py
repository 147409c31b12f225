"""The mock vendor: all five kinds of proofer, answering by sentinel inputs. For tests and demonstrations.

``mock`` answers at once; ``mock:polling`` answers the same later, in a job that is parked meanwhile.

Settings, section ``mock`` of settings.yaml::

    mock:
      latency_seconds: 0          # each call takes that long
      test_ssn_allowed_list: []   # SSNs that resolve although they could exist
      polling_seconds: 5          # after which mock:polling has its answer
      polling_again_seconds: 2    # after which it wants to be asked again
      polling_expires_seconds: 3600   # after which it answers nothing anymore

Credentials and permissions: none; nothing leaves the process. Only SSNs that cannot be issued (900-…, 666-…)
resolve. Its maturity is `Maturity.MOCK`, which core refuses in production.

Inputs (docs/vendors/mock.md has the whole table):

* resolution: SSN 000-00-0000 no contact; first name with ``fail``, ``time``, ``parse`` or ``bad``; ZIP 00000;
* address: phone 703-555-5555 failure, 703-555-5888 time-out, 703-555-5999 exception;
* state ID: number ``mvatimeout`` time-out 0047; number empty or zeros, unknown jurisdiction or type: failure;
* device: session id contains ``no_result``, ``reject``, ``review`` or ``pass``;
* document: any image reads as the standard applicant; a YAML text decides everything itself.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from proofing.plugin import (
    RESULT_TYPES,
    Again,
    Maturity,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)

if TYPE_CHECKING:
    from proofing_mock.documents import DocumentMock
    from proofing_mock.polling import PollingMock
    from proofing_mock.proofers import DeviceMock, PhoneMock, ResolutionMock, StateIDMock

_SSN = re.compile(r"\d{3}-?\d{2}-?\d{4}", re.ASCII)
_HOME = ("address1", "address2", "city", "state", "zipcode")


class MockSettings(PluginSettings):
    """The section ``mock``."""

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


def _make_device(settings: MockSettings, _process: ProcessContext) -> "DeviceMock":
    from proofing_mock.proofers import DeviceMock  # noqa: PLC0415 - loaded when first used

    return DeviceMock(settings)


def _make_document(settings: MockSettings, _process: ProcessContext) -> "DocumentMock":
    from proofing_mock.documents import DocumentMock  # noqa: PLC0415 - imports PyYAML

    return DocumentMock(settings)


def _later(offer: ProoferDescriptor) -> ProoferDescriptor:
    """Return the descriptor of the mock that answers as that of *offer* does, but later."""

    def make(settings: MockSettings, process: ProcessContext) -> "PollingMock":
        from proofing_mock.polling import PollingMock  # noqa: PLC0415 - loaded when first used

        return PollingMock(settings, offer.make(settings, process), RESULT_TYPES[offer.kind])

    return replace(offer, name="mock:polling", make=make, continues=frozenset({Again}))


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of the section ``mock``."""
    return MockSettings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Return two proofers of each kind: ``mock`` and ``mock:polling``."""
    offers = [
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.RESOLUTION,
            make=_make_resolution,
            attributes=frozenset({"first_name", "last_name", "dob", "ssn", *_HOME}),
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.PHONE,
            make=_make_phone,
            attributes=frozenset({"first_name", "last_name", "phone"}),
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
            kind=ProoferKind.DEVICE,
            make=_make_device,
            needs=frozenset({"device_session_id"}),
            maturity=Maturity.MOCK,
        ),
        ProoferDescriptor(
            name="mock",
            kind=ProoferKind.DOCUMENT,
            make=_make_document,
            accepts_test_documents=True,
            maturity=Maturity.MOCK,
        ),
    ]
    return [*offers, *map(_later, offers)]
