"""Which vendor is asked: buckets, order, stickiness, outages, and what is refused."""

import hashlib
import hmac
from dataclasses import replace
from types import SimpleNamespace

import pytest

from proofing.base.errors import PluginError
from proofing.contracts.applicant import DocumentType
from proofing.contracts.messages import Channel
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.contracts.routing import Refusal, RoutingRule
from proofing.crypto.encryption import KeyRing
from proofing.registry.plugins import LoadedProofer
from proofing.routing.explaining import explanation
from proofing.routing.people import RoutedPeople
from proofing.routing.router import Router
from proofing.routing.vendors import vendor_problems
from proofing.settings import Settings
from proofing.testing.vendor_fakes import make_process

PEOPLE = RoutedPeople(KeyRing(b"k" * 32))
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
    return Router(plugins, SimpleNamespace(current=settings), PEOPLE), settings, plugins


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
    """HMAC-SHA-256 of ``discriminator:experiment`` as a fraction of 100, worked out apart."""
    key = KeyRing(b"k" * 32).current("routing/bucket")
    digest = hmac.digest(key, b"person-1:document_vendor", hashlib.sha256)
    wanted = int.from_bytes(digest, "big") / (2**256 - 1) * 100
    bucket = PEOPLE.bucket
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
        place = PEOPLE.bucket(person, "document_vendor")
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


def explained(router, kind, person="x"):
    """Return the choice, and the sentences on it."""
    decision = router.explain(kind, person)
    return decision, explanation(router.terms(kind), decision)


def test_explain_says_why():
    """Bucket, range, default, switch and status are named."""
    router, *_ = router_of(
        "b",
        "c",
        document_vendor_percentages={"b": 100.0},
        document_vendor_fallbacks=[{"vendor": "c"}],
        resolution_vendor_percentages={"b": 0.0},
        vendor_status={"b": "partial_outage"},
        device_profiling_enabled=False,
        state_id_vendor=None,
    )
    document, sentences = explained(router, ProoferKind.DOCUMENT)
    assert (document.vendor, document.rule) == ("c", RoutingRule.FALLBACK)
    assert document.passed_over == (("b", Refusal.OUTAGE),)
    assert sentences == (
        "b is passed over: vendor_status says that it is out",
        "c is the next of document_vendor_fallbacks",
    )
    assert explained(router, ProoferKind.RESOLUTION)[1][0].endswith(
        "lies outside every percentage: resolution_vendor is mock"
    )
    assert explained(router, ProoferKind.DEVICE)[1] == ("device_vendor is switched off",)
    assert router.explain(ProoferKind.STATE_ID, "x").vendor is None
    assert explained(router, ProoferKind.PHONE)[1] == ("mock is the first of phone_vendors",)
    everybody, *_ = router_of("b", document_vendor_percentages={"b": 100.0})
    assert "lies in b's (0, 100]" in explained(everybody, ProoferKind.DOCUMENT)[1][0]


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
    assert [one.descriptor.name for one in router.may_meet(ProoferKind.PHONE, "x")] == ["mock"]
    for number in range(100):
        out = router.explain(ProoferKind.DOCUMENT, str(number)).vendor is None
        assert out is (PEOPLE.bucket(str(number), "document_vendor") <= 50)
        assert router.is_available(str(number)) is not out


def test_a_fallback_keeps_the_flow_open():
    """Whose vendor is out is shown the fallback, and is not turned away."""
    router, *_ = router_of(
        "b", document_vendor_fallbacks=[{"vendor": "b"}], vendor_status={"mock": "full_outage"}
    )
    assert router.choose(ProoferKind.DOCUMENT, "x").descriptor.name == "b"
    assert not router.is_available("x"), "the resolution vendor is out, too"
    router, *_ = router_of(
        "b",
        document_vendor_fallbacks=[{"vendor": "b"}],
        resolution_vendor="b",
        vendor_status={"mock": "full_outage"},
    )
    assert router.is_available("x")


def test_pages_show_the_first_choice_where_nobody_can_be_asked():
    """They need a vendor's documents and scripts; whether it can be asked is `is_available`."""
    router, *_ = router_of("b", document_vendor="b", vendor_status={"b": "full_outage"})
    assert router.choose(ProoferKind.DOCUMENT, "x").descriptor.name == "b"
    assert router.may_meet(ProoferKind.DOCUMENT, "x") == []
    assert not router.is_available("x")


def test_a_phone_vendor_that_is_out_is_neither_explained_nor_chosen():
    """The explanation is what happens: the first vendor without an outage, or that there is none."""
    names, out = ["mock", "b"], {"mock": "full_outage"}
    router, *_ = router_of("b", phone_vendors=names, vendor_status=out)
    choice, sentences = explained(router, ProoferKind.PHONE)
    assert (choice.vendor, choice.rule) == ("b", RoutingRule.FALLBACK)
    assert sentences[-1] == "b is the next of phone_vendors"
    assert router.choose(ProoferKind.PHONE, "x").descriptor.name == "b"
    router, *_ = router_of("b", phone_vendors=names, vendor_status={**out, "b": "full_outage"})
    choice, sentences = explained(router, ProoferKind.PHONE)
    assert (choice.vendor, choice.rule) == (None, RoutingRule.NONE)
    assert sentences[-1] == "nobody is left to ask"


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


def test_a_share_of_people_is_the_same_people_each_time():
    """A larger share has everybody of a smaller one; nobody is in none, and everybody is in all."""
    router, _settings, _plugins = router_of()
    people = [f"person-{number}" for number in range(400)]

    def share(percentage, experiment="phone_precheck"):
        return {one for one in people if router.is_in_share(one, experiment, percentage)}

    assert (share(0), share(100)) == (set(), set(people))
    assert share(30) == share(30) < share(60)
    assert 80 < len(share(30)) < 160
    assert share(30) != share(30, "another")
