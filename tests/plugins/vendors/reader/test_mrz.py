"""Machine-readable zones: ICAO's specimens, every error that a check digit can find, and proved repairs."""

from dataclasses import replace
from datetime import date

import pytest

from proofing_reader.card import CardSource, Note, RefusalCode, Refused
from proofing_reader.mrz import check_digit, read_mrz

TODAY = date(2026, 11, 30)
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"

#: ICAO Doc 9303, parts 4, 5 and 6, appendixes: the specimens of the current and of earlier editions.
SPECIMENS = {
    "TD3": (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10",
        ("ANNA", "MARIA", "ERIKSSON", "L898902C3", "1974-08-12", "2012-04-15", "female"),
    ),
    "TD3 without optional data": (
        "P<UTOOKONKWO<DA<SILVA<<MARIA<ELENA<<<<<<<<<<\nX407198365UTO8702148F3109306<<<<<<<<<<<<<<<6",
        ("MARIA", "ELENA", "OKONKWO DA SILVA", "X40719836", "1987-02-14", "2031-09-30", "female"),
    ),
    "TD2": (
        "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6",
        ("ANNA", "MARIA", "ERIKSSON", "D23145890", "1974-08-12", "2012-04-15", "female"),
    ),
    "TD1": (
        "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
        ("ANNA", "MARIA", "ERIKSSON", "D23145890", "1974-08-12", "2012-04-15", "female"),
    ),
    "TD1 with a long number": (
        "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<",
        ("PETER", "JOHN", "STEVENSON", "D23145890734", "1934-07-12", "1995-07-12", "male"),
    ),
    "TD2 with a long number": (
        "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8",
        ("PETER", "JOHN", "STEVENSON", "D23145890734", "1934-07-12", "1995-07-12", "male"),
    ),
}


def refusal(text):
    """Return why *text* is refused."""
    with pytest.raises(Refused) as caught:
        read_mrz(text, today=TODAY)
    return caught.value.code


@pytest.mark.parametrize(("text", "expected"), SPECIMENS.values(), ids=SPECIMENS)
def test_the_specimens_are_read(text, expected):
    """All of what they say."""
    card = read_mrz(text, today=TODAY)
    read = card.applicant
    assert (card.source, card.issuer, read.nationality_code) == (CardSource.MRZ, "UTO", "UTO")
    assert (
        read.first_name,
        read.middle_name,
        read.last_name,
        read.document_number,
        read.dob,
        read.passport_expiration,
        read.sex,
    ) == expected
    assert Note.REPAIRED not in card.notes
    assert read.mrz == text.replace("\n", "")
    assert card.lines == tuple(text.split("\n"))


#: What the check digits of each format cover: line, and the places in it. The last one covers all of these.
COVERED = {
    "TD3": [(1, 0, 10), (1, 13, 20), (1, 21, 44)],
    "TD2": [(1, 0, 10), (1, 13, 20), (1, 21, 36)],
    "TD1": [(0, 5, 30), (1, 0, 7), (1, 8, 15), (1, 18, 30)],
}


def covered_places(name, text):
    """Return the places of *text* that a check digit covers."""
    lines = text.split("\n")
    starts = [sum(len(line) + 1 for line in lines[:i]) for i in range(len(lines))]
    return [starts[line] + place for line, first, last in COVERED[name[:3]] for place in range(first, last)]


@pytest.mark.parametrize("name", SPECIMENS)
def test_every_error_that_a_check_digit_can_find_is_found(name):
    """Each covered character becomes each other one of another value: refused, or read as it was."""
    text, _ = SPECIMENS[name]
    as_it_was = read_mrz(text, today=TODAY).applicant
    tried = refused = 0
    for place in covered_places(name, text):
        for character in ALPHABET:
            if check_digit(character) == check_digit(text[place]):
                continue
            tried += 1
            try:
                read = read_mrz(text[:place] + character + text[place + 1 :], today=TODAY)
            except Refused:
                refused += 1
            else:
                assert replace(read.applicant, mrz=None) == replace(as_it_was, mrz=None)
                # An empty field has the filler or 0 for its digit, which are one value.
                assert list(map(check_digit, read.applicant.mrz)) == list(map(check_digit, as_it_was.mrz))
                assert Note.REPAIRED in read.notes
    assert refused > 0.95 * tried > 1000


@pytest.mark.parametrize("name", SPECIMENS)
def test_no_error_anywhere_yields_another_number_or_date_unless_the_digits_agree(name):
    """Also outside of what the check digits cover, and with values that they cannot tell apart."""
    text, _ = SPECIMENS[name]
    as_it_was = read_mrz(text, today=TODAY).applicant
    for place, old in enumerate(text):
        for character in ALPHABET:
            if old in ("\n", character):
                continue
            changed = text[:place] + character + text[place + 1 :]
            try:
                read = read_mrz(changed, today=TODAY).applicant
            except Refused:
                continue
            same = (read.document_number, read.dob, read.passport_expiration) == (
                as_it_was.document_number,
                as_it_was.dob,
                as_it_was.passport_expiration,
            )
            assert same or check_digit(character) == check_digit(old)


