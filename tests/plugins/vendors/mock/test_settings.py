"""The mock's section in settings.yaml, and what the plugin registers."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

import proofing_mock
from proofing.contracts.proofers import Maturity
from proofing.contracts.results import ProoferKind
from proofing_mock import MockSettings


def test_defaults():
    """Without a section the mock answers at once and takes test SSNs only."""
    settings = MockSettings()
    assert settings.latency_seconds == 0
    assert settings.test_ssn_allowed_list == []


def test_allowed_ssns_are_kept_as_digits_and_not_printed():
    """Dashes do not matter; printing shows no SSN."""
    settings = MockSettings.model_validate({"test_ssn_allowed_list": ["123-45-6789", "987654321"]})
    assert settings.test_ssn_allowed_list == ["123456789", "987654321"]
    assert "6789" not in repr(settings)


@pytest.mark.parametrize(
    "section",
    [
        {"latency_seconds": -1},
        {"latency_seconds": "1"},
        {"latency_seconds": 601},
        {"test_ssn_allowed_list": "123-45-6789"},
        {"test_ssn_allowed_list": ["MARIGOLD"]},
        {"test_ssn_allowed_list": [123456789]},
        {"color": "red"},
        {"hosted_url": "https://vendor.example"},
        {"hosted_url": "http://127.0.0.1:8900/"},
        {"hosted_url": "http://127.0.0.1"},
        {"hosted_api_key": "MARIGOLD"},
        {"hosted_expires_seconds": 0},
        {"exchange_url": "https://wallet.example"},
        {"exchange_expires_seconds": 0},
    ],
)
def test_wrong_sections_are_refused_without_their_values(section):
    """Keys and rules are named, values are not."""
    with pytest.raises(ValidationError) as caught:
        MockSettings.model_validate(section)
    assert "MARIGOLD" not in str(caught.value)


@pytest.mark.parametrize("name", ["mock", "mock:polling", "mock:hosted", "mock:exchange"])
def test_one_mock_of_each_kind(name):
    """All six kinds, all of them mocks; the document ones read text, unless the vendor takes the photos."""
    descriptors = [offer for offer in proofing_mock.proofing_proofers() if offer.name == name]
    assert {descriptor.kind for descriptor in descriptors} == set(ProoferKind) - {ProoferKind.MESSENGER}
    assert all(bool(descriptor.continues) is (name != "mock") for descriptor in descriptors)
    assert {descriptor.maturity for descriptor in descriptors} == {Maturity.MOCK}
    texts = [descriptor.kind for descriptor in descriptors if descriptor.accepts_test_documents]
    assert texts == ([] if name in {"mock:hosted", "mock:exchange"} else [ProoferKind.DOCUMENT])


def test_registering_imports_nothing_heavy():
    """Listing plugins neither reads YAML nor makes a proofer."""
    code = (
        "import sys, proofing_mock; proofing_mock.proofing_proofers(); "
        "print([m for m in sys.modules if m == 'yaml' or m.startswith('proofing_mock.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
