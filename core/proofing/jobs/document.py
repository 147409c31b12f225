"""The document job: get the images, check their headers, ask the vendor, judge its answer; then the issuer.

Uploaded images are read by the stored key with a cap, compared with the stored hash, decrypted, and only then
checked. Images of a form post start at that check; everything after is the same.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from proofing.base.errors import EncryptionError, ImageError, PluginError
from proofing.contracts.applicant import ACCEPTED_TYPES, TYPES_OF, Applicant, DocumentChoice
from proofing.contracts.circumstances import Wanted
from proofing.contracts.evidence import Evidence
from proofing.contracts.images import FORM_TYPE, Image, Side, UploadedImage
from proofing.contracts.job_results import DocumentJobResult
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.records import EndState, end_without_answer
from proofing.contracts.results import (
    Check,
    CheckState,
    DocumentResult,
    FindingCode,
    Outcome,
    PassportResult,
    ProoferKind,
)
from proofing.contracts.stores import ImageStore
from proofing.crypto.contexts import image_key_context
from proofing.crypto.encryption import Sealer, open_image
from proofing.jobs.arguments import DocumentArguments, JobResult
from proofing.jobs.asking import ask, first_vendor, is_unanswered
from proofing.jobs.cross_check import cross_checked
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.run import JobRun
from proofing.registry.proofers import LoadedProofer
from proofing.routing.selfies import selfie_terms
from proofing.rules.documents import (
    DocumentVerdict,
    by_side,
    document_checks,
    failed_before,
    judge_document,
    judge_with_passport,
    missing_sides,
    needs_passport_check,
)
from proofing.rules.evidence import document_evidence, evidence_codes
from proofing.rules.image_check import inspect_image
from proofing.rules.planning import PASSPORT_CHECK_OFF
from proofing.rules.takeovers import can_take_document
from proofing.settings import Settings

#: Larger images are inspected in a thread.
_THREAD_BYTES = 256 * 1024
_STEP = "vendor_request"
_PASSPORT_STEP = "passport"


@dataclass(frozen=True, slots=True)
class ImageReader:
    """Gets a job's images out of *store*, with the keys that it carries; *sealer* opens the sealed ones."""

    store: ImageStore
    sealer: Sealer

    async def read(self, run: JobRun, arguments: DocumentArguments) -> dict[Side, bytes]:
        """Download and decrypt all images side by side; the first failure stops the others."""
        keys = {
            attempt: await self.sealer.open(sealed, image_key_context(run.message.owner, attempt))
            for attempt, sealed in arguments.sealed_keys.items()
        }
        async with asyncio.TaskGroup() as group:
            tasks = {
                side: group.create_task(
                    _fetch(run, side, image, keys.get(image.attempt, arguments.encryption_key), self.store)
                )
                for side, image in arguments.images.items()
            }
        return {side: task.result() for side, task in tasks.items()}