#: Each has one kind of characters that recognition takes for digits, in places that hold digits alone.
REPAIRS = {
    "a birth date": ("7408122F", "74O8I22F"),
    "an expiration date": ("1204159", "I2O4IS9"),
    "the digit of a date": ("7408122F", "740812ZF"),
    "the digit of the number": ("C36UTO", "C3GUTO"),
    "the last digit": ("<<<10", "<<<1O"),
    "the digit of the optional data": ("<<<10", "<<<I0"),
}


@pytest.mark.parametrize(("right", "read_as"), REPAIRS.values(), ids=REPAIRS)
def test_a_repair_that_the_check_digits_prove(right, read_as):
    """The zone is read as it is printed, and the repair is noted."""
    text, _ = SPECIMENS["TD3"]
    card = read_mrz(text.replace(right, read_as), today=TODAY)
    assert card.applicant == read_mrz(text, today=TODAY).applicant
    assert Note.REPAIRED in card.notes


@pytest.mark.parametrize(
    ("right", "read_as", "code"),
    [
        # Letters and digits may both be in a number: which one is wrong is not proved.
        ("L898902C3", "L8989O2C3", RefusalCode.CHECK_DIGIT),
        ("L898902C3", "L89890ZC3", RefusalCode.CHECK_DIGIT),
        ("7408122F", "74O9122F", RefusalCode.CHECK_DIGIT),
        ("7408122F", "74K8122F", RefusalCode.DATE),
        ("ERIKSSON", "ERIK5SON", RefusalCode.NAME),
        ("UTO7", "UT07", RefusalCode.ZONE),
        ("P<UTO", "P<UT0", RefusalCode.ZONE),
        ("2F1204159", "2E1204159", RefusalCode.ZONE),
        ("<<<<<<<<<<<<<<<<<<<\n", "<<<<<<K<<<<<<<<<<<<\n", RefusalCode.NAME),
    ],
)
def test_what_no_check_digit_proves_is_refused(right, read_as, code):
    """Never repaired by what it looks like alone."""
    assert refusal(SPECIMENS["TD3"][0].replace(right, read_as)) is code


def book(number, *, issuer="USA"):
    """Return the zone of a passport with *number*."""
    checked = "".join(field + check_digit(field) for field in (f"{number:<<9}", "870214", "310930", "<" * 14))
    second = f"{checked[:10]}{issuer}{checked[10:17]}F{checked[17:]}"
    return f"P<{issuer}DOE<<JANE".ljust(44, "<") + "\n" + second + check_digit(checked)


@pytest.mark.parametrize("number", ["340020013", "A00200134"])
def test_numbers_of_the_united_states_hold_digits_behind_the_first_character(number):
    """So that a repair is proved there."""
    text = book(number)
    card = read_mrz(text.replace(number, number.replace("0", "O")), today=TODAY)
    assert card.applicant.document_number == number
    assert (card.applicant.document_type_received, card.country) == ("passport", "USA")
    assert (
        refusal(book(number, issuer="UTO").replace(number, number.replace("00", "OO")))
        is RefusalCode.CHECK_DIGIT
    )


def test_a_passport_card():
    """Is format TD1 with IP, of the United States."""
    text = "IPUSAC805519378<<<<<<<<<<<<<<<\n8702148F3109306USA<<<<<<<<<<<0\nDOE<<JANE<<<<<<<<<<<<<<<<<<<<<"
    card = read_mrz(text, today=TODAY)
    assert card.applicant.document_type_received == "passport_card"
    assert read_mrz(text.replace("USA", "UTO"), today=TODAY).applicant.document_type_received == "other"


def with_dates(birth, expiry, *, today=TODAY, sex="M"):
    """Return the card of a zone with these dates."""
    checked = "".join(field + check_digit(field) for field in ("X40719836", birth, expiry, "<" * 14))
    second = f"{checked[:10]}UTO{checked[10:17]}{sex}{checked[17:]}"
    return read_mrz("P<UTODOE<<JANE".ljust(44, "<") + "\n" + second + check_digit(checked), today=today)


def test_the_century_of_dates():
    """Birth: the latest day that is not in the future. Expiration: within twenty years."""
    assert with_dates("261130", "310930").applicant.dob == "2026-11-30"
    assert with_dates("261201", "310930").applicant.dob == "1926-12-01"
    assert with_dates("870214", "460930").applicant.passport_expiration == "2046-09-30"
    assert with_dates("870214", "970930").applicant.passport_expiration == "1997-09-30"
    assert with_dates("000229", "310930").applicant.dob == "2000-02-29"


@pytest.mark.parametrize(
    ("birth", "expiry"),
    [
        ("871314", "310930"),
        ("870230", "310930"),
        ("870214", "310931"),
        ("87<214", "310930"),
        ("870214", "<<<<<<"),
    ],
)
def test_no_such_day(birth, expiry):
    """Is refused, though the check digits agree."""
    with pytest.raises(Refused) as caught:
        with_dates(birth, expiry)
    assert caught.value.code is RefusalCode.DATE


