"""The rules of Prometheus: what is generated, what each alarm fires for, and what it does not fire for."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from scripts.monitoring import generate, prometheus, table

ROOT = Path(__file__).parents[2]
CASES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())
ALARMS = table.load()


def test_generated_files_are_those_of_the_table():
    """After an edit: python -m scripts.monitoring.generate."""
    for path, text in generate.generated(ALARMS).items():
        assert path.read_text() == text, path


@pytest.mark.parametrize("name", ALARMS.alarms)
def test_an_expression_names_metrics_of_the_product(name, known_metrics, metrics_of):
    """A metric that nobody exposes never fires."""
    found = metrics_of(prometheus.expression(ALARMS, ALARMS.alarms[name]))
    assert found
    assert found <= known_metrics


def test_a_metric_that_is_not_ours_is_found(known_metrics, metrics_of):
    """The test before can fail."""
    found = metrics_of('sum by (a) (rate(nonsense_total{a="b"}[5m])) > 1')
    assert found - known_metrics == {"nonsense_total"}


def test_promtool_accepts_rules_and_configuration(promtool):
    """Syntax, duplicates, and the example of a configuration that loads them."""
    for what, name in (("rules", "rules.yaml"), ("config", "prometheus.yml")):
        code, output = promtool("check", what, str(ROOT / "deploy/monitoring" / name))
        assert code == 0, output
        assert "lint" not in output


def test_every_alarm_has_a_case_of_each_kind():
    """One that fires it and one that does not."""
    assert CASES["cases"].keys() == ALARMS.alarms.keys()
    for name, case in CASES["cases"].items():
        assert case["fires"], name
        assert case["quiet"], name


def unit_test(case, expected):
    """Return one test for promtool: exactly *expected* alarms fire."""
    unknown = case["series"].keys() - CASES["healthy"].keys()
    assert not unknown, unknown
    series = {**CASES["healthy"], **case["series"]}
    firing = 'count by (alertname) (ALERTS{alertstate="firing"}) > 0'
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": f"clamp_max({firing}, 1)",
                "eval_time": case["at"],
                "exp_samples": [
                    {"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(expected)
                ],
            }
        ],
    }


def write_tests(folder, rules, interval, names):
    """Write a file for `promtool test rules` with the cases of the alarms *names*, and return its path."""
    file = folder / "tests.yaml"
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    tests = [unit_test({"at": "20m", "series": {}}, set())]
    for name in names:
        case = CASES["cases"][name]
        tests += [unit_test(one, {name, *one.get("also", ())}) for one in case["fires"]]
        tests += [unit_test(one, set(one.get("also", ()))) for one in case["quiet"]]
    settings = {"rule_files": ["rules.yaml"], "evaluation_interval": interval, "tests": tests}
    file.write_text(yaml.safe_dump(settings))
    return file


@pytest.mark.parametrize(("is_burn", "interval"), [(False, "15s"), (True, "5m")])
def test_each_alarm_fires_for_its_series_and_for_no_other(tmp_path, promtool, is_burn, interval):
    """`promtool test rules`: of all alarms exactly those fire that a case names; in a healthy one none.

    The rules over long windows are evaluated less often, since they are dear.
    """
    (group,) = prometheus.rule_file(ALARMS)["groups"]
    chosen = {name for name, alarm in ALARMS.alarms.items() if (alarm.burn is not None) == is_burn}
    rules = [rule for rule in group["rules"] if is_burn or rule["alert"] in chosen]
    code, output = promtool("test", "rules", str(write_tests(tmp_path, rules, interval, chosen)))
    assert code == 0, output


def test_a_case_that_is_wrong_is_found(tmp_path, promtool):
    """The test before can fail: for an alarm that fires, and for one that does not."""
    (group,) = prometheus.rule_file(ALARMS)["groups"]
    rules = [rule for rule in group["rules"] if rule["alert"] == "settings-refused"]
    for old, new in (("== 1", "== 2"), ("== 1", ">= 0")):
        broken = [{**rule, "expr": rule["expr"].replace(old, new)} for rule in rules]
        file = write_tests(tmp_path, broken, "15s", ["settings-refused"])
        assert promtool("test", "rules", str(file))[0] != 0


def test_a_vendor_may_have_a_percentage_of_its_own(tmp_path, promtool):
    """The others keep the usual one."""
    own = ALARMS.model_copy(update={"vendor_error_percents": {"acme": 50, "bravo:phone": 1}})
    rules = tmp_path / "rules.yaml"
    rules.write_text(generate.rules_text(own))
    fails = 'proofing_vendor_calls_total{{vendor="{}",product="{}",outcome="error",cause="timeout"}}'
    passes = 'proofing_vendor_calls_total{{vendor="{}",product="{}",outcome="passed",cause=""}}'
    # Vendor, product, failed calls alongside ten that pass, and whether it fires.
    rows = [
        ("acme", "resolution", 5, False),
        ("acme", "phone", 11, True),
        ("bravo", "phone", 0.2, True),
        ("bravo", "document", 0.2, False),
        ("charlie", "phone", 2, True),
    ]
    series = {}
    for vendor, product, failed, _fires in rows:
        series[fails.format(vendor, product)] = f"0+{failed}x200"
        series[passes.format(vendor, product)] = "0+10x200"
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (vendor, product) (ALERTS{alertname="vendor-errors"})',
                "eval_time": "30m",
                "exp_samples": [
                    {"labels": f'{{vendor="{vendor}",product="{product}"}}', "value": 1}
                    for vendor, product, _failed, fires in rows
                    if fires
                ],
            }
        ],
    }
    file = tmp_path / "tests.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "15s", "tests": [test]})
    )
    assert promtool("check", "rules", str(rules))[0] == 0
    code, output = promtool("test", "rules", str(file))
    assert code == 0, output


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("severity: page", "severity: loud", "severity"),
        ("follows: [jobs-budget-fast,", "follows: [no-such-alarm,", "no-such-alarm"),
        ("for: 30s", "for: half a minute", "for"),
        ("speed: slow", "speed: sideways", "no such objective or burn"),
        ("gauge: proofing_settings_refused", "gauge: x\n      counter: y", "exactly one"),
        ("  no-successful-job:", "  No_Success:", "small letters"),
        ("    summary:", "    sumary: x\n    summary:", "sumary"),
    ],
)
def test_a_mistake_in_the_table_is_named(tmp_path, old, new, complaint):
    """Before anything is generated."""
    text = table.TABLE.read_text()
    assert old in text
    path = tmp_path / "alarms.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ValidationError, match=complaint):
        table.load(path)


def test_an_unknown_number_ends_the_generator():
    """A misspelled placeholder is not passed on to Prometheus."""
    with pytest.raises(KeyError, match="treshold"):
        ALARMS.fill("> {treshold}")


def test_windows_and_durations_can_be_shortened():
    """As the tests do that make alarms fire; labels and thresholds stay."""
    (group,) = prometheus.rule_file(ALARMS, scale=1 / 60)["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert rules["no-successful-job"]["for"] == "5000ms"
    assert "[1000ms]" in rules["no-successful-job"]["expr"]
    assert 'le="50.0"' in rules["run-time"]["expr"]
    assert not [rule for rule in rules.values() if re.search(r"\[\d+[smhd]\]", rule["expr"])]
