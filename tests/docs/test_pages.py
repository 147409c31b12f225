"""docs/reference/pages.md: the keys of a session are those that the code reads and writes."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "pages.md"
MODULES = [*(ROOT / "server" / "proofing_server").rglob("*.py"), ROOT / "core/proofing/sessions/vault.py"]
_ACCESS = re.compile(r"\bdata(?:\[|\.(?:get|setdefault|pop)\()\"([a-z_]+)\"")


def test_the_table_has_every_key_of_a_session():
    """A key without a row is kept of a person and documented nowhere; one without a use is gone."""
    section = PAGE.read_text().split("\n## Sessions\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row)]
    sources = [path.read_text() for path in MODULES]
    used = {name for source in sources for name in _ACCESS.findall(source)}
    assert len(documented) == len(set(documented))
    assert used <= set(documented)
    assert {
        name for name in documented if not any(re.search(rf"\b{name}\b", text) for text in sources)
    } == set()
