"""A contract that import-linter cannot state by name, because the next plugin has none yet.

The contract is generated at each run from the installed entry points: pyproject.toml lists no plugin, so no
new one can be forgotten. https://import-linter.readthedocs.io/en/stable/custom_contract_types/
"""

from collections.abc import Collection
from importlib.metadata import entry_points

import grimp
from importlinter import Contract, ContractCheck, output

#: All that a plugin may import of the core.
PUBLIC = frozenset({"proofing.plugin", "proofing.plugin.support"})
_OTHERS = ("proofing", "proofing_server")


class PluginContract(Contract):
    """A plugin imports `PUBLIC` and itself; no plugin is imported by core, server or another plugin."""

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002 - importlinter's
        """Look at every import of every installed plugin, of core and of the server."""
        plugins = {entry.module.partition(".")[0] for entry in entry_points(group="proofing")}
        found = violations(grimp.build_graph(*_OTHERS, *sorted(plugins)), plugins)
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import that must not be."""
        for importer, imported in check.metadata["found"]:
            output.print_error(f"{importer} imports {imported}")


def violations(graph: grimp.ImportGraph, plugins: Collection[str]) -> list[tuple[str, str]]:
    """Return the imports that break the contract, each as importer and imported."""
    found = []
    for importer in graph.modules:
        own = importer.partition(".")[0]
        for imported in graph.find_modules_directly_imported_by(importer):
            other = imported.partition(".")[0]
            if other == own:
                continue
            is_private = own in plugins and other in _OTHERS and imported not in PUBLIC
            if other in plugins or is_private:
                found.append((importer, imported))
    return sorted(found)
