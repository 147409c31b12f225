"""The settings of vendors: what is refused, with key and rule and never the value; one form of an outage."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import yaml
from pydantic import ValidationError

from proofing.base.errors import Cause, ConfigurationError
from proofing.settings import Settings, read_layers, validate_settings
from proofing.settings.vendor_values import NO_ANSWER, VendorStatus

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
#: Would be found in a message that shows a value.
CANARY = "canary-7f3a"
KINDS = ("document", "resolution", "state_id")
FALLING_BACK = (*KINDS, "passport", "messenger")
DATE = datetime(2026, 12, 1, tzinfo=UTC)
ONCE = {"vendor": CANARY, "start": DATE, "finish": DATE.replace(hour=2)}
NIGHTLY = {"cron": "0 0 * * *", "minutes": 360}
AGAIN = {"vendor": CANARY, "cron": "0 2 * * *", "minutes": 30}


def read(**values):
    """Return settings with *values*."""
    return Settings.model_validate({**KEYS, **values})


def _without(values, *names):
    return {key: value for key, value in values.items() if key not in names}


WRONG_TERMS = [
    CANARY,
    [5],
    {"faults": 0},
    {"faults": 1.5},
    {"faults": 1001},
    {"open_seconds": 0},
    {"open_seconds": -5},
    {"open_seconds": float("inf")},
    {"open_seconds": 90_000},
    {"probe_seconds": 0},
    {"probe_seconds": CANARY},
    {"failures": 5},
]
WRONG_PRICES = [
    CANARY,
    0.45,
    {},
    {"currency": "USD"},
    {"price": -0.01},
    {"price": CANARY},
    {"price": float("nan")},
    {"price": 0.0000001},
    {"price": 1, "currency": "usd"},
    {"price": 1, "currency": CANARY},
    {"price": 1, "per": "call"},
]
#: Keys, and the values that each of them refuses.
WRONG = [
    (
        [f"{kind}_vendor_percentages" for kind in KINDS],
        [
            {CANARY: 100.01},
            {CANARY: -0.01},
            {CANARY: 60, "b": 41},
            {CANARY: 33.4, "b": 33.4, "c": 33.4},
            {CANARY: "50%"},
            {CANARY: None},
            {CANARY: [50]},
            {CANARY: float("nan")},
            {CANARY: float("inf")},
            [CANARY],
            CANARY,
            50,
        ],
    ),
    (
        [f"{kind}_vendor_allow_list" for kind in KINDS],
        [
            {"b": CANARY},
            {"b": {CANARY: 1}},
            {"b": [CANARY, 7]},
            {"b": [CANARY, ""]},
            {"b": [CANARY, "  "]},
            {"b": [CANARY, CANARY]},
            {"b": [CANARY], "c": [CANARY]},
            {"": [CANARY]},
            {" b": [CANARY]},
            {"b": None},
            [CANARY],
            CANARY,
        ],
    ),
    (
        [f"{kind}_vendor_fallbacks" for kind in FALLING_BACK],
        [
            CANARY,
            [CANARY],
            {"vendor": CANARY},
            [{}],
            [{"vendor": 7}],
            [{"vendor": ""}],
            [{"vendor": f" {CANARY}"}],
            [{"vendor": CANARY}, {"vendor": CANARY}],
            [{"vendor": CANARY, "after": []}],
            [{"vendor": CANARY, "after": "timeout"}],
            [{"vendor": CANARY, "after": [CANARY]}],
            [{"vendor": CANARY, "after": ["interrupted"]}],
            [{"vendor": CANARY, "after": ["timeout", "timeout"]}],
            [{"vendor": CANARY, "when": ["timeout"]}],
        ],
    ),
    (
        ["resolution_vendor_second_opinion"],
        [
            CANARY,
            {},
            {"percentage": 50},
            {"vendor": ""},
            {"vendor": CANARY, "percentage": 0},
            {"vendor": CANARY, "percentage": 101},
            {"vendor": CANARY, "percentage": float("nan")},
            {"vendor": CANARY, "percentage": "all"},
            {"vendor": CANARY, "per_hour": 5},
            {"vendor": "mock"},
            [{"vendor": CANARY}],
        ],
    ),
    (
        ["resolution_vendor_shadow", "phone_vendor_shadow"],
        [
            CANARY,
            {},
            {"vendor": ""},
            {"vendor": CANARY, "percentage": 0},
            {"vendor": CANARY, "percentage": 100.5},
            {"vendor": CANARY, "per_hour": 0},
            {"vendor": CANARY, "per_hour": 1.5},
            {"vendor": CANARY, "after": ["timeout"]},
            {"vendor": "mock"},
        ],
    ),
    (
        ["vendor_maintenance_windows"],
        [
            CANARY,
            [CANARY],
            {"vendor": CANARY},
            [{}],
            [{"vendor": CANARY}],
            [_without(ONCE, "vendor")],
            [_without(ONCE, "start")],
            [_without(ONCE, "finish")],
            [{**ONCE, "finish": DATE}],
            [{**ONCE, "everything": True}],
            [{**ONCE, "everything": "yes"}],
            [{**ONCE, "start": "2026-12-01"}],
            [{**ONCE, "start": "2026-12-01T02:00:00"}],
            [{**ONCE, "start": datetime(2026, 12, 1)}],  # noqa: DTZ001 - the mistake
            [{**ONCE, "start": CANARY}],
            [{**ONCE, "start": "tomorrow"}],
            [{**ONCE, "start": 1_796_000_000}],
            [{**ONCE, "time_zone": "UTC"}],
            [{**ONCE, "minutes": 5}],
            [{**ONCE, "cron": "0 2 * * *"}],
            [{**ONCE, **AGAIN}],
            [_without(AGAIN, "vendor")],
            [_without(AGAIN, "minutes")],
            [_without(AGAIN, "cron")],
            [{**AGAIN, "minutes": 0}],
            [{**AGAIN, "minutes": -1}],
            [{**AGAIN, "minutes": 1.5}],
            [{**AGAIN, "minutes": 10_081}],
            [{**AGAIN, "cron": CANARY}],
            [{**AGAIN, "cron": ""}],
            [{**AGAIN, "cron": "0 2 * *"}],
            [{**AGAIN, "cron": "0 0 2 * * *"}],
            [{**AGAIN, "cron": "61 2 * * *"}],
            [{**AGAIN, "cron": "0 25 * * *"}],
            [{**AGAIN, "cron": "0 2 31 2 *"}],
            [{**AGAIN, "cron": 5}],
            [{**AGAIN, "time_zone": CANARY}],
            [{**AGAIN, "time_zone": ""}],
            [{**AGAIN, "time_zone": "../etc/passwd"}],
            [{**AGAIN, "duration": 6}],
            [{**AGAIN, "jurisdiction": "DC"}],
        ],
    ),
    (
        ["state_id_maintenance_windows"],
        [
            CANARY,
            [CANARY],
            {CANARY: []},
            {"dc": [NIGHTLY]},
            {"ZZ": [NIGHTLY]},
            {"DC": NIGHTLY},
            {"DC": [CANARY]},
            {"DC": [{**NIGHTLY, "vendor": "mock"}]},
            {"DC": [{**NIGHTLY, "cron": "0 0 * *"}]},
            {"DC": [{**NIGHTLY, "minutes": 0}]},
            {"DC": [{**NIGHTLY, "minutes": CANARY}]},
            {"DC": [{**NIGHTLY, "time_zone": "DC"}]},
            {"DC": [_without(NIGHTLY, "cron")]},
            {"DC": [_without(NIGHTLY, "minutes")]},
        ],
    ),
    (
        ["vendor_rate_limits", "vendor_concurrency_limits", "vendor_hourly_budgets"],
        [CANARY, [CANARY], {CANARY: -1}, {CANARY: "many"}, {CANARY: None}, {"": 1}, {CANARY: [1]}],
    ),
    (["routing_decision_days", "call_record_days"], [0, -1, 1.5, CANARY]),
    (
        [f"{kind}_vendor_fallbacks" for kind in ("document", "resolution", "state_id", "passport")],
        [[{"vendor": "mock"}]],
    ),
    # And nobody before it.
    (["messenger_vendor_fallbacks"], [[{"vendor": CANARY}]]),
    (["vendor_rate_limits"], [{CANARY: 0}, {CANARY: float("inf")}]),
    (["vendor_concurrency_limits"], [{CANARY: 0}, {CANARY: 2.5}]),
    (["vendor_hourly_budgets"], [{CANARY: 2.5}]),
    (["vendor_breaker"], [*WRONG_TERMS]),
    (["vendor_breaker_overrides"], [*({CANARY: terms} for terms in WRONG_TERMS)]),
    (["vendor_prices"], [*({CANARY: price} for price in WRONG_PRICES)]),
    (
        ["vendor_permissible_purposes"],
        [CANARY, {CANARY: ""}, {CANARY: 7}, {CANARY: "x" * 201}, {"": "fraud"}],
    ),
    (["vendor_status"], [CANARY, {CANARY: "down"}, {CANARY: True}, {"": "operational"}, [CANARY]]),
    (["phone_vendors"], [[], [CANARY, CANARY], CANARY]),
]
INVALID = [
    pytest.param(key, value, id=f"{key}-{number}")
    for keys, values in WRONG
    for key in keys
    for number, value in enumerate(values)
]


def test_there_are_enough_of_them():
    """Each of the keys has some."""
    assert len(INVALID) >= 200


@pytest.mark.parametrize(("key", "value"), INVALID)
def test_refused_and_not_printed(tmp_path, key, value):
    """By its key, with a rule; nothing of the value is shown, except names of vendors as keys of maps."""
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"default": {**KEYS, key: value}}), encoding="utf-8")
    problems = validate_settings(read_layers(file, {})).problems
    assert problems
    for problem in problems:
        assert problem.key.split(".")[0] == key
        assert problem.source == "settings.yaml (default)"
        assert CANARY not in problem.rule


def test_a_shadow_is_not_asked_after_a_no_as_well():
    """The same vendor would get one question twice, and bill both."""
    same = {"vendor": "b"}
    with pytest.raises(ValidationError, match="resolution_vendor_second_opinion, which would be asked twice"):
        Settings(**KEYS, resolution_vendor_second_opinion=same, resolution_vendor_shadow=same)


def test_what_is_accepted(tmp_path):
    """As the pages show it."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        """
