"""FIPS mode: a start is refused without it, and the inventory names every primitive with its places."""

import ast
import re
from pathlib import Path

import pytest

from proofing import bootstrap
from proofing.base.errors import ConfigurationError
from proofing.cli import main
from proofing.crypto import fips

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "fips.md").read_text()
MODULES = {"hashlib", "hmac", "random", "secrets", "uuid"}
NOT_PRIMITIVES = {"uuid.UUID"}


def primitives(path):
    """Return the names of everything in a module of Python that is, or could be, cryptography."""
    tree = ast.parse(path.read_text())
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
    imported = {name.asname or name.name for node in imports for name in node.names} & {*MODULES, "os", "ssl"}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "cryptography.hazmat.primitives"
        ):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in {*MODULES, "os", "ssl"}:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif (
            isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported
        ):
            found.add(f"{node.value.id}.{node.attr}")
    return {
        name
        for name in found - NOT_PRIMITIVES
        if name.split(".")[0] not in {"os", "ssl"}
        or name in {"os.urandom", "os.getrandom"}
        or "context" in name
    }


def used():
    """Return pairs of primitive and file."""
    found = set()
    for root in ("core", "plugins", "server"):
        for path in (ROOT / root).rglob("*.py"):
            if {"testing", "proofing_sandbox"}.isdisjoint(path.parts):
                found |= {(name, path.relative_to(ROOT).as_posix()) for name in primitives(path)}
    for path in (ROOT / "server").rglob("*.js"):
        calls = re.findall(r"crypto\.(?:subtle\.)?\w+(?=\()", path.read_text())
        found |= {(name, path.relative_to(ROOT).as_posix()) for name in calls}
    return found


def listed():
    """Return the pairs of the inventory."""
    rows = [re.split(r" \| ", line.strip("| ")) for line in PAGE.splitlines() if line.count(" | ") == 4]
    return {
        (name, path)
        for row in rows
        for name in re.findall(r"`([^`]+)`", row[0])
        for path in re.findall(r"`([^`]+)`", row[3])
    }


def test_the_inventory_is_complete():
    """And names nothing that is not there."""
    assert used() - listed() == set()
    assert listed() - used() == set()
    assert len(listed()) > 40


async def test_a_start_without_fips_mode_is_refused(tmp_path, monkeypatch):
    """Every reason at once, each with the setting and what to do."""
    monkeypatch.setattr(fips, "is_python_in_fips_mode", lambda: False)
    monkeypatch.setattr(fips, "is_cryptography_in_fips_mode", lambda: False)
    monkeypatch.setattr(fips, "packages_with_openssl", lambda: ["psycopg-binary"])
    with pytest.raises(ConfigurationError) as refused:
        await configure(tmp_path)
    problems = refused.value.problems
    assert {problem.key for problem in problems} == {"fips_required"}
    rules = " ".join(problem.rule for problem in problems)
    assert len(problems) == 3
    assert all(word in rules for word in ("ssl and hashlib", "--no-binary cryptography", "psycopg[c]"))


async def test_fips_mode_lets_a_start_pass(tmp_path, monkeypatch):
    """As far as it can be tried without a provider."""
    monkeypatch.setattr(fips, "is_python_in_fips_mode", lambda: True)
    monkeypatch.setattr(fips, "is_cryptography_in_fips_mode", lambda: True)
    monkeypatch.setattr(fips, "packages_with_openssl", list)
    assert (await configure(tmp_path)).settings.fips_required


def test_check_refuses_too(tmp_path, monkeypatch, capsys):
    """On this machine, as it is: with code 78."""
    if fips.fips_problems() == []:
        pytest.skip("this machine runs in FIPS mode")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROOFING_FIPS_REQUIRED", "true")
    assert main(["check"]) == 78
    assert "fips_required" in capsys.readouterr().err


def configure(directory):
    """Read settings that require FIPS mode."""
    path = directory / "settings.yaml"
    path.write_text(f"default:\n  fips_required: true\n  local: {{directory: {directory}/local}}\n")
    return bootstrap.configure(path, {"PROOFING_ENV": "test"})
