"""The code job: a messenger sends a confirmation code to the phone, or the link of a hand-off.

docs/adr/0043-confirmation-codes.md, docs/adr/0053-phone-hand-off.md
"""

from proofing.contracts.phone_numbers import COUNTRY_CODE
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.records import EndState, end_without_answer
from proofing.contracts.results import Outcome, ProoferKind, Refusal
from proofing.jobs.arguments import CodeArguments, JobResult
from proofing.jobs.asking import ask, is_unanswered
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.run import JobRun

NO_MESSENGER = "no_messenger"
_STEP = "code"


async def send_code(run: JobRun, arguments: CodeArguments, tools: Tools) -> JobResult:
    """Have the messenger send the message, unless settings that changed meanwhile forbid it."""
    message, settings = arguments.message, tools.settings
    if not settings.confirms_phone:
        return JobResult(end_state=EndState.VENDOR_EXCEPTION, reasons=(NO_MESSENGER,))
    if not settings.may_get_code(message.number.removeprefix(COUNTRY_CODE)):
        return JobResult(outcome=Outcome.FAILED, reasons=(Refusal.NOT_ALLOWED.value,))
    check = (
        await ask(
            run,
            tools,
            ProoferKind.MESSENGER,
            ProofingRequest(message=message),
            step=_STEP,
            fits=lambda one: one.can_send(message.channel, has_code=message.code is not None),
            goes_on=is_unanswered,
        )
    ).check
    if check is None:
        return JobResult(end_state=EndState.VENDOR_EXCEPTION, reasons=(NO_MESSENGER,))
    if check.result is None:
        return JobResult(end_state=end_without_answer(check), timed_out=check.timed_out)
    refusal = check.result.refusal
    return JobResult(outcome=check.result.outcome, reasons=(refusal.value,) if refusal else ())


JOB = JobType(arguments=CodeArguments, work=send_code)
