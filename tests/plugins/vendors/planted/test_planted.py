"""Mistakes that the formats of vendors invite are caught, each by the rule or the test that is there for it.

The long form plants all of them. What survives there is a gap in the tests of that adapter.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from tests.plugins.vendors.planted.planting import Family, Plant, family

FAMILIES = ("aamva", "aws_identity", "dos", "lexisnexis", "socure", "stripe", "twilio")
PLANTS: dict[str, tuple[Plant, ...]] = {
    name: import_module(f"tests.plugins.vendors.planted.{name}").PLANTS for name in FAMILIES
}
#: Of each family.
LEAST = 20
#: Those of the short form: what is caught by a test of an adapter's own, and by a rule, without many answers.
SHORT = {
    "aamva": ("the thumbprint is of the certificate's text", "a refusal of our credentials is overlooked"),
    "aws_identity": ("reading authenticates", "a zone with a wrong digit is read"),
    "dos": ("HTTP 400 is a no", "any text is an error code"),
    "lexisnexis": ("the secret is decoded as base64", "the outer review status decides"),
    "socure": ("half is rounded to even", "the token is spelled one way"),
    "stripe": ("the signature is not compared", "day and month are swapped"),
    "twilio": ("a package that is not enabled has no data", "the plus is a space"),
}


@pytest.fixture(scope="module", params=FAMILIES)
def planted(request: pytest.FixtureRequest) -> Iterator[tuple[Family, tuple[Plant, ...]]]:
    """Return a family and its mistakes."""
    with family(request.param) as found:
        yield found, PLANTS[request.param]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_mistake_can_be_planted(name: str) -> None:
    """In one place, with text that Python takes, and none twice."""
    package = Path(import_module(f"proofing_{name}").__path__[0])
    plants = PLANTS[name]
    assert len({(plant.file, plant.old, plant.new) for plant in plants}) == len(plants) >= LEAST
    assert len({plant.what for plant in plants}) == len(plants)
    assert {plant.what for plant in plants} >= set(SHORT[name])
    for plant in plants:
        before = (package / plant.file).read_text()
        after = plant.apply(before)
        compile(after, plant.file, "exec")
        assert after != before, plant.what
        assert plant.caught_by, plant.what


def test_a_mistake_is_caught_by_its_test(planted: tuple[Family, tuple[Plant, ...]], tmp_path: Path) -> None:
    """Two of each family."""
    found, plants = planted
    short = [plant for plant in plants if plant.what in SHORT[found.project.name]]
    assert [
        missed for plant in short if (missed := found.missed(plant, tmp_path / str(plants.index(plant))))
    ] == []


@pytest.mark.chaos
def test_every_mistake_is_caught_by_its_test(
    planted: tuple[Family, tuple[Plant, ...]], tmp_path: Path
) -> None:
    """The long form; all are tried before it fails."""
    found, plants = planted
    missed = [found.missed(plant, tmp_path / str(number)) for number, plant in enumerate(plants)]
    assert list(filter(None, missed)) == []


def test_a_change_that_breaks_nothing_is_missed(tmp_path: Path) -> None:
    """What a test does not see is reported, and so is a test that does not exist."""
    with family("dos") as found:
        for name, code in (("test_answers", 0), ("test_that_is_not_there", 4)):
            change = Plant(
                "a comment", "passport.py", '_UP = "up"', '_UP = "up"  # !', (f"test_passport.py::{name}",)
            )
            assert f"pytest ended with {code}" in found.missed(change, tmp_path / name)
