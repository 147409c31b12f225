"""How every bench reports: one table on the screen, one JSON file in bench/results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure.

    Attributes:
        measure: what was measured.
        unit: of all numbers.
        ours: median of our runs.
        peers: name to median of the runs of a peer or a raw floor, in the same session.
        limit: the bar, in words.
        runs: our single runs.
    """

    measure: str
    unit: str
    ours: float
    peers: Mapping[str, float] = field(default_factory=dict)
    limit: str = ""
    runs: Sequence[float] = ()


def report(name: str, rows: Sequence[Row]) -> None:
    """Print *rows* as a table and write ``bench/results/NAME.json``."""
    width = max(len(row.measure) for row in rows)
    print(f"\n{name}")
    for row in rows:
        peers = "  ".join(f"{peer} {value:,.2f}" for peer, value in row.peers.items())
        print(f"  {row.measure:<{width}}  {row.ours:>12,.2f} {row.unit:<6}  {peers}  {row.limit}".rstrip())
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which *share* of the sorted *values* lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
