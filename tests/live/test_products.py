"""Each product of a real account is asked once, and the exchange is recorded without a value."""

import json
import os
from pathlib import Path

import pytest

from proofing.cli import main

pytestmark = pytest.mark.live

HINT = "LIVE_VENDORS names no directory with settings and an applicant: docs/howto/test-live-vendors.md"


def test_a_product_answers(product, monkeypatch, capsys):
    """A result, or a page to visit; not a time-out, a refusal, or what cannot be read."""
    if product is None:
        pytest.skip(HINT)
    directory, (kind, name) = Path(os.environ["LIVE_VENDORS"]), product
    file_name = name.replace(":", "-")
    own = directory / f"applicant-{file_name}.yaml"
    applicant = own if own.exists() else directory / "applicant.yaml"
    monkeypatch.setenv("PROOFING_SETTINGS", str(directory / "settings.yaml"))
    code = main(["vendor", "try", name, "--kind", kind, "--applicant", str(applicant), "--json"])
    printed = capsys.readouterr()
    assert printed.out, printed.err
    # What it prints of the exchange has names and forms, and no value: nothing else is written.
    report = json.loads(printed.out.splitlines()[-1])
    recordings = directory / "recordings"
    recordings.mkdir(exist_ok=True)
    (recordings / f"{kind}-{file_name}.json").write_text(json.dumps(report, indent=1) + "\n")
    assert code == 0, report.get("says")
    assert report["calls"]
