"""Which vendor is asked: buckets, order, stickiness, outages, and what is refused."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace

import pytest

from proofing.base.errors import PluginError
from proofing.contracts.applicant import DocumentType
from proofing.contracts.messages import Channel
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.registry.plugins import LoadedProofer
from proofing.routing.router import Router, bucket, vendor_problems
from proofing.settings import Settings
from proofing.testing.vendor_fakes import make_process

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}


def router_of(*names, maturity=Maturity.VERIFIED, **values):
    """Return a router over proofers *names* of every kind (and ``mock``), and its settings."""
    found = {}
    for kind in ProoferKind:
        for name in ("mock", *names):
            grade = Maturity.MOCK if name == "mock" else maturity
            descriptor = ProoferDescriptor(
                name=name,
                kind=kind,
                make=lambda *_: SimpleNamespace(proof=print),
                maturity=grade,
            )
            found[kind, name] = LoadedProofer("p", descriptor, None, make_process)
    plugins = SimpleNamespace(proofers=found)
    settings = Settings.model_validate({**KEYS, **values})
    return Router(plugins, SimpleNamespace(current=settings)), settings, plugins


def test_a_document_vendor_must_verify_what_is_accepted():
    """Of several kinds one is enough; with none nobody could pass."""
    _router, settings, plugins = router_of("book", document_vendor="book", document_types=["passport"])
    loaded = plugins.proofers[ProoferKind.DOCUMENT, "book"]
    assert vendor_problems(settings, plugins) == []
    loaded.descriptor = replace(
        loaded.descriptor, document_types=frozenset({DocumentType.STATE_ID_CARD, DocumentType.PASSPORT})
    )
    assert vendor_problems(settings, plugins) == []
    loaded.descriptor = replace(loaded.descriptor, document_types=frozenset({DocumentType.STATE_ID_CARD}))
    (problem,) = vendor_problems(settings, plugins)
    assert (problem.key, problem.rule) == (
        "document_vendor",
        "book verifies none of the document_types; it verifies: state_id_card",
    )


def test_bucket_vector():
    """SHA-256 of ``discriminator:experiment`` as a fraction of 100, worked out apart."""
    digest = hashlib.sha256(b"person-1:document_vendor").digest()
    wanted = int.from_bytes(digest, "big") / (2**256 - 1) * 100
    assert bucket("person-1", "document_vendor") == pytest.approx(wanted)
    assert bucket("person-1", "document_vendor") == bucket("person-1", "document_vendor")
    assert bucket("person-1", "document_vendor") != bucket("person-1", "resolution_vendor")


def test_shares_are_walked_in_order_and_sticky():
    """Of 10,000 people each vendor gets its share within five standard deviations, always the same ones."""
    shares = {"b": 30.0, "a": 10.0}
    router, _settings, _plugins = router_of("a", "b", document_vendor_percentages=shares)
    people = [f"person-{number}" for number in range(10_000)]
    chosen = [router.explain(ProoferKind.DOCUMENT, person).vendor for person in people]
    assert chosen == [router.explain(ProoferKind.DOCUMENT, person).vendor for person in people]
    for name, share in {**shares, "mock": 60.0}.items():
        expected = share * 100
        deviation = (10_000 * share / 100 * (1 - share / 100)) ** 0.5
        assert abs(chosen.count(name) - expected) < 5 * deviation
    for person, vendor in zip(people, chosen, strict=True):
        place = bucket(person, "document_vendor")
        assert vendor == ("b" if place <= 30 else "a" if place <= 40 else "mock")


def test_a_growing_share_keeps_whom_it_had():
    """Raising the first share moves people in, and none out."""
    small, *_ = router_of("b", resolution_vendor_percentages={"b": 20.0})
    large, *_ = router_of("b", resolution_vendor_percentages={"b": 40.0})
    for number in range(2_000):
        if small.explain(ProoferKind.RESOLUTION, str(number)).vendor == "b":
            assert large.explain(ProoferKind.RESOLUTION, str(number)).vendor == "b"


@pytest.mark.parametrize("share", [0.0, 100.0])
def test_nobody_and_everybody(share):
    """0 and 100 percent are exact."""
    router, *_ = router_of("b", document_vendor_percentages={"b": share})
    wanted = "b" if share else "mock"
    chosen = {router.explain(ProoferKind.DOCUMENT, str(number)).vendor for number in range(500)}
    assert chosen == {wanted}


def test_explain_says_why():
    """Bucket, range, default, switch and status are named."""
    router, *_ = router_of(
        "b",
        document_vendor_percentages={"b": 100.0},
        vendor_status={"b": "partial_outage"},
        device_profiling_enabled=False,
        state_id_vendor=None,
    )
    document = router.explain(ProoferKind.DOCUMENT, "x")
    assert document.is_in_outage
    assert "lies in b's (0, 100]" in document.explanation[0]
    assert document.explanation[1] == "vendor_status of b is partial_outage"
    assert (
        "outside every percentage: the default mock"
        in router.explain(ProoferKind.RESOLUTION, "x").explanation[0]
    )
    assert router.explain(ProoferKind.DEVICE, "x").explanation == ("device_profiling_enabled is false",)
    assert router.explain(ProoferKind.STATE_ID, "x").vendor is None
    assert router.explain(ProoferKind.PHONE, "x").vendor == "mock"


def test_choice_and_explanation_agree():
    """`choose` returns what `explain` names, and None for what is switched off."""
    router, *_ = router_of("b", document_vendor_percentages={"b": 50.0}, state_id_vendor=None)
    for number in range(50):
        named = router.explain(ProoferKind.DOCUMENT, str(number)).vendor
        assert router.choose(ProoferKind.DOCUMENT, str(number)).descriptor.name == named
    assert router.choose(ProoferKind.STATE_ID, "x") is None


def test_outages():
    """A phone vendor that is out is left out; an outage of the first steps closes the flow for its own."""
    router, *_ = router_of(
        "b",
        phone_vendors=["mock", "b"],
        document_vendor_percentages={"b": 50.0},
        vendor_status={"b": "full_outage"},
    )
    assert [loaded.descriptor.name for loaded in router.in_order(ProoferKind.PHONE)] == ["mock"]
    for number in range(100):
        out = router.explain(ProoferKind.DOCUMENT, str(number)).vendor == "b"
        assert router.is_available(str(number)) is not out


def test_a_phone_vendor_that_is_out_is_neither_explained_nor_chosen():
    """The explanation is what happens: the first vendor without an outage, or that there is none."""
    names, out = ["mock", "b"], {"mock": "full_outage"}
    router, *_ = router_of("b", phone_vendors=names, vendor_status=out)
    choice = router.explain(ProoferKind.PHONE, "x")
    assert (choice.vendor, choice.is_in_outage) == ("b", False)
    assert choice.explanation[0] == "the first of phone_vendors that is not out"
    assert router.choose(ProoferKind.PHONE, "x").descriptor.name == "b"
    router, *_ = router_of("b", phone_vendors=names, vendor_status={**out, "b": "full_outage"})
    choice = router.explain(ProoferKind.PHONE, "x")
    assert (choice.vendor, choice.is_in_outage) == ("mock", True)
    assert choice.explanation[0] == "every one of phone_vendors is out"


def test_the_status_of_a_vendor_that_does_not_exist_is_refused():
    """A misspelled name would leave the vendor in use."""
    _router, settings, plugins = router_of("b", vendor_status={"bb": "full_outage", "b": "full_outage"})
    (problem,) = vendor_problems(settings, plugins)
    assert problem.key == "vendor_status.bb"


def test_a_descriptor_without_sound_bounds_cannot_be_used():
    """Reported at the start, not by every person's first job."""
    router, _settings, plugins = router_of("b", resolution_vendor="b")
    loaded = plugins.proofers[ProoferKind.RESOLUTION, "b"]
    loaded.descriptor = replace(loaded.descriptor, hosts=lambda _settings: "api.acme.example")
    (problem,) = router.validate_vendors()
    assert problem.key == "resolution_vendor"


