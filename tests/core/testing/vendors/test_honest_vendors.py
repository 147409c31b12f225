"""Honest plugins of every shape pass all rules, quietly and in time."""

import sys

import pytest
from tests.core.testing.vendors.suites import SUITES, make_plugin

from proofing.testing.vendors import Status, judge


@pytest.mark.parametrize("shape", SUITES)
def test_an_honest_plugin_keeps_every_rule(shape, capfd):
    """No false alarm, and nothing is printed or logged."""
    make_plugin(shape)
    broken = [str(verdict) for verdict in judge(SUITES[shape]()) if verdict.status is not Status.KEPT]
    assert broken == []
    assert capfd.readouterr() == ("", "")


def test_watching_leaves_nothing_behind():
    """Loggers, streams and sleeps are as before."""
    stdout, stderr = sys.stdout, sys.stderr
    make_plugin("sdk")
    list(judge(SUITES["sdk"](), only=["own-client", "loop-blocked"]))
    assert (sys.stdout, sys.stderr) == (stdout, stderr)
