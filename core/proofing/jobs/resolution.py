"""The resolution job: device profile, resolution, state ID, phone pre-check, adjudication.

What does not depend on each other runs side by side: the device profile next to everything else, and state ID
and phone pre-check next to each other once the addresses are resolved.
"""

import time
from collections.abc import Callable
from typing import Any

from proofing.contracts.applicant import Applicant
from proofing.contracts.job_results import ResolutionJobResult
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
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
from proofing.jobs.asking import ask, first_vendor, is_unanswered, never
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.phone import may_confirm
from proofing.jobs.run import JobRun, side_by_side
from proofing.registry.proofers import LoadedProofer
from proofing.routing.terms import is_agency_in_maintenance
from proofing.rules import planning
from proofing.rules.evidence import evidence_codes, phone_evidence, resolution_evidence
from proofing.rules.resolution import ResolutionChecks, adjudicate, wants_second_opinion
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
            residential = await self._ask(
                ProoferKind.RESOLUTION, self._applicant, "residential address", goes_on=wants_second_opinion
            )
        check = planning.plan_resolution(self._applicant, residential)
        if check is None:
            about = planning.with_document_address(self._applicant)
            check = await self._ask(ProoferKind.RESOLUTION, about, "resolution", goes_on=wants_second_opinion)
        return residential, check

    async def state_id(self, resolution: Check[ResolutionResult]) -> Check[StateIDResult]:
        """Ask the licensing agency, if it answers and its answer can still matter."""
        first = first_vendor(self._run, self._tools, ProoferKind.STATE_ID, step="state_id")
        if first is None:
            return Check(skipped=planning.UNSUPPORTED_JURISDICTION)
        others = self._tools.router.may_meet(ProoferKind.STATE_ID, self._run.message.owner)
        wanted = frozenset(self._settings.state_id_jurisdictions)
        jurisdictions = frozenset().union(
            *(answered_jurisdictions(one.descriptor, wanted) for one in (first, *others))
        )
        planned = planning.plan_state_id(self._applicant, resolution, jurisdictions=jurisdictions)
        if planned is not None:
            return planned
        state = self._applicant.state_id_jurisdiction
        check = await self._ask(
            ProoferKind.STATE_ID,
            planning.with_document_address(self._applicant),
            "state_id",
            in_maintenance_window=is_agency_in_maintenance(self._settings, state, time.time()),
            fits=lambda vendor: state in answered_jurisdictions(vendor.descriptor, wanted),
            goes_on=is_unanswered,
        )
        return bypass_error(check, self._settings.state_id_bypass_causes)

    async def phone_precheck(
        self, residential: Check[ResolutionResult], resolution: Check[ResolutionResult]
    ) -> Check[PhoneResult]:
        """Ask the first phone vendor, where the setting wants it and a phone is known."""
        # One that was put before the job was parked is finished: the share may have changed since.
        is_put = self._run.questions.upcoming("phone") is not None
        is_selected = self._settings.phone_precheck_enabled and self._tools.router.is_in_share(
            self._run.message.owner, "phone_precheck", self._settings.phone_precheck_percentage
        )
        planned = planning.plan_phone_precheck(
            self._applicant, residential, resolution, selected=is_selected or is_put
        )
        return planned or await self._ask(ProoferKind.PHONE, self._applicant, "phone", goes_on=never)

    async def _ask(
        self,
        kind: ProoferKind,
        applicant: Applicant,
        step: str,
        *,
        in_maintenance_window: bool = False,
        fits: Callable[[LoadedProofer], bool] | None = None,
        goes_on: Callable[[Check[Any]], bool] = is_unanswered,
    ) -> Check[Any]:
        """Ask the vendors of the settings, and return the check that counts."""
        request = ProofingRequest(
            applicant=applicant,
            circumstances=self._arguments.circumstances,
            in_maintenance_window=in_maintenance_window,
        )
        asked = await ask(self._run, self._tools, kind, request, step=step, fits=fits, goes_on=goes_on)
        # Nobody to ask is not a yes; the licensing agency, which alone may be missing, is planned apart.
        return asked.check or Check(skipped=f"{kind.value} is switched off", skipped_passes=False)


def answered_jurisdictions(vendor: ProoferDescriptor, wanted: frozenset[str]) -> frozenset[str]:
    """Return the states that a state ID *vendor* answers for, of those that are *wanted*; empty: of all."""
    answering = JURISDICTIONS if vendor.jurisdictions is None else vendor.jurisdictions
    return wanted & answering if wanted else answering


JOB = JobType(arguments=PIIArguments, work=proof_resolution, result=ResolutionJobResult, required=("ssn",))
