"""Puts questions to the proofer under test as a worker does, and keeps what came of each.

`JobRun` asks: it reduces the request, opens the proofer, keeps the deadline, and checks the answer and
whatever is left pending. Only the network is a `FakeVendor`. A question that continues does so with a proofer
that is made for it, and with what JSON kept of its `Pending`, as in another process.
"""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

import httpx

from proofing.base.cpu_pool import CPUPool
from proofing.base.errors import PluginError, VendorError
from proofing.contracts.continuation import (
    Answered,
    Because,
    Due,
    Exchange,
    Expired,
    Leave,
    Pending,
    Returned,
)
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.queues import JobMessage
from proofing.contracts.records import JobKind
from proofing.contracts.results import VendorResult
from proofing.crypto.encryption import KEY_BYTES, KeyRing
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.continuing import Resumption
from proofing.jobs.notes import Note
from proofing.jobs.questions import QuestionKey, QuestionLog
from proofing.jobs.run import JobPendingError, JobRun
from proofing.jobs.vendor_cache import VendorCaches
from proofing.jobs.way_back import WayBack
from proofing.outbound.transport import OutboundTransport, timed_out
from proofing.registry.proofers import LoadedProofer
from proofing.testing.memory_queue import MemoryJob, keep_plain
from proofing.testing.vendor_fakes import FakeVendor, make_process
from proofing.testing.vendors.examples import Example
from proofing.testing.vendors.kept_open import KeptOpen, SharedCPU
from proofing.testing.vendors.loading import LoadedPlugin, place_of
from proofing.testing.vendors.settling import settle
from proofing.testing.vendors.watch import Watch, note_sleeps, watching

AnswerT = TypeVar("AnswerT")
#: Changes the answer to the request with this number, from 0.
Bend = Callable[[int, httpx.Request, httpx.Response], httpx.Response]

#: How often a question that is pending is resumed.
RESUMPTIONS = 6
#: The time limit of a run; long, because test machines are busy, and nothing waits for it.
RUN_SECONDS = 120.0
#: What a question may take before it is said that a deadline does not hold; less once one has.
GIVE_UP_SECONDS = 25.0
_GIVE_UP_AGAIN_SECONDS = 1.0
#: A proofer that asks more often in one question, such as one that polls in a loop, gets no more answers.
_MAX_REQUESTS = 100
#: How long something canceled may take to end.
SETTLE_SECONDS = 0.5
RESULT_ID = "6c1f2b0e-3b62-4c1e-9d53-3a4f2f8b7a10"
PUBLIC_URL = "https://proofing.example.gov"
_KEY = QuestionKey("question", 0)


@dataclass(slots=True, kw_only=True)
class Run:
    """One question and what came of it: a result, an error, or what broke the contract.

    Attributes:
        result: the answer, checked by the worker.
        error: the error in its place.
        broken: how the contract was broken, in a sentence.
        is_foreign: whether that was a foreign exception.
        requests: what the vendor was asked, in order, with the number of requests before each call of a
            method in *calls*.
        pendings: what was left pending in between.
        returned: what the adapter's methods returned.
        has_outlived: whether it did not end by itself.
        request_changed: whether a method changed its request.
        is_threaded: whether a method is a plain one, which runs in a thread that nothing can end.
        keys: the idempotency keys that it had.
        cached: the names in ``context.cache`` that it used.
        refusals: what the example's function raised for a request that it does not take.
        question_id: and *return_url*: of its context.
    """

    result: VendorResult | None = None
    error: VendorError | None = None
    broken: str | None = None
    is_foreign: bool = False
    requests: list[httpx.Request] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    pendings: list[Pending] = field(default_factory=list)
    returned: list[Any] = field(default_factory=list)
    has_outlived: bool = False
    request_changed: bool = False
    is_threaded: bool = False
    keys: set[str] = field(default_factory=set)
    cached: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    question_id: str = ""
    return_url: str = ""

    @property
    def came_to(self) -> str:
        """What came of it, for people."""
        if self.has_outlived:
            return "never ended"
        if self.broken:
            return self.broken
        if self.result is not None:
            return f"read as {self.result.outcome.value}"
        if self.error is not None:
            return f"a VendorError with Cause.{self.error.cause.name}"
        return "pending" if self.pendings else "nothing"

    @property
    def has_verdict(self) -> bool:
        """Whether it is a yes or a no."""
        return self.result is not None and self.result.outcome.value in {"passed", "failed"}


