"""The address job (historic name): does the phone belong to the applicant? Vendors in order until a yes."""

from typing import Any

from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.records import End
from proofing.contracts.results import Check, Outcome
from proofing.jobs.arguments import JobResult, PIIArguments
from proofing.jobs.run import JobRun
from proofing.routing.router import Router

NO_VENDOR = "no_phone_vendor"


async def proof_address(run: JobRun, arguments: PIIArguments, router: Router) -> JobResult:
    """Ask the phone vendors; the last answer counts, and the one before it is kept beside."""
    checks: list[Check[Any]] = []
    for loaded in router.phone_vendors():
        request = ProofingRequest(applicant=arguments.applicant)
        checks.append(await run.ask(loaded, request, step="address"))
        if checks[-1].passed:
            break
    if not checks:
        return JobResult(end=End.VENDOR_EXCEPTION, reasons=(NO_VENDOR,))
    last = checks[-1]
    result = {"result": _plain(last), "alternate_result": _plain(checks[-2]) if len(checks) > 1 else None}
    if last.result is None or last.result.outcome is Outcome.UNKNOWN:
        return JobResult(end=End.VENDOR_EXCEPTION, timed_out=last.timed_out, result=result)
    outcome = Outcome.PASSED if last.passed else Outcome.FAILED
    return JobResult(outcome=outcome, reasons=last.result.reasons, result=result)


def _plain(check: Check[Any]) -> dict[str, Any]:
    """Return what is kept of one answer."""
    result = check.result
    if result is None:
        return {
            "success": False,
            "exception": str(check.error.cause) if check.error else None,
            "timed_out": check.timed_out,
            "vendor_name": check.error.vendor_name if check.error else None,
            "transaction_id": check.error.transaction_id if check.error else None,
        }
    return {
        "success": result.passed,
        "attributes": {name: match.value for name, match in result.attributes.items()},
        "reasons": list(result.reasons),
        "vendor_name": result.vendor_name,
        "transaction_id": result.transaction_id,
        "reference": result.reference,
    }
