"""In test mode mocks alone are asked, whatever the settings name."""

from types import SimpleNamespace

import pytest

from proofing.base.errors import PluginError
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.records import JobKind
from proofing.contracts.results import ProoferKind
from proofing.crypto.encryption import KeyRing
from proofing.registry.plugins import LoadedProofer
from proofing.routing.mocks import MockRouter
from proofing.routing.people import RoutedPeople
from proofing.settings import Settings
from proofing.testing.vendor_fakes import make_process

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
#: Every kind's vendor is a real one.
REAL = {
    "device_vendor": "real",
    "document_vendor": "real",
    "document_vendor_percentages": {"other": 50.0},
    "messenger_vendor": "real",
    "passport_vendor": "real",
    "phone_vendors": ["real", "mock"],
    "resolution_vendor": "real",
    "state_id_vendor": "real",
}


def router_of(*mocks, offline=(), **values):
    """Return the router of test mode over the proofers ``real``, ``other`` and *mocks* of every kind."""
    found = {}
    for kind in ProoferKind:
        for name in ("real", "other", *mocks, *offline):
            descriptor = ProoferDescriptor(
                name=name,
                kind=kind,
                make=lambda *_: SimpleNamespace(proof=print),
                maturity=Maturity.MOCK if name in mocks else Maturity.VERIFIED,
                offline=name in offline,
            )
            found[kind, name] = LoadedProofer("p", descriptor, None, make_process)
    settings = Settings.model_validate({**KEYS, **values})
    people = RoutedPeople(KeyRing(b"k" * 32))
    return MockRouter(SimpleNamespace(proofers=found), SimpleNamespace(current=settings), people)


@pytest.mark.parametrize("kind", ProoferKind)
def test_no_choice_is_a_real_vendor(kind):
    """For nobody, in no kind, chosen, in order or by name."""
    router = router_of("mock", **REAL)
    chosen = {router.choose(kind, f"person-{number}") for number in range(200)} - {None}
    assert all(one.is_mock for one in chosen)
    assert chosen
    if kind is ProoferKind.PHONE:
        assert [one.descriptor.name for one in router.may_meet(kind, "")] == ["mock"]
    for name in ("real", "other", "absent"):
        with pytest.raises(PluginError, match="test mode"):
            router.named(kind, name)
    assert router.named(kind, "mock").is_mock
    assert all(one.is_mock for one in router.configured())


def test_a_mock_of_the_settings_is_taken_else_the_first():
    """So that testers can have the one whose page they want to see."""
    router = router_of("mock", "a_mock", **REAL)
    assert router.choose(ProoferKind.DOCUMENT, "").descriptor.name == "a_mock"
    named = router_of("mock", "a_mock", **{**REAL, "document_vendor": "mock"})
    percent = {named.choose(ProoferKind.DOCUMENT, f"p{number}").descriptor.name for number in range(99)}
    assert percent == {"mock", "a_mock"}
    assert [one.descriptor.name for one in named.may_meet(ProoferKind.PHONE, "")] == ["mock"]


def test_what_is_switched_off_stays_off():
    """As for everybody else."""
    off = {**REAL, "device_profiling_enabled": False, "passport_vendor": None, "state_id_vendor": None}
    router = router_of("mock", **off)
    for kind in (ProoferKind.DEVICE, ProoferKind.PASSPORT, ProoferKind.STATE_ID):
        assert router.choose(kind, "person") is None


def test_without_a_mock_nothing_is_asked():
    """The message says what to do."""
    router = router_of(**REAL)
    for ask in (
        lambda: router.choose(ProoferKind.RESOLUTION, "person"),
        lambda: router.choose(ProoferKind.PHONE, "person"),
        router.configured,
    ):
        with pytest.raises(PluginError, match="add mock to plugins"):
            ask()


def test_outages_and_budgets_are_of_real_vendors():
    """A test verification neither waits for one nor uses the other up."""
    router = router_of("mock", **REAL, vendor_status={"real": "full_outage"})
    assert router.is_available("person")
    assert not router_of("mock", **REAL, idv_available=False).is_available("person")
    assert not router_of(**REAL).is_available("person"), "no mock is installed"
    assert router.candidates(JobKind.PHONE, "person") == ()


def test_outside_production_a_vendor_that_answers_offline_is_asked():
    """Nobody is billed, and nothing leaves the machine; one that no setting names is not taken."""
    named = {**REAL, "document_vendor": "reader", "document_vendor_percentages": {}}
    kind = ProoferKind.DOCUMENT
    router = router_of("mock", offline=("reader",), **named)
    assert router.choose(kind, "person").descriptor.name == "reader"
    assert router.named(kind, "reader").descriptor.offline
    in_production = router_of("mock", offline=("reader",), **named, is_production=True)
    assert in_production.choose(kind, "person").descriptor.name == "mock"
    other = router_of("mock", offline=("reader",), **REAL)
    assert other.choose(kind, "person").descriptor.name == "mock"
