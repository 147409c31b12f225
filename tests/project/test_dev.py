"""`scripts/dev.py`, which the Makefile forwards to."""

import subprocess
import sys
from pathlib import Path

import pytest
from scripts import dev

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", [argument.removeprefix("--ignore=") for argument in dev._VERSIONS])
def test_the_short_runs_name_tests_that_exist(path):
    """Where one is missing, processes side by side run nothing, and do not say why."""
    assert (ROOT / path).exists()


def test_what_processes_import_stays_compiled(monkeypatch):
    """Whatever the variables of the shell say; else each process compiles all that it imports."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = [sys.executable, "-c", "import sys; print(sys.dont_write_bytecode)"]
    run = subprocess.run(command, env=dev._environment(), capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
