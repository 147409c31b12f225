"""A Grafana dashboard from deploy/monitoring/dashboard.yaml: rows of panels, laid out side by side.

The JSON model: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict
from scripts.monitoring.table import FOLDER

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24
_HEIGHT = 8
#: Of the schema of dashboards: Grafana 9 and newer read it.
_SCHEMA_VERSION = 38


class Panel(BaseModel):
    """One panel: legend to PromQL. ``$__rate_interval`` is Grafana's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    description: str
    kind: Literal["timeseries", "stat", "state-timeline"] = "timeseries"
    unit: str = "short"
    queries: dict[str, str]


def load(path: Path = FOLDER / "dashboard.yaml") -> dict[str, list[Panel]]:
    """Return the panels of each row, by its title.

    Raises:
        ValueError: a panel is wrong; the message names what.
    """
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {title: [Panel.model_validate(panel) for panel in panels] for title, panels in rows.items()}


def dashboard(rows: dict[str, list[Panel]]) -> dict[str, Any]:
    """Return the dashboard, as Grafana imports it."""
    return {
        "uid": "proofing",
        "title": "Proofing",
        "tags": ["proofing"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
            ]
        },
        "annotations": {"list": []},
        "panels": list(_panels(rows)),
    }


def _panels(rows: dict[str, list[Panel]]) -> Iterator[dict[str, Any]]:
    """Yield the title of each row, then its panels."""
    number, top = 0, 0
    for title, panels in rows.items():
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
            "panels": [],
        }
        top += 1
        width = _COLUMNS // len(panels)
        for place, panel in enumerate(panels):
            number += 1
            yield {
                "id": number,
                "type": panel.kind,
                "title": panel.title,
                "description": panel.description,
                "datasource": _SOURCE,
                "gridPos": {"x": place * width, "y": top, "w": width, "h": _HEIGHT},
                "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
                "options": {},
                "targets": [
                    {
                        "refId": chr(ord("A") + index),
                        "expr": query,
                        "legendFormat": legend,
                        "datasource": _SOURCE,
                    }
                    for index, (legend, query) in enumerate(panel.queries.items())
                ],
            }
        top += _HEIGHT
