"""Confirmation codes for front ends: which channels there are, new codes, and codes that come back.

Only a code that comes back confirms a number. docs/adr/0043-confirmation-codes.md
"""

from enum import StrEnum

from proofing.base.logs import get_logger, log
from proofing.base.metrics import CODE_ENTRIES
from proofing.contracts.messages import Channel
from proofing.contracts.people import PersonRef
from proofing.contracts.results import ProoferKind
from proofing.jobs.dependencies import Dependencies
from proofing.registry.proofers import LoadedProofer
from proofing.routing.person_limits import PersonLimits
from proofing.rules import limits
from proofing.sessions.phone_codes import PhoneConfirmation, is_code, make_code, with_code

_logger = get_logger(__name__)


class Entry(StrEnum):
    """What an entered code is."""

    #: The code that was sent.
    RIGHT = "right"
    #: Another one.
    WRONG = "wrong"
    #: No code was sent, or it is not valid anymore.
    EXPIRED = "expired"


class PhoneCodes:
    """Makes and judges codes."""

    def __init__(self, parts: Dependencies, person_limits: PersonLimits) -> None:
        """Count what is entered in the result store of *parts*, by *person_limits*."""
        self._results = parts.results
        self._keys = parts.keys
        self._live = parts.live
        self._router = parts.router
        self._limits = person_limits

    def _messenger(self) -> LoadedProofer | None:
        """Return who sends, or None when codes are switched off."""
        return self._router.choose(ProoferKind.MESSENGER, "") if self._live.current.confirms_phone else None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """How codes can be sent now, in the order of the settings; empty when they are switched off."""
        messenger = self._messenger()
        offered = messenger.channels if messenger is not None else frozenset()
        return tuple(one for one in self._live.current.phone_code_channels if one in offered)

    @property
    def is_mocked(self) -> bool:
        """Whether the messenger is a mock, so that testers are shown the code; never in production."""
        messenger = self._messenger()
        return messenger is not None and messenger.is_mock and not self._live.current.is_production

    @property
    def valid_seconds(self) -> float:
        """How long a code is valid."""
        return self._live.current.phone_code_valid_minutes * 60.0

    def may_send(self, phone: str) -> bool:
        """Return whether codes are sent to *phone*, ten digits, as far as the number itself shows."""
        return self._live.current.may_get_code(phone)

    def can_enter(self, confirmation: PhoneConfirmation) -> bool:
        """Return whether there is a code that can be entered."""
        return confirmation.has_code(now=self._results.now(), valid_seconds=self.valid_seconds)

    def pause_seconds(self, confirmation: PhoneConfirmation) -> float:
        """Return how long from now the next code may be requested; 0 for now, as after a refusal."""
        if confirmation.mac is None:
            return 0.0
        pause = self._live.current.phone_code_pause_seconds
        return max(0.0, confirmation.made_at + pause - self._results.now())

    def make(self, person: PersonRef, confirmation: PhoneConfirmation) -> tuple[str, PhoneConfirmation]:
        """Return a new code, and *confirmation* with it in place of an earlier one."""
        code = make_code(self._live.current.phone_code_digits)
        kept = with_code(
            confirmation,
            code,
            self._keys,
            person=person.reference,
            now=self._results.now(),
            shows=self.is_mocked,
        )
        return code, kept

    async def enter(self, person: PersonRef, confirmation: PhoneConfirmation, code: str) -> Entry:
        """Judge a code that *person* entered. Each one counts, before it is compared.

        Raises:
            LimitReachedError: `phone_code_entry` is used up; the code was not compared.
            StoreUnavailableError: it was not compared.
        """
        if not self.can_enter(confirmation):
            CODE_ENTRIES.labels(Entry.EXPIRED).inc()
            return Entry.EXPIRED
        counter = self._limits.counter(limits.CODE_ENTRY, person.reference)
        usage = await self._results.count(
            counter.key, maximum=counter.maximum, window_seconds=counter.window_seconds
        )
        counter.require_counted(usage)
        is_right = is_code(confirmation, code, self._keys, person=person.reference)
        entry = Entry.RIGHT if is_right else Entry.WRONG
        CODE_ENTRIES.labels(entry).inc()
        if is_right:
            await self._results.reset(counter.key)
        log(_logger, "phone_code_entered", outcome=entry, owner=person.reference)
        return entry
