"""The vendor pages: every plugin has one, the matrix agrees with the descriptors, examples do as they say."""

import csv
import re
import tomllib
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

import proofing_mock
from proofing.cli import main
from proofing.contracts.images import Image, Side
from proofing.contracts.proofers import Maturity, ProofingRequest
from proofing.contracts.results import ProoferKind
from proofing.rules.documents import judge_document
from proofing.testing.messengers import MESSENGER_RULES
from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process
from proofing.testing.vendors import RULES

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "vendors"
PLUGINS = sorted(
    path.name.removeprefix("proofing_")
    for path in (ROOT / "plugins" / "vendors").glob("proofing_*")
    if (path / "__init__.py").exists()
)
EXAMPLES = re.findall(
    r'^```yaml title="([^"]+)"\n(.*?)^```$', (PAGES / "mock.md").read_text(), re.MULTILINE | re.DOTALL
)
EXPECTED = {
    "the barcode cannot be read: the person is asked to confirm": ("passed", ()),
    "an underage person": ("failed", ("dob_min_age",)),
    "a person has to look": ("review", ()),
    "a blurred front": ("failed", ("sharp_low",)),
    "a document that is not taken": ("failed", ("doc_type_check",)),
    "a selfie that is too dark": ("failed", ("selfie_too_dark",)),
}


def matrix():
    """Return the matrix: feature to vendor to cell."""
    with (PAGES / "matrix.csv").open(newline="") as file:
        return {row.pop("feature"): row for row in csv.DictReader(file)}


def table_of(name):
    """Return what `quality.toml` of a plugin has: kind and name of each proofer to its entry."""
    path = ROOT / "plugins/vendors" / f"proofing_{name}" / "quality.toml"
    return {(one["kind"], one["name"]): one for one in tomllib.loads(path.read_text())["proofer"]}


@pytest.mark.parametrize("name", PLUGINS)
def test_each_vendor_has_its_page_row_and_column(name):
    """And the matrix says of each kind what its tables of rules come to."""
    assert (PAGES / f"{name}.md").exists()
    assert f"({name}.md)" in (PAGES / "index.md").read_text()
    maturity = {kind.value: "" for kind in ProoferKind}
    for (kind, _proofer), entry in table_of(name).items():
        maturity[kind] = entry["maturity"]
    table = matrix()
    assert {kind: table[kind][name] for kind in maturity} == maturity


@pytest.mark.parametrize("name", PLUGINS)
def test_each_proofer_has_a_table_of_rules(name):
    """Of the rules of its contract version, none to do; its descriptor states the maturity that follows.

    That a rule is done is what the plugin's suites test; the long form compares the whole file.
    """
    module = import_module(f"proofing_{name}")
    offers = {(one.kind.value, one.name): one for one in module.proofing_proofers()}
    messengers = {
        (ProoferKind.MESSENGER.value, one.name): one
        for one in getattr(module, "proofing_messengers", tuple)()
    }
    tables = table_of(name)
    assert list(tables) == [*offers, *messengers]
    for key, offer in {**offers, **messengers}.items():
        rules = tables[key]["rules"]
        assert list(rules) == (
            list(MESSENGER_RULES)
            if key in messengers
            else [rule.id for rule in RULES.values() if rule.since <= offer.contract_version]
        )
        assert "to do" not in rules.values(), key
        assert tables[key]["maturity"] == offer.maturity.value


@pytest.mark.chaos
@pytest.mark.parametrize("name", PLUGINS)
def test_the_table_of_rules_is_what_a_run_says(name):
    """The long form: `proofing quality NAME --check`."""
    assert main(["quality", name, "--check"]) == 0


def test_each_level_of_maturity_has_its_rules():
    """The page names every level and no other."""
    levels = re.findall(r"^\| `(\w+)` \|", (PAGES / "index.md").read_text(), re.MULTILINE)
    assert levels == [level.value for level in Maturity]


def test_every_example_is_expected():
    """An example that is added must be tried as well."""
    assert {title for title, _text in EXAMPLES} == set(EXPECTED)


@pytest.mark.parametrize(("title", "text"), EXAMPLES)
async def test_the_examples_do_what_they_say(title, text):
    """From the tester's file through the mock to the verdict."""
    kind = ProoferKind.DOCUMENT
    descriptor = next(found for found in proofing_mock.proofing_proofers() if found.kind is kind)
    settings = proofing_mock.MockSettings()
    image = Image(text.encode(), "application/yaml")
    images = {Side.FRONT: image, Side.BACK: image}
    if "selfie" in title:
        images = dict.fromkeys(images, Image(b"front", "image/jpeg")) | {Side.SELFIE: image}
    request = ProofingRequest(images=images)
    context = make_context(FakeVendor(lambda _request: pytest.fail("called out")), descriptor, settings)
    result = await ask(descriptor.make(settings, make_process()), request, context)
    marks = {side: image.fingerprint for side, image in request.images.items()}
    now = datetime(2026, 11, 24, 18, tzinfo=UTC)
    verdict = judge_document(result, fingerprints=marks, now=now, selfie_required=Side.SELFIE in images)
    assert (verdict.outcome, verdict.reasons) == EXPECTED[title]
    assert verdict.needs_confirmation is ("confirm" in title)
