"""Prints how much of each part of the product the tests run, and fails where that is below its bar.

    python scripts/coverage_gate.py [versions]

Run by `make coverage` and `make coverage-versions`, which measure first. A part is `core`, `server`, or one
plugin. It has a bar for the share of its lines and branches together that ran, and may have one for its
branches alone: among all lines, those that handle errors weigh little. A bar is just below what was measured
when it was set, and only rises. After `make coverage` the lines that did not run are in build/coverage/html.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "build" / "coverage" / "html"
JSON = ROOT / "build" / "coverage" / "report.json"


class Bar(NamedTuple):
    """The least that must run of a part, in percent.

    Attributes:
        both: of its lines and branches together.
        branches: of its branches alone; None holds them to nothing of their own.
    """

    both: float
    branches: float | None = None


#: By part. With everything that `make test` runs.
BARS = {
    "core": Bar(97, branches=96),
    "plugins/queues/proofing_huey": Bar(96),
    "plugins/queues/proofing_postgres": Bar(97),
    "plugins/stores/proofing_aws": Bar(97),
    "plugins/stores/proofing_local": Bar(95),
    "plugins/stores/proofing_redis": Bar(97),
    "plugins/vendors/proofing_aamva": Bar(98),
    "plugins/vendors/proofing_aws_identity": Bar(97),
    "plugins/vendors/proofing_dos": Bar(98),
    "plugins/vendors/proofing_lexisnexis": Bar(98),
    "plugins/vendors/proofing_mock": Bar(98),
    "plugins/vendors/proofing_reader": Bar(95),
    "plugins/vendors/proofing_socure": Bar(98),
    "plugins/vendors/proofing_stripe": Bar(97),
    "plugins/vendors/proofing_twilio": Bar(97),
    "server": Bar(97),
}
#: With the tests of `make test-versions` alone: they leave out the command line and browsers.
VERSIONS_BARS = {"core": Bar(80, branches=70)}
_NUMBERS = ("covered_lines", "num_statements", "covered_branches", "num_branches")


def main(arguments: Sequence[str]) -> int:
    """Combine what the processes measured, print the table, and return 1 when a part is below its bar."""
    is_short = "versions" in arguments
    measured = Coverage(config_file=str(ROOT / "pyproject.toml"))
    measured.combine()
    measured.json_report(outfile=str(JSON))
    if not is_short:
        measured.html_report(directory=str(HTML))
    files = {name: file["summary"] for name, file in json.loads(JSON.read_text())["files"].items()}
    if is_short:
        # The short run has no test of the command line, so it says nothing of it.
        files = {name: file for name, file in files.items() if not name.startswith("core/proofing/cli/")}
    table, problems = judge(files, VERSIONS_BARS if is_short else BARS)
    print("\n".join(["", *table, "", *problems]))
    return 1 if problems else 0


def judge(files: Mapping[str, Mapping[str, int]], bars: Mapping[str, Bar]) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and what is wrong.

    Args:
        files: the summary of each file in coverage's JSON report, by its path from the root.
        bars: of each part.
    """
    sums: dict[str, list[int]] = {}
    for name, file in files.items():
        total = sums.setdefault(part_of(name), [0] * len(_NUMBERS))
        for place, number in enumerate(_NUMBERS):
            total[place] += file[number]
    table = [f"{'Part':<34} {'Lines':>7} {'Branches':>9} {'Bar':>5} {'Both':>7} {'Bar':>5}"]
    problems = []
    for part in sorted(sums.keys() | bars.keys()):
        lines_run, lines, branches_run, branches = sums.get(part, (0, 0, 0, 0))
        of_branches = _percent(branches_run, branches)
        of_both = _percent(lines_run + branches_run, lines + branches)
        both, alone = bars.get(part, (None, None))
        table.append(
            f"{part:<34} {_percent(lines_run, lines):7.1f} {of_branches:9.1f} {_shown(alone)} "
            f"{of_both:7.1f} {_shown(both)}"
        )
        if part not in sums:
            problems.append(f"{part}: nothing was measured")
            continue
        problems += [
            f"{part}: {share:.1f} % of {what} ran; the bar is {bar:g} %"
            for share, bar, what in ((of_both, both, "lines and branches"), (of_branches, alone, "branches"))
            if bar is not None and share < bar
        ]
    return table, problems


def part_of(name: str) -> str:
    """Return the part of the product that the file *name*, from the root, belongs to."""
    root, *below = name.split("/")
    return "/".join([root, *below[:2]]) if root == "plugins" else root


def _shown(bar: float | None) -> str:
    """Return what the table says of a bar; nothing where there is none."""
    return f"{'' if bar is None else f'{bar:g}':>5}"


def _percent(run: int, of: int) -> float:
    """Return what share *run* is of *of*; all of nothing."""
    return 100 * run / of if of else 100.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
