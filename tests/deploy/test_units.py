"""The systemd units: systemd reads every line, they are hardened, and they fit product and install page."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from proofing.cli import _parser
from proofing.settings import Settings

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))
ROLES = ("migrate", "web", "worker")
_PROGRAM = "/opt/proofing/venv/bin/proofing"
#: Of 100; systemd calls up to 20 "safe". What is left is the network, and the names of the machine.
_MOST_EXPOSURE = 20


@pytest.fixture(scope="module")
def analyze():
    """Return what runs systemd-analyze; without it the test is skipped, or fails with REQUIRE_SYSTEMD."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("REQUIRE_SYSTEMD"):
            pytest.fail("systemd-analyze is not installed, and REQUIRE_SYSTEMD is set")
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    return lambda *words: subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False
    )


@pytest.fixture(params=UNITS, ids=lambda path: path.stem)
def unit(request, tmp_path):
    """A unit with a program that exists here."""
    path = tmp_path / request.param.name
    path.write_text(request.param.read_text().replace(_PROGRAM, "/bin/true"))
    return path


def test_there_is_one_for_each_role():
    """Named after it."""
    assert [path.stem for path in UNITS] == [f"proofing-{role}" for role in ROLES]


def test_systemd_understands_every_line(analyze, unit):
    """`systemd-analyze verify` has no complaint about the unit, and finds one that is planted."""
    assert [line for line in analyze("verify", unit).stderr.splitlines() if unit.name in line] == []
    unit.write_text(unit.read_text().replace("NoNewPrivileges=yes", "NoNewPrivilege=yes"))
    assert "NoNewPrivilege" in analyze("verify", unit).stderr


def test_it_is_hardened(analyze, unit):
    """`systemd-analyze security` rates it as safe, and no more when a line is taken away."""
    words = ("security", "--offline=yes", f"--threshold={_MOST_EXPOSURE}")
    rated = analyze(*words, unit)
    assert rated.returncode == 0, rated.stdout[-300:]
    kept = [line for line in unit.read_text().splitlines() if not re.match("System|Restrict|Private", line)]
    unit.write_text("\n".join(kept))
    assert analyze(*words, unit).returncode != 0


@pytest.mark.parametrize("role", ["web", "worker"])
def test_cpu_children_can_take_files_from_themselves(role):
    """A system call that the unit does not name ends a process, and @system-service has none of Landlock."""
    text = (ROOT / f"deploy/systemd/proofing-{role}.service").read_text()
    allowed = re.search(r"^SystemCallFilter=(.+)$", text, re.MULTILINE)[1].split()
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} <= {*allowed}


def test_the_limits_of_a_drain_are_named_where_it_is_set():
    """For operators who raise `worker_drain_seconds`: what kills a worker before its drain ends."""
    page = (ROOT / "docs/howto/operate.md").read_text()
    section = page.partition("\n## Restart without errors\n")[2].partition("\n## ")[0]
    rows = {line.split("|")[1].strip(): line for line in section.splitlines() if line.startswith("| ")}
    limits = [
        re.search(r"^TimeoutStopSec=(\d+)$", path.read_text(), re.MULTILINE)[1]
        for path in UNITS
        if path.stem != "proofing-migrate"
    ]
    compose = yaml.safe_load((ROOT / "deploy/container/compose.yaml").read_text())["services"]
    periods = [compose[role]["stop_grace_period"].removesuffix("s") for role in ("web", "worker")]
    groups = (ROOT / "terraform/autoscaling.tf").read_text()
    hook = re.search(r'name\s*= "drain".*?heartbeat_timeout\s*= (\d+)', groups, re.DOTALL)[1]
    for named, numbers in (
        ("`TimeoutStopSec` of the units", limits),
        ("`stop_grace_period` of the compose file", periods),
        ("hook `drain` of `terraform/`", [hook]),
    ):
        assert set(re.findall(r"\b(\d+) s\b", rows[named])) == set(numbers), named
    assert "`proofing run`" in rows
    # Nothing else on the page names a number for them.
    assert "40 s" not in page


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_it_fits_the_product(path):
    """Its command exists, its files are where the install page puts them, and a drain has time to end."""
    text = path.read_text()
    role = path.stem.removeprefix("proofing-")
    command = re.search(rf"^ExecStart={re.escape(_PROGRAM)} (.+)$", text, re.MULTILINE)[1]
    _parser().parse_args(command.replace("${BIND_ADDRESS}", "127.0.0.1").split())
    assert re.findall(r"^EnvironmentFile=(.+)$", text, re.MULTILINE) == [
        "/etc/proofing/environment",
        f"-/etc/proofing/{role}.environment",
    ]
    if role != "migrate":
        patience = float(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1])
        assert patience > Settings.model_fields["worker_drain_seconds"].default
        assert "RestartPreventExitStatus=78\n" in text
