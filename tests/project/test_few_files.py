"""How much an attribute, a vendor and a store touch: a copy of the source tree gets one of each, and is used.

The attribute is the county of the home address. The vendor compares a selfie with the document, and its
resolution passes for one county only. The store keeps the application's secrets. The counts are in
docs/explanation/architecture.md.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = Path(__file__).parent / "few_files"
SOURCES = ("core", "plugins", "server")
MANIFEST = "pyproject.toml"
PAGE = "docs/reference/applicant.md"

_READS_ADDRESS2 = '    _read_text(form, "address2",'
_READS_COUNTY = '    _read_text(form, "county", fields.get("county", ""), required=False)\n'
#: File to its changes, as (what is there, what takes its place).
ATTRIBUTE = {
    "core/proofing/contracts/applicant.py": (
        ('"address2", "city", "state", "zipcode")', '"address2", "city", "county", "state", "zipcode")'),
        ("    state: str | None = None\n", "    county: str | None = None\n    state: str | None = None\n"),
    ),
    "server/proofing_server/forms.py": ((_READS_ADDRESS2, _READS_COUNTY + _READS_ADDRESS2),),
    "server/proofing_server/templates/address.html": (
        (
            '  <div class="field-row">\n',
            '  {{ parts.text_field("county", errors, values.county) }}\n  <div class="field-row">\n',
        ),
    ),
    "server/proofing_server/texts/en.yaml": (("\n  state: State", "\n  county: County\n  state: State"),),
    PAGE: (("| address1, address2, city |", "| address1, address2, city, county |"),),
}
VENDOR = {
    "plugins/vendors/proofing_face/__init__.py": PARTS / "face.py",
    "plugins/vendors/proofing_face/proofers.py": PARTS / "face_proofers.py",
    "plugins/vendors/proofing_face/py.typed": None,
    MANIFEST: (('huey = "proofing_huey"\n', 'face = "proofing_face"\nhuey = "proofing_huey"\n'),),
}
STORE = {
    "plugins/stores/proofing_vault/__init__.py": PARTS / "vault.py",
    "plugins/stores/proofing_vault/secret_store.py": PARTS / "vault_secret_store.py",
    "plugins/stores/proofing_vault/py.typed": None,
    MANIFEST: (('redis = "proofing_redis"\n', 'redis = "proofing_redis"\nvault = "proofing_vault"\n'),),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the source tree with all three, whose plugins are found as installed ones are."""
    folder = tmp_path_factory.mktemp("tree")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / PAGE).parent.mkdir(parents=True)
    for name in (MANIFEST, PAGE):
        shutil.copy(ROOT / name, folder / name)
    for change in (ATTRIBUTE, VENDOR, STORE):
        for name, edits in change.items():
            make(folder / name, edits)
    old, new = (
        tomllib.loads((root / MANIFEST).read_text())["project"]["entry-points"]["proofing"]
        for root in (ROOT, folder)
    )
    info = folder / "installed" / "added-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 1.0\n")
    lines = [f"{name} = {package}" for name, package in new.items() if name not in old]
    (info / "entry_points.txt").write_text("\n".join(["[proofing]", *lines]) + "\n")
    return folder


def make(path, edits):
    """Write a new file, or change one that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(edits, tuple):
        path.write_text(edits.read_text() if edits else "")
        return
    text = path.read_text()
    for old, new in edits:
        assert text.count(old) == 1, (path.name, old)
        text = text.replace(old, new)
    path.write_text(text)


@pytest.fixture(scope="module")
def seen(copy):
    """What people saw who walked the copy's pages."""
    settings = {
        "plugins": ["face", "huey", "local", "mock", "vault"],
        "secret_store": "vault",
        "document_vendor": "face:document",
        "resolution_vendor": "face:resolution",
        "local": {"directory": str(copy / "local")},
        "log_directory": str(copy / "log"),
        "doc_auth_enable_presigned_s3_urls": False,
        "ruby_workers_idv_enabled": False,
    }
    path = copy / "settings.yaml"
    path.write_text(yaml.safe_dump({"default": settings}))
    roots = [copy / "installed", copy / "core", copy / "server", *(copy / "plugins").iterdir()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
    done = subprocess.run(
        [sys.executable, str(PARTS / "walk.py"), str(path)],
        env={**kept, "PYTHONPATH": os.pathsep.join(map(str, roots))},
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert all(source.startswith(str(copy)) for source in seen.pop("sources"))
    return seen


@pytest.mark.parametrize(("change", "most"), [(ATTRIBUTE, 5), (VENDOR, 4), (STORE, 4)])
def test_each_touches_few_files(change, most):
    """The page of the reference counts; tests and the changelog do not."""
    assert len(change) <= most


def test_nothing_else_differs(copy):
    """No other file of the product was changed or added."""
    touched = {
        name
        for root in (*SOURCES, "docs", MANIFEST)
        for path in ((copy / root).rglob("*") if (copy / root).is_dir() else [copy / root])
        if path.is_file() and "__pycache__" not in path.parts
        for name in [str(path.relative_to(copy))]
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != path.read_bytes()
    }
    assert touched == {*ATTRIBUTE, *VENDOR, *STORE}


def test_the_vendor_has_its_selfie(seen):
    """The capture page asks for one, refuses an attempt without it, and the vendor gets it."""
    assert seen["without a selfie"] == ["document", "failed"]
    assert seen["asks for a selfie"]
    assert "document" in seen["passed"]


def test_the_attribute_reaches_the_vendor(seen):
    """It is kept on its page, and only the vendor that declares it decides by it."""
    assert seen["another county"] == "/verify/problem"
    assert seen["kept"]
    assert seen["the right county"] == "/phone"


def test_the_store_gives_the_secrets(seen):
    """The process has the store's keys."""
    assert seen["secrets"] == "vault"
