"""The process that runs the tests of a plugin once: ``python -m proofing.cli.mutation.child MODULE TIMES …``.

Run in the folder of the changed copy. With a file TIMES, which the run of the unchanged package wrote, quick
tests come first: most mistakes are noticed by one of them.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest


class QuickFirst:
    """Sorts tests by how long they took, or takes their times when it is not known yet."""

    def __init__(self, times: Path) -> None:
        """Read or write *times*."""
        self._path = times
        self._known: dict[str, float] = json.loads(times.read_text()) if times.exists() else {}
        self._taken: dict[str, float] = {}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Put those that took least first."""
        items.sort(key=lambda item: self._known.get(item.nodeid, 0.0))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add what a part of a test took."""
        self._taken[report.nodeid] = self._taken.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        """Keep the times of the first run."""
        if not self._known:
            self._path.write_text(json.dumps(self._taken))


def main(module: str, times: str, *arguments: str) -> int:
    """Import *module* and run pytest; return its exit code.

    The package is imported first, so that no folder that pytest puts on the path comes before the copy.
    """
    importlib.import_module(module)
    return int(pytest.main([*arguments], plugins=[QuickFirst(Path(times))]))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