class _NamedCaches(VendorCaches):
    """Caches that remember under which names values are kept."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def key(self, place: str) -> str:
        """Return where the value of *place* is kept."""
        self._names.append(json.loads(place)[-1])
        return super().key(place)


class _Pool(VendorClientPool):
    """A worker's pool that remembers what adapters were given, returned and raised."""

    def __init__(self, transport: OutboundTransport, cpu: CPUPool, run: Run) -> None:
        super().__init__(transport, cpu=cpu)
        self._caches = _NamedCaches(run.cached)
        self._run = run
        self.raised: VendorError | None = None

    def last_error(self) -> VendorError | None:
        """Return what the last call raised; None when it was cut off."""
        return self.raised

    async def call(self, plugin: str, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call one method; see `VendorClientPool.call`."""
        if not (arguments and isinstance(arguments[0], ProofingRequest)):
            return await super().call(plugin, method, *arguments)
        run, request, context = self._run, arguments[0], arguments[-1]
        before = _facts(request)
        run.calls.append(len(run.requests))
        run.is_threaded = run.is_threaded or not inspect.iscoroutinefunction(method)
        run.keys.add(context.idempotency_key)
        run.question_id, run.return_url = context.question_id, context.return_url
        try:
            answer = await super().call(plugin, method, *arguments)
        except VendorError as error:
            self.raised = error
            raise
        finally:
            run.request_changed = run.request_changed or _facts(request) != before
        run.returned.append(answer)
        return answer


@dataclass(slots=True)
class _Session:
    """What questions share, one after the other; *loaded* is None for a proofer of its own for each."""

    loop: asyncio.AbstractEventLoop
    loaded: LoadedProofer | None
    cpu: SharedCPU
    opened: KeptOpen = field(default_factory=KeptOpen)


class Trial:
    """The proofer under test, ready to be asked.

    Attributes:
        plugin: the import name of the plugin.
        current_watch: what watches now; None for nothing.
        event_of: returns what the vendor's webhook makes of the end of a question; None for no event.
    """

    def __init__(self, plugin: str, found: LoadedPlugin) -> None:
        """Ask the proofer of *found*, which the import package *plugin* offers."""
        self.plugin = plugin
        self.found = found
        self.descriptor = found.descriptor
        self.event_of: Callable[[Run], Because | None] = lambda _run: None
        self._way_back = WayBack(KeyRing(bytes(KEY_BYTES)), PUBLIC_URL)
        self._cpu: SharedCPU | None = None
        self._computed: dict[object, Any] = {}
        self._opened = KeptOpen()
        self._give_up_seconds = GIVE_UP_SECONDS
        self.current_watch: Watch | None = None
        self._session: _Session | None = None

    def declared(self) -> LoadedProofer:
        """Return the proofer as it is declared, not made yet."""
        return LoadedProofer(self.plugin, self.descriptor, self.found.settings, make_process)

    def loaded(self) -> LoadedProofer:
        """Return the proofer, not made yet, with a time limit that no busy machine exceeds."""
        # A copy of one that is never made: to begin another takes longer than some questions.
        return copy(self._patient)

    @cached_property
    def _patient(self) -> LoadedProofer:
        patient = replace(self.descriptor, timeout_seconds=lambda _settings: RUN_SECONDS)
        return LoadedProofer(self.plugin, patient, self.found.settings, make_process)

    @contextmanager
    def watched(self, *, keeps_lines: bool = True) -> Iterator[Watch]:
        """Watch everything that is done within; nothing of it is printed or logged."""
        with watching(self.plugin, keeps_lines=keeps_lines) as watch:
            before, self.current_watch = self.current_watch, watch
            try:
                yield watch
            finally:
                self.current_watch = before

    @contextmanager
    def session(self) -> Iterator[None]:
        """Do everything within on one loop, and with one proofer where that has a method `open`.

        To open a proofer may take longer than all its questions, as with SDKs.
        """
        if self._session is not None:
            yield
            return
        with self.watched(keeps_lines=False) as watch:
            loop = asyncio.new_event_loop()
            note_sleeps(loop, watch)
            one = self.loaded()
            self._session = _Session(loop, one if self._has_open(one) else None, SharedCPU(1, self._computed))
            try:
                yield
            finally:
                session, self._session = self._session, None
                loop.run_until_complete(session.opened.end())
                loop.run_until_complete(session.cpu.end())
                _end(loop)

    def _has_open(self, loaded: LoadedProofer) -> bool:
        try:
            return getattr(loaded.proofer, "open", None) is not None
        except PluginError:
            return False

    def do(self, step: Callable[[], Coroutine[Any, Any, AnswerT]]) -> AnswerT:
        """Do *step* on a loop of its own, watched. Tasks that do not end are left behind."""
        if self._session is not None:
            try:
                return self._session.loop.run_until_complete(self._do(step))
            finally:
                _cancel_tasks(self._session.loop)
        current = self.current_watch
        with nullcontext(current) if current else self.watched(keeps_lines=False) as watch:
            loop = asyncio.new_event_loop()
            try:
                note_sleeps(loop, watch)
                return loop.run_until_complete(self._do(step))
            finally:
                _end(loop)

    async def _do(self, step: Callable[[], Coroutine[Any, Any, AnswerT]]) -> AnswerT:
        async with self.ready():
            return await step()

    @asynccontextmanager
    async def ready(self) -> AsyncIterator[None]:
        """Have what questions share on a loop; `do` does so."""
        if self._session is not None:
            self._cpu, self._opened = self._session.cpu, self._session.opened
            yield
            return
        self._cpu, self._opened = SharedCPU(1, self._computed), KeptOpen()
        try:
            yield
        finally:
            await self._opened.end()
            await self._cpu.end()

    async def put(
        self,
        example: Example,
        question: ProofingRequest,
        *,
        bend: Bend | None = None,
        vendor: FakeVendor | None = None,
        seconds: float = RUN_SECONDS,
        give_up_seconds: float | None = None,
        loaded: LoadedProofer | None = None,
        result_id: str = RESULT_ID,
    ) -> Run:
        """Put one question, and return what came of it in the end. Must be called within `ready`.

        Args:
            example: what the vendor answers, and why the question is resumed.
            question: what is asked.
            bend: changes answers of the example.
            vendor: answers in place of the example.
            seconds: of each run of the job.
            give_up_seconds: after which a question counts as one that never ends; None for the usual.
            loaded: the one proofer that is asked all along; None makes one for each call, as in processes
                of their own.
            result_id: of the job.
        """
        refusals: list[str] = []
        vendor = vendor or FakeVendor(conversation(example, bend, refusals))
        run, asking = self.begin(
            example, question, vendor, seconds=seconds, loaded=loaded, result_id=result_id
        )
        run.refusals = refusals
        await settle({asking}, give_up_seconds or self._give_up_seconds)
        if not asking.done():
            asking.cancel()
            await settle({asking}, SETTLE_SECONDS)
            run.has_outlived = True
            self._give_up_seconds = _GIVE_UP_AGAIN_SECONDS
            return run
        asking.result()
        return run

    def begin(
        self,
        example: Example,
        question: ProofingRequest,
        vendor: FakeVendor,
        *,
        seconds: float = RUN_SECONDS,
        loaded: LoadedProofer | None = None,
        result_id: str = RESULT_ID,
    ) -> tuple[Run, asyncio.Task[None]]:
        """Begin to put one question to *vendor*; see `put`."""
        run = Run(requests=vendor.requests)
        asking = self._ask(
            run, vendor, example, question, seconds=seconds, loaded=loaded, result_id=result_id
        )
        return run, asyncio.ensure_future(asking)

    async def _ask(
        self,
        run: Run,
        vendor: FakeVendor,
        example: Example,
        question: ProofingRequest,
        *,
        seconds: float,
        loaded: LoadedProofer | None,
        result_id: str,
    ) -> None:
        assert self._cpu is not None, "put questions within Trial.ready"
        pool = _Pool(OutboundTransport(transport=vendor), self._cpu, run)
        if loaded is None and self._session is not None:
            loaded = self._session.loaded
        if loaded is not None:
            # A worker opens it once.
            pool.proofers = self._opened
        message = JobMessage(
            result_id=result_id,
            kind=JobKind.RESOLUTION,
            owner="o",
            encrypted_arguments=b"",
            trace_id="0" * 32,
            deadline_seconds=seconds,
        )
        log = QuestionLog()
        news: Mapping[int, Sequence[Note]] = {}
        try:
            for number in range(1 + RESUMPTIONS):
                job = JobRun(MemoryJob(message, attempt=1, age_seconds=0.0), pool, self._way_back, keep_plain)
                job.questions, job.resumption = log, Resumption(log, news)
                pool.raised = None
                try:
                    check = await job.ask(loaded or self.loaded(), question, step=_KEY.step)
                except JobPendingError:
                    (waiting,) = (one.waiting for one in job.questions.waiting if one.waiting)
                    if waiting.failures:
                        # The worker would ask again, later.
                        run.error = pool.last_error() or timed_out(self.descriptor.name)
                        return
                    run.pendings.append(waiting.pending)
                    log = QuestionLog.from_json(json.loads(json.dumps(job.questions.to_json())))
                    news = self._news(run, log, example, number)
                    continue
                run.result, run.error = check.result, check.error
                return
        except PluginError as error:
            origin = error.__context__
            run.is_foreign = origin is not None and not isinstance(origin, PluginError)
            run.broken = "\n".join([str(error), *(place_of(origin) if origin else [])])
        finally:
            await pool.close()

    def _news(
        self, run: Run, log: QuestionLog, example: Example, number: int
    ) -> Mapping[int, Sequence[Note]]:
        """Return why the question is resumed, for the time *number*, from 0; for `Expired` change *log*."""
        question = log.get(_KEY)
        assert question is not None
        assert question.waiting is not None
        pending = question.waiting.pending
        because = self._because(run, example, pending, number)
        if isinstance(because, Due):
            return {}
        if isinstance(because, Expired):
            past = replace(pending, expires_at=datetime.now(UTC) - timedelta(seconds=1))
            log.note(_KEY, replace(question, waiting=replace(question.waiting, pending=past)))
            return {}
        return {_KEY.number: [Note(_KEY.number, because, self.descriptor.webhook)]}

    def _because(self, run: Run, example: Example, pending: Pending, number: int) -> Because:
        if number < len(example.because):
            return example.because[number]
        if isinstance(pending.then, Exchange) and example.posted is not None:
            posted = example.posted
            return Answered(posted if isinstance(posted, bytes) else posted(pending))
        if isinstance(pending.then, Leave) and not number:
            return self.event_of(run) or Returned()
        return Due()


def conversation(
    example: Example, bend: Bend | None = None, refusals: list[str] | None = None
) -> Callable[[httpx.Request], httpx.Response]:
    """Return what answers as the vendor of *example*, each answer changed by *bend*.

    A function of the example that raises, as one that checks signatures may, refuses the request: the answer
    is 400, and *refusals* has what it raised.
    """
    number = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal number
        if number >= _MAX_REQUESTS:
            raise httpx.ReadTimeout("enough", request=request)
        responses = example.responses
        try:
            if isinstance(responses, httpx.Response):
                response = responses
            elif callable(responses):
                response = responses(request)
            else:
                response = (responses or (httpx.Response(400),))[min(number, len(responses or "-") - 1)]
        except httpx.HTTPError:
            raise
        except Exception as error:  # noqa: BLE001 - of the author's own function
            if refusals is not None:
                refusals.append(f"{type(error).__name__}: {error}".partition("\n")[0])
            response = httpx.Response(400)
        if bend is not None:
            response = bend(number, request, response)
        number += 1
        return response

    return answer


def _facts(request: ProofingRequest) -> Any:
    """Return a copy of what a method could change of its request."""
    images = {side: (image.content, image.media_type) for side, image in request.images.items()}
    return request.applicant.reveal(), images, request.circumstances.to_json(), repr(request.wanted)


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs on *loop*, wait a little for it, and close the loop."""
    _cancel_tasks(loop)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _cancel_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what still runs on *loop*, and wait a little for it."""
    for _ in range(2):
        # Twice: a thread may begin something meanwhile, for whose end it would wait.
        tasks = asyncio.all_tasks(loop)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        loop.run_until_complete(settle(tasks, SETTLE_SECONDS))
    for task in asyncio.all_tasks(loop):
        # What swallows its cancellation is reported by its rule; asyncio needs not complain as well.
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
