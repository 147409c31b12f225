"""The example settings: whole, accepted in staging, and in production but for vendors that are not there."""

import re

import yaml

from proofing.settings import Settings

#: A vendor package: it offers every kind, and is not a mock.
VENDOR = """
from dataclasses import replace

import proofing_mock
from proofing.contracts.hooks import hookimpl
from proofing.contracts.proofers import Maturity


@hookimpl
def proofing_proofers():
    settings = proofing_mock.MockSettings()
    return [
        replace(
            one,
            name=f"acme:{one.kind.value}",
            make=lambda _none, process, make=one.make: make(settings, process),
            maturity=Maturity.DOCUMENTED,
            accepts_test_documents=False,
        )
        for one in proofing_mock.proofing_proofers() if one.name == "mock"
    ]
"""
KINDS = {
    "phone_vendors": '["acme:phone"]',
    "device_vendor": "acme:device",
    "document_vendor": "acme:document",
    "passport_vendor": "acme:passport",
    "resolution_vendor": "acme:resolution",
    "state_id_vendor": "acme:state_id",
}


def test_staging_is_accepted(example):
    """The shape of production with mock vendors, and the advice is about this machine alone."""
    checked = example.run("staging", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.findall(r"^\w+: (?!ok$).*", checked.stdout, re.MULTILINE) == []
    advice = re.findall(r"^  .*", checked.stdout, re.MULTILINE)
    assert [line for line in advice if not re.search("fsync|synchronous_commit|notifications", line)] == []


def test_staging_is_not_production_and_differs_in_names_and_vendors_only(example):
    """What staging changes is listed here, so that nothing is tried there that production does not have."""
    blocks = yaml.safe_load(example.settings_file.read_text())
    assert set(blocks) == {"default", "production", "staging"}
    vendors = KINDS.keys() | {"plugins"}
    assert blocks["staging"].keys() - vendors == {"aws", "partner_name", "postgres", "public_url"}
    assert blocks["staging"]["aws"].keys() == blocks["production"]["aws"].keys()
    assert set(blocks["staging"]["aws"].values()).isdisjoint(blocks["production"]["aws"].values())
    assert set(blocks["staging"]["plugins"]) - set(blocks["default"]["plugins"]) == {"mock"}
    assert blocks["default"].keys() - Settings.model_fields.keys() == {"aws", "postgres", "redis"}


def test_production_lacks_its_vendors_and_nothing_else(example):
    """One line for each kind of vendor."""
    checked = example.run("production", "check")
    assert checked.returncode == 78
    problems = checked.stderr.splitlines()[1:]
    assert sorted(
        re.findall(r"settings\.production\.yaml: (\w+): no enabled plugin", checked.stderr)
    ) == sorted(KINDS)
    assert len(problems) == len(KINDS)


def test_production_is_accepted_with_vendors(example, tmp_path):
    """With a package that offers them and is not a mock, nothing is left to report."""
    (tmp_path / "proofing_acme.py").write_text(VENDOR)
    facts = tmp_path / "acme-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nacme = proofing_acme\n")
    named = {f"PROOFING_{key.upper()}": value for key, value in KINDS.items()}
    checked = example.run(
        "production",
        "check",
        PYTHONPATH=str(tmp_path),
        PROOFING_PLUGINS='["acme", "aws", "postgres", "redis"]',
        **named,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "settings: ok\n" in checked.stdout
    assert "\nvendors: ok\n" in checked.stdout
