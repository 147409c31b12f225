"""How much a new step of the flow touches: a copy of the source tree gets one, and is walked over HTTP.

The step asks for a place of birth, which goes into the applicant like everything that a person types.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = Path(__file__).parent / "new_step"
SOURCES = ("core", "server")
#: What a new page step may touch at most; generated pages of the docs are written by their scripts.
MOST_FILES = 4

STEPS = "core/proofing/sessions/steps.py"
TEXTS = "server/proofing_server/texts/en.yaml"
#: File to what is put in front of which line of it.
EDITS = {
    STEPS: (
        ("    #: Phone number.\n    PHONE =", '    #: Place of birth.\n    BIRTH_PLACE = "/birth_place"\n'),
        (
            "    Step(\n        page=Page.PHONE,\n",
            """\
    Step(
        page=Page.BIRTH_PLACE,
        name="birth_place",
        part="phone",
        title="Place of birth",
        does="takes the place of birth",
        attributes=("birth_place",),
        sample={"birth_place": "MONTANA"},
    ),
""",
        ),
    ),
    TEXTS: (
        ("\nsides:\n", "\nbirth_place:\n  title: Enter your place of birth\n"),
        ("  ssn: Social Security number\n  address1:", "  birth_place: Place of birth\n"),
        ("  ssn_missing:", "  birth_place_format: Enter a place of birth\n"),
    ),
}
NEW = {
    "server/proofing_server/pages/birth_place.py": PARTS / "birth_place_page.py",
    "server/proofing_server/templates/birth_place.html": PARTS / "birth_place_page.html",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source tree with the new step."""
    folder = tmp_path_factory.mktemp("tree")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, edits in EDITS.items():
        text = (folder / name).read_text()
        for place, addition in edits:
            assert text.count(place) == 1, (name, place)
            text = text.replace(place, addition + place)
        (folder / name).write_text(text)
    for name, source in NEW.items():
        shutil.copy(source, folder / name)
    return folder


def run(copy, *command):
    """Run Python on the copy; return what it printed."""
    paths = os.pathsep.join(str(copy / name) for name in SOURCES)
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_new_step_touches_few_files(copy):
    """No other file of the product differs."""
    touched = {
        name
        for root in SOURCES
        for path in (copy / root).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
        for name in [str(path.relative_to(copy))]
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != path.read_bytes()
    }
    assert touched == {*EDITS, *NEW}
    assert len(touched) <= MOST_FILES


def test_the_new_step_is_walked(copy, tmp_path):
    """It has its route, its guard, its place in the order and in the indicator, and is in the smoke test."""
    settings = {
        "plugins": ["huey", "local", "mock"],
        "local": {"directory": str(tmp_path / "local")},
        "log_directory": str(tmp_path / "log"),
        "doc_auth_enable_presigned_s3_urls": False,
        "ruby_workers_idv_enabled": False,
    }
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"default": settings}))
    seen = json.loads(run(copy, str(PARTS / "walk.py"), str(path)))
    assert all(source.startswith(str(copy)) for source in seen.pop("sources"))
    assert seen == {
        "before": ["consent", "document", "ssn", "resolution"],
        "later page": "/birth_place",
        "part": seen["part"],
        "answered": "/phone",
        "seen again": "/birth_place",
        "kept": True,
        "earlier answer changed": ["/ssn", "/verify", "/verify"],
        "passed": True,
        "steps": ["consent", "document", "ssn", "resolution", "birth_place", "phone"],
    }
    assert "Your phone" in seen["part"]


def test_the_reference_follows(copy):
    """It has the row as soon as its script has run."""
    script = f"import sys; sys.path.insert(0, {str(ROOT / 'scripts')!r}); import steps"
    rows = run(copy, "-c", f"{script}; print(steps.render(steps.PAGE.read_text()))").splitlines()
    at = rows.index("| `/birth_place` | takes the place of birth | `/phone` |  |")
    assert rows[at - 1].startswith("| `/verify/wait` |")
