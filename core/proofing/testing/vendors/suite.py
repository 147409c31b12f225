"""What the author of a vendor proofer provides: the example answers, the settings and the question."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import httpx

from proofing.base.errors import VendorError
from proofing.contracts.circumstances import Circumstances
from proofing.contracts.continuation import Because, Received
from proofing.contracts.proofers import ProoferDescriptor, ProofingRequest
from proofing.contracts.results import Outcome, ProoferKind, VendorResult
from proofing.contracts.webhooks import Incoming, NotAuthenticError
from proofing.testing.canary import Canary
from proofing.testing.vendor_fakes import Answer, FakeVendor
from proofing.testing.vendors.contract_times import SIGNED_AT
from proofing.testing.vendors.examples import Example, Exemption, Ticket
from proofing.testing.vendors.loading import LoadedPlugin, load
from proofing.testing.vendors.trial import RUN_SECONDS, Run, Trial, conversation

#: How the canary came to the question.
_KNOWN = Circumstances(
    locale="en",
    consented_at=SIGNED_AT,
    attempt_number=1,
    ip_address="192.0.2.33",
    user_agent="Mozilla/5.0 (X11; Linux x86_64)",
    device_session_id="7f5c6b1a-device-session",
)


class ProoferSuite:
    """What the rules are tried with. Subclass the suite of a kind, in `contract`, not this.

    Attributes:
        plugin: the import name of the plugin.
        kind: of the proofer.
        proofer_name: as in its descriptor; needed only when the plugin has several of the kind.
        section: the plugin's section in settings.yaml, secrets included: made-up ones, 8 characters or more.
        calls_out: False for a proofer that asks nobody, as mocks do.
        statuses_that_say_no: HTTP statuses by which this vendor says no.
        open_places: ends of the names of places, such as ``reasonCodes.*``, where the vendor announces new
            words, or a verdict does not count, to why what is said there cannot turn a yes into a no.
        sent_as: places of requests and answers whose name does not say which attribute they hold, such as
            ``fields.number``, to the attribute; or to nothing where the name misleads.
        altered: attributes that the vendor takes in a form of its own, such as the last four digits, to why.
        webhook_secrets: the fields of the section with whose secrets the vendor signs events; a field may
            hold a list, such as of those from before a rotation.
        exemptions: rules that do not hold, by id.
    """

    plugin: ClassVar[str]
    kind: ClassVar[ProoferKind]
    proofer_name: ClassVar[str | None] = None
    section: ClassVar[Mapping[str, Any]] = {}
    calls_out: ClassVar[bool] = True
    statuses_that_say_no: ClassVar[frozenset[int]] = frozenset()
    open_places: ClassVar[Mapping[str, str]] = {}
    sent_as: ClassVar[Mapping[str, str]] = {}
    altered: ClassVar[Mapping[str, str]] = {}
    webhook_secrets: ClassVar[tuple[str, ...]] = ()
    exemptions: ClassVar[Mapping[str, Exemption]] = {}

    # What a subclass says

    @property
    def answers(self) -> Mapping[str, Example]:
        """What the vendor answers, by a name of your choice; a class attribute is enough.

        At least a yes, a no, and every verdict that its documentation has.
        """
        return {}

    def question(self, canary: Canary) -> ProofingRequest:
        """Return what is asked about the person *canary*; override when your vendor needs more."""
        return ProofingRequest(
            applicant=canary.applicant.select(self.descriptor().attributes),
            circumstances=_KNOWN.select(self.descriptor().needs),
        )

    def signed_event(self, ticket: Ticket) -> Incoming:  # noqa: ARG002 - for subclasses
        """Return the vendor's event that its answer is ready, signed; needed for a webhook."""
        raise AssertionError(f"{type(self).__name__} has no signed_event")

    def assert_signed(self, request: httpx.Request) -> None:
        """Fail unless the signature of *request* is over its bytes; needed for a vendor that wants one."""

    # What authors' own tests may use

    def trial(self) -> Trial:
        """Return the plugin, loaded once for this suite and ready to be asked. Raises `LoadError`."""
        return Trial(self.plugin, self._found)

    @cached_property
    def _found(self) -> LoadedPlugin:
        return load(self.plugin, self.section, self.kind, self.proofer_name)

    def descriptor(self) -> ProoferDescriptor:
        """Return the descriptor under test."""
        return self._found.descriptor

    def settings(self) -> Any:
        """Return the section as the plugin's schema reads it."""
        return self._found.settings

    async def ask(
        self,
        example: str | Example | Answer = "yes",
        request: ProofingRequest | None = None,
        *,
        canary: Canary | None = None,
        timeout_seconds: float = RUN_SECONDS,
    ) -> tuple[VendorResult | VendorError | None, FakeVendor]:
        """Ask a fresh proofer as a worker does, and return its answer or its error, and what it called.

        Args:
            example: name of one of `answers`, an example of its own, or a function that answers requests.
            request: what is asked; None for `question`.
            canary: who is asked about.
            timeout_seconds: of the question.

        Raises:
            AssertionError: it broke the contract.
        """
        trial = self.trial()
        if callable(example):
            answer, example = example, self.answers.get("yes") or Example(None, Outcome.UNKNOWN)
        else:
            example = self.answers[example] if isinstance(example, str) else example
            answer = conversation(example)
        canary, vendor = canary or Canary(), FakeVendor(answer)
        asked = request or self.question(canary)
        if request is None and example.ask is not None:
            asked = example.ask(asked)
        async with trial.ready():
            run = await trial.put(example, asked, vendor=vendor, seconds=timeout_seconds)
        if run.broken or run.has_outlived:
            raise AssertionError(run.came_to)
        return run.result or run.error, vendor

    def live_secrets(self) -> list[tuple[str, str]]:
        """Return the secrets with which the vendor signs events, each after its field of the section."""
        named = [(field, self.section[field]) for field in self.webhook_secrets if field in self.section]
        return [
            (field, str(secret))
            for field, value in named
            for secret in (value if isinstance(value, list) else [value])
        ]

    def event_of(self, run: Run) -> Because | None:
        """Return what the webhook makes of the vendor's event about the question of *run*."""
        found = self._found
        name = found.descriptor.webhook
        live = self.live_secrets()
        if name is None or not live:
            return None
        reference = run.pendings[-1].reference if run.pendings else None
        ticket = Ticket(
            secret=live[0][1],
            at=SIGNED_AT,
            question_id=run.question_id,
            reference=reference,
        )
        try:
            event, _reply = found.webhooks[name].receive(self.signed_event(ticket), SIGNED_AT)
        except (NotAuthenticError, AssertionError):
            return None
        return None if event is None else Received(event)
