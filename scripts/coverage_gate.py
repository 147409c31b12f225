"""Prints how much of each part of the product the tests run, and fails where that is below its bar.

    python scripts/coverage_gate.py [versions]

Run by `make coverage` and `make coverage-versions`, which measure first. A part is `core`, `server`, or one
plugin. Its number is the share of its lines and branches together that ran; a bar is just below what was
measured when it was set, and only rises. After `make coverage` the lines that did not run are in
build/coverage/html.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from coverage import Coverage

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "build" / "coverage" / "html"
JSON = ROOT / "build" / "coverage" / "report.json"
#: Percent, by part. With everything that `make test` runs.
BARS = {
    "core": 95,
    "plugins/queues/proofing_huey": 91,
    "plugins/queues/proofing_postgres": 94,
    "plugins/stores/proofing_aws": 92,
    "plugins/stores/proofing_local": 94,
    "plugins/stores/proofing_redis": 91,
    "plugins/vendors/proofing_mock": 98,
    "server": 95,
}
#: Percent, with the tests of `make test-versions` alone: they leave out the command line and browsers.
VERSIONS_BARS = {"core": 60}
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
    table, problems = judge(files, VERSIONS_BARS if is_short else BARS)
    print("\n".join(["", *table, "", *problems]))
    return 1 if problems else 0


def judge(files: Mapping[str, Mapping[str, int]], bars: Mapping[str, float]) -> tuple[list[str], list[str]]:
    """Return the lines of the table, and what is wrong.

    Args:
        files: the summary of each file in coverage's JSON report, by its path from the root.
        bars: the least percentage of each part.
    """
    sums: dict[str, list[int]] = {}
    for name, file in files.items():
        total = sums.setdefault(part_of(name), [0] * len(_NUMBERS))
        for place, number in enumerate(_NUMBERS):
            total[place] += file[number]
    table = [f"{'Part':<34} {'Lines':>7} {'Branches':>9} {'Both':>7} {'Bar':>5}"]
    problems = []
    for part in sorted(sums.keys() | bars.keys()):
        lines_run, lines, branches_run, branches = sums.get(part, (0, 0, 0, 0))
        both = _percent(lines_run + branches_run, lines + branches)
        bar = bars.get(part)
        shown = "" if bar is None else f"{bar:g}"
        table.append(
            f"{part:<34} {_percent(lines_run, lines):7.1f} {_percent(branches_run, branches):9.1f} "
            f"{both:7.1f} {shown:>5}"
        )
        if part not in sums:
            problems.append(f"{part}: nothing was measured")
        elif bar is not None and both < bar:
            problems.append(f"{part}: {both:.1f} % of lines and branches ran; the bar is {bar:g} %")
    return table, problems


def part_of(name: str) -> str:
    """Return the part of the product that the file *name*, from the root, belongs to."""
    root, *below = name.split("/")
    return "/".join([root, *below[:2]]) if root == "plugins" else root


def _percent(run: int, of: int) -> float:
    """Return what share *run* is of *of*; all of nothing."""
    return 100 * run / of if of else 100.0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
