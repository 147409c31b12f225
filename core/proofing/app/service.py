"""What a front end calls: submit, track, collect the result, cancel; all of the life cycle that HTTP sees."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from proofing.app.documents import DocumentPlan
from proofing.app.handoffs import Handoffs
from proofing.app.offers import Offers
from proofing.app.openid import OpenIDConnect
from proofing.app.outages import Outages
from proofing.app.phone_codes import PhoneCodes
from proofing.app.redaction import Redaction
from proofing.app.relying_parties import RelyingParties
from proofing.app.simulation import Simulator
from proofing.app.verifications import Verifications
from proofing.base.errors import InvalidInputError
from proofing.base.logs import get_logger, log
from proofing.base.metrics import WAITS_ABANDONED
from proofing.contracts.applicant import Applicant
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.images import Side, UploadedImage
from proofing.contracts.messages import Message
from proofing.contracts.people import FinishedJob, LimitState, PersonRef
from proofing.contracts.records import JobKind, StatusRecord
from proofing.contracts.selfies import SelfieChoice
from proofing.contracts.stores import UploadReceiver
from proofing.contracts.verifications import Mode
from proofing.crypto.encryption import KeyRing
from proofing.jobs.arguments import CodeArguments, DocumentArguments, PIIArguments
from proofing.jobs.attempts import Ready, Submission, constant, new_result_id
from proofing.jobs.dependencies import Dependencies
from proofing.jobs.events import VendorEvents
from proofing.jobs.kinds import job_type
from proofing.jobs.parking import VendorPage, VendorPages
from proofing.jobs.runner import JobRunner
from proofing.jobs.submissions import Submitter
from proofing.jobs.tracking import JobTracker
from proofing.registry.plugins import LoadedWebhook
from proofing.routing.person_limits import PersonLimits
from proofing.routing.shared_limits import SharedLimits
from proofing.rules import limits
from proofing.rules.limits import Counter
from proofing.sessions.uploads import EncryptedImage, UploadSlots, check_image_key
from proofing.sessions.vault import SessionStore

_logger = get_logger(__name__)
_NOBODY, _UNKNOWN = Applicant(), Circumstances()


class ProofingService(Offers):
    """One instance a process; methods are safe to call concurrently.

    `uploads` manages the upload slots, `sessions` the sessions; `outages` knows what is out; `events` takes
    what vendors send, `codes` confirms phones; `verifications` are what relying parties ask for,
    `relying_parties` who they are, `openid` is for those of them that are clients of OpenID Connect, and
    `simulator` brings verifications of mode test to an outcome.
    """

    def __init__(
        self,
        parts: Dependencies,
        *,
        runner: JobRunner,
        uploads: UploadSlots,
        fingerprint_keys: KeyRing,
        environment: str,
        webhooks: Mapping[str, LoadedWebhook] = MappingProxyType({}),
    ) -> None:
        """Offer what *parts* can do.

        Args:
            parts: of the process.
            runner: runs jobs inside requests.
            uploads: manages upload slots.
            fingerprint_keys: count SSNs.
            environment: for logs and pages.
            webhooks: that are served, by name.
        """
        results, live = parts.results, parts.live
        super().__init__(live, parts.router_of)
        self.environment = environment
        self._results = results
        self._images = parts.images
        self._limits = PersonLimits(results, fingerprint_keys, live)
        self.shared_limits = SharedLimits(
            results=results,
            keys=parts.keys,
            live=live,
            gates=parts.gates,
            candidates=parts.router.candidates,
        )
        self.uploads = uploads
        self.outages = Outages(live, parts.router_of, results.now)
        self.codes = PhoneCodes(parts, self._limits, self.outages)
        self.handoffs = Handoffs(results, self._limits, live)
        self._tracker = JobTracker(parts)
        self.status = self._tracker.status
        self.wait = self._tracker.wait
        self.begin_waiting = self._tracker.begin_waiting
        self.status_and_result = self._tracker.status_and_result
        self.finished_job = self._tracker.finished_job
        self.sessions = SessionStore(results, parts.sealer, live)
        self._submitter = Submitter(parts, runner)
        self.verifications = Verifications(
            store=parts.verifications,
            sealer=parts.sealer,
            keys=parts.keys,
            fingerprint_keys=fingerprint_keys,
            live=live,
            cancel_job=self._submitter.cancel_begun,
            delete_leftovers=Redaction(parts).delete_here,
        )
        self.simulator = Simulator(self.verifications, live, parts.sealer, parts.keys)
        self.relying_parties = RelyingParties(
            store=parts.verifications, results=results, live=live, keys=fingerprint_keys
        )
        self.openid = OpenIDConnect(
            store=parts.verifications,
            results=results,
            sealer=parts.sealer,
            fingerprint_keys=fingerprint_keys,
            live=live,
        )
        self.events = VendorEvents(parts, webhooks)
        self._vendor_pages = VendorPages(parts)

    async def close(self) -> None:
        """Cancel what still runs in the background."""
        self.events.close()
        await self._submitter.close()

    # Uploads

    @property
    def upload_receiver(self) -> UploadReceiver | None:
        """The image store, when the web server must receive its uploads."""
        return self._images if isinstance(self._images, UploadReceiver) else None

    def csp_connect_source(self, attempt: str) -> str:
        """Return the CSP ``connect-src`` expression for exactly this attempt's uploads."""
        return self.uploads.source(attempt)

    async def new_slot(self, person: PersonRef, *, attempt: str, side: Side) -> str:
        """Reserve an upload slot and return its id, which the browser binds the ciphertext to.

        Raises:
            LimitReachedError: the attempt has used up its slots, or the person may submit no more documents.
            InvalidInputError: *attempt* is not an id.
        """
        counter = self._limits.counter(limits.OF_KIND[JobKind.DOCUMENT], person.reference)
        usage, slot = await asyncio.gather(
            self._results.usage(counter.key),
            self.uploads.reserve(
                person.reference,
                attempt=attempt,
                side=side,
                verification=person.verification.id if person.verification else None,
            ),
        )
        # A slot that was reserved anyway expires unused.
        counter.require_attempt(usage)
        return slot

    # Submit

    @staticmethod
    def new_result_id() -> str:
        """Return a random id for one attempt, to be noted before it is submitted."""
        return new_result_id()

    def is_running_here(self, result_id: str) -> bool:
        """Return whether the job runs inside a request of this process, also one that was abandoned."""
        return self._submitter.is_running_here(result_id)

    def now(self) -> float:
        """Return the time by which ages are judged, the result store's, in seconds since the epoch."""
        return self._results.now()

    async def submit_uploads(
        self,
        person: PersonRef,
        *,
        attempt: str,
        encryption_key: bytes,
        images: Mapping[Side, EncryptedImage],
        sealed_keys: Mapping[str, bytes] | None = None,
        failed_fingerprints: Sequence[str] = (),
        facts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        applicant: Applicant = _NOBODY,
        circumstances: Circumstances = _UNKNOWN,
        selfie: SelfieChoice | None = None,
        result_id: str | None = None,
        network: str = "",
        plan: DocumentPlan | None = None,
        found: Awaitable[Mapping[Side, UploadedImage]] | None = None,
    ) -> str:
        """Submit images that the browser uploaded, and return the result id.

        Args:
            person: owner of the slots.
            attempt: of the slots, where they name no other.
            encryption_key: 32 bytes; empty when every image is of an earlier page.
            images: slot and IV by side.
            sealed_keys: of the earlier pages, by attempt, as `UploadSlots.seal_key` gave them.
            failed_fingerprints: marks ``side:fingerprint`` of images that failed before in this session.
            facts: about the images by side, without PII, for the job's log line; the vendor gets their
                ``source``, ``upload`` or ``camera``.
            applicant: what the person has typed; the job gets of it what the person's vendor declares.
            circumstances: how the person came here; the vendor gets what it declares.
            selfie: what the person answered when asked for one; without a consent the job opens none.
            result_id: of the attempt, from `new_result_id`, when it is noted before it is submitted: a submit
                that is repeated with the same id is one. By default a fresh one.
            network: the client's address or IPv6 prefix, for the limits of addresses; "" when it has none.
            plan: by which the person was asked for these images; by default that of this moment.
            found: what `UploadSlots.find` returns for the same owner, attempt and images, when that was begun
                before the submit.

        Raises:
            InvalidInputError: a side is missing or its slot is not good; names the sides.
            LimitReachedError: `idv_doc_auth`, `client_document` or the vendor's budget is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        keys = dict(sealed_keys or {})
        if any((image.attempt or attempt) not in keys for image in images.values()):
            check_image_key(encryption_key)

        chosen = result_id or new_result_id()
        plan = plan or self.document_plan(person)

        async def find_slots() -> Ready:
            slots = await (found or self.uploads.find(person.reference, attempt=attempt, images=images))
            arguments = DocumentArguments(
                images=slots,
                encryption_key=encryption_key,
                sealed_keys=keys,
                failed_fingerprints=frozenset(failed_fingerprints),
                image_source=_image_source(facts),
                applicant=applicant.select(plan.attributes),
                circumstances=circumstances,
                selfie=selfie,
                vendor=plan.vendor,
                wants_selfie=plan.wants_selfie,
                document_types=plan.types,
            )
            return Ready(arguments=arguments, marks=self.uploads.marks(slots, result_id=chosen))

        return await self._submitter.submit(
            Submission(
                result_id=chosen,
                owner=person.reference,
                partner=person.partner,
                verification=person.verification,
                kind=JobKind.DOCUMENT,
                ready=find_slots,
                taken=lambda keys: self.uploads.taken(images, keys),
                counters=await self._counters(JobKind.DOCUMENT, person, network),
                inline=False,
                metadata={"images": dict(facts)} if facts else {},
                undo=lambda: self.uploads.free([one.slot for one in images.values()], result_id=chosen),
            )
        )

    async def submit_images(
        self,
        person: PersonRef,
        *,
        images: Mapping[Side, bytes],
        failed_fingerprints: Sequence[str] = (),
        facts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        applicant: Applicant = _NOBODY,
        circumstances: Circumstances = _UNKNOWN,
        selfie: SelfieChoice | None = None,
        result_id: str | None = None,
        network: str = "",
        plan: DocumentPlan | None = None,
    ) -> str:
        """Proof images of a form post inside the request, and return the result id when it has ended.

        For *applicant*, *circumstances*, *selfie*, *result_id* and *plan* see `submit_uploads`.

        Raises:
            LimitReachedError: `idv_doc_auth`, `client_document` or the vendor's budget is used up.
            StoreUnavailableError: nothing was submitted; try again.
        """
        plan = plan or self.document_plan(person)
        return await self._submitter.submit(
            Submission(
                result_id=result_id or new_result_id(),
                owner=person.reference,
                partner=person.partner,
                verification=person.verification,
                kind=JobKind.DOCUMENT,
                ready=constant(
                    DocumentArguments(
                        plain_images=images,
                        failed_fingerprints=frozenset(failed_fingerprints),
                        image_source=_image_source(facts),
                        applicant=applicant.select(plan.attributes),
                        circumstances=circumstances,
                        selfie=selfie,
                        vendor=plan.vendor,
                        wants_selfie=plan.wants_selfie,
                        document_types=plan.types,
                    )
                ),
                counters=await self._counters(JobKind.DOCUMENT, person, network),
                inline=True,
                metadata={"images": dict(facts)} if facts else {},
            )
        )

    async def submit_visit(
        self,
        person: PersonRef,
        *,
        plan: DocumentPlan,
        applicant: Applicant = _NOBODY,
        circumstances: Circumstances = _UNKNOWN,
        result_id: str | None = None,
        network: str = "",
    ) -> str:
        """Submit a document that the person shows on a page of the vendor of *plan*; return the result id.

        For *applicant*, *circumstances* and *result_id* see `submit_uploads`.

        Raises:
            LimitReachedError: `idv_doc_auth`, `client_document` or the vendor's budget is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        arguments = DocumentArguments(
            applicant=applicant.select(plan.attributes),
            circumstances=circumstances,
            vendor=plan.vendor,
            document_types=plan.types,
        )
        return await self._submitter.submit(
            Submission(
                result_id=result_id or new_result_id(),
                owner=person.reference,
                partner=person.partner,
                verification=person.verification,
                kind=JobKind.DOCUMENT,
                ready=constant(arguments),
                counters=await self._counters(JobKind.DOCUMENT, person, network),
                inline=False,
            )
        )

    async def submit_applicant(
        self,
        kind: JobKind,
        person: PersonRef,
        applicant: Applicant,
        *,
        circumstances: Circumstances = _UNKNOWN,
        result_id: str | None = None,
        network: str = "",
    ) -> str:
        """Submit an applicant for a job of a *kind* that reads no images, and return the result id.

        For *circumstances* and *result_id* see `submit_uploads`.

        Raises:
            InvalidInputError: an attribute without which the kind is not submitted is missing; names it.
            LimitReachedError: a limit of the kind, `proof_ssn`, or each vendor's budget is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        if missing := [name for name in job_type(kind).required if not getattr(applicant, name)]:
            raise InvalidInputError(dict.fromkeys(missing, "required"))
        arguments = PIIArguments(
            applicant=replace(applicant, uuid=person.reference, uuid_prefix=person.partner),
            circumstances=circumstances,
        )
        return await self._submitter.submit(
            Submission(
                result_id=result_id or new_result_id(),
                owner=person.reference,
                partner=person.partner,
                verification=person.verification,
                kind=kind,
                ready=constant(arguments),
                counters=await self._counters(kind, person, network, applicant.ssn),
                inline=not self.async_proofing,
            )
        )

    async def submit_code(
        self, person: PersonRef, message: Message, *, result_id: str | None = None, network: str = ""
    ) -> str:
        """Submit a confirmation code for being sent, and return the result id.

        For *result_id* and *network* see `submit_uploads`.

        Raises:
            LimitReachedError: `phone_code`, `client_code` or the messenger's budget is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        counters = await self._counters(JobKind.CODE, person, network)
        return await self._submit_message(person, message, counters, result_id or new_result_id())

    async def submit_link(
        self, person: PersonRef, message: Message, *, result_id: str, network: str = ""
    ) -> str:
        """Submit the link of a hand-off for being sent, once a link; return the result id.

        The link was counted when it was made. Here its phone is counted over all people, and the client's
        address as for a code. For *result_id* and *network* see `submit_uploads`.

        Raises:
            LimitReachedError: `idv_send_link` of the phone, `client_code` or the messenger's budget is used
                up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        await self._require_budget(JobKind.CODE, person)
        counters = [
            self._limits.of_phone(message.number, person.mode),
            *self.shared_limits.counters(JobKind.CODE, network),
        ]
        return await self._submit_message(person, message, counters, result_id)

    async def _submit_message(
        self, person: PersonRef, message: Message, counters: Sequence[Counter], result_id: str
    ) -> str:
        """Submit *message* for being sent, counted on *counters*."""
        return await self._submitter.submit(
            Submission(
                result_id=result_id,
                owner=person.reference,
                partner=person.partner,
                verification=person.verification,
                kind=JobKind.CODE,
                ready=constant(CodeArguments(message=message)),
                counters=counters,
                inline=not self.async_proofing,
            )
        )

    # Track: see also `JobTracker`

    async def vendor_page(self, record: StatusRecord | None) -> VendorPage | None:
        """Return what the person of *record* has to do at a vendor now; None for nothing."""
        return await self._vendor_pages.load(record) if record is not None and record.needs_person else None

    async def cancel(
        self, person: PersonRef, result_id: str, kind: JobKind, *, ssn: str | None = None
    ) -> None:
        """End the person's own attempt as canceled, also one of which nothing is known.

        Idempotent. It stays charged, as its vendor may have been asked, unless the person has
        waited without an answer for as long as the page promises: then it is refunded, for *ssn*, the
        submitted one, too. A person who was sent to a vendor may have seen there how it ends: no refund.
        """
        if await self._tracker.belongs_to_another(person, result_id, kind):
            return
        record = await self.status(person, result_id, kind)
        if record is not None and record.is_done:
            return
        refund: list[str] = []
        now = self._results.now()
        has_waited = record is None or now - record.submitted_at >= self.settings.async_wait_timeout_seconds
        if has_waited and not (record and record.was_sent_out):
            if record is None or record.pending_until is None:
                WAITS_ABANDONED.labels(kind.value).inc()
                log(_logger, "result_missing", level=logging.WARNING, job_id=result_id, kind=kind.value)
            refund = [counter.key for counter in self._limits.counters(kind, person, ssn)]
        await self._submitter.cancel(
            person.reference, kind, result_id, record, refund=refund, verification=person.verification
        )

    async def limit(self, person: PersonRef, name: str, *, ssn: str | None = None) -> LimitState:
        """Return how far the limit *name* is used up: by the person, or by *ssn* where SSNs are counted."""
        return await self._limits.state(person, name, ssn=ssn)

    async def _counters(
        self, kind: JobKind, person: PersonRef, network: str, ssn: str | None = None
    ) -> list[Counter]:
        """Return everything that an attempt of *kind* counts on, when a vendor could be asked about it."""
        await self._require_budget(kind, person)
        return [
            *self._limits.counters(kind, person, ssn),
            *self.shared_limits.counters(kind, network),
        ]

    async def _require_budget(self, kind: JobKind, person: PersonRef) -> None:
        """Check that a vendor can be asked; what mode test asks costs nothing."""
        if person.mode is Mode.LIVE:
            await self.shared_limits.require_budget(kind, person.reference)


def _image_source(facts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return where the images came from: a camera when one of them did."""
    return "camera" if any(fact.get("source") == "camera" for fact in facts.values()) else "upload"


__all__ = ["EncryptedImage", "FinishedJob", "LimitState", "PersonRef", "ProofingService", "UploadReceiver"]
