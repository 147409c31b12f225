"""The capacity page: its arithmetic on one example, its fallback, and that it was written by its script."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def capacity():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("capacity", ROOT / "scripts" / "capacity.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["capacity"] = module
    spec.loader.exec_module(module)
    return module


COSTS = {
    "web, processor time": 30.0,
    "worker, processor time": 12.0,
    "Redis, processor time": 2.0,
    "PostgreSQL, processor time": 6.0,
    "round trips to Redis": 40.0,
    "commands of Redis": 100.0,
    "WAL syncs of PostgreSQL": 5.0,
    "WAL of PostgreSQL": 20_000.0,
    "memory of Redis": 10_000.0,
    "requests to S3": 6.0,
    "seals and openings": 40.0,
}


def test_the_arithmetic_of_one_example(capacity):
    """864,000 a day are 10 a second, 50 at the peak; worked out by hand."""
    plan = capacity.plan(864_000, COSTS)
    assert plan.peak == 50
    assert plan.web_processes == 3  # 50 * 0.030 = 1.5 processors, at 60 %: 2.5
    assert plan.web_hosts == 3  # two carry them, one is to spare
    assert plan.jobs_at_once == 1500  # 50 * 3 jobs * 10 s
    assert plan.worker_processes == 9  # 1500 / (300 * 60 %) = 8.3; their processors would be 1
    assert plan.worker_hosts == 6
    assert plan.connections == 122  # 2 * (3 * 4 + 9 * 5) + 8
    assert math.isclose(plan.postgres_processors, 0.5)
    assert plan.wal_syncs == 250
    assert (plan.wal_peak_bytes, plan.wal_daily_bytes) == (1e6, 17.28e9)
    assert (plan.redis_operations, plan.redis_processors) == (5000, 0.1)
    assert plan.redis_bytes == 8.64e9
    assert (plan.s3_peak, plan.s3_daily) == (300, 5_184_000)
    # 50 * 20 seals / 100 = 10 keys, and 12 processes * 3 purposes / 300 s = 0.12; each by 12 processes.
    assert math.isclose(plan.kms_peak, 121.44)


def test_a_small_load_has_two_of_everything(capacity):
    """One may fail."""
    plan = capacity.plan(1, COSTS)
    assert (plan.web_processes, plan.web_hosts, plan.worker_processes, plan.worker_hosts) == (2, 2, 2, 2)


def test_what_was_not_measured_is_named(capacity, tmp_path):
    """A report replaces an assumption; the page tells which is which."""
    costs, assumed = capacity.read_costs(tmp_path)
    assert assumed == costs.keys() == COSTS.keys()
    (tmp_path / "flow.json").write_text(json.dumps([{"measure": "web, processor time", "ours": 31.5}]))
    costs, assumed = capacity.read_costs(tmp_path)
    assert costs["web, processor time"] == 31.5
    assert assumed == COSTS.keys() - {"web, processor time"}
    page = capacity.render(costs, assumed)
    assert "| web, processor time | 32 ms | measured |" in page
    assert "| requests to S3 | 6 | assumed |" in page


def test_the_page_is_that_of_the_reports(capacity):
    """After a bench the script has run, too."""
    assert capacity.PAGE.read_text() == capacity.render(*capacity.read_costs(capacity.RESULTS))