def test_the_flow_can_be_switched_off():
    """`idv_available` closes it for all."""
    router, *_ = router_of(idv_available=False)
    assert not router.is_available("x")


def test_unknown_vendors_are_named():
    """Every key that names one, with what is offered; switched-off ones are not requested."""
    router, settings, plugins = router_of(
        "b",
        document_vendor="ghost",
        phone_vendors=["b", "spook"],
        device_vendor="phantom",
        device_profiling_enabled=False,
        resolution_vendor_percentages={"wraith": 1.0},
    )
    problems = {problem.key: problem.rule for problem in vendor_problems(settings, plugins)}
    assert problems == {
        "document_vendor": "no enabled plugin offers ghost; offered: b, mock",
        "phone_vendors": "no enabled plugin offers spook; offered: b, mock",
        "resolution_vendor_percentages": "no enabled plugin offers wraith; offered: b, mock",
    }
    with pytest.raises(PluginError, match="ghost"):
        router.choose(ProoferKind.DOCUMENT, "x")
    assert "document proofer ghost" in " ".join(problem.rule for problem in router.validate_vendors())


def test_mocks_are_refused_in_production():
    """Each key that names a mock is reported."""
    _router, settings, plugins = router_of("b", resolution_vendor="b")
    strict = settings.model_copy(update={"is_production": True})
    refused = {problem.key for problem in vendor_problems(strict, plugins)}
    named = {"device_vendor", "document_vendor", "passport_vendor", "phone_vendors", "state_id_vendor"}
    assert refused == named
    assert vendor_problems(settings, plugins) == []


def test_a_messenger_that_can_send_nothing_is_refused():
    """It is named only where codes are on, and must have a channel that is allowed."""
    values = {"messenger_vendor": "acme", "phone_code_channels": ["voice"]}
    for channels, rule in (
        (lambda _settings: frozenset(Channel), None),
        (lambda _settings: frozenset({Channel.TEXT}), "phone_code_channels leaves that out"),
        (lambda _settings: frozenset(), "nothing to send from"),
        (lambda _settings: {"text"}, "must return a frozenset of Channel"),
        (lambda _settings: 1 / 0, "raised ZeroDivisionError"),
    ):
        _router, settings, plugins = router_of("acme", **values)
        known = plugins.proofers[ProoferKind.MESSENGER, "acme"]
        plugins.proofers[ProoferKind.MESSENGER, "acme"] = LoadedProofer(
            "p", known.descriptor, None, make_process, channels=channels
        )
        found = [
            problem for problem in vendor_problems(settings, plugins) if problem.key == "messenger_vendor"
        ]
        assert [rule in problem.rule for problem in found] == ([] if rule is None else [True])
        off = settings.model_copy(update={"phone_confirmation_enabled": False})
        assert not [one for one in vendor_problems(off, plugins) if one.key == "messenger_vendor"]
