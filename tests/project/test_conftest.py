"""What tests/conftest.py adds to pytest."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIXTURE = """
import pytest

@pytest.fixture(scope="session")
def {name}():
    yield
    print("{name} ends")
"""


def test_what_a_folder_shares_ends_with_its_last_test(tmp_path):
    """Products and browsers of one folder do not run alongside the tests of the next one."""
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "conftest.py").write_text(FIXTURE.format(name=name))
        for number in (1, 2):
            test = f"def test({name}):\n    print('{name} {number}')\n"
            (folder / f"test_{name}_{number}.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "--import-mode=importlib", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    seen = re.findall(r"(?:first|second) (?:\d|ends)", run.stdout)
    assert seen == ["first 1", "first 2", "first ends", "second 1", "second 2", "second ends"]
