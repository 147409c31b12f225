"""The runbook has a page for each alarm, and the dashboard shows only what there is."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from scripts.monitoring import grafana, table

from proofing.cli import _parser

ROOT = Path(__file__).parents[2]
RUNBOOK = sorted((ROOT / "docs/runbook").glob("*.md"))
HEADINGS = ["What it means", "What people see", "What to look at", "What to do"]
PANELS = [panel for panels in grafana.load().values() for panel in panels]


def test_every_alarm_has_its_page_and_every_page_its_alarm():
    """By name."""
    assert {page.stem for page in RUNBOOK} == set(table.load().alarms)


@pytest.mark.parametrize("page", RUNBOOK, ids=lambda page: page.stem)
def test_a_page_can_be_used_at_night(page, known_metrics):
    """Four headings, all filled; commands, metrics, log events, settings and pages that exist."""
    text = page.read_text()
    title, *parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    assert title.strip() == f"# {page.stem}"
    assert parts[::2] == HEADINGS
    assert all(len(part.strip()) > 10 for part in parts[1::2])
    blocks = "\n".join(re.findall(r"```\n(.*?)```", text, re.DOTALL))
    commands = [line for line in blocks.splitlines() if line.startswith("proofing ")]
    commands += re.findall(r"`(proofing [^`]+)`", text)
    for command in commands:
        _parser().parse_args(shlex.split(command)[1:])
    logs = (ROOT / "docs/reference/logs.md").read_text()
    for pattern in re.findall(r"grep (?:-E )?'([^']+)'", blocks):
        for word in re.findall(r'[a-z]+(?:_[a-z]+)*(?=[")|])', pattern):
            assert f"`{word}`" in logs or word in ENDS, word
    for name in re.findall(r"`(proofing_\w+)`", text):
        assert name in known_metrics or f"{name}_count" in known_metrics, name


ENDS = {
    *("stale", "timed_out", "internal_error", "plugin_error", "decrypt_error", "vendor_exception"),
    *("budget_reached", "up", "down"),
}


def test_the_dashboard_covers_everything_and_fits():
    """Each part has its row; ids are unique, and no panel lies on another."""
    made = json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())
    rows = [panel["title"] for panel in made["panels"] if panel["type"] == "row"]
    assert rows == ["Alarms", "Queue", "Jobs", "Vendors", "Backends", "HTTP", "Switches"]
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    taken = set()
    for panel in made["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_shows_metrics_of_the_product(panel, known_metrics, metrics_of):
    """One that nobody exposes stays empty forever; legends name labels that the expression keeps."""
    for legend, expression in panel.queries.items():
        assert metrics_of(expression)
        assert metrics_of(expression) <= known_metrics
        kept = {word for group in re.findall(r"by \(([^)]*)\)", expression) for word in group.split(", ")}
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= kept


def test_prometheus_can_read_every_expression_of_the_dashboard(tmp_path, promtool):
    """As recording rules, with a window in place of Grafana's."""
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "1m")}
        for number, expression in enumerate(one for panel in PANELS for one in panel.queries.values())
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    code, output = promtool("check", "rules", str(path))
    assert code == 0, output
