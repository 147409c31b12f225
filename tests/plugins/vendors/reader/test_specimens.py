"""Specimens: what their barcodes and zones hold is what the parsers read, for every layout."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from PIL import Image

from proofing.cli import main
from proofing.contracts.applicant import DocumentType
from proofing_reader.aamva import read_barcode
from proofing_reader.specimens.cards import draw_card
from proofing_reader.specimens.command import draw_specimen
from proofing_reader.specimens.encoding import encode
from proofing_reader.specimens.layouts import LAYOUTS
from proofing_reader.specimens.passports import write_zone
from proofing_reader.specimens.people import make_person
from proofing_reader.specimens.truth import expected_of

TODAY = date(2026, 11, 30)


def rng_of(seed):
    """Return the choices of a seed."""
    return random.Random(seed)  # noqa: S311 - of specimens


def test_there_are_forty_layouts_of_all_versions():
    """Each version of the standard has layouts."""
    assert len(LAYOUTS) == len(set(LAYOUTS)) == 40
    assert {layout.version for layout in LAYOUTS} == set(range(1, 12))


@pytest.mark.parametrize(
    "layout", LAYOUTS, ids=lambda layout: f"{layout.state}-{layout.version}-{layout.card}"
)
@pytest.mark.parametrize("seed", range(5))
def test_the_parser_reads_what_the_writer_wrote(layout, seed):
    """Every value of the person comes back, in the form of an applicant."""
    person = make_person(rng_of(seed), layout.state, today=TODAY)
    card = read_barcode(encode(person, layout), today=TODAY)
    expected = expected_of(person, layout)
    assert {name: getattr(card.applicant, name) for name in expected} == expected


def test_a_person_who_is_another_reads_as_another():
    """The comparison above can fail."""
    person = make_person(rng_of(1), "CA", today=TODAY)
    layout = next(one for one in LAYOUTS if one.state == "CA")
    other = replace(person, family="ELSEWHERE")
    assert read_barcode(encode(other, layout), today=TODAY).applicant.last_name == "ELSEWHERE"
    assert expected_of(person, layout)["last_name"] != "ELSEWHERE"


def test_a_seed_draws_the_same_specimen_again():
    """Barcode and images are those of the seed."""

    def draw(seed):
        rng = rng_of(seed)
        card = draw_card(make_person(rng, "NJ", today=TODAY), LAYOUTS[19], rng, pixels_per_mm=6)
        return card.payload, card.front.tobytes(), card.back.tobytes()

    assert draw(3) == draw(3) != draw(4)


def test_zones_are_those_of_the_standard():
    """The check digits are worked out by hand: those of the two dates, and of all."""
    person = replace(
        make_person(rng_of(1), "CA", today=TODAY),
        family="OKONKWO DA SILVA",
        given="MARIA",
        middle="ELENA",
        number="X40719836",
        birth=date(1987, 2, 14),
        expires=date(2031, 9, 30),
        sex="F",
    )
    first, second = write_zone(person)
    assert first == "P<UTOOKONKWO<DA<SILVA<<MARIA<ELENA<<<<<<<<<<"
    assert second == "X407198365UTO8702148F3109306<<<<<<<<<<<<<<06"


def test_the_command_writes_pictures(tmp_path, capsys):
    """Front and back of a license, or the page of a passport."""
    assert main(["sample-card", "--out", str(tmp_path / "card"), "--seed", "7", "--state", "NY"]) == 0
    front, back, told = capsys.readouterr().out.splitlines()
    assert told.startswith("A made-up person: ")
    for path in (front, back):
        with Image.open(path) as image:
            assert min(image.size) > 1000
    assert main(["sample-card", "--out", str(tmp_path), "--passport"]) == 0
    assert (tmp_path / "passport.jpg").exists()


@pytest.mark.parametrize("seed", [1, 4, 12, 27])
def test_the_command_names_the_whole_person(seed):
    """As the card has the name, with middle name and suffix."""
    rng = rng_of(seed)
    layout = rng.choice(LAYOUTS)
    person = make_person(rng, layout.state, today=datetime.now(UTC).date())
    parts = (person.given, person.middle, person.family, person.suffix)
    name = " ".join(part for part in parts if part)
    _, told = draw_specimen(seed=seed)
    assert told.startswith(f"A made-up person: {name}, born ")


def test_the_command_takes_a_state_in_small_letters(tmp_path, capsys):
    """As people type it."""
    told = []
    for state in ("ny", "NY"):
        assert main(["sample-card", "--out", str(tmp_path), "--seed", "7", "--state", state]) == 0
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]


def test_the_command_names_the_states_that_there_are(tmp_path, capsys):
    """A state without specimens is a wrong argument."""
    assert main(["sample-card", "--out", str(tmp_path), "--state", "QQ"]) == 2
    assert "--state must be one of AZ, CA," in capsys.readouterr().err


def test_the_command_says_what_cannot_be_written(tmp_path, capsys):
    """A folder that is a file."""
    (tmp_path / "file").write_text("")
    assert main(["sample-card", "--out", str(tmp_path / "file")]) == 74
    assert "cannot be written" in capsys.readouterr().err


def test_documents_are_of_the_types_that_they_say():
    """Licenses and cards, by the type of the subfile."""
    types = {DocumentType.DRIVERS_LICENSE, DocumentType.STATE_ID_CARD}
    person = make_person(rng_of(1), "KY", today=TODAY)
    assert {expected_of(person, layout)["document_type_received"] for layout in LAYOUTS} == types
