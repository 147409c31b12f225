"""Mistakes that are planted in the adapters, and the tests that must see them.

A mistake is an edit of an adapter's source, as an author might have written it. It is made in a copy of the
package, and the tests that are named for it run against that copy, as `proofing mutate` runs them.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from proofing.cli.project import Project, find_project
from proofing.testing.processes import start_process

_FORKS = Path(__file__).with_name("forks.py")
#: Assertions stay plain: to rewrite them costs most of the time, and nobody reads what they would say.
_PYTEST = (
    *("-q", "-rfE", "-p", "no:cacheprovider", "--assert=plain"),
    *("--no-header", "--tb=line", "--show-capture=no"),
)
_TESTS_FAILED = 1
_SHOWN_LINES = 30


@dataclass(frozen=True, slots=True)
class Plant:
    """One mistake.

    Attributes:
        what: the mistake, in a few words.
        file: the module of the package.
        old: the text that is replaced; it is in the module once.
        new: what replaces it.
        caught_by: the tests that must fail, as ``FILE::TEST``, each by itself.
    """

    what: str
    file: str
    old: str
    new: str
    caught_by: tuple[str, ...]

    def apply(self, text: str) -> str:
        """Return the module *text* with the mistake.

        Raises:
            ValueError: the old text is not there exactly once.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.what}: the old text is {text.count(self.old)} times in {self.file}")
        return text.replace(self.old, self.new)


def plant(what: str, file: str, old: str, new: str, *caught_by: str) -> Plant:
    """Return a mistake in the module *file*, which the tests *caught_by* must see."""
    return Plant(what, f"{file}.py", old, new, caught_by)


def rule(suite: str, rule_id: str, file: str = "test_contract.py") -> str:
    """Return the test by which *suite* holds the adapter to a rule of the kit."""
    return f"{file}::{suite}::test_{rule_id.replace('-', '_')}"


@dataclass(frozen=True, slots=True)
class Family:
    """The adapter of a vendor, its tests, and a process whose forks run them."""

    project: Project
    _orders: IO[str]
    _codes: IO[str]

    def missed(self, mistake: Plant, folder: Path) -> str:
        """Plant *mistake* in a copy below *folder*, and return why its tests do not see it; else nothing."""
        package = folder / self.project.package.name
        ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
        shutil.copytree(self.project.package, package, ignore=ignored)
        changed = package / mistake.file
        changed.write_text(mistake.apply(changed.read_text()))
        tests = [str(self.project.tests / test) for test in mistake.caught_by]
        self._orders.write(json.dumps({"folder": str(folder), "arguments": [*_PYTEST, *tests]}) + "\n")
        self._orders.flush()
        code = int(self._codes.readline())
        output = (folder / "output").read_text(errors="replace").splitlines()[-_SHOWN_LINES:]
        failed = [line for line in output if line.startswith("FAILED ")]
        unseen = [test for test in mistake.caught_by if not any(test in line for line in failed)]
        if code == _TESTS_FAILED and not unseen:
            return ""
        return "\n".join([f"{mistake.what}: pytest ended with {code}; not seen by {unseen}", *output])


@contextmanager
def family(name: str) -> Iterator[Family]:
    """Return the family of a plugin, for as long as it is needed."""
    project = find_project(name)
    process = start_process(
        # Without its folder on the path, where a module may have the name of a library.
        [sys.executable, "-B", "-P", str(_FORKS), project.module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        yield Family(project, process.stdin, process.stdout)
