"""Browser parts of a descriptor: whose they may be, and that a start refuses those that nothing may load."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from proofing.base.errors import PluginError
from proofing.contracts.browser_parts import BrowserPart
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.registry.proofers import LoadedProofer
from proofing.testing.vendor_fakes import make_process

PART = BrowserPart(
    scripts=["http://localhost:8900/tags.js"], script_sources=frozenset({"http://localhost:8900"})
)


def loaded(process=make_process, settings=None, **changes):
    """Return a device proofer with a page."""
    values = {
        "name": "acme:device",
        "kind": ProoferKind.DEVICE,
        "make": lambda *_: None,
        "needs": frozenset({"device_session_id"}),
        "page": lambda _settings: PART,
    }
    return LoadedProofer("acme", ProoferDescriptor(**{**values, **changes}), settings, process)


def test_it_is_read_from_the_settings():
    """Once; a proofer without a page has none."""
    settings = SimpleNamespace(part=PART)
    assert loaded(settings=settings, page=lambda settings: settings.part).browser_part is PART
    assert loaded(page=lambda _settings: None).browser_part is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": ProoferKind.PHONE}, "only a device proofer"),
        ({"needs": frozenset()}, "only a device proofer"),
        ({"page": lambda _settings: "https://h.vendor.example"}, "must return a BrowserPart"),
        ({"page": lambda settings: settings.part}, "raised AttributeError"),
        (
            {"page": lambda _settings: replace(PART, script_sources=frozenset({"*"}))},
            "acme:device: script-src",
        ),
    ],
)
def test_parts_that_are_refused(changes, sentence):
    """In a sentence that names the proofer."""
    with pytest.raises(PluginError, match=sentence):
        _ = loaded(**changes).browser_part


def test_production_loads_nothing_from_this_machine():
    """Whose vendors are played."""
    with pytest.raises(PluginError, match="outside of production"):
        _ = loaded(process=lambda: replace(make_process(), is_production=True)).browser_part
