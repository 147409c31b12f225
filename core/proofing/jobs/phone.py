"""The phone job: does the phone belong to the applicant? Vendors in order until a yes, or a sign of fraud."""

from proofing.contracts.applicant import parse_phone
from proofing.contracts.job_results import PhoneJobResult
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.records import end_without_answer
from proofing.contracts.results import Check, CheckState, LineType, Outcome, PhoneResult, ProoferKind
from proofing.jobs.arguments import JobResult, PIIArguments
from proofing.jobs.asking import ask
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.run import JobRun
from proofing.rules.evidence import evidence_codes, phone_evidence
from proofing.rules.phone import asks_next, judge_phone

NO_VENDOR = "no_phone_vendor"
#: A code must be returned, and none is sent to such a line.
LINE_REFUSED = "line_type_refused"
#: The timer's name in the logs of the original system; ``phone`` is the pre-check of the resolution job.
_STEP = "address"


async def proof_phone(run: JobRun, arguments: PIIArguments, tools: Tools) -> JobResult:
    """Ask the phone vendors; the last answer counts.

    A line that gets no code is a no for every owner: what people see must not show a match.
    """
    phone = arguments.applicant.phone
    request = ProofingRequest(applicant=arguments.applicant, circumstances=arguments.circumstances)
    asked = await ask(
        run,
        tools,
        ProoferKind.PHONE,
        request,
        step=_STEP,
        goes_on=lambda check: asks_next(check) and may_confirm(phone, check, tools),
    )
    checks = asked.checks
    if checks and not may_confirm(phone, checks[-1], tools):
        refused = {"checks": {"phone": checks[-1].state}}
        return JobResult(outcome=Outcome.FAILED, reasons=(LINE_REFUSED,), facts=refused)
    verdict = judge_phone(checks)
    passing = checks[-1].result if verdict.outcome is Outcome.PASSED else None
    evidence = phone_evidence(passing, vouched=tools.vouches(run, _STEP))
    states = {"phone": checks[-1].state if checks else CheckState.NOT_CHECKED}
    facts = {"checks": states, "evidence": evidence_codes(evidence)}
    if verdict.outcome is Outcome.UNKNOWN:
        return JobResult(
            end_state=end_without_answer(asked.check or Check()),
            reasons=verdict.reasons if checks else (NO_VENDOR,),
            timed_out=verdict.timed_out,
            facts=facts,
        )
    result = PhoneJobResult(checks=states, evidence=evidence)
    return JobResult(outcome=verdict.outcome, reasons=verdict.reasons, result=result, facts=facts)


def may_confirm(phone: str | None, check: Check[PhoneResult], tools: Tools) -> bool:
    """Return whether *phone* can be confirmed by a code, as far as *check* shows; yes where none is sent."""
    if not tools.settings.confirms_phone:
        return True
    digits = parse_phone(phone or "")
    line: LineType | None = check.result.line_type if check.result else None
    return digits is not None and tools.settings.may_get_code(digits, line)


JOB = JobType(arguments=PIIArguments, work=proof_phone, result=PhoneJobResult, required=("phone",))
