"""Write docs/reference/measurements.md from the reports in bench/results.

python scripts/measurements.py

What must be known to read a table is in a file of its report's name, such as bench/results/flow.md.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
PAGE = ROOT / "docs" / "reference" / "measurements.md"

_HEAD = """\
# Measurements

Medians of the runs that the last column counts, on one machine with two cores. What is next to a number
was measured in the same run, so read the ratio: on another machine both change. `make bench` measures
everything, `make bench-NAME` one table, `make chaos` the first three; each rewrites this page
(`scripts/measurements.py`).
"""

#: Report to what it measures, in the order of the page.
_TABLES = {
    "chaos": "The Postgres queue under kills, freezes and crashes, judged from an append-only history",
    "restarts": "Web processes and workers restarted under load, the release before alongside this one",
    "switches": "Switches flipped under load, in the settings file and in secrets on S3, over four processes",
    "queue": "The Postgres queue, Python peers and a bare asyncio loop on the same tables; Python 3.12",
    "backlog": "The Postgres queue with a long backlog that no vacuum has seen",
    "parked": "The Postgres queue with parked jobs, alongside one without any",
    "verifications": "Verification stores, one call at a time, every commit on this machine's disk",
    "checkpoints": "What a further question of a job costs the Postgres queue",
    "visibility": "Submit, waiting page and keys in the production shape, with slow Redis and KMS",
    "flow": "One whole proofing in the production shape: what it asks of every part",
    "capacity": "One whole proofing: what it writes, and asks of S3 and KMS with a data key for each message",
    "hostile": "Pages of one web process while thousands of hostile connections hold on to it",
    "inflight": "Vendor calls held by one worker",
    "gates": "Gates before vendors: what they cost a question, and four workers at one limit",
    "routing": "Which vendor is asked: what a decision costs, and how exactly people are split",
    "calls": "Records of vendor calls, every commit on this machine's disk, and the sums of a month",
    "vendor_calls": "Vendor calls in flight in one process, through a forward proxy on open connections",
    "overhead": "From submit to visible result, minus the vendor's time, on the embedded default",
    "webhook_page": "From a vendor's webhook to the page of its person, with the fetch of the result",
    "deliveries": "Events to the endpoints of relying parties",
    "uploads": "Images: decrypted by the worker, encrypted and uploaded by the page",
    "cpu": "Calls in CPU children, alongside a pool of processes that are kept and pickle",
    "reader": "Cards in photos: what the reader reads of specimens, and what that takes",
    "reader_hostile": "Hostile files to the reader: what they come to, and what that takes",
    "reader_ocr": "Text in photos: zones of passports, and fronts of cards compared with their barcodes",
    "adapters": "Adapters of vendors: to build, sign and encode a question, and to read its answer",
    "api": "The API for relying parties over HTTP, one request after the other, on the embedded default",
    "bodies": "Three images of 15 MiB in one JSON body to a vendor",
    "shadows": "Resolution jobs with a shadow that fails, hangs or floods, alongside jobs without one",
    "startup": "Start",
}
#: Reports of the long survival tests.
_OF_CHAOS = frozenset({"chaos", "restarts", "switches"})


def main() -> None:
    """Write the page from the reports that there are."""
    parts = [_HEAD]
    for name, title in _TABLES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            target = "chaos" if name in _OF_CHAOS else f"bench-{name}"
            parts.append(f"## {title}\n\n`make {target}`\n\n{render(json.loads(path.read_text()))}")
            if (notes := path.with_suffix(".md")).exists():
                parts.append(notes.read_text())
    PAGE.write_text("\n".join(parts))
    print(f"Wrote {PAGE.relative_to(ROOT)}.")


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return one report as a table in Markdown."""
    lines = ["| Measure | Ours | Alongside it | Bar | Runs |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        alongside = ", ".join(f"{peer} {_number(value)}" for peer, value in row["peers"].items())
        ours = f"{_number(row['ours'])} {row['unit']}".strip()
        runs = max(1, len(row["runs"]))
        lines.append(f"| {row['measure']} | {ours} | {alongside} | {row['limit']} | {runs} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Return *value* with no more digits than a measurement deserves."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


if __name__ == "__main__":
    main()
