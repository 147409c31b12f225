"""What the check of Terraform keeps outside of the repository."""

import os
import subprocess
import sys
from pathlib import Path

from proofing.testing.processes import start_process

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from scripts.terraform.check import _tool_environment
print(_tool_environment("tool", Path(sys.argv[1])))
"""


def test_an_environment_is_made_once_by_processes_that_need_it_at_once(tmp_path):
    """As two that run tests beside each other: the second waits for the first."""
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
