"""`proofing hosts`: what vendors may call, and where events go, without a secret store."""

import json
import sys
from dataclasses import replace
from types import ModuleType

import pytest
from pydantic import SecretStr

import proofing_mock
from proofing.cli import main
from proofing.contracts.hooks import hookimpl
from proofing.contracts.plugin_settings import PluginSettings
from proofing.contracts.proofers import Maturity
from proofing.contracts.results import ProoferKind


class AcmeSettings(PluginSettings):
    """A vendor with a credential, and a host that operators choose."""

    api_key: SecretStr
    resolution_host: str = "API.Acme.example"


@pytest.fixture
def acme(bare_environment, monkeypatch, tmp_path):
    """An installed vendor, and no secret anywhere."""

    class Plugin:
        @hookimpl
        def proofing_settings(self):
            return AcmeSettings

        @hookimpl
        def proofing_proofers(self):
            hosts = {
                ProoferKind.RESOLUTION: lambda settings: frozenset({settings.resolution_host}),
                ProoferKind.PHONE: lambda _settings: frozenset({"phones.example:443", "phones.example:8443"}),
            }
            return [
                replace(
                    one, name=f"acme:{one.kind.value}", hosts=hosts[one.kind], maturity=Maturity.DOCUMENTED
                )
                for one in proofing_mock.proofing_proofers()
                if one.name == "mock" and one.kind in hosts
            ]

    module = ModuleType("proofing_acme_hosts")
    module.plugin = Plugin()
    monkeypatch.setitem(sys.modules, module.__name__, module)
    facts = tmp_path / "acme-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[proofing]\nacme = proofing_acme_hosts:plugin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PROOFING_ENV", "test")


@pytest.fixture
def printed(settings_file, monkeypatch, capsys):
    """Return what prints the hosts of settings."""

    def run(*words, **values):
        named = {"plugins": ["acme", "aws", "huey", "local", "mock"], "secret_store": "aws", **values}
        monkeypatch.setenv("PROOFING_SETTINGS", str(settings_file(**named)))
        code = main(["hosts", *words])
        return code, capsys.readouterr()

    return run


def test_the_hosts_of_the_vendors_in_the_settings(acme, printed):
    """By vendor, in one spelling; neither what nobody names nor what calls no host."""
    code, output = printed("--json", resolution_vendor="acme:resolution")
    assert (code, json.loads(output.out)) == (0, {"acme:resolution": ["api.acme.example"]})
    code, output = printed(
        "--json",
        phone_vendors=["mock", "acme:phone"],
        resolution_vendor_percentages={"acme:resolution": 5},
        acme={"resolution_host": "other.example"},
    )
    assert json.loads(output.out) == {
        "acme:phone": ["phones.example", "phones.example:8443"],
        "acme:resolution": ["other.example"],
    }


def test_secrets_in_sections_of_a_section(bare_environment, printed, monkeypatch):
    """Whatever the secret store would bring to sections that are there."""
    monkeypatch.setenv("PROOFING_ENV", "test")
    account = {"account_id": "a", "hmac": {"key_id": "k"}, "phone_finder_workflow": "w"}
    values = {
        "rdp": {"base_url": "https://rdp.example", "request_mode": "testing"},
        "ddp": {"base_url": "https://ddp.example", "org_id": "o", "threat_metrix_policy": "p"},
        "identity": account,
    }
    plugins = ["aws", "huey", "lexisnexis", "local", "mock"]
    vendors = {"phone_vendors": ["lexisnexis:phone_finder"], "device_vendor": "lexisnexis:threat_metrix"}
    code, output = printed("--json", plugins=plugins, lexisnexis=values, **vendors)
    assert (code, output.err) == (0, "")
    assert json.loads(output.out) == {
        "lexisnexis:phone_finder": ["rdp.example"],
        "lexisnexis:threat_metrix": ["ddp.example"],
    }


def test_the_hosts_of_endpoints(acme, printed):
    """By relying party, as they are resolved; none of this machine."""
    urls = {
        "main": "https://Hooks.Agency.example.gov./in",
        "other": "https://hooks.agency.example.gov:8443/in",
        "again": "https://hooks.agency.example.gov/other",
        "idn": "https://例え.jp/in",
        "here": "http://localhost:9000/",
    }
    parties = {
        name: {"display_name": name, "policies": ["standard"], "webhooks": webhooks}
        for name, webhooks in {
            "agency": {one: {"url": url} for one, url in urls.items()},
            "bureau": {"here": {"url": urls["here"]}},
        }.items()
    }
    values = {"policies": {"standard": {"steps": ["document"]}}, "relying_parties": parties}
    code, output = printed("--endpoints", "--json", **values)
    assert (code, output.err) == (0, "")
    assert json.loads(output.out) == {
        "agency": ["hooks.agency.example.gov", "hooks.agency.example.gov:8443", "xn--r8jz45g.jp"]
    }
    assert printed("--endpoints", **values)[1].out.splitlines()[0] == "hooks.agency.example.gov  # agency"
    assert json.loads(printed("--json", **values)[1].out) == {}


def test_for_people(acme, printed):
    """One line a host; nothing for mocks alone."""
    assert printed(resolution_vendor="acme:resolution")[1].out == "api.acme.example  # acme:resolution\n"
    assert printed()[1].out == ""


def test_wrong_settings_print_no_list(acme, printed, monkeypatch):
    """A list that lacks a vendor would close its way out."""
    monkeypatch.setenv("PROOFING_ACME__RESOLUTION_HOST", '["a"]')
    code, output = printed("--json", resolution_vendor="acme:resolutoin", phone_vendors=["acme:phone"])
    assert (code, output.out) == (78, "")
    assert "resolution_vendor: no enabled plugin offers acme:resolutoin" in output.err
    assert "acme.resolution_host: must be" in output.err
    assert "api_key" not in output.err
    assert "raised" not in output.err


def test_a_vendor_whose_hosts_are_no_hosts(acme, printed):
    """The same rule as for its calls."""
    code, output = printed(resolution_vendor="acme:resolution", acme={"resolution_host": "https://a.example"})
    assert (code, output.out) == (78, "")
    assert "hosts must return a set of host names" in output.err
