"""Whom a verification in test mode asks: mocks alone, whatever vendors the settings name.

What the settings switch off stays off. A mock that they name is taken; else the first by name. Nothing here
returns a vendor that is no mock, also not one that a job was parked for. Outside production a vendor that
answers offline counts as a mock: nobody is billed, and nothing leaves the machine.
"""

from collections.abc import Sequence
from dataclasses import replace

from proofing.base.errors import PluginError
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.registry.proofers import LoadedProofer
from proofing.routing.router import Router
from proofing.rules.routing import RoutingTerms
from proofing.settings import Settings


class MockRouter(Router):
    """Chooses among the mocks of the enabled plugins."""

    def _make_terms(self, settings: Settings, kind: ProoferKind) -> RoutingTerms:
        known = {name: one for (of, name), one in sorted(self._plugins.proofers.items()) if of is kind}
        mocks = [name for name, one in known.items() if one.is_mock]
        # Asked only where the settings name them: they are no first choice.
        others = [name for name, one in known.items() if one.descriptor.offline and not one.is_mock]
        offline = () if settings.is_production else others
        return replace(super()._make_terms(settings, kind), only=(*mocks, *offline))

    def choose(self, kind: ProoferKind, person: str) -> LoadedProofer | None:
        """Return the mock whom *person* is shown, or None when the kind is switched off.

        Raises:
            PluginError: there is no mock.
        """
        vendor = self.decide(self.question(kind, person)).vendor
        if vendor is None and self.terms(kind).vendors:
            raise PluginError(f"test mode needs a mock for {kind.value}; add mock to plugins")
        return None if vendor is None else self.named(kind, vendor)

    def named(self, kind: ProoferKind, name: str) -> LoadedProofer:
        """Return the mock *name*. Raises `PluginError` when there is none."""
        if name not in (self.terms(kind).only or ()):
            raise PluginError(f"test mode asks mocks alone, and the {kind.value} proofer {name} is none")
        return super().named(kind, name)

    def configured(self) -> list[LoadedProofer]:
        """Return every mock that is asked. Raises `PluginError` when one is missing."""
        chosen = [self.choose(kind, "") for kind in ProoferKind]
        return [one for one in chosen if one is not None]

    def candidates(self, kind: JobKind, person: str) -> Sequence[str]:
        """Return nobody: mocks have no budget."""
        del kind, person
        return ()

    def is_available(self, person: str) -> bool:
        """Return whether the flow can be offered: it is on, and there is a mock for all that it asks."""
        del person  # outages are of real vendors
        try:
            self.configured()
        except PluginError:
            return False
        return self._live.current.idv_available
