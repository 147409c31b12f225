"""Policies that the vendors of the settings cannot answer, or whose level they cannot reach, are refused."""

from types import SimpleNamespace

import pytest
import yaml

from proofing import bootstrap
from proofing.base.errors import ConfigurationError
from proofing.contracts.continuation import Leave
from proofing.contracts.proofers import ProoferDescriptor
from proofing.contracts.results import ProoferKind
from proofing.registry.plugins import LoadedProofer
from proofing.routing.policies import policy_problems
from proofing.settings import Settings
from proofing.testing.vendor_fakes import make_process
from proofing.testing.waiting import follow_edits

KEYS = {"session_encryption_key": "00" * 32, "hmac_fingerprinter_key": "11" * 32}
ALL = ["document", "selfie", "resolution", "phone", "code"]
KINDS = (ProoferKind.DOCUMENT, ProoferKind.RESOLUTION, ProoferKind.PHONE, ProoferKind.MESSENGER)
FACES = {"takes_selfie": True, "company": "Faces Inc."}


def descriptor(kind, name="mock", **more):
    """Return what a plugin says of its vendor."""
    make = lambda *_: SimpleNamespace(proof=print)  # noqa: E731 - never called
    return ProoferDescriptor(name=name, kind=kind, make=make, **more)


def problems_of(steps, *, vendors=(), settings=None, **policy):
    """Return rule by key of a policy of *steps*; *vendors* in place of those that do everything."""
    usual = [descriptor(kind, **(FACES if kind is ProoferKind.DOCUMENT else {})) for kind in KINDS]
    offered = {(one.kind, one.name): one for one in (*usual, *vendors)}
    loaded = {key: LoadedProofer("p", one, None, make_process) for key, one in offered.items()}
    values = Settings.model_validate(
        {
            **KEYS,
            "messenger_vendor": "mock",
            "state_id_vendor": None,
            "policies": {"benefits": {"steps": steps, **policy}},
            **(settings or {}),
        }
    )
    return {one.key: one.rule for one in policy_problems(values, SimpleNamespace(proofers=loaded))}


@pytest.mark.parametrize("steps", [ALL, ["document"], ["phone"], ["phone", "code"], ["resolution"]])
def test_vendors_that_answer_everything(steps):
    """Whatever is asked; a level only where somebody vouches."""
    assert problems_of(steps) == {}
    assert problems_of(ALL, settings={"assurance_vendors": ["mock"]}, assurance="ial2") == {}


@pytest.mark.parametrize(
    ("steps", "values", "key", "rule"),
    [
        (
            ["document", "selfie"],
            {"vendors": [descriptor(ProoferKind.DOCUMENT)]},
            "policies.benefits.steps",
            "mock compares no selfie of our pages: name another document vendor, or remove selfie",
        ),
        (
            ["document", "selfie"],
            {"vendors": [descriptor(ProoferKind.DOCUMENT, takes_selfie=True)]},
            "policies.benefits.steps",
            "does not name the company",
        ),
        (
            ["document", "selfie"],
            {
                "vendors": [descriptor(ProoferKind.DOCUMENT, "hosted", continues=frozenset({Leave}))],
                "settings": {"document_vendor_percentages": {"hosted": 10}},
            },
            "policies.benefits.steps",
            "hosted compares no selfie",
        ),
        (
            ["phone", "code"],
            {"settings": {"messenger_vendor": None}},
            "policies.benefits.steps",
            "code has nobody to answer it: name a vendor in messenger_vendor, or remove code",
        ),
        (
            ["phone", "code"],
            {"settings": {"phone_confirmation_enabled": False}},
            "policies.benefits.steps",
            "code has nobody to answer it: phone_confirmation_enabled must not be false",
        ),
        (
            ["phone"],
            {"vendors": [descriptor(ProoferKind.PHONE, requires=frozenset({"ssn"}))]},
            "policies.benefits.steps",
            "mock cannot do without ssn, which these steps do not ask",
        ),
        (
            ["phone"],
            {"claims": ["phone", "address1"]},
            "policies.benefits.claims",
            "these steps do not ask for address1: add a step, or release less",
        ),
        (
            ["document", "resolution"],
            {"assurance": "ial1", "settings": {"assurance_vendors": ["mock"]}},
            "policies.benefits.assurance",
            "ial1 is out of reach with mock, at best none: Have the piece found to be",
        ),
        (
            ALL,
            {"assurance": "ial2"},
            "policies.benefits.assurance",
            "name them in assurance_vendors",
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_refused(steps, values, key, rule):
    """With the key, who cannot do what, and what to do."""
    found = problems_of(steps, **values)
    assert rule in found[key]
    assert len(found) == 1


def test_one_share_of_weak_vendors_is_enough():
    """Everybody must be able to reach the level, not only who meets the better vendor."""
    weak = descriptor(ProoferKind.DOCUMENT, "weak", **FACES)
    settings = {"assurance_vendors": ["mock"], "document_vendor_percentages": {"weak": 1}}
    found = problems_of(ALL, vendors=[weak], settings=settings, assurance="ial2")
    assert "out of reach with weak and mock" in found["policies.benefits.assurance"]


def test_several_phone_vendors_are_asked_in_turn():
    """One that is vouched for is enough: a yes of any of them counts."""
    other = descriptor(ProoferKind.PHONE, "other")
    settings = {"assurance_vendors": ["mock"], "phone_vendors": ["other", "mock"]}
    assert problems_of(ALL, vendors=[other], settings=settings, assurance="ial2") == {}


async def test_the_start_and_an_edit_refuse_alike(tmp_path):
    """A policy is judged with the file as it is; the old settings stay in effect."""
    path = tmp_path / "settings.yaml"
    given = {
        "plugins": ["huey", "local", "mock"],
        "local": {"directory": str(tmp_path / "local")},
        "messenger_vendor": "mock",
        "policies": {"benefits": {"steps": ["phone", "code"]}},
    }
    path.write_text(yaml.safe_dump({"default": given}))
    configuration = await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    del given["messenger_vendor"]
    path.write_text(yaml.safe_dump({"default": given}))
    await follow_edits(configuration.watch)
    assert configuration.live.current.messenger_vendor == "mock"
    (problem,) = configuration.live.refused
    assert problem.key == "policies.benefits.steps"
    assert "name a vendor in messenger_vendor" in problem.rule
    with pytest.raises(ConfigurationError) as refused:
        await bootstrap.configure(path, {"PROOFING_ENV": "test"})
    assert [one.key for one in refused.value.problems] == ["policies.benefits.steps"]
