"""Vendors for tests that answer later, and how their jobs are submitted and run again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from proofing.contracts.applicant import Applicant
from proofing.contracts.continuation import Again, Because, Pending
from proofing.contracts.proofers import (
    AnyProofer,
    Maturity,
    ProoferDescriptor,
    ProofingContext,
    ProofingRequest,
)
from proofing.contracts.records import JobKind, StatusRecord
from proofing.contracts.results import (
    DeviceResult,
    DocumentResult,
    Outcome,
    PassportResult,
    PhoneResult,
    ProoferKind,
    ResolutionResult,
    ReviewStatus,
    StateIDResult,
    VendorResult,
)
from proofing.testing.canary import Canary
from proofing_devtools.capture import DEVICE, PERSON

ProoferT = TypeVar("ProoferT", bound=AnyProofer)

CANARY = Canary(seed=78)
APPLICANT = CANARY.applicant.merge({"document_type_received": "drivers_license"})
HOUR = timedelta(hours=1)
YES: Mapping[ProoferKind, VendorResult] = {
    ProoferKind.RESOLUTION: ResolutionResult(vendor_name="later", outcome=Outcome.PASSED),
    ProoferKind.PHONE: PhoneResult(vendor_name="later", outcome=Outcome.PASSED),
    ProoferKind.STATE_ID: StateIDResult(vendor_name="later", outcome=Outcome.PASSED),
    ProoferKind.PASSPORT: PassportResult(vendor_name="later", outcome=Outcome.PASSED),
    ProoferKind.DEVICE: DeviceResult(
        vendor_name="later", outcome=Outcome.PASSED, review_status=ReviewStatus.PASS
    ),
    ProoferKind.DOCUMENT: DocumentResult(
        vendor_name="later", outcome=Outcome.PASSED, applicant=Applicant(first_name="Anna")
    ),
}


def pending(**changes: Any) -> Pending:
    """Return a question that waits an hour at most, and is resumed every minute."""
    values: dict[str, Any] = {
        "state": {"id": "v-1"},
        "then": Again(60),
        "expires_at": datetime.now(UTC) + HOUR,
    }
    return Pending(**{**values, **changes})


class Later:
    """Answers from a list, first `proof`, then `resume`.

    Attributes:
        calls: what it was called with; the last is the idempotency key.
    """

    def __init__(self, *answers: VendorResult | Pending | Exception) -> None:
        """Give one of *answers* a call."""
        self.answers = list(answers)
        self.calls: list[tuple[ProofingRequest, Pending | None, Because | None, str]] = []

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> VendorResult | Pending:
        """Give the first answer."""
        self.calls.append((request, None, None, context.idempotency_key))
        return self._next()

    async def resume(
        self, request: ProofingRequest, pending: Pending, because: Because, context: ProofingContext
    ) -> VendorResult | Pending:
        """Give the next answer."""
        self.calls.append((request, pending, because, context.idempotency_key))
        return self._next()

    def _next(self) -> VendorResult | Pending:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def put_in_place(
    running: Any, kind: ProoferKind, proofer: ProoferT, *, name: str = "mock", **changes: Any
) -> ProoferT:
    """Put *proofer* into the place of the mock of its kind that has this *name*."""
    loaded = running.runtime.configuration.plugins.proofers[kind, name]
    values = {"continues": frozenset({Again}), "attributes": loaded.descriptor.attributes, **changes}
    loaded.descriptor = ProoferDescriptor(
        name=name, kind=kind, make=lambda *_: proofer, maturity=Maturity.MOCK, **values
    )
    loaded.__dict__.pop("proofer", None)
    return proofer


async def submit(running: Any, kind: JobKind = JobKind.PHONE) -> str:
    """Submit the applicant and return the result id."""
    result_id: str = await running.service.submit_applicant(kind, PERSON, APPLICANT, **DEVICE)
    return result_id


async def drain_again(running: Any) -> list[StatusRecord]:
    """Run the jobs that are parked, whatever their time."""
    running.queue.wake_parked()
    records: list[StatusRecord] = await running.drain()
    return records
