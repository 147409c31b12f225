"""docs/reference/relying-parties.md is what the settings are, and its example works."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

from proofing.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}


@pytest.fixture(scope="module")
def script():
    """The script as a module."""
    path = ROOT / "scripts" / "relying_party_settings.py"
    spec = importlib.util.spec_from_file_location("relying_party_settings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_written_by_the_script(script):
    """Every key of every model is there, with its default."""
    assert script.PAGE.read_text() == script.render(), "run scripts/relying_party_settings.py"


@pytest.mark.parametrize("page", ["docs/reference/relying-parties.md", "docs/howto/policies.md"])
def test_the_examples_are_read(page):
    """As settings, but for the logo, which is cut short there."""
    for example in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        values = yaml.safe_load(example)
        for policy in values.get("policies", {}).values():
            policy.setdefault("steps", ["phone"])
            policy.get("branding", {}).pop("logo", None)
        policies = {
            name: {"steps": ["phone"]}
            for party in values.get("relying_parties", {}).values()
            for name in party["policies"]
        }
        read = Settings.model_validate(
            {**KEYS, **values, "policies": {**policies, **values.get("policies", {})}}
        )
        assert read.policies