default:
  document_vendor_percentages: {b: 33.3, c: 33.3, d: 33.4}
  resolution_vendor: acme:id
  resolution_vendor_allow_list: {b: [person-1, person-2], c: [person-3]}
  resolution_vendor_fallbacks: [{vendor: b, after: [timeout, unreachable]}, {vendor: c}]
  resolution_vendor_second_opinion: {vendor: c, percentage: 50}
  resolution_vendor_shadow: {vendor: d}
  vendor_breaker_overrides: {acme: {faults: 9}, "acme:phone": null}
  vendor_maintenance_windows:
    - {vendor: acme, start: 2026-12-01T02:00:00-05:00, finish: '2026-12-01T09:00:00Z'}
    - {everything: true, cron: 0 2 * * SUN, minutes: 30, time_zone: America/New_York}
  vendor_prices: {"acme:id": {price: 0.45}, acme: {price: '1', currency: EUR}}
  vendor_rate_limits: {acme: 0.5}
""",
        encoding="utf-8",
    )
    found = validate_settings(read_layers(file, {}))
    assert [one for one in found.problems if one.key not in KEYS] == []
    settings = found.settings
    first, second = settings.resolution_vendor_fallbacks
    assert first.after == (Cause.TIMEOUT, Cause.UNREACHABLE)
    assert second.after == NO_ANSWER
    once, again = settings.vendor_maintenance_windows
    assert (once.start.astimezone(UTC).hour, once.finish.hour) == (7, 9)
    assert (again.everything, again.time_zone) == (True, "America/New_York")
    assert settings.vendor_prices["acme:id"].price == Decimal("0.45")
    assert settings.breaker_of("acme:id").faults == 9
    assert settings.breaker_of("acme:phone") is None
    assert settings.breaker_of("other").faults == 5
    assert "person-1" not in repr(settings)


def test_a_fallback_may_be_the_default_where_not_everybody_has_it():
    """People of a percentage, or of the allow list, fall back to it."""
    fallback = {"document_vendor_fallbacks": [{"vendor": "mock"}]}
    with pytest.raises(ValidationError, match="another vendor"):
        read(**fallback)
    assert read(**fallback, document_vendor_percentages={"b": 5.0})
    assert read(**fallback, document_vendor_allow_list={"b": ["person-1"]})


def test_an_outage_written_flat_is_the_same(tmp_path):
    """In the file, a variable and the secret store; a later layer wins, whatever the spelling."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        "default:\n  vendor_status: {a: full_outage, b: full_outage}\n  vendor_status_c:x: partial_outage\n",
        encoding="utf-8",
    )
    layers = read_layers(file, {"PROOFING_VENDOR_STATUS_A": "operational"})
    layers.add({**KEYS, "vendor_status_d": "full_outage"}, "secrets")
    found = validate_settings(layers)
    assert found.problems == []
    assert {name: status.value for name, status in found.settings.vendor_status.items()} == {
        "a": "operational",
        "b": "full_outage",
        "c:x": "partial_outage",
        "d": "full_outage",
    }
    assert layers.origin(["vendor_status", "a"]) == "environment variable"
    assert layers.origin(["vendor_status", "d"]) == "secrets"


