"""The vendors that settings name, by whatever key, and what each of them must be able to do."""

from types import SimpleNamespace

import pytest

from proofing.base.errors import PluginError
from proofing.contracts.continuation import Again
from proofing.contracts.proofers import Maturity, ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.registry.proofers import LoadedProofer
from proofing.routing.policies import policy_problems
from proofing.routing.vendors import named_vendors, shadow_vendors, vendor_hosts, vendor_problems
from proofing.settings import Settings
from proofing.testing.vendor_fakes import make_process

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}


def vendor_of(kind, name, **values):
    """Return a vendor."""
    descriptor = ProoferDescriptor(
        name=name,
        kind=kind,
        make=lambda *_: SimpleNamespace(proof=print),
        hosts=lambda _settings: frozenset({f"{name.replace(':', '-')}.example"}),
        maturity=Maturity.MOCK if name == "mock" else Maturity.VERIFIED,
        **{"company": "Acme", **values},
    )
    return LoadedProofer("p", descriptor, None, make_process)


def examined(odd=None, **values):
    """Return settings, and plugins with vendors of every kind, of which *odd* ones have other descriptors."""
    proofers = {
        (kind, name): vendor_of(kind, name, **(odd or {}).get((kind, name), {}))
        for kind in ProoferKind
        for name in ("mock", "acme:b", "c")
    }
    return Settings.model_validate({**KEYS, **values}), SimpleNamespace(proofers=proofers)


EVERY = {
    "document_vendor_allow_list": {"acme:b": ["person-1"]},
    "passport_vendor_fallbacks": [{"vendor": "c"}],
    "resolution_vendor_fallbacks": [{"vendor": "acme:b"}],
    "resolution_vendor_second_opinion": {"vendor": "c"},
    "resolution_vendor_shadow": {"vendor": "acme:b"},
    "phone_vendor_shadow": {"vendor": "acme:b"},
    "state_id_vendor_percentages": {"c": 5.0},
}


def test_every_key_that_names_vendors():
    """Those whose answers count apart from the shadows."""
    settings, plugins = examined(**EVERY)
    named = {key: list(names) for key, _kind, names in named_vendors(settings)}
    for key in EVERY.keys() - {"resolution_vendor_shadow", "phone_vendor_shadow"}:
        assert named[key], key
    assert not any(key.endswith("shadow") for key in named)
    assert [key for key, _kind, _names in shadow_vendors(settings)] == [
        "resolution_vendor_shadow",
        "phone_vendor_shadow",
    ]
    assert vendor_problems(settings, plugins) == []


@pytest.mark.parametrize("key", EVERY)
def test_a_vendor_that_nobody_offers(key):
    """By its key, whatever names it."""
    text = repr(EVERY[key]).replace("acme:b", "ghost").replace("'c'", "'ghost'")
    settings, plugins = examined(**{key: eval(text)})  # noqa: S307 - of this test
    (problem,) = vendor_problems(settings, plugins)
    assert (problem.key, "no enabled plugin offers ghost" in problem.rule) == (key, True)


@pytest.mark.parametrize("key", ["resolution_vendor_shadow", "resolution_vendor_fallbacks"])
def test_mocks_are_refused_in_production_wherever_they_are_named(key):
    """A shadow gets data of real people, too."""
    value = {"vendor": "mock"} if key.endswith("shadow") else [{"vendor": "mock"}]
    settings, plugins = examined(resolution_vendor="c", **{key: value})
    strict = settings.model_copy(update={"is_production": True})
    assert key in {problem.key for problem in vendor_problems(strict, plugins)}


def test_what_is_off_names_nobody():
    """Fallbacks of a kind without a vendor do not matter."""
    settings, _plugins = examined(messenger_vendor="c", messenger_vendor_fallbacks=[{"vendor": "acme:b"}])
    keys = {key for key, _kind, _names in named_vendors(settings)}
    assert "messenger_vendor_fallbacks" in keys
    off = settings.model_copy(update={"phone_confirmation_enabled": False})
    assert "messenger_vendor_fallbacks" not in {key for key, _kind, _names in named_vendors(off)}