@pytest.mark.parametrize("expiry", ["470101", "600930", "791231"])
def test_an_expiration_that_is_of_no_century(expiry):
    """Not within twenty years, and older than all zones: refused, and not one of 1947."""
    with pytest.raises(Refused) as caught:
        with_dates("400214", expiry)
    assert caught.value.code is RefusalCode.DATE


@pytest.mark.parametrize("birth", ["8702<<", "87<<<<", "<<<<<<"])
def test_an_incomplete_date_of_birth(birth):
    """Is known to no one, and so left out."""
    card = with_dates(birth, "310930")
    assert card.applicant.dob is None
    assert Note.BIRTH_INCOMPLETE in card.notes


def test_a_document_that_expires_before_the_birth():
    """Is refused."""
    with pytest.raises(Refused) as caught:
        with_dates("260101", "250101")
    assert caught.value.code is RefusalCode.IMPLAUSIBLE


@pytest.mark.parametrize(("sex", "expected"), [("M", "M"), ("F", "F"), ("<", "X"), ("X", "X")])
def test_sex(sex, expected):
    """The filler is for neither."""
    assert with_dates("870214", "310930", sex=sex).sex == expected


NAMES = {
    "one name": ("DOE<<<<<<", (None, None, "DOE"), False),
    "no second part": ("DOE<JANE<", (None, None, "DOE JANE"), False),
    "one letter": ("D<<J<<<<<", ("J", None, "D"), False),
}


@pytest.mark.parametrize(("start", "expected", "truncated"), NAMES.values(), ids=NAMES)
def test_names(start, expected, truncated):
    """Two fillers divide the family name from the others."""
    second = SPECIMENS["TD3"][0].split("\n")[1]
    card = read_mrz(f"P<UTO{start}".ljust(44, "<") + "\n" + second, today=TODAY)
    read = card.applicant
    assert (read.first_name, read.middle_name, read.last_name) == expected
    assert (Note.NAME_TRUNCATED in card.notes) == truncated


def test_a_name_that_fills_the_line_may_be_cut_off():
    """A letter in the last place says so."""
    second = SPECIMENS["TD3"][0].split("\n")[1]
    card = read_mrz("P<UTODOE<<JANE".ljust(44, "E") + "\n" + second, today=TODAY)
    assert Note.NAME_TRUNCATED in card.notes
    assert "first_name" in card.maybe_truncated


@pytest.mark.parametrize(
    "name", ["<DOE<<JANE", "<<<<<<<<<<", "DOE<<<JANE<", "DOE<<JANE<<ROE", "DOE<<JANE<<<<<ROE"]
)
def test_a_name_in_another_form_is_refused(name):
    """Fillers are read for letters, and letters for fillers."""
    second = SPECIMENS["TD3"][0].split("\n")[1]
    assert refusal(f"P<UTO{name}".ljust(44, "<") + "\n" + second) is RefusalCode.NAME


LINES = SPECIMENS["TD3"][0].split("\n")


@pytest.mark.parametrize(
    "text",
    [
        "".join(LINES),
        " \n".join(LINES) + "\n\n",
        SPECIMENS["TD3"][0].lower(),
        "\r\n".join(LINES),
        " ".join("".join(LINES)),
    ],
)
def test_how_lines_may_be_given(text):
    """In one or two lines, with spaces, in small letters."""
    assert read_mrz(text, today=TODAY).applicant == read_mrz(SPECIMENS["TD3"][0], today=TODAY).applicant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", RefusalCode.ZONE),
        (LINES[0], RefusalCode.ZONE),
        (LINES[0] + "\n" + LINES[1][:-1], RefusalCode.ZONE),
        (LINES[0] + "\n" + LINES[1] + "<", RefusalCode.ZONE),
        (LINES[0].replace("<<", "-<") + "\n" + LINES[1], RefusalCode.ZONE),
        (LINES[0].replace("A", "Á") + "\n" + LINES[1], RefusalCode.ZONE),
        ("V" + LINES[0][1:] + "\n" + LINES[1], RefusalCode.UNSUPPORTED),
        ("<" * 44 + "\n" + "<" * 44, RefusalCode.CHECK_DIGIT),
        ("A" * 501, RefusalCode.TOO_LARGE),
    ],
)
def test_what_is_no_zone(text, code):
    """Is refused with its reason."""
    assert refusal(text) is code


def test_the_example_of_the_standard():
    """The check digit of a field; part 3, section 4.9."""
    assert check_digit("520727") == "3"
    assert check_digit("AB2134<<<") == "5"
    assert check_digit("X40719836") == "5"


def test_a_card_and_a_refusal_print_no_value():
    """Neither what was read nor what was refused."""
    text, _ = SPECIMENS["TD3"]
    shown = repr(read_mrz(text, today=TODAY))
    with pytest.raises(Refused) as caught:
        read_mrz(text.replace("L8989", "L8988"), today=TODAY)
    shown += repr(caught.value) + str(caught.value)
    for value in ("ERIKSSON", "L898", "1974", "ANNA"):
        assert value not in shown
