"""Confirmation codes for front ends: which channels there are, new codes, and codes that come back.

Only a code that comes back confirms a number. docs/adr/0043-confirmation-codes.md
"""

from enum import StrEnum

from proofing.app.outages import Outages
from proofing.base.logs import get_logger, log
from proofing.base.metrics import CODE_ENTRIES
from proofing.contracts.messages import Channel
from proofing.contracts.people import PersonRef
from proofing.contracts.results import ProoferKind
from proofing.contracts.verifications import Mode
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

    def __init__(self, parts: Dependencies, person_limits: PersonLimits, outages: Outages) -> None:
        """Count what is entered in the result store of *parts*, by *person_limits*; heed *outages*."""
        self._outages = outages
        self._results = parts.results
        self._keys = parts.keys
        self._live = parts.live
        self._router_of = parts.router_of
        self._limits = person_limits

    def _messenger(self, mode: Mode) -> LoadedProofer | None:
        """Return who sends, or None when codes are switched off."""
        if not self._live.current.confirms_phone:
            return None
        return self._router_of(mode).choose(ProoferKind.MESSENGER, "")

    def channels(self, person: PersonRef) -> tuple[Channel, ...]:
        """Return how codes can be sent now, in the order of the settings.

        Empty when switched off, and while the messenger is out.
        """
        if self._outages.of_kind(person, ProoferKind.MESSENGER) is not None:
            return ()
        out = self._live.current.phone_code_channels_out
        return tuple(one for one in self._offered(person) if one not in out)

    def channels_out(self, person: PersonRef) -> tuple[Channel, ...]:
        """Return how codes could be sent if that were not out."""
        can_send = self.channels(person)
        return tuple(one for one in self._offered(person) if one not in can_send)

    def can_send_link(self, person: PersonRef) -> bool | None:
        """Return whether the link of a hand-off can be sent by text message now.

        None where nobody would ever send it: no messenger is named, codes are switched off, or its vendor
        writes the texts itself.
        """
        messenger = self._messenger(person.mode)
        if messenger is None or Channel.TEXT not in self._offered(person):
            return None
        if not messenger.can_send(Channel.TEXT, has_code=False):
            return None
        return Channel.TEXT in self.channels(person)

    def _offered(self, person: PersonRef) -> tuple[Channel, ...]:
        """Return how codes are sent, out or not, in the order of the settings; empty when switched off."""
        messenger = self._messenger(person.mode)
        offered = messenger.channels if messenger is not None else frozenset()
        return tuple(one for one in self._live.current.phone_code_channels if one in offered)

    def shows_code(self, person: PersonRef) -> bool:
        """Return whether the messenger of *person* is a mock, so that testers are shown the code.

        In production only in test mode.
        """
        if person.mode is Mode.TEST:
            return True
        messenger = self._messenger(person.mode)
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

    def make(
        self, person: PersonRef, confirmation: PhoneConfirmation, channel: Channel = Channel.TEXT
    ) -> tuple[str, PhoneConfirmation]:
        """Return a new code for *channel*, and *confirmation* with it in place of an earlier one."""
        code = make_code(self._live.current.phone_code_digits)
        kept = with_code(
            confirmation,
            code,
            self._keys,
            person=person.reference,
            channel=channel,
            now=self._results.now(),
            shows=self.shows_code(person),
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