@pytest.mark.parametrize(
    ("key", "kind", "descriptor", "rule"),
    [
        ("resolution_vendor_shadow", "resolution", {"requires": {"ssn"}}, "cannot do without the SSN"),
        ("resolution_vendor_shadow", "resolution", {"continues": {Again}}, "must answer at once"),
        ("document_vendor_fallbacks", "document", {"captures_images": True}, "on a page of its own"),
        ("document_vendor_fallbacks", "document", {"document_types": ()}, "none of the document_types"),
        ("document_vendor_fallbacks", "document", {"needs_selfie": True, "company": ""}, "does not name"),
    ],
)
def test_what_a_vendor_must_be_able_to_do(key, kind, descriptor, rule):
    """For what it is named for."""
    values = {
        name: frozenset(value) if isinstance(value, (set, tuple)) else value
        for name, value in descriptor.items()
    }
    if "requires" in values:
        values["attributes"] = values["requires"]
    value = {"vendor": "c"} if key.endswith("shadow") else [{"vendor": "c"}]
    settings, plugins = examined({(ProoferKind(kind), "c"): values}, **{key: value})
    (problem,) = vendor_problems(settings, plugins)
    assert (problem.key, rule in problem.rule) == (key, True)


@pytest.mark.parametrize(
    "key",
    [
        "vendor_concurrency_limits",
        "vendor_hourly_budgets",
        "vendor_permissible_purposes",
        "vendor_prices",
        "vendor_rate_limits",
        "vendor_status",
        "vendor_breaker_overrides",
    ],
)
def test_a_misspelled_vendor_in_a_map(key):
    """Its limit would not hold; a vendor, and a product of it, are known."""
    value = {
        "vendor_permissible_purposes": "fraud",
        "vendor_prices": {"price": 1},
        "vendor_status": "full_outage",
        "vendor_breaker_overrides": None,
    }.get(key, 1)
    settings, plugins = examined(**{key: {"acme": value, "acme:b": value, "c": value, "acme:bb": value}})
    assert [problem.key for problem in vendor_problems(settings, plugins)] == [f"{key}.acme:bb"]


def test_a_misspelled_vendor_in_a_window():
    """It is named by its place."""
    window = {"cron": "0 2 * * *", "minutes": 5}
    windows = [
        {"vendor": "acme", **window},
        {"vendor": "acmee", **window},
        {"everything": True, **window},
    ]
    settings, plugins = examined(vendor_maintenance_windows=windows)
    assert [problem.key for problem in vendor_problems(settings, plugins)] == [
        "vendor_maintenance_windows.1.vendor"
    ]


def test_the_proxy_must_let_all_of_them_through():
    """Fallbacks, second opinions and shadows are called from the same hosts."""
    settings, plugins = examined(**EVERY)
    assert {"acme:b", "c"} <= set(vendor_hosts(settings, plugins))


@pytest.mark.parametrize(
    ("key", "is_problem"),
    [
        ("resolution_vendor_fallbacks", True),
        ("resolution_vendor_second_opinion", True),
        ("resolution_vendor_shadow", False),
    ],
)
def test_policies_are_held_to_everybody_whose_answer_counts(key, is_problem):
    """What a fallback cannot do without must be asked; a shadow does without."""
    value = [{"vendor": "c"}] if key.endswith("fallbacks") else {"vendor": "c"}
    descriptor = {"requires": frozenset({"mrz"}), "attributes": frozenset({"mrz"})}
    settings, plugins = examined(
        {(ProoferKind.RESOLUTION, "c"): descriptor},
        **{key: value},
        policies={"one": {"steps": ["phone", "code"]}, "two": {"steps": ["resolution"]}},
        messenger_vendor="mock",
    )
    problems = [one for one in policy_problems(settings, plugins) if "c cannot do without mrz" in one.rule]
    assert bool(problems) is is_problem


FORMS = {(ProoferKind.DOCUMENT, "mock"): {"accepts_test_documents": True}}


@pytest.mark.parametrize(
    ("odd", "values", "rule"),
    [
        (FORMS, {}, None),
        ({}, {}, "mock does not read the testers' form"),
        (FORMS, {"is_production": True}, "is refused in production, as the testers' form is"),
        (
            FORMS,
            {"test_document_vendor": "ghost"},
            "no enabled plugin offers ghost; offered: acme:b, c, mock",
        ),
    ],
)
def test_who_gets_the_testers_forms(odd, values, rule):
    """A vendor that reads them, and nobody in production."""
    settings, plugins = examined(odd, **{"test_document_vendor": "mock", **values})
    found = [one.rule for one in vendor_problems(settings, plugins) if one.key == "test_document_vendor"]
    assert found == ([] if rule is None else [rule])


def test_a_vendor_that_is_offline_calls_no_host():
    """Its descriptor is held to that."""
    loaded = vendor_of(ProoferKind.DOCUMENT, "acme", offline=True)
    with pytest.raises(PluginError, match="hosts must be empty, as the descriptor is offline"):
        loaded.policy()
