"""The metrics reference lists every family with its type and labels; promtool accepts what processes show."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from proofing.app.scraping import scrape
from proofing.base import metrics
from proofing.base.errors import Cause
from proofing.contracts.queues import QueueStats
from proofing.contracts.records import EndState, JobKind
from proofing.contracts.results import ProoferKind
from proofing.contracts.vendor_gates import BreakerState, CallLimits, Gate, GateState, LimitState
from proofing.routing.gates import GateReading
from proofing.settings import LiveSettings, Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text()
STATS = QueueStats(
    waiting={"high_document_proofing": 7, "gone": 1},
    running={},
    oldest_seconds=1.5,
    parked={"high_document_proofing": 5},
    workers=2,
    details={"dead_rows": 3.0, 'spoiled"} name': 1.0},
    totals={"rescued": 2.0, "pickup_notify_count": 4.0, "pickup_notify_seconds": 0.1},
)
GATES = [
    GateReading(
        kind=ProoferKind.PHONE,
        vendor="acme:phone",
        gate=Gate(
            name="phone/acme:phone",
            limits=(
                CallLimits(scope="acme", per_hour=10),
                CallLimits(scope="acme:phone", concurrent=4, per_hour=0),
            ),
        ),
        state=GateState(
            breaker=BreakerState.HALF_OPEN,
            limits=(LimitState(calls_this_hour=4), LimitState(running=3)),
        ),
    )
]


def live():
    """Return settings that nobody edits."""
    key = "00" * 32
    settings = Settings(
        session_encryption_key=key,
        hmac_fingerprinter_key=key,
        vendor_status={"acme": "full_outage", "mock": "operational"},
    )
    return LiveSettings(settings)


def text_of(stats=STATS):
    """Return the text of a process in which everything was counted once."""
    for family in vars(metrics).values():
        names = getattr(family, "_labelnames", None)
        if names and hasattr(family, "labels"):
            family.labels(*("x" for _ in names))
    return scrape(stats, live(), GATES).decode()


def families():
    """Return type and labels of each of our families, by the name that queries use."""
    found = {}
    for family in text_string_to_metric_families(text_of()):
        if family.name.startswith("proofing_"):
            labels = {name for sample in family.samples for name in sample.labels} - {"le"}
            suffix = "_total" if family.type == "counter" else ""
            found[family.name + suffix] = (family.type, labels)
    return found


def rows():
    """Yield name, type and labels of each row of the page."""
    for line in PAGE.splitlines():
        if line.startswith("| `proofing_"):
            names, kind, labels, _what = re.split(r" *\| *", line.strip("| "))
            for name in re.findall(r"`(\w+)`", names):
                yield name, (kind, set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", labels))))


def texts_of(value):
    """Yield every text in a YAML value, those of names, too."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from texts_of(name)
            yield from texts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts_of(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", ["alarms.yaml", "dashboard.yaml"])
def test_queries_name_labels_that_exist(name):
    """In conditions and groups: a label that was renamed matches everything, or shows nothing."""
    known = families()
    document = yaml.safe_load((ROOT / "deploy" / "monitoring" / name).read_text())
    for query in texts_of(document):
        labels = {"le", "instance", "job"}
        for metric in re.findall(r"proofing_\w+", query):
            family = known.get(metric) or known.get(re.sub(r"_(bucket|count|sum)$", "", metric))
            labels |= family[1] if family else set()
        conditions = re.findall(r"proofing_\w+\{([^}]*)\}", query)
        used = {label for found in conditions for label in re.findall(r"(\w+) *(?:=|!=|=~|!~) *\"", found)}
        if "proofing_" in query:
            used |= {
                label.strip()
                for group in re.findall(r"by \(([\w, ]+)\)", query)
                for label in group.split(",")
            }
        assert used <= labels, query


def test_the_page_lists_every_metric():
    """Each with its type and its labels, and no other."""
    listed = dict(rows())
    ours = families()
    backend = {name for name in ours if name.startswith("proofing_queue_")} - listed.keys()
    # A backend's own numbers: those of the example, of which the page names what postgres and huey have.
    assert backend <= {f"proofing_queue_{name}" for name in ("dead_rows", "rescued_total")} | {
        "proofing_queue_pickup_notify_total",
        "proofing_queue_pickup_notify_seconds_total",
    }
    assert listed == {name: kind for name, kind in ours.items() if name not in backend}


def test_queue_wide_numbers_are_to_be_aggregated_with_max():
    """Each process shows the same; a sum would count jobs once for each process."""
    for line in text_of().splitlines():
        if line.startswith(("# HELP proofing_queue_waiting", "# HELP proofing_workers_alive")):
            assert line.endswith("aggregate with max")
    assert "max" in PAGE


def samples(stats):
    """Return the lines that are no comments."""
    return [line for line in text_of(stats).splitlines() if not line.startswith("#")]


def test_gauges_return_to_zero_and_old_numbers_go():
    """A queue that is empty again shows 0; a number that the backend no longer has is gone."""
    kind = JobKind.DOCUMENT.queue_name
    assert f'proofing_queue_waiting{{queue="{kind}"}} 7.0' in samples(STATS)
    assert f'proofing_queue_parked{{queue="{kind}"}} 5.0' in samples(STATS)
    lines = samples(QueueStats(waiting={}, running={}, oldest_seconds=0))
    assert f'proofing_queue_waiting{{queue="{kind}"}} 0.0' in lines
    assert f'proofing_queue_parked{{queue="{kind}"}} 0.0' in lines
    gone = ("dead_rows", 'queue="gone"', "workers_alive")
    assert not [line for line in lines if any(name in line for name in gone)]


def test_a_queue_that_cannot_be_asked_shows_no_numbers():
    """Old ones would look as if all were well."""
    lines = samples(None)
    assert not [line for line in lines if line.startswith("proofing_queue_")]
    assert 'proofing_switch{name="idv_available"} 1.0' in lines


def test_counters_and_gauges_are_what_their_names_promise():
    """What is counted ends in _total and is a counter, times are seconds, no backend's name spoils it."""
    text = text_of()
    assert "# TYPE proofing_queue_rescued_total counter" in text
    assert "# TYPE proofing_queue_dead_rows gauge" in text
    assert "spoiled" not in text
    assert "_created" not in text
    assert 'proofing_vendor_out{vendor="acme"} 1.0' in text
    assert 'proofing_vendor_out{vendor="mock"} 0.0' in text
    for family in text_string_to_metric_families(text):
        if family.name.startswith("proofing_"):
            assert family.documentation
            assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb)(_|$)", family.name)
            assert family.type != "histogram" or family.name.endswith("_seconds")


