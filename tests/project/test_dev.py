"""`scripts/dev.py`, which the Makefile forwards to."""

from pathlib import Path

import pytest
from scripts import dev

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", [argument.removeprefix("--ignore=") for argument in dev._VERSIONS])
def test_the_short_runs_name_tests_that_exist(path):
    """Where one is missing, processes side by side run nothing, and do not say why."""
    assert (ROOT / path).exists()
