"""One mocked apply of terraform/ for all tests of this folder."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scripts.terraform import check

ROOT = Path(__file__).parents[2]


def run_terraform(folder, environment, *arguments):
    """Run terraform in *folder* with nothing but the stand-in."""
    command = ["terraform", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def evaluate(expression, folder, environment):
    """Return what Terraform makes of an *expression* in *folder*, read from JSON."""
    console = subprocess.run(
        ["terraform", "console"],
        cwd=folder,
        env=environment,
        input=f"jsonencode({expression})",
        capture_output=True,
        text=True,
        check=False,
    )
    assert console.returncode == 0, console.stderr
    return json.loads(json.loads(console.stdout))


@pytest.fixture(scope="session")
def evaluated():
    """Return what has Terraform evaluate an expression: `evaluate`."""
    return evaluate


@pytest.fixture(scope="session")
def terraform():
    """Return what runs terraform: `run_terraform`."""
    return run_terraform


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A copy of the files with the stand-in as provider, and the variables to run terraform with."""
    if shutil.which("terraform") is None:
        if os.environ.get("REQUIRE_TERRAFORM"):
            pytest.fail("terraform is not installed, and REQUIRE_TERRAFORM is set")
        pytest.skip("terraform is not installed")
    temporary = tmp_path_factory.mktemp("terraform")
    environment = check.offline_environment(ROOT / "terraform", temporary)
    copy = check.copy_tree(ROOT / "terraform", temporary)
    assert run_terraform(copy, environment, "init", "-backend=false").returncode == 0
    return copy, environment


@pytest.fixture(scope="session")
def states(prepared):
    """Every resource of each run that applies, by the name of the run and the address."""
    run = run_terraform(*prepared, "test", "-json", "-verbose")
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [line["test_summary"]["status"] for line in lines if "test_summary" in line] == ["pass"]
    return {
        line["@testrun"]: {
            one["address"]: one["values"] for one in line["test_state"]["root_module"]["resources"]
        }
        for line in lines
        if "test_state" in line
    }


@pytest.fixture(scope="session")
def state(states):
    """Every resource of the run `whole`."""
    return states["whole"]
