"""Write everything that is made of deploy/monitoring/alarms.yaml and dashboard.yaml.

    python -m scripts.monitoring.generate [--runbook URL] [--rules FILE]

With --rules only the rules of Prometheus are written, to FILE: for an installation with a runbook of its own.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from scripts.monitoring import cloudwatch, grafana, page, prometheus
from scripts.monitoring.table import FOLDER, ROOT, Table, load

_MADE = "Made by scripts/monitoring/generate.py from deploy/monitoring/alarms.yaml; edit that."


def main(arguments: Sequence[str]) -> int:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write everything that is made of the table of alarms.")
    parser.add_argument("--runbook", default=prometheus.RUNBOOK, help="URL of the folder of the runbook")
    parser.add_argument("--rules", type=Path, help="write the rules of Prometheus to this file, and no other")
    options = parser.parse_args(arguments)
    table = load()
    if options.rules:
        options.rules.write_text(rules_text(table, runbook=options.runbook), encoding="utf-8")
        return 0
    for path, text in generated(table).items():
        path.write_text(text, encoding="utf-8")
        print(f"Wrote {path.relative_to(ROOT)}.")
    return 0


def generated(table: Table) -> dict[Path, str]:
    """Return path to text of every generated file."""
    return {
        FOLDER / "rules.yaml": rules_text(table),
        FOLDER / "dashboard.json": json.dumps(grafana.dashboard(grafana.load()), indent=1) + "\n",
        ROOT / "docs" / "reference" / "alarms.md": page.page_text(table, _MADE),
        ROOT / "terraform" / "alarms_generated.tf": f"# {_MADE}\n\n{cloudwatch.locals_text(table)}",
    }


def rules_text(table: Table, *, runbook: str = prometheus.RUNBOOK, scale: float = 1) -> str:
    """Return the text of a rule file; see `prometheus.rule_file`."""
    rules = prometheus.rule_file(table, runbook=runbook, scale=scale)
    return f"# {_MADE}\n" + yaml.dump(rules, Dumper=_Dumper, sort_keys=False, width=110)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines as a block."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """Return the node of *text*."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