def test_no_label_is_a_path_or_a_person():
    """Labels are closed sets: routes are templates, relying parties and endpoints are names of settings."""
    labels = {label for _kind, found in families().values() for label in found}
    assert labels <= set(
        "kind mode end_state outcome vendor product cause limit backend route method status name queue "
        "reason webhook supports pathway relying_party endpoint state".split()
    )


def test_promtool_accepts_the_text():
    """Prometheus's own check of names, units and types."""
    promtool = shutil.which(os.environ.get("PROMTOOL", "promtool"))
    if promtool is None:
        hint = "no promtool found: apt-get install --no-install-recommends prometheus, or set PROMTOOL"
        if os.environ.get("REQUIRE_PROMTOOL") == "1":
            pytest.fail(hint)
        pytest.skip(hint)
    output = subprocess.run(
        [promtool, "check", "metrics"], input=text_of().encode(), capture_output=True, check=False
    )
    assert (output.returncode, output.stdout + output.stderr) == (0, b"")


def test_every_metric_of_the_module_is_registered():
    """Nothing is counted that no scrape shows."""
    shown = {family.name for family in REGISTRY.collect()}
    for name, family in vars(metrics).items():
        if name.isupper() and hasattr(family, "_name"):
            assert family._name in shown, name


def test_the_gates_before_vendors():
    """A breaker that is not closed, and how much of each limit is used; a budget of 0 has no end."""
    lines = text_of().splitlines()
    for line in (
        'proofing_vendor_breaker_open{product="phone",vendor="acme"} 1.0',
        'proofing_vendor_budget_used_ratio{vendor="acme"} 0.4',
        'proofing_vendor_concurrency_used_ratio{vendor="acme:phone"} 0.75',
    ):
        assert line in lines
    assert 'proofing_vendor_budget_used_ratio{vendor="acme:phone"}' not in text_of()


def test_what_alarms_count_begins_at_zero(tmp_path):
    """An increase is seen between two scrapes: of a series that begins with its first event, it is missed."""
    code = """
import asyncio
from proofing import bootstrap
from proofing.app.scraping import scrape
async def main():
    configuration = await bootstrap.configure()
    async with bootstrap.start(configuration, "worker"):
        print(scrape(None, configuration.live).decode())
asyncio.run(main())
"""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("PROOFING_")}
    environ["PROOFING_VENDOR_HOURLY_BUDGETS"] = "{mock: 10}"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    lines = set(run.stdout.splitlines())
    for kind in JobKind:
        for end in EndState:
            assert any(
                f'jobs_ended_total{{end_state="{end}",kind="{kind}",outcome="' in line for line in lines
            ), end
        assert f'proofing_waits_abandoned_total{{kind="{kind}"}} 0.0' in lines
        assert f'proofing_job_queued_seconds_bucket{{kind="{kind}",le="10.0"}} 0.0' in lines
        assert f'proofing_job_seconds_bucket{{kind="{kind}",le="50.0"}} 0.0' in lines
    for cause in (*Cause, "plugin_error", "canceled"):
        labels = f'cause="{cause}",outcome="error",product="resolution",vendor="mock"'
        assert f"proofing_vendor_calls_total{{{labels}}} 0.0" in lines
    assert 'proofing_vendor_budgets_reached_total{vendor="mock"} 0.0' in lines
