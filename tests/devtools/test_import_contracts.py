"""The rule about plugins holds for plugins that no list names."""

import grimp
import pytest

from proofing_devtools.import_contracts import violations

PLUGINS = {"proofing_new", "proofing_redis"}


def graph_with(importer, imported):
    """Return a graph of one import."""
    graph = grimp.ImportGraph()
    for module in (importer, imported):
        graph.add_module(module)
    graph.add_import(importer=importer, imported=imported)
    return graph


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("proofing_new.deep.down", "proofing_redis.results"),
        ("proofing_new", "proofing_server.app"),
        ("proofing_new", "proofing.contracts.hooks"),
        ("proofing_new.adapter", "proofing.base.errors"),
        ("proofing.app.worker", "proofing_new"),
        ("proofing_server.app", "proofing_redis.results"),
    ],
)
def test_what_is_found(importer, imported):
    """Another plugin, the server, the inside of the core; and anyone who imports a plugin."""
    assert violations(graph_with(importer, imported), PLUGINS) == [(importer, imported)]


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("proofing_new.adapter", "proofing.plugin"),
        ("proofing_new.adapter", "proofing.plugin.support"),
        ("proofing_new", "proofing_new.adapter"),
        ("proofing.app.worker", "proofing.base.errors"),
        ("proofing_server.app", "proofing.app.service"),
    ],
)
def test_what_is_allowed(importer, imported):
    """The two public modules, and everything inside of one package."""
    assert violations(graph_with(importer, imported), PLUGINS) == []