async def proof_document(run: JobRun, arguments: DocumentArguments, tools: Tools) -> JobResult:
    """Do the whole work of one document submission."""
    loaded = first_vendor(run, tools, ProoferKind.DOCUMENT, step=_STEP, shown=arguments.vendor)
    if loaded is None:
        raise PluginError("there is no document proofer")
    images: dict[Side, Image] = {}
    fingerprints = dict(arguments.fingerprints)
    terms = selfie_terms(tools.settings, loaded.descriptor, policy=arguments.wants_selfie)
    # One that continues asks for what it began with.
    selfie = Side.SELFIE in fingerprints if fingerprints else terms.wants_image(arguments.selfie)
    types = arguments.document_types
    # On a page of its own the vendor takes the images, and there are none here.
    if not fingerprints and not loaded.descriptor.captures_images:
        if not terms.has_consent(arguments.selfie):
            # Nobody agreed that this vendor gets it: it is not even opened.
            arguments = arguments.without_selfie()
        plain = dict(arguments.plain_images) or await ImageReader(tools.images, tools.sealer).read(
            run, arguments
        )
        is_page = types == TYPES_OF[DocumentChoice.PASSPORT] if types else Side.PASSPORT in plain
        if missing := missing_sides(plain, passport=is_page, selfie=selfie):
            return _refused(missing)
        for side in tuple(plain):
            # The check returns a copy, so the original is released.
            images[side], fingerprints[side] = await _check(
                run, side, plain.pop(side), allow_yaml=_accepts_forms(loaded, tools.settings)
            )
        if repeated := failed_before(fingerprints, by_side(arguments.failed_fingerprints)):
            return _refused(repeated)
        if any(image.media_type == FORM_TYPE for image in images.values()):
            loaded = _reader_of_forms(loaded, tools)
        # Parked, it continues without images, and without what opens them.
        run.kept = DocumentArguments(
            fingerprints=fingerprints,
            image_source=arguments.image_source,
            applicant=arguments.applicant,
            circumstances=arguments.circumstances,
            selfie=arguments.selfie,
            wants_selfie=arguments.wants_selfie,
            vendor=arguments.vendor,
            document_types=types,
        )
    request = ProofingRequest(
        applicant=arguments.applicant,
        images=images,
        image_source=arguments.image_source,
        wanted=Wanted(document_types=types or ACCEPTED_TYPES, selfie=selfie),
        circumstances=arguments.circumstances,
    )
    asked = await ask(
        run,
        tools,
        ProoferKind.DOCUMENT,
        request,
        step=_STEP,
        shown=loaded.descriptor.name,
        fits=lambda other: can_take_document(loaded.descriptor, other.descriptor, request),
        goes_on=is_unanswered,
    )
    check: Check[DocumentResult] = asked.check or Check()
    if check.result is None:
        return JobResult(
            end_state=end_without_answer(check),
            reasons=("network",),
            timed_out=check.timed_out,
            facts={"checks": {"document": check.state}},
        )
    answer = await cross_checked(run, tools, request, check.result)
    verdict = judge_document(
        answer,
        fingerprints=fingerprints,
        now=datetime.now(UTC),
        min_age_years=tools.settings.idv_min_age_years,
        chosen_types=types or None,
        selfie_required=selfie,
        requires=tools.settings.document_requires,
    )
    make_evidence = partial(
        document_evidence,
        answer,
        vouched=tools.vouches(run, _STEP),
        biometric_consent=terms.has_consent(arguments.selfie),
    )
    if verdict.applicant is None or not needs_passport_check(verdict, answer):
        checks = document_checks(verdict, answer, None)
        evidence = make_evidence(verdict)
        return _conclude(verdict, answer, checks, evidence, arguments)
    passport = await _ask_issuer(run, request, verdict.applicant, answer, tools)
    checks = document_checks(verdict, answer, passport)
    verdict = judge_with_passport(verdict, passport, fingerprints=fingerprints)
    evidence = make_evidence(verdict, passport)
    return _with_issuer(_conclude(verdict, answer, checks, evidence, arguments), passport)


def _accepts_forms(loaded: LoadedProofer, settings: Settings) -> bool:
    """Return whether the testers' form is let through in place of an image."""
    return loaded.descriptor.accepts_test_documents or settings.test_document_vendor is not None


def _reader_of_forms(loaded: LoadedProofer, tools: Tools) -> LoadedProofer:
    """Return who gets a tester's form: the vendor itself, or the mock of the settings.

    Raises:
        PluginError: the mock is not there anymore.
    """
    name = tools.settings.test_document_vendor
    if loaded.descriptor.accepts_test_documents or name is None:
        return loaded
    return tools.router.named(ProoferKind.DOCUMENT, name)


async def _ask_issuer(
    run: JobRun, request: ProofingRequest, read: Applicant, answer: DocumentResult, tools: Tools
) -> Check[PassportResult]:
    """Ask about the passport that was *read*, if the settings name somebody to ask."""
    # The MRZ as the vendor read it: it may have line breaks, which the normal form of text does not.
    mrz = answer.applicant.mrz if answer.applicant else None
    references = {"uuid": run.message.owner, "uuid_prefix": run.message.partner}
    about = replace(request, applicant=read.merge({**references, "mrz": mrz}), images={})
    asked = await ask(run, tools, ProoferKind.PASSPORT, about, step=_PASSPORT_STEP, goes_on=is_unanswered)
    return asked.check or Check(skipped=PASSPORT_CHECK_OFF)


def _with_issuer(concluded: JobResult, passport: Check[PassportResult]) -> JobResult:
    """Return the conclusion of a job that asked the issuer of a passport, too."""
    if concluded.end_state is not EndState.DONE:
        concluded = replace(concluded, end_state=end_without_answer(passport))
    return replace(concluded, timed_out=passport.timed_out)


