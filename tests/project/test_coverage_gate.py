"""The gate of `make coverage`: every part has a bar, and one that is below it fails."""

from pathlib import Path

import pytest
from scripts.coverage_gate import BARS, VERSIONS_BARS, Bar, judge, part_of

ROOT = Path(__file__).parents[2]


def summary(lines, branches):
    """Return what the report says of one file, from pairs of how many ran and how many there are."""
    names = ("covered_lines", "num_statements", "covered_branches", "num_branches")
    return dict(zip(names, (*lines, *branches), strict=True))


def test_every_part_has_a_bar():
    """Core, server and each plugin, found in the tree; the short run is held to a number for core alone."""
    plugins = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/*/__init__.py")}
    assert BARS.keys() == {"core", "server", *plugins}
    assert VERSIONS_BARS.keys() == {"core"}
    assert min(BARS["core"]) >= 95


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("core/proofing/jobs/run.py", "core"),
        ("server/proofing_server/app.py", "server"),
        ("plugins/stores/proofing_aws/clients.py", "plugins/stores/proofing_aws"),
    ],
)
def test_files_belong_to_parts(name, part):
    """By the root, and below plugins by the package."""
    assert part_of(name) == part


def test_a_part_below_its_bar_is_a_problem():
    """Lines and branches count together, and branches alone where a bar says so; no bar, only shown."""
    files = {
        "core/a.py": summary((90, 90), (4, 5)),
        "core/b.py": summary((2, 5), (0, 0)),
        "server/c.py": summary((1, 2), (1, 2)),
    }
    table, problems = judge(files, {"core": Bar(96, branches=80)})
    assert [line.split() for line in table[1:]] == [
        ["core", "96.8", "80.0", "80", "96.0", "96"],
        ["server", "50.0", "50.0", "50.0"],
    ]
    assert problems == []
    table, problems = judge(files, {"core": Bar(96.5, branches=80.5), "server": Bar(50)})
    assert problems == [
        "core: 96.0 % of lines and branches ran; the bar is 96.5 %",
        "core: 80.0 % of branches ran; the bar is 80.5 %",
    ]


def test_a_part_that_was_not_measured_is_a_problem():
    """A bar for a part that moved away would hold nothing."""
    _table, problems = judge({}, {"core": Bar(95)})
    assert problems == ["core: nothing was measured"]
