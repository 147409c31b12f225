"""The resolution job: device profile, resolution, state ID, phone pre-check, adjudication.

What does not depend on each other runs side by side: the device profile next to everything else, and state ID
and phone pre-check next to each other once the addresses are resolved.
"""

from typing import Any

from proofing.contracts.applicant import Applicant
from proofing.contracts.job_results import ResolutionJobResult
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import (
    Check,
    DeviceResult,
    Outcome,
    PhoneResult,
    ProoferKind,
    ResolutionResult,
    StateIDResult,
)
from proofing.jobs.arguments import JobResult, PIIArguments
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.phone import may_confirm
from proofing.jobs.run import JobRun, side_by_side
from proofing.registry.proofers import LoadedProofer
from proofing.rules import planning
from proofing.rules.evidence import evidence_codes, phone_evidence, resolution_evidence
from proofing.rules.resolution import ResolutionChecks, adjudicate
from proofing.rules.state_id import JURISDICTIONS, bypass_error


async def proof_resolution(run: JobRun, arguments: PIIArguments, tools: Tools) -> JobResult:
    """Ask every vendor that the rules want asked, and adjudicate."""
    work = _Resolution(run, arguments, tools)
    device, answers = await side_by_side(work.device(), work.identity())
    checks = ResolutionChecks(device=device, **answers)
    record = adjudicate(arguments.applicant, checks)
    evidence = resolution_evidence(
        planning.with_document_address(arguments.applicant),
        checks.resolution.result,
        checks.state_id.result,
        passed=record.outcome is Outcome.PASSED,
        vouched=tools.vouches(run, "resolution"),
    )
    can_confirm = may_confirm(arguments.applicant.phone, checks.phone_precheck, tools)
    if can_confirm:
        evidence |= phone_evidence(checks.phone_precheck.result, vouched=tools.vouches(run, "phone"))
    return JobResult(
        end_state=record.end_state,
        outcome=record.outcome,
        reasons=record.reasons,
        timed_out=record.timed_out,
        result=ResolutionJobResult(
            phone_precheck_passed=record.phone_precheck_passed and can_confirm,
            failed_phone=arguments.applicant.phone if record.phone_precheck_failed else None,
            checks=record.checks,
            evidence=evidence,
        ),
        facts={
            "reason": record.resolution_reason,
            "reasons": list(record.reasons),
            "checks": dict(record.checks),
            "evidence": evidence_codes(evidence),
        },
    )


class _Resolution:
    """The calls of one resolution job."""

    def __init__(self, run: JobRun, arguments: PIIArguments, tools: Tools) -> None:
        self._run = run
        self._arguments = arguments
        self._applicant = arguments.applicant
        self._tools = tools
        self._settings = tools.settings

    async def device(self) -> Check[DeviceResult]:
        """Profile the device."""
        known = self._arguments.circumstances
        planned = planning.plan_device(
            enabled=self._settings.device_profiling_enabled,
            session_id=known.device_session_id,
            has_data=known.ip_address is not None,
        )
        return planned or await self._ask(ProoferKind.DEVICE, self._applicant, "device")

    async def identity(self) -> dict[str, Check[Any]]:
        """Resolve the addresses, then ask the licensing agency and about the phone; checks by their names."""
        residential, resolution = await self.resolution()
        state_id, phone_precheck = await side_by_side(
            self.state_id(resolution), self.phone_precheck(residential, resolution)
        )
        return {
            "residential_address": residential,
            "resolution": resolution,
            "state_id": state_id,
            "phone_precheck": phone_precheck,
        }

    async def resolution(self) -> tuple[Check[ResolutionResult], Check[ResolutionResult]]:
        """Resolve the home address where it is asked apart, then the document's."""
        residential = planning.plan_residential_address(self._applicant)
        if residential is None:
            residential = await self._ask(ProoferKind.RESOLUTION, self._applicant, "residential address")
        check = planning.plan_resolution(self._applicant, residential)
        if check is None:
            about = planning.with_document_address(self._applicant)
            check = await self._ask(ProoferKind.RESOLUTION, about, "resolution")
        return residential, check

    async def state_id(self, resolution: Check[ResolutionResult]) -> Check[StateIDResult]:
        """Ask the licensing agency, if it answers and its answer can still matter."""
        loaded = self._vendor(ProoferKind.STATE_ID, "state_id")
        if loaded is None:
            return Check(skipped=planning.UNSUPPORTED_JURISDICTION)
        answering = loaded.descriptor.jurisdictions
        jurisdictions = frozenset(self._settings.state_id_jurisdictions) or answering or JURISDICTIONS
        if answering is not None:
            jurisdictions &= answering
        planned = planning.plan_state_id(self._applicant, resolution, jurisdictions=jurisdictions)
        about = planning.with_document_address(self._applicant)
        if planned is not None:
            return planned
        check = await self._ask(ProoferKind.STATE_ID, about, "state_id")
        return bypass_error(check, self._settings.state_id_bypass_causes)

    async def phone_precheck(
        self, residential: Check[ResolutionResult], resolution: Check[ResolutionResult]
    ) -> Check[PhoneResult]:
        """Ask the first phone vendor, where the setting wants it and a phone is known."""
        planned = planning.plan_phone_precheck(
            self._applicant, residential, resolution, selected=self._settings.phone_precheck_enabled
        )
        return planned or await self._ask(ProoferKind.PHONE, self._applicant, "phone")

    def _vendor(self, kind: ProoferKind, step: str) -> LoadedProofer | None:
        """Return the vendor of the next question of *step*; one of the router's choice for this attempt."""
        return self._tools.vendor(self._run, step, kind, self._run.message.result_id)

    async def _ask(self, kind: ProoferKind, applicant: Applicant, step: str) -> Check[Any]:
        """Ask the vendor that the router chooses for this attempt."""
        loaded = self._vendor(kind, step)
        if loaded is None:
            # Nobody to ask is not a yes; the licensing agency, which alone may be missing, is planned apart.
            return Check(skipped=f"{kind.value} is switched off", skipped_passes=False)
        request = ProofingRequest(applicant=applicant, circumstances=self._arguments.circumstances)
        return await self._run.ask(loaded, request, step=step)


JOB = JobType(arguments=PIIArguments, work=proof_resolution, result=ResolutionJobResult, required=("ssn",))
