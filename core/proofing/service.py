"""What a front end calls: submit, follow, adopt, cancel. It is all of the job life cycle that HTTP sees."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from proofing.applicant import Applicant
from proofing.encryption import KEY_BYTES, KeyRing, Sealer
from proofing.errors import EncryptionError, InvalidInputError
from proofing.images import Side
from proofing.jobs.arguments import DocumentArguments, PIIArguments
from proofing.jobs.runner import (
    PUBLISH_PATIENCE_SECONDS,
    JobRunner,
    is_genuine,
    result_context,
)
from proofing.logs import get_logger, log
from proofing.metrics import RESULTS_MISSING
from proofing.persons import Adopted, LimitState, Person
from proofing.queues import Capability, Queue
from proofing.records import JobKind, StatusRecord
from proofing.routing import Router
from proofing.rules import limits
from proofing.rules.limits import Counter, Limit
from proofing.sessions import SessionVault
from proofing.settings import LiveSettings, Settings
from proofing.stores import ImageStore, PresignedUpload, ResultStore, UploadReceiver
from proofing.submissions import Submission, Submitter, ready
from proofing.uploads import EncryptedImage, UploadDesk
from proofing.vendors import ProoferKind

_logger = get_logger("proofing.service")


class ProofingService:
    """One instance a process; every method is safe to call concurrently."""

    def __init__(
        self,
        *,
        runner: JobRunner,
        queue: Queue,
        results: ResultStore,
        images: ImageStore,
        uploads: UploadDesk,
        sealer: Sealer,
        keys: KeyRing,
        fingerprint_keys: KeyRing,
        router: Router,
        live: LiveSettings,
        environment: str,
    ) -> None:
        """Take the parts that `proofing.runtime` made."""
        self.environment = environment
        self._queue = queue
        self._results = results
        self._images = images
        self._sealer = sealer
        self._keys = keys
        self._fingerprints = fingerprint_keys
        self._router = router
        self._live = live
        self._uploads = uploads
        self._sessions = SessionVault(results, sealer, live)
        self._submitter = Submitter(
            runner=runner, queue=queue, results=results, sealer=sealer, keys=keys, live=live
        )

    # Settings that front ends follow

    @property
    def settings(self) -> Settings:
        """The settings in force at this moment."""
        return self._live.current

    @property
    def async_documents(self) -> bool:
        """Whether browsers encrypt and upload, and jobs proof the images."""
        return self.settings.doc_auth_enable_presigned_s3_urls

    @property
    def async_proofing(self) -> bool:
        """Whether resolution and address proofing are jobs."""
        return self.settings.ruby_workers_idv_enabled

    @property
    def takes_text_documents(self) -> bool:
        """Whether the document vendor reads the testers' YAML form."""
        loaded = self._router.choose(ProoferKind.DOCUMENT, "")
        return loaded is not None and loaded.descriptor.takes_text_documents

    @property
    def mocks_devices(self) -> bool:
        """Whether the device profiler is a mock, so that testers may choose what it answers."""
        loaded = self._router.choose(ProoferKind.DEVICE, "")
        return loaded is not None and loaded.is_mock

    @property
    def upload_receiver(self) -> UploadReceiver | None:
        """The image store, when the web server must receive its uploads."""
        return self._images if isinstance(self._images, UploadReceiver) else None

    def is_available(self, person: Person) -> bool:
        """Tell whether the flow is switched on and its vendors are not out."""
        return self._router.is_available(person.reference)

    # Uploads

    def upload_source(self, attempt: str) -> str:
        """Return the CSP ``connect-src`` expression for exactly this attempt's uploads."""
        return self._uploads.source(attempt)

    async def new_slot(self, person: Person, *, attempt: str, side: Side) -> str:
        """Reserve an upload slot and return its id, which the browser binds the ciphertext to.

        Raises:
            LimitReachedError: the attempt has used up its slots, or the person may submit no more documents.
            InvalidInputError: *attempt* is no id.
        """
        counter = self._counter(limits.DOCUMENT, person.reference)
        counter.require_attempt(await self._results.usage(counter.key))
        return await self._uploads.reserve(person.reference, attempt=attempt, side=side)

    async def presign(
        self, person: Person, *, attempt: str, slot: str, length: int, sha256: bytes
    ) -> PresignedUpload:
        """Return the one upload that a slot allows. See `UploadDesk.presign` for errors."""
        return await self._uploads.presign(
            person.reference, attempt=attempt, slot=slot, length=length, sha256=sha256
        )

    # Submit

    async def submit_uploads(
        self,
        person: Person,
        *,
        attempt: str,
        encryption_key: bytes,
        images: Mapping[Side, EncryptedImage],
        failed_fingerprints: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Submit pictures that the browser uploaded, and return the result id.

        Args:
            person: owner of the slots.
            attempt: of the slots.
            encryption_key: 32 bytes.
            images: slot and IV by side.
            failed_fingerprints: marks ``side:fingerprint`` of pictures that failed before in this session.
            metadata: facts about the pictures by side, without PII, for the job's log line; ``source`` is
                ``upload`` or ``camera``.

        Raises:
            InvalidInputError: a side is missing or its slot is not good; names the sides.
            LimitReachedError: `idv_doc_auth` is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        if len(encryption_key) != KEY_BYTES:
            raise InvalidInputError({"encryption_key": "malformed"})

        async def use_slots(result_id: str) -> DocumentArguments:
            return DocumentArguments(
                images=await self._uploads.use(
                    person.reference, attempt=attempt, images=images, result_id=result_id
                ),
                encryption_key=encryption_key,
                failed_fingerprints=frozenset(failed_fingerprints),
            )

        return await self._submitter.submit(
            Submission(
                owner=person.reference,
                partner=person.partner,
                kind=JobKind.DOCUMENT,
                arguments=use_slots,
                counters=self._counters(JobKind.DOCUMENT, person),
                inline=False,
                metadata={"images": dict(metadata or {})},
                undo=lambda result_id: self._uploads.free(images, result_id=result_id),
            )
        )

    async def submit_images(
        self,
        person: Person,
        *,
        images: Mapping[Side, bytes],
        failed_fingerprints: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Proof pictures of a form post inside the request, and return the result id when it has ended.

        Raises:
            LimitReachedError: `idv_doc_auth` is used up.
            StoreUnavailableError: nothing was submitted; try again.
        """
        return await self._submitter.submit(
            Submission(
                owner=person.reference,
                partner=person.partner,
                kind=JobKind.DOCUMENT,
                arguments=ready(
                    DocumentArguments(plain_images=images, failed_fingerprints=frozenset(failed_fingerprints))
                ),
                counters=self._counters(JobKind.DOCUMENT, person),
                inline=True,
                metadata={"images": dict(metadata or {})},
            )
        )

    async def submit_resolution(
        self, person: Person, applicant: Applicant, *, device_session_id: str | None, request_ip: str | None
    ) -> str:
        """Submit an applicant for resolution, and return the result id.

        Raises:
            InvalidInputError: the SSN is missing.
            LimitReachedError: `proof_ssn` or `idv_resolution` is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        if not applicant.ssn:
            raise InvalidInputError({"ssn": "required"})
        arguments = PIIArguments(
            applicant=self._about(person, applicant),
            device_session_id=device_session_id,
            request_ip=request_ip,
        )
        return await self._submitter.submit(
            Submission(
                owner=person.reference,
                partner=person.partner,
                kind=JobKind.RESOLUTION,
                arguments=ready(arguments),
                counters=self._counters(JobKind.RESOLUTION, person, applicant.ssn),
                inline=not self.async_proofing,
            )
        )

    async def submit_address(self, person: Person, applicant: Applicant) -> str:
        """Submit an applicant's phone, and return the result id.

        Raises:
            InvalidInputError: the phone is missing.
            LimitReachedError: `proof_address` is used up.
            StoreUnavailableError, QueueUnavailableError: nothing was submitted; try again.
        """
        if not applicant.phone:
            raise InvalidInputError({"phone": "required"})
        return await self._submitter.submit(
            Submission(
                owner=person.reference,
                partner=person.partner,
                kind=JobKind.ADDRESS,
                arguments=ready(PIIArguments(applicant=self._about(person, applicant))),
                counters=self._counters(JobKind.ADDRESS, person),
                inline=not self.async_proofing,
            )
        )

    # Follow

    async def status(self, person: Person, result_id: str, kind: JobKind) -> StatusRecord | None:
        """Return the record of the person's own attempt of this kind.

        None for an unknown, foreign, forged or other-step record, and for one so old that no answer can come.
        """
        return await self._standing(person, result_id, kind, await self._results.status(result_id))

    async def wait(
        self, person: Person, result_id: str, kind: JobKind, *, timeout_seconds: float
    ) -> StatusRecord | None:
        """Return the record as soon as it is terminal, or as `status` when *timeout_seconds* are over."""
        if (found := await self.status(person, result_id, kind)) is None or found.is_done:
            return found
        found = await self._results.wait(result_id, timeout_seconds=timeout_seconds)
        return await self._standing(person, result_id, kind, found)

    async def adopt(self, person: Person, result_id: str, kind: JobKind) -> Adopted | None:
        """Read a finished attempt's result, once; None while there is no end to adopt."""
        record = await self.status(person, result_id, kind)
        if record is None or not record.is_done:
            return None
        blob = await self._results.take_result(result_id)
        if blob is None:
            return Adopted(record=record, result=None)
        try:
            result = json.loads(await self._sealer.open(blob, result_context(person.reference, result_id)))
        except EncryptionError:
            log(_logger, "result_does_not_open", job_id=result_id, kind=kind)
            return Adopted(record=record, result=None)
        return Adopted(record=record, result=result)

    async def cancel(self, person: Person, result_id: str, kind: JobKind, *, ssn: str | None = None) -> None:
        """End the person's own running attempt as cancelled.

        It stays charged, unless the person has waited in vain for as long as the page promises: then what
        gives back is given back, for *ssn*, the submitted one, too.
        """
        record = await self.status(person, result_id, kind)
        if record is not None and record.is_done:
            return
        counters: list[str] = []
        if record is None or time.time() - record.submitted_at >= self.settings.async_wait_timeout_seconds:
            RESULTS_MISSING.labels(kind.value).inc()
            counters = limits.given_back(self._counters(kind, person, ssn))
        if record is not None:
            await self._submitter.cancel(record, gives_back=counters)
        else:
            await self._submitter.drop(person.reference, kind, result_id, gives_back=counters)

    async def limit(self, person: Person, name: str, *, ssn: str | None = None) -> LimitState:
        """Return how far the limit *name* is used up: by the person, or by *ssn* where SSNs are counted."""
        limit, subject = limits.LIMITS[name], person.reference
        if ssn and limit.subject is limits.Subject.SSN:
            subject = self._fingerprints.fingerprint(ssn)
        counter = self._counter(limit, subject)
        usage = await self._results.usage(counter.key)
        return LimitState(
            remaining=counter.remaining(usage), maximum=counter.maximum, seconds_left=usage.seconds_left
        )

    # Sessions

    async def load_session(self, session_id: str) -> dict[str, Any] | None:
        """Return the data of a session, or None when it is over."""
        return await self._sessions.load(session_id)

    async def save_session(self, session_id: str, data: dict[str, Any]) -> None:
        """Begin a session with *data* (JSON)."""
        await self._sessions.save(session_id, data)

    async def update_session(self, session_id: str, data: dict[str, Any]) -> bool:
        """Keep *data* (JSON) and restart the session's idle time; False, keeping nothing, when it ended."""
        return await self._sessions.update(session_id, data)

    async def end_session(self, session_id: str) -> None:
        """Forget the session."""
        await self._sessions.end(session_id)

    # Reading

    async def _standing(
        self, person: Person, result_id: str, kind: JobKind, record: StatusRecord | None
    ) -> StatusRecord | None:
        """Return the person's record, or the durable end that the result store lost, hides, or never got.

        It never got one whose worker could not reach it for as long as it tries to publish. The queue is
        asked for attempts of that age only.
        """
        own = self._own(person, kind, record)
        if own is not None and (own.is_done or time.time() - own.submitted_at < PUBLISH_PATIENCE_SECONDS):
            return own
        if Capability.VERDICTS not in self._queue.capabilities:
            return own
        return self._own(person, kind, await self._queue.verdict(result_id)) or own

    def _own(self, person: Person, kind: JobKind, record: StatusRecord | None) -> StatusRecord | None:
        """Return *record* only if it is the person's, of this kind, ours by its MAC, and not given up."""
        if record is None or record.owner != person.reference or record.kind is not kind:
            return None
        if not is_genuine(self._keys, record):
            log(_logger, "record_forged", job_id=record.result_id)
            return None
        if not record.is_done and time.time() - record.submitted_at > self.settings.longest_job_seconds:
            return None
        return record

    def _counter(self, limit: Limit, subject: str) -> Counter:
        """Return the counter of *subject* under *limit*, with the numbers of the settings."""
        settings = self.settings
        return Counter(
            limit=limit,
            key=limits.counter_key(limit, subject),
            maximum=getattr(settings, f"{limit.name}_max_attempts"),
            window_seconds=getattr(settings, f"{limit.name}_window_minutes") * 60.0,
        )

    def _counters(self, kind: JobKind, person: Person, ssn: str | None = None) -> list[Counter]:
        """Return everything that an attempt of *kind* counts on."""
        counters = [self._counter(limits.OF_KIND[kind], person.reference)]
        if kind is JobKind.RESOLUTION and ssn:
            counters.insert(0, self._counter(limits.SSN, self._fingerprints.fingerprint(ssn)))
        return counters

    @staticmethod
    def _about(person: Person, applicant: Applicant) -> Applicant:
        """Return *applicant* with the opaque references that vendors may need."""
        return replace(applicant, uuid=person.reference, uuid_prefix=person.partner)


__all__ = ["Adopted", "EncryptedImage", "LimitState", "Person", "ProofingService", "UploadReceiver"]
