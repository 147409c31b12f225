"""Who is asked: decisions by the settings in effect, for people of this installation.

`proofing.rules.routing` decides; this module gives it the settings, the person's bucket and the time.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from proofing.base.errors import Problem
from proofing.contracts.records import JobKind, first_asked, job_of
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal, RoutingDecision, RoutingQuestion
from proofing.registry.plugins import PluginManager
from proofing.registry.proofers import LoadedProofer
from proofing.routing.people import RoutedPeople
from proofing.routing.terms import closed_until, is_ordered, terms_of
from proofing.routing.vendors import all_vendors, named_vendors, proofer_of, validate_vendors
from proofing.rules.routing import RoutingTerms, decide, first_choice, open_candidates
from proofing.settings import LiveSettings, Settings

#: Kinds whose vendor must be there, or nobody can begin.
FIRST_KINDS = (ProoferKind.DOCUMENT, ProoferKind.RESOLUTION)


class Router:
    """Chooses among the proofers of the enabled plugins by the settings in effect."""

    def __init__(
        self,
        plugins: PluginManager,
        live: LiveSettings,
        people: RoutedPeople,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Choose among *plugins*' proofers for *people*; *clock* is in seconds since the epoch."""
        self._plugins = plugins
        self._live = live
        self._people = people
        self._clock = clock
        self._terms: tuple[Settings, dict[ProoferKind, RoutingTerms]] | None = None

    def terms(self, kind: ProoferKind) -> RoutingTerms:
        """Return what the settings in effect say of *kind*; made once for each edit."""
        settings = self._live.current
        if self._terms is None or self._terms[0] is not settings:
            self._terms = (settings, {})
        found = self._terms[1]
        if kind not in found:
            found[kind] = self._make_terms(settings, kind)
        return found[kind]

    def _make_terms(self, settings: Settings, kind: ProoferKind) -> RoutingTerms:
        return terms_of(settings, kind, self._people.hash_of)

    def question(
        self,
        kind: ProoferKind,
        person: str,
        *,
        refused: Mapping[str, Refusal] | None = None,
        tried: tuple[tuple[str, str], ...] = (),
        shown: str | None = None,
        kept: str | None = None,
        at: float | None = None,
    ) -> RoutingQuestion:
        """Return what a choice for a *person*, by their reference, is made from; *at* None is now.

        The others are of `RoutingQuestion`.
        """
        experiment = f"{kind}_vendors" if is_ordered(kind) else f"{kind}_vendor"
        return RoutingQuestion(
            kind=kind,
            person=self._people.hash_of(person),
            bucket=self._people.bucket(person, experiment),
            at=self._clock() if at is None else at,
            refused=refused or {},
            tried=tried,
            shown=shown,
            kept=kept,
        )

    def decide(self, question: RoutingQuestion) -> RoutingDecision:
        """Return who is asked by the settings in effect, and why."""
        return decide(self.terms(question.kind), question)

    def explain(
        self,
        kind: ProoferKind,
        person: str,
        at: float | None = None,
        refused: Mapping[str, Refusal] | None = None,
    ) -> RoutingDecision:
        """Return the first choice for a *person*, by their reference, *at* a time; None: now.

        *refused* are vendors that the gates let nothing through to.
        """
        return self.decide(self.question(kind, person, at=at, refused=refused))

    def choose(self, kind: ProoferKind, person: str) -> LoadedProofer | None:
        """Return the proofer whom *person* is shown, or None when the kind is switched off.

        Where nobody can be asked now it is the one that the settings name first.

        Raises:
            PluginError: the vendor's plugin is not there.
        """
        question = self.question(kind, person)
        vendor = self.decide(question).vendor
        if vendor is None and (first := first_choice(self.terms(kind), question)) is not None:
            vendor = first.vendor
        return None if vendor is None else self.named(kind, vendor)

    def is_in_share(self, person: str, experiment: str, percentage: float) -> bool:
        """Return whether a *person*, by their reference, is in a share of people, from 0 to 100 percent."""
        return percentage > 0 and self._people.bucket(person, experiment) <= percentage

    def may_meet(self, kind: ProoferKind, person: str) -> list[LoadedProofer]:
        """Return the proofers of which one is asked first about *person*, the first choice first.

        Raises:
            PluginError: a vendor's plugin is not there.
        """
        found = open_candidates(self.terms(kind), self.question(kind, person))
        return [self.named(kind, one.vendor) for one in found]

    def named(self, kind: ProoferKind, name: str) -> LoadedProofer:
        """Return the proofer *name*. Raises `PluginError` when there is none."""
        return proofer_of(self._plugins, kind, name)

    def candidates(self, kind: JobKind, person: str) -> Sequence[str]:
        """Return the names of the vendors of which one will be asked first in a job of *kind* of *person*."""
        asked = first_asked(kind)
        return [one.vendor for one in open_candidates(self.terms(asked), self.question(asked, person))]

    def may_park(self, kind: JobKind) -> bool:
        """Return whether a vendor may have a job of *kind* wait for a later answer."""
        return any(
            loaded.descriptor.continues
            for loaded in self.configured()
            if job_of(loaded.descriptor.kind) is kind
        )

    def is_available(self, person: str) -> bool:
        """Return whether the flow can be offered: it is on, and its first steps have a vendor to ask."""
        settings = self._live.current
        if not settings.idv_available:
            return False
        # Nearly always no vendor is out, and every request comes here.
        if not (settings.vendor_status or settings.vendor_maintenance_windows):
            return True
        return closed_until(settings, self._clock()) is None and all(
            self.explain(kind, person).vendor is not None for kind in FIRST_KINDS
        )

    def uses_mocks(self) -> bool:
        """Return whether a vendor of the settings in effect is a mock: then this is a test system."""
        mocks = {vendor for vendor, loaded in self._plugins.proofers.items() if loaded.is_mock}
        return bool(mocks) and any(
            (kind, name) in mocks for _key, kind, names in all_vendors(self._live.current) for name in names
        )

    def configured(self) -> list[LoadedProofer]:
        """Return every proofer whose answers count by the settings in effect.

        Raises:
            PluginError: one is missing.
        """
        return [self.named(kind, name) for kind, name in self.products()]

    def products(self) -> list[tuple[ProoferKind, str]]:
        """Return kind and name of every proofer whose answers count by the settings in effect, sorted."""
        every = named_vendors(self._live.current)
        return sorted({(kind, name) for _key, kind, names in every for name in names})

    def named_vendors(self) -> frozenset[str]:
        """Return the vendors that the settings in effect name, for whatever kind."""
        return frozenset(name for _key, _kind, names in all_vendors(self._live.current) for name in names)

    def validate_vendors(self) -> list[Problem]:
        """Return the vendors of the settings in effect that cannot be asked. See `validate_vendors`."""
        return validate_vendors(self._live.current, self._plugins)