async def _fetch(run: JobRun, side: Side, image: UploadedImage, key: bytes, store: ImageStore) -> bytes:
    """Download one ciphertext, hold it to its hash, and decrypt it."""
    started = time.perf_counter()
    try:
        ciphertext = await store.read(image.object_key, max_bytes=image.length)
    finally:
        run.stopwatch.note(f"download.{side.value}", started)
    started = time.perf_counter()
    try:
        digest = await asyncio.to_thread(lambda: hashlib.sha256(ciphertext).digest())
        if digest != image.sha256:
            raise EncryptionError
        return await open_image(ciphertext, key, image.iv, slot=image.slot, side=side)
    finally:
        run.stopwatch.note(f"decrypt.{side.value}", started)


async def _check(run: JobRun, side: Side, content: bytes, *, allow_yaml: bool) -> tuple[Image, str]:
    """Check one image, naming its side when it is refused; return it with its fingerprint."""

    def inspect() -> tuple[Image, str]:
        image = inspect_image(content, allow_yaml=allow_yaml)
        return image, image.fingerprint

    started = time.perf_counter()
    try:
        # 35 ms for 15 MiB, which the loop has not got.
        return await asyncio.to_thread(inspect) if len(content) > _THREAD_BYTES else inspect()
    except ImageError as error:
        raise ImageError(error.code, side.value) from None
    finally:
        run.stopwatch.note(f"decode.{side.value}", started)


def _refused(fields: Mapping[Side, str]) -> JobResult:
    """Conclude without having asked the vendor, and so without an answer."""
    codes = tuple(dict.fromkeys(str(code) for code in fields.values()))
    return JobResult(
        end_state=EndState.BAD_IMAGE,
        reasons=codes,
        fields={side.value: str(code) for side, code in fields.items()},
        facts={"checks": {"document": CheckState.NOT_CHECKED}},
    )


def _conclude(
    verdict: DocumentVerdict,
    answer: DocumentResult,
    checks: Mapping[str, CheckState],
    evidence: Evidence,
    arguments: DocumentArguments,
) -> JobResult:
    """Turn the verdict on *answer* into the job's conclusion; only a success hands on what was read."""
    kept = {side: image for side, image in arguments.images.items() if side in verdict.reusable_sides}
    result = DocumentJobResult(
        applicant=verdict.applicant,
        needs_confirmation=verdict.needs_confirmation,
        failed_fingerprints=tuple(
            f"{side.value}:{mark}" for side, mark in verdict.failed_fingerprints.items()
        ),
        tips=verdict.tips,
        checks=checks,
        evidence=evidence,
        selfie=answer.selfie,
        kept_sides=tuple(kept),
    )
    facts: dict[str, Any] = {
        "reasons": [str(code) for code in (*verdict.reasons, *verdict.details)],
        "assurance": answer.assurance.value,
        "checks": dict(checks),
        "evidence": evidence_codes(evidence),
        "selfie": answer.selfie.value,
        "findings": [
            ":".join(
                (
                    finding.code,
                    finding.side or "",
                    finding.vendor_code or "",
                    *(["advice"] if finding.is_advice else []),
                )
            )
            for finding in answer.findings
        ],
    }
    if arguments.selfie is not None:
        facts["selfie_choice"] = arguments.selfie.to_json()
    is_unknown = any(finding.code is FindingCode.OTHER for finding in answer.against)
    if is_unknown or verdict.is_unexplained:
        # What our words do not have: the vendor has changed something.
        facts["warning"] = "unexplained" if verdict.is_unexplained else "unknown_findings"
    return JobResult(
        end_state=EndState.VENDOR_EXCEPTION if verdict.outcome is Outcome.UNKNOWN else EndState.DONE,
        outcome=verdict.outcome,
        reasons=tuple(str(code) for code in verdict.reasons),
        fields={side.value: str(code) for side, code in verdict.fields.items()} or None,
        result=result,
        kept_objects=frozenset(image.object_key for image in kept.values()),
        facts=facts,
    )


JOB = JobType(arguments=DocumentArguments, work=proof_document, result=DocumentJobResult, needs_result=True)