def test_two_spellings_in_one_place_are_refused(tmp_path):
    """Nobody could say which one is meant."""
    file = tmp_path / "settings.yaml"
    file.write_text(
        "default:\n  vendor_status: {a: full_outage}\n  vendor_status_a: operational\n", encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match="vendor_status_a: duplicate key"):
        read_layers(file, {})


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, VendorStatus.OPERATIONAL),
        ({"acme": "full_outage"}, VendorStatus.FULL_OUTAGE),
        ({"acme:id": "partial_outage"}, VendorStatus.PARTIAL_OUTAGE),
        ({"acme": "full_outage", "acme:id": "operational"}, VendorStatus.FULL_OUTAGE),
        ({"acme": "operational", "acme:id": "full_outage"}, VendorStatus.FULL_OUTAGE),
        ({"acme:phone": "full_outage"}, VendorStatus.OPERATIONAL),
    ],
)
def test_a_product_is_out_with_its_vendor(said, status):
    """The part before the colon names all of its products."""
    assert read(vendor_status=said).status_of("acme:id") is status


def test_a_share_that_is_wrong_makes_no_rule_of_others_look_broken(tmp_path):
    """A second opinion that is right only with that share is not judged without it."""
    file = tmp_path / "settings.yaml"
    values = {
        "resolution_vendor_percentages": {"b": 101},
        "resolution_vendor_second_opinion": {"vendor": "mock"},
        "resolution_vendor_fallbacks": [{"vendor": "mock"}],
    }
    file.write_text(yaml.safe_dump({"default": {**KEYS, **values}}), encoding="utf-8")
    (problem,) = validate_settings(read_layers(file, {})).problems
    assert problem.key == "resolution_vendor_percentages.b"
