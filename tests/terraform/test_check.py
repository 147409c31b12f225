"""What the check of Terraform keeps outside of the repository."""

import os
import re
import subprocess
import sys
from pathlib import Path

from scripts.terraform import check

from proofing.testing.processes import start_process

ROOT = Path(__file__).parents[2]
CHECKOV = ROOT / "terraform/checkov.yaml"
CODE = """
import sys
from pathlib import Path
from scripts.terraform.check import _tool_environment
print(_tool_environment("tool", Path(sys.argv[1])))
"""


def test_an_environment_is_made_once_by_processes_that_need_it_at_once(tmp_path):
    """As two that run tests concurrently: the second waits for the first."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("")
    makers = [
        start_process(
            [sys.executable, "-c", CODE, str(requirements)],
            cwd=ROOT,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    outputs = [maker.communicate(timeout=120)[0] for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0, 0], outputs
    assert sum("Making" in output for output in outputs) == 1
    assert all(Path(output.splitlines()[-1]).exists() for output in outputs)


def test_checkov_skips_what_we_leave(monkeypatch):
    """It reads no file of this name by itself; and each check that is left has its reason."""
    commands = []
    monkeypatch.setenv("CHECKOV", "1")
    monkeypatch.setattr(check.shutil, "which", lambda _: "terraform")
    monkeypatch.setattr(check, "_tool_environment", lambda *_: Path("python"))
    monkeypatch.setattr(check, "offline_environment", lambda *_: {})
    monkeypatch.setattr(check, "_call", lambda command, *_: commands.append(command) or 0)
    assert check.main([]) == 0
    (command,) = [one for one in commands if "checkov.main" in one]
    assert command[command.index("--config-file") + 1] == str(CHECKOV)
    assert all(re.search(r" # \w+", line) for line in CHECKOV.read_text().splitlines() if "CKV" in line)
