"""The contracts of vendor proofers: one question to one vendor product.

An adapter is a stateless translator: it builds the vendor's request from the attributes it declared, sends it
through ``context.http`` (its only way out), and reads the answer into a result. No retries, routing, storage
or client of its own. Methods may be ``async def`` or plain ``def``; plain ones run in threads of their
plugin, eight at most, and use ``context.sync``.

Two shapes:

* *answer*: ``proof(request, context)`` returns the result;
* *answer later* (`ResumableProofer`): ``proof`` may return a `Pending` instead, and ``resume`` continues when
  its time has come, the vendor sent an event, or the person came back. Its descriptor declares
  ``continues``. A question that takes minutes holds no worker.

A proofer of either shape may have more methods, each for itself: `OpeningProofer`, `ClosingProofer`,
`CheckingProofer`, `ForgettingProofer`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar, runtime_checkable

from proofing.contracts.applicant import PHYSICAL_TYPES, Applicant, DocumentType
from proofing.contracts.bodies import StreamedBody
from proofing.contracts.browser_parts import BrowserPart
from proofing.contracts.cache import BlockingCache, Cache
from proofing.contracts.circumstances import Circumstances, Wanted
from proofing.contracts.continuation import Again, Because, Exchange, Leave, Pending
from proofing.contracts.cpu import CPUWork
from proofing.contracts.http import MAX_RESPONSE_BYTES, HTTPClient, VendorResponse
from proofing.contracts.images import Image, Side
from proofing.contracts.messages import Message
from proofing.contracts.plugin_settings import JOB_DEADLINE_SECONDS, TLSSettings
from proofing.contracts.processes import ProcessContext
from proofing.contracts.results import ProoferKind, VendorResult

#: The version of this contract. A newer one brings rules of the kit, which only warn for descriptors that
#: name the version before it: an update of Proofing does not break a plugin at once.
CONTRACT_VERSION = 2

ResultT_co = TypeVar("ResultT_co", bound=VendorResult, covariant=True)


class Maturity(StrEnum):
    """How far an adapter can be trusted; the rules of each level are in docs/vendors/index.md."""

    #: For tests and demonstrations; refused in production.
    MOCK = "mock"
    #: Built from documentation; never run against the vendor.
    DOCUMENTED = "documented"
    #: Run against the vendor's test system.
    VERIFIED = "verified"
    #: In use.
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProofingRequest:
    """What a proofer is asked about.

    Attributes:
        applicant: a copy with the declared attributes only.
        images: the images, for document proofers; none for `ResumableProofer.resume`.
        image_source: where the images came from (``upload``, ``camera``), for document proofers.
        wanted: which documents, and whether a selfie, for document proofers.
        circumstances: with those that the descriptor `needs` only.
        message: what to send; for messengers, which get nothing else.
        in_maintenance_window: whether announced maintenance of the licensing agency is going on; for state ID
            proofers. Core marks their answers and errors with it.
    """

    applicant: Applicant = field(default_factory=Applicant)
    images: Mapping[Side, Image] = field(default_factory=dict)
    image_source: str = "upload"
    wanted: Wanted = field(default_factory=Wanted)
    circumstances: Circumstances = field(default_factory=Circumstances)
    message: Message | None = None
    in_maintenance_window: bool = False

    def reduce(self, descriptor: "ProoferDescriptor") -> "ProofingRequest":
        """Return a copy with what *descriptor* declares of the person, and nothing else of them."""
        return replace(
            self,
            applicant=self.applicant.select(descriptor.attributes),
            circumstances=self.circumstances.select(descriptor.needs),
        )


class BlockingTwins(Protocol):
    """What plain methods use in their thread in place of the context's `http`, `unbilled` and `cache`."""

    @property
    def http(self) -> Any:
        """A `requests.Session` whose calls `ProofingContext.http` carries; needs the extra ``requests``.

        For SDKs that are built on it. It follows no redirects, keeps no cookies and ignores the environment;
        a call's ``timeout`` may shorten what is left of the question's time; ``data`` may be a
        `StreamedBody`.

        Raises:
            VendorError: the extra is not installed; from a call: as `HTTPClient.request` does.
        """

    def unbilled(self) -> AbstractContextManager[None]:
        """Say that the calls within are free, in this thread. See `VendorContext`."""

    @property
    def cache(self) -> BlockingCache:
        """What the workers share."""

    def request(
        self,
        method: str,
        url: str,
        *,
        content: bytes | StreamedBody | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> VendorResponse:
        """Send one request without `requests`. See `HTTPClient.request`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorContext:
    """What a proofer may use in one call of one of its methods, and not after it.

    Attributes:
        http: the outbound client: proxy, host allow-list, certificates, deadline, byte cap, redaction,
            timing.
        unbilled: a context manager for calls that the vendor does not bill (authentication, session creation,
            free polls). Before any other call it is noted that the question must not be asked again; a job
            that dies after that ends as *unknown outcome*, and one that dies within `unbilled` runs again.
        cache: what all workers share: access tokens, key sets.
        sync: the blocking twins of `http`, `unbilled` and `cache`, for plain methods.
        remaining_seconds: tells how much of the call's time is left.
        now: the wall-clock time, in UTC.
        logger: takes an event name and registered fields; never applicant data.
        cpu: decodes images and computes in a process without rights, for ``async def`` methods; bytes of a
            stranger are parsed nowhere else.
    """

    http: HTTPClient
    unbilled: Callable[[], AbstractContextManager[None]]
    cache: Cache
    sync: BlockingTwins
    remaining_seconds: Callable[[], float]
    now: Callable[[], datetime]
    logger: logging.Logger
    cpu: CPUWork


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofingContext(VendorContext):
    """What a proofer may use for one question.

    Attributes:
        idempotency_key: of this question of this job; the same for a repeated call.
        question_id: our id of this question, 48 characters of base64url: sent as the vendor's customer
            reference or metadata, it comes back in the vendor's events and leads them to the question.
        return_url: where a person comes back to from a page of the vendor; see `Leave`. It contains the
            *question_id*.
        answer_url: where a wallet posts its answer to an `Exchange`, and fetches ``served`` below
            ``/request``. It contains the *question_id*.
    """

    idempotency_key: str
    question_id: str
    return_url: str
    answer_url: str


class Proofer(Protocol[ResultT_co]):
    """The shape *answer*.

    Raises from `proof` only `VendorError`: no answer, for one of the reasons of `Cause`. The attempt is given
    back where its limit says so (`proofing.rules.limits`); a refused credential pages an operator. The
    vendor's own codes are translated here, in its plugin: rules see causes alone.

    Anything else counts as a broken plugin (`EndState.PLUGIN_ERROR`), and its text is dropped.
    """

    def proof(self, request: ProofingRequest, context: ProofingContext) -> ResultT_co | Awaitable[ResultT_co]:
        """Ask the vendor and return its answer."""


@runtime_checkable
class ResumableProofer(Protocol[ResultT_co]):
    """The shape *answer later*."""

    def proof(
        self, request: ProofingRequest, context: ProofingContext
    ) -> ResultT_co | Pending | Awaitable[ResultT_co | Pending]:
        """Ask the vendor, and return its answer or what to do until there is one."""

    def resume(
        self, request: ProofingRequest, pending: Pending, because: Because, context: ProofingContext
    ) -> ResultT_co | Pending | Awaitable[ResultT_co | Pending]:
        """Go on with a question that was pending, perhaps in another process, and return as `proof` does.

        Args:
            request: as it was given to `proof`, but for images: they are deleted when the job is parked.
            pending: what the last call returned.
            because: why it is called now.
            context: of this call. Its time is a new one. Polls that the vendor does not bill belong into
                ``context.unbilled()``: a worker that dies in any other call ends the job as *unknown
                outcome*.
        """


AnyProofer = Proofer[VendorResult] | ResumableProofer[VendorResult]


@runtime_checkable
class OpeningProofer(Protocol):
    """A proofer with something to do before its first question."""

    def open(self, context: VendorContext) -> Awaitable[None] | None:
        """Get ready. Called once a process, within the time of the first question, before it is put.

        Whatever is raised here is the end of that question: a `VendorError` as it is, anything else as
        `Cause.UNREACHABLE`. The next question calls this again. No two calls run at once, but for a plain
        method that outlived its question. What several processes could share, such as an access token,
        belongs into the cache.
        """


@runtime_checkable
class ClosingProofer(Protocol):
    """A proofer that holds something until its process ends."""

    def close(self) -> Awaitable[None] | None:
        """Release it. Called once, when the process ends, if there was a question and `open` succeeded.

        A few seconds later the process ends anyway. What is raised here is logged, by its class.
        """


@runtime_checkable
class CheckingProofer(Protocol):
    """A proofer that can find out whether its vendor would answer."""

    def check(self, context: VendorContext) -> Awaitable[str | None] | str | None:
        """Return what is wrong with the connection to the vendor, in a sentence; None when all is well.

        Called by ``proofing check --deep``, after `open`. It must cost nothing and name no real person. A
        `VendorError` counts as its message.
        """


@runtime_checkable
class ForgettingProofer(Protocol):
    """A proofer that can have its vendor delete what it holds of a question without an answer."""

    def forget(self, pending: Pending, context: VendorContext) -> Awaitable[bool] | bool:
        """Have the vendor delete it; return whether the vendor held anything.

        Called when a person is erased whose job waits for the vendor, in the process of the erasure, after
        `open`. It is called again for the same question if it raised, and may be after it returned: a vendor
        that holds nothing anymore is no error.

        Args:
            pending: what the last call of `proof` or `resume` returned.
            context: of this call.

        Raises:
            VendorError: it was not deleted.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ProoferDescriptor:
    """What core knows of a proofer before it is made; readable without the vendor's libraries.

    Attributes:
        name: the name that settings.yaml and the logs use, such as ``mock`` or ``lexisnexis:instant_verify``.
        kind: the question it answers.
        make: builds the proofer from the plugin's settings and what it may know of its process, once a
            process. No I/O.
        attributes: the applicant attributes it gets, as far as they are known when it is asked: a document
            proofer those that the person typed before the photos.
        requires: those of `attributes` that it cannot do without: people are asked for an email address only
            where a vendor of theirs requires one.
        needs: the names of the `Circumstances` it gets.
        hosts: reads the host names it may call from the plugin's settings.
        timeout_seconds: reads from the plugin's settings how long one question may take, all its calls
            together; by default as long as a job.
        max_response_bytes: an answer is cut off beyond, with `Cause.NONSENSE`.
        personal_urls: whether its URLs hold something about the person, where the vendor takes it nowhere
            else. Their paths are then left out of the log.
        tls: reads client certificate and authorities from the plugin's settings; None for public authorities
            and no certificate.
        jurisdictions: the states it can answer for; None for all.
        captures_images: whether a document proofer has people show their document elsewhere than on our page:
            on a page of its own, with `Leave` in `continues`, or from a wallet, with `Exchange`. Ours then
            asks for no photos, and its requests have no images.
        document_types: what a document proofer can answer about; people choose among those that the setting
            ``document_types`` accepts.
        compares_readings: whether a document proofer compares the images with what another vendor has read of
            them, which is the applicant that it gets. Only the setting ``document_cross_check_vendor`` can
            name it.
        authenticates: whether a document proofer checks that a document is genuine. One that does not reads
            it: then pages promise no more, unless the setting ``document_requires`` has only authenticated
            documents pass.
        needs_selfie: whether it compares a selfie with the document: the capture page then asks for one, and
            only a match passes.
        takes_selfie: whether it compares a selfie where there is one, and does without otherwise; see the
            setting ``selfie``. Not for a vendor that takes the selfie on a page of its own.
        company: who gets the data, as a consent names the company: ``LexisNexis Risk Solutions``. A proofer
            that compares selfies, or is asked as a shadow, must name it.
        accepts_test_documents: whether it reads the testers' YAML form in place of an image.
        offline: whether it answers on this machine alone, and sends nothing anywhere: outside production it
            is asked in test mode, too.
        continues: what a `Pending` of it may say; empty for a proofer that always answers at once. Such a
            vendor needs jobs: it is refused while the switch of its kind has questions answered inside the
            request.
        webhook: name of the webhook of its plugin whose events resume its questions; None for none. Events
            that came by another one are dropped, whatever question they name.
        idempotent: whether the vendor charges once for calls with one idempotency key, so that an
            interrupted call may be repeated.
        page: reads from the plugin's settings what the person's browser loads for a device proofer that needs
            ``device_session_id``; None for nothing.
        stand_in: serves what plays the vendor on this machine, until an event is set; gets what `make` gets,
            and so the same secrets. `proofing run` starts it alongside when the settings name
            this proofer, and nothing starts it in production. None for a vendor of its own.
        maturity: how far it can be trusted.
        contract_version: the newest version of this contract whose rules it keeps; `CONTRACT_VERSION` is the
            newest. The kit (`proofing.testing.vendors`) warns of rules that are one version newer.
    """

    name: str
    kind: ProoferKind
    make: Callable[[Any, ProcessContext], AnyProofer]
    attributes: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()
    hosts: Callable[[Any], frozenset[str]] = lambda _settings: frozenset()
    timeout_seconds: Callable[[Any], float] = lambda _settings: JOB_DEADLINE_SECONDS
    max_response_bytes: int = MAX_RESPONSE_BYTES
    personal_urls: bool = False
    tls: Callable[[Any], TLSSettings | None] = lambda _settings: None
    jurisdictions: frozenset[str] | None = None
    captures_images: bool = False
    document_types: frozenset[DocumentType] = PHYSICAL_TYPES
    compares_readings: bool = False
    authenticates: bool = False
    needs_selfie: bool = False
    takes_selfie: bool = False
    company: str | None = None
    accepts_test_documents: bool = False
    offline: bool = False
    continues: frozenset[type[Again] | type[Exchange] | type[Leave]] = frozenset()
    webhook: str | None = None
    idempotent: bool = False
    page: Callable[[Any], BrowserPart | None] = lambda _settings: None
    stand_in: Callable[[Any, ProcessContext, asyncio.Event], Awaitable[None]] | None = None
    maturity: Maturity = Maturity.DOCUMENTED
    contract_version: int = 2

    @property
    def compares_selfies(self) -> bool:
        """Whether it can use a selfie of the capture page."""
        return self.needs_selfie or self.takes_selfie
