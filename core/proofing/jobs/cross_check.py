"""The cross-check of a document: its images are read once more, and compared with the vendor's reading.

It is asked after the vendor, whose yes it can only turn into a no, and whose no it does not touch. Without
images there is nothing to read: those of a vendor that takes them itself, or that was waited for.
"""

from dataclasses import replace

from proofing.contracts.cross_checks import CrossCheckMode
from proofing.contracts.images import FORM_TYPE
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, DocumentResult, Finding, FindingCode, ProoferKind
from proofing.contracts.verifications import Mode
from proofing.jobs.kinds import Tools
from proofing.jobs.run import JobRun

_STEP = "cross_check"


async def cross_checked(
    run: JobRun, tools: Tools, request: ProofingRequest, answer: DocumentResult
) -> DocumentResult:
    """Return the vendor's *answer* with what the cross-check found, as the settings want it.

    Args:
        run: of the job.
        tools: of its work.
        request: what the vendor was asked.
        answer: of the vendor.

    Raises:
        PluginError: the plugin of the cross-check is not there or breaks its contract.
        LeaseLostError: the job is no longer ours.
    """
    mode = tools.settings.document_cross_check
    is_form = any(image.media_type == FORM_TYPE for image in request.images.values())
    # In production test mode asks mocks alone.
    is_test = run.message.mode is Mode.TEST and tools.settings.is_production
    if mode is CrossCheckMode.NEVER or not answer.passed or answer.applicant is None or is_form or is_test:
        return answer
    known = run.questions.get(run.questions.upcoming_key(_STEP))
    if known is None and not request.images:
        return _with(answer, (_advice("cross_check_without_images"),))
    name = tools.settings.document_cross_check_vendor
    loaded = tools.router.named(ProoferKind.DOCUMENT, name)
    check: Check[DocumentResult] = await run.ask(
        loaded, replace(request, applicant=answer.applicant), step=_STEP
    )
    if check.result is None:
        return _with(answer, (_advice("cross_check_unanswered"),))
    found = check.result.findings
    if mode is CrossCheckMode.ADVISE:
        found = tuple(replace(finding, is_advice=True) for finding in found)
    return _with(answer, found)


def _with(answer: DocumentResult, found: tuple[Finding, ...]) -> DocumentResult:
    return replace(answer, findings=(*answer.findings, *found))


def _advice(vendor_code: str) -> Finding:
    """Return that nothing was compared."""
    return Finding(code=FindingCode.OTHER, vendor_code=vendor_code, is_advice=True)
