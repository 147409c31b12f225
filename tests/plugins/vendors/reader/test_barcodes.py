"""What is read of barcodes, and every rule by which one is refused: AAMVA card standard, annex D."""

from datetime import date

import pytest
from tests.plugins.vendors.reader.barcodes import (
    LICENSE,
    LICENSE_01,
    LICENSE_03,
    SOUTH_CAROLINA,
    TODAY,
    barcode,
    changed,
)

from proofing.contracts.applicant import Applicant, DocumentType
from proofing_reader.aamva import read_barcode
from proofing_reader.aamva_rules import CardDates
from proofing_reader.card import Note, RefusalCode, Refused
from proofing_reader.issuers import ISSUERS

#: As AAMVA prints it in the standard, annex D: its barcode of a fictional card of Virginia.
SAMPLE_OF_THE_STANDARD = (
    b"@\n\x1e\rANSI 636000090002DL00410278ZV03190008DLDAQT64235789\nDCSSAMPLE\nDDEN\nDACMICHAEL\nDDFN\n"
    b"DADJOHN\nDDGN\nDCUJR\nDCAD\nDCBK\nDCDPH\nDBD06062016\nDBB06061986\nDBA12102024\nDBC1\nDAU068 in\n"
    b"DAYBRO\nDAG2300 WEST BROAD STREET\nDAIRICHMOND\nDAJVA\nDAK232690000  \nDCF2424244747474786102204\n"
    b"DCGUSA\nDCK123456789\nDDAF\nDDB06062008\nDDC06062009\nDDD1\rZVZVA01\r"
)


def read(payload, today=TODAY):
    """Return the card in *payload*."""
    return read_barcode(payload, today=today)


def refusal(payload, today=TODAY):
    """Return why *payload* is refused; fails when it is read."""
    with pytest.raises(Refused) as caught:
        read_barcode(payload, today=today)
    return caught.value.code


def test_the_sample_of_the_standard_is_read():
    """Every value that an applicant has."""
    card = read(SAMPLE_OF_THE_STANDARD)
    assert card.applicant == Applicant(
        first_name="MICHAEL",
        middle_name="JOHN",
        last_name="SAMPLE",
        name_suffix="JR",
        dob="1986-06-06",
        sex="male",
        height=68,
        eye_color="BRO",
        address1="2300 WEST BROAD STREET",
        city="RICHMOND",
        state="VA",
        zipcode="23269",
        state_id_number="T64235789",
        state_id_jurisdiction="VA",
        state_id_issued="2016-06-06",
        state_id_expiration="2024-12-10",
        issuing_country_code="USA",
        document_type_received=DocumentType.DRIVERS_LICENSE,
    )
    assert (card.issuer, card.country, card.iin, card.version, card.sex) == ("VA", "USA", "636000", 9, "M")
    assert (card.real_id, card.limited_term) == (True, True)
    assert card.discriminator == "2424244747474786102204"
    assert card.issuer_elements == {"ZVA": b"01"}
    assert card.notes == frozenset()


@pytest.mark.parametrize("version", range(2, 12))
def test_every_version_is_read(version):
    """From 2003 to 2025: two layouts of names, one of the rest."""
    card = read(barcode(LICENSE_03 if version < 4 else LICENSE, version=version))
    assert card.version == version
    assert (card.applicant.first_name, card.applicant.middle_name) == ("MICHAEL", "JOHN")
    assert card.applicant.last_name == "SAMPLE"
    assert card.applicant.dob == "1986-06-06"
    assert Note.DATE_ORDER not in card.notes


def test_version_01_is_read():
    """Of 2000: the name in one element, feet and inches, the year first."""
    card = read(barcode(LICENSE_01, iin=SOUTH_CAROLINA, version=1))
    assert card.applicant.reveal() | {"document_type_received": None} == {
        "first_name": "MARY",
        "middle_name": "ROBIN",
        "last_name": "SMITH",
        "dob": "1972-02-12",
        "sex": "female",
        "height": 70,
        "weight": 128,
        "eye_color": "BRO",
        "address1": "209 CEDAR HILL DR UNIT 12",
        "city": "SURFSIDE BEACH",
        "state": "SC",
        "zipcode": "29575-4321",
        "state_id_number": "102639206",
        "state_id_jurisdiction": "SC",
        "state_id_issued": "2019-06-19",
        "state_id_expiration": "2028-02-12",
        "issuing_country_code": "USA",
        "document_type_received": None,
    }
    assert card.notes == {Note.MAILING_ADDRESS}


@pytest.mark.parametrize("iin", sorted(ISSUERS))
def test_every_issuer_is_known(iin):
    """By its number alone."""
    country = ISSUERS[iin].country
    payload = barcode(changed(LICENSE, DCG=country), iin=iin, version=10)
    assert read(payload).issuer == ISSUERS[iin].code


def test_an_id_card_has_no_elements_of_driving():
    """And nothing is said about the age or the term of its holder."""
    elements = changed(LICENSE, DCA=None, DCB=None, DCD=None, DBB="06062019", DBD="06072020", DBA="06062060")
    card = read(barcode(elements, kind="ID"))
    assert card.applicant.document_type_received == "state_id_card"
    assert card.applicant.dob == "2019-06-06"


def test_an_id_card_may_never_expire():
    """Blank or zeros are no date."""
    for nothing in ("", "        ", "00000000"):
        elements = changed(LICENSE, DBA=nothing, DCA=None, DCB=None, DCD=None)
        assert read(barcode(elements, kind="ID")).applicant.state_id_expiration is None
        assert refusal(barcode(changed(LICENSE, DBA=nothing))) is RefusalCode.DATE


def test_version_11_says_what_is_a_permit():
    """By DDP, which is 1 or absent."""
    card = read(barcode(changed(LICENSE, DDP="1"), version=11))
    assert card.applicant.document_type_received == "drivers_permit"


DATES = {
    "02 of Canada has the month first": (2, "CAN", "06061986", "1986-06-06", False),
    "03 of the United States has the month first": (3, "USA", "06061986", "1986-06-06", False),
    "03 of Canada has the year first": (3, "CAN", "19860606", "1986-06-06", False),
    "the reverse in the United States is noted": (3, "USA", "19860606", "1986-06-06", True),
    "the reverse in Canada is noted": (3, "CAN", "06061986", "1986-06-06", True),
    "the reverse in 02 of Canada is noted": (2, "CAN", "19860606", "1986-06-06", True),
}


@pytest.mark.parametrize(("version", "country", "written", "expected", "noted"), DATES.values(), ids=DATES)
def test_the_order_of_dates(version, country, written, expected, noted):
    """The two orders cannot be confused, so both are read."""
    issue, expiry = ("06062020", "06062026") if written[:2] == "06" else ("20200606", "20260606")
    elements = changed(LICENSE_03, DCG=country, DBB=written, DBD=issue, DBA=expiry)
    card = read(barcode(elements, iin="636012" if country == "CAN" else "636000", version=version))
    assert card.applicant.dob == expected
    assert (Note.DATE_ORDER in card.notes) == noted


@pytest.mark.parametrize(
    "written",
    [
        "13321986",
        "1986-06-06",
        "0606198",
        "060619866",
        "02301986",
        "06061886",
        "ABCDEFGH",
        "٠٦٠٦١٩٨٦",
    ],
)
def test_no_such_day(written):
    """Not eight digits, no day, or a century that no card has: refused, in every date."""
    value = written.encode()
    for name in ("DBB", "DBD", "DBA", "DDJ"):
        assert refusal(barcode(LICENSE | {name: value})) is RefusalCode.DATE


def test_the_country_is_that_of_the_issuer():
    """Another one that the card names is noted; it decides nothing but the order of the dates."""
    card = read(barcode(changed(LICENSE, DCG="USA"), iin="636012"))
    assert (card.country, card.applicant.issuing_country_code) == ("CAN", "CAN")
    assert Note.OTHER_COUNTRY in card.notes
    assert {Note.OTHER_COUNTRY, Note.DATE_ORDER} <= read(barcode(changed(LICENSE, DCG="CAN"))).notes
    assert Note.OTHER_COUNTRY not in read(barcode()).notes


def test_no_card_without_birth_date_or_number():
    """Whatever is in their place."""
    for nothing in ("", "   ", "unavl", "UNAVAIL"):
        assert refusal(barcode(changed(LICENSE, DAQ=nothing))) is RefusalCode.NUMBER
        assert refusal(barcode(changed(LICENSE, DBB=nothing))) is RefusalCode.DATE
    assert refusal(barcode(changed(LICENSE, DBB="00000000"))) is RefusalCode.DATE
    assert refusal(barcode(changed(LICENSE, DAQ="NONE"))) is RefusalCode.NUMBER


VALUES = {
    "sex 2": ("DBC", "2", "sex", "female"),
    "sex F": ("DBC", "F", "sex", "female"),
    "sex M": ("DBC", "M", "sex", "male"),
    "sex not specified": ("DBC", "9", "sex", None),
    "sex X": ("DBC", "X", "sex", None),
    "eyes by two letters": ("DAY", "BR", "eye_color", "BRO"),
    "eyes as California": ("DAY", "BRN", "eye_color", "BRO"),
    "eyes as West Virginia": ("DAY", "BN ", "eye_color", "BRO"),
    "eyes by a word": ("DAY", "HAZEL", "eye_color", "HAZ"),
    "eyes not known": ("DAY", "UNK", "eye_color", None),
    "eyes none": ("DAY", "NONE", "eye_color", None),
    "height in capitals": ("DAU", "072 IN", "height", 72),
    "height without zero": ("DAU", "72 IN", "height", 72),
    "height with a space": ("DAU", " 65 IN", "height", 65),
    "height in centimeters": ("DAU", "168 cm", "height", 66),
    "height in feet and inches": ("DAU", "506", "height", 66),
    "height in feet and inches with marks": ("DAU", "5'-04\"", "height", 64),
    "height without a unit": ("DAU", "168", "height", None),
    "weight": ("DAW", "175", "weight", 175),
    "weight not known": ("DAW", "NONE", "weight", None),
    "weight in words": ("DAW", "HEAVY", "weight", None),
    "height of zero": ("DAU", "000 IN", "height", None),
    "height in feet and inches, called inches": ("DAU", "504 in", "height", None),
    "height of nobody": ("DAU", "009 in", "height", None),
    "second line that begins as the city": (
        "DAH",
        "RICHMOND TOWERS APT 5",
        "address2",
        "RICHMOND TOWERS APT 5",
    ),
    "weight in kilograms": ("DAX", "080", "weight", 176),
    "a ZIP code of nine": ("DAK", "232691234  ", "zipcode", "23269-1234"),
    "a ZIP code without the last four": ("DAK", "232690000  ", "zipcode", "23269"),
    "a ZIP code that is not padded": ("DAK", "23269", "zipcode", "23269"),
    "a ZIP code with a hyphen": ("DAK", "23269-1234", "zipcode", "23269-1234"),
    "a ZIP code with a space": ("DAK", "71901 4455 ", "zipcode", "71901-4455"),
    "a ZIP code of six": ("DAK", "232691", "zipcode", None),
    "a postal code of Canada": ("DAK", "A1A 1A1    ", "zipcode", "A1A 1A1"),
    "no middle name": ("DAD", "NONE", "middle_name", None),
    "middle names with commas": ("DAD", "JOHN,PAUL", "middle_name", "JOHN PAUL"),
    "no suffix": ("DCU", "NONE", "name_suffix", None),
    "a family name of None": ("DCS", "NONE", "last_name", "NONE"),
    "a comma behind a name": ("DCS", "SAMPLE,   ", "last_name", "SAMPLE"),
    "no first name": ("DAC", "unavl", "first_name", None),
    "a name in Latin-1": ("DCS", b"PE\xd1A", "last_name", "PEÑA"),
    "a name in UTF-8": ("DCS", "PEÑA".encode(), "last_name", "PEÑA"),
    "a number with hyphens": ("DAQ", "S-512-887-236-780", "state_id_number", "S-512-887-236-780"),
    "a number with stars": ("DAQ", "SMITHJ*123AB", "state_id_number", "SMITHJ*123AB"),
    "no second line": ("DAH", "unavail", "address2", None),
    "a word for no second line": ("DAH", "NONE", "address2", None),
}


@pytest.mark.parametrize(("name", "value", "attribute", "expected"), VALUES.values(), ids=VALUES)
def test_encodings(name, value, attribute, expected):
    """Of values, as issuers write them; what is not understood is left out."""
    assert getattr(read(barcode(LICENSE | {name: value})).applicant, attribute) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("DAU", "168"), ("DAY", "TEAL"), ("DBC", "7"), ("DAK", "ABC"), ("DAZ", "MOSS")]
)
def test_what_is_not_understood_is_noted(name, value):
    """And does not make a card unreadable."""
    assert Note.VALUE_UNKNOWN in read(barcode(LICENSE | {name: value})).notes


@pytest.mark.parametrize(
    ("value", "expected"), [("F", True), ("M", True), ("N", False), ("B", None), ("", None)]
)
def test_real_id(value, expected):
    """F complies, M did until 2012, N does not, and B is not known."""
    assert read(barcode(changed(LICENSE, DDA=value))).real_id is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("BRO", "BRO"), ("BROWN", "BRO"), ("BLOND", "BLN"), ("GRY", "GRY"), ("UNK", None), ("NONE", None)],
)
def test_hair(value, expected):
    """Codes and words."""
    assert read(barcode(changed(LICENSE, DAZ=value))).hair_color == expected


def test_a_name_that_may_be_cut_off():
    """By its flag, T or U, or because it fills the element."""
    card = read(barcode(changed(LICENSE, DDE="T", DDF="U", DDG="N")))
    assert card.maybe_truncated == {"last_name", "first_name"}
    assert Note.NAME_TRUNCATED in card.notes
    assert read(barcode(changed(LICENSE, DCS="A" * 40))).maybe_truncated == {"last_name"}
    assert read(barcode(changed(LICENSE, DCS="A" * 39))).maybe_truncated == frozenset()


def test_given_names_in_one_element():
    """A comma divides them for sure; a space may be within the first name."""
    sure = read(barcode(LICENSE_03, version=3))
    assert Note.NAME_GUESSED not in sure.notes
    guessed = read(barcode(changed(LICENSE_03, DCT="MARY ANN"), version=3))
    assert (guessed.applicant.first_name, guessed.applicant.middle_name) == ("MARY", "ANN")
    assert Note.NAME_GUESSED in guessed.notes


@pytest.mark.parametrize("written", ["SMITH JR", "SMITH, JR", "SMITH JR."])
def test_a_suffix_in_the_family_name(written):
    """Is taken out and noted."""
    card = read(barcode(changed(LICENSE, DCS=written)))
    assert card.applicant.last_name == "SMITH"
    assert card.applicant.name_suffix.rstrip(".") == "JR"
    assert Note.SUFFIX_IN_NAME in card.notes


def test_given_names_in_the_first_name():
    """A comma divides them, where no element has the middle name."""
    names = read(barcode(changed(LICENSE, DAC="MARY,ANN", DAD=""))).applicant
    assert (names.first_name, names.middle_name) == ("MARY", "ANN")
    names = read(barcode(changed(LICENSE, DAC="MARY,ANN", DAD="ROBIN"))).applicant
    assert (names.first_name, names.middle_name) == ("MARY ANN", "ROBIN")


@pytest.mark.parametrize("version", [3, 10])
@pytest.mark.parametrize("written", ["DOE,JANE", "DOE,JANE,M", "DOE,JR,JANE"])
def test_a_whole_name_in_the_family_name_is_refused(version, written):
    """It is no family name; which parts it has, only version 01 says."""
    elements = LICENSE_03 if version < 4 else LICENSE
    assert refusal(barcode(changed(elements, DCS=written), version=version)) is RefusalCode.NAME


@pytest.mark.parametrize(("written", "expected"), [("va", "VA"), ("VIRGINIA", None), ("V4", None)])
def test_the_state_of_the_address(written, expected):
    """Two capital letters, or not understood."""
    card = read(barcode(changed(LICENSE, DAJ=written)))
    assert card.applicant.state == expected
    assert (Note.VALUE_UNKNOWN in card.notes) == (expected is None)
    assert Note.OTHER_STATE not in card.notes


NAMES_OF_01 = {
    "commas": ("SMITH,MARY,ROBIN,JR", ("MARY", "ROBIN", "SMITH", "JR")),
    "dollars": ("SMITH$MARY$ROBIN", ("MARY", "ROBIN", "SMITH", None)),
    "at signs": ("SMITH@MARY", ("MARY", None, "SMITH", None)),
    "empty parts": ("SMITH,MARY, ,", ("MARY", None, "SMITH", None)),
    "a space behind the comma": ("SMITH, MARY", ("MARY", None, "SMITH", None)),
    "a first name of two words": ("SMITH,JO ANN,LEE", ("JO ANN", "LEE", "SMITH", None)),
    "one name": ("SMITH,,", (None, None, "SMITH", None)),
}


@pytest.mark.parametrize(("written", "expected"), NAMES_OF_01.values(), ids=NAMES_OF_01)
def test_names_of_version_01(written, expected):
    """Family name first."""
    read_name = read(barcode(changed(LICENSE_01, DAA=written), iin=SOUTH_CAROLINA, version=1)).applicant
    parts = (read_name.first_name, read_name.middle_name, read_name.last_name, read_name.name_suffix)
    assert parts == expected


def test_two_words_and_no_middle_name_are_a_guess():
    """Commas divide the name: it may still be one of two words, or two."""
    card = read(barcode(changed(LICENSE_01, DAA="SMITH,JO ANN"), iin=SOUTH_CAROLINA, version=1))
    assert (card.applicant.first_name, card.applicant.middle_name) == ("JO ANN", None)
    assert Note.NAME_GUESSED in card.notes
    divided = read(barcode(changed(LICENSE_01, DAA="SMITH,JO ANN,LEE"), iin=SOUTH_CAROLINA, version=1))
    assert Note.NAME_GUESSED not in divided.notes


def test_names_of_version_01_in_parts():
    """Where a card has both forms they must agree."""
    parts = changed(LICENSE_01, DAB="SMITH", DAC="MARY", DAD="ROBIN", DAE="JR", DAA=None)
    card = read(barcode(parts, iin=SOUTH_CAROLINA, version=1))
    assert (card.applicant.last_name, card.applicant.name_suffix) == ("SMITH", "JR")
    both = changed(parts, DAA="SMITH,MARY,ROBIN,JR")
    assert read(barcode(both, iin=SOUTH_CAROLINA, version=1)).applicant == card.applicant
    other = changed(parts, DAA="SMYTHE,MARY,ROBIN,JR")
    assert refusal(barcode(other, iin=SOUTH_CAROLINA, version=1)) is RefusalCode.NAME


@pytest.mark.parametrize("written", ["SMITH MARY", "A,B,C,D,E", "", ",,,"])
def test_a_name_that_nothing_divides_is_refused(written):
    """Family or first name first: nobody knows."""
    payload = barcode(changed(LICENSE_01, DAA=written), iin=SOUTH_CAROLINA, version=1)
    assert refusal(payload) is RefusalCode.NAME


def test_the_home_address_of_version_01():
    """Comes before the mailing address."""
    home = {"DAL": "1 HOME ST", "DAM": "APT 2", "DAN": "CONWAY", "DAO": "SC", "DAP": "29526"}
    card = read(barcode(LICENSE_01 | home, iin=SOUTH_CAROLINA, version=1))
    assert card.applicant.address1 == "1 HOME ST"
    assert (card.applicant.address2, card.applicant.city, card.applicant.zipcode) == (
        "APT 2",
        "CONWAY",
        "29526",
    )
    assert Note.MAILING_ADDRESS not in card.notes


def test_race_and_social_security_numbers_are_not_read():
    """Nothing of them reaches the applicant, nor anything that is printed."""
    card = read(
        barcode(
            LICENSE_01 | {"DBK": "900112233", "DBM": "900112233", "DCL": "W"}, iin=SOUTH_CAROLINA, version=1
        )
    )
    assert card.applicant.ssn is None
    assert not {"DBK", "DBM", "DCL"} & card.elements.keys()


def test_nothing_is_taken_from_the_issuers_own_subfile():
    """However its elements are called."""
    card = read(barcode(own={"ZV": {"ZVA": "900112233", "ZVB": "SMITH"}}))
    assert card.applicant == read(barcode()).applicant


def test_another_state_in_the_address_is_noted():
    """People move, and issuers print where they moved to."""
    assert Note.OTHER_STATE in read(barcode(changed(LICENSE, DAJ="NC"))).notes


def test_a_number_unlike_the_issuers_is_noted():
    """Formats change; the number is read."""
    card = read(barcode(changed(LICENSE, DAQ="12")))
    assert card.applicant.state_id_number == "12"
    assert Note.NUMBER_FORMAT in card.notes


@pytest.mark.parametrize("name", sorted(LICENSE))
def test_an_element_of_version_04_and_later_is_missing(name):
    """All 22 are mandatory."""
    assert refusal(barcode(changed(LICENSE, **{name: None}))) is RefusalCode.MISSING


@pytest.mark.parametrize("name", sorted(set(LICENSE_03) - {"DCH"}))
def test_an_element_of_version_03_is_missing(name):
    """Those of version 04, but for the names and their flags."""
    assert refusal(barcode(changed(LICENSE_03, **{name: None}), version=3)) is RefusalCode.MISSING


@pytest.mark.parametrize("name", ["DAQ", "DBA", "DBB", "DBC", "DBD"])
def test_an_element_of_version_01_is_missing(name):
    """Those without which nothing is certain."""
    payload = barcode(changed(LICENSE_01, **{name: None}), iin=SOUTH_CAROLINA, version=1)
    assert refusal(payload) is RefusalCode.MISSING


GOOD = barcode(own={"ZV": {"ZVA": "01"}})
STRUCTURE = {
    "nothing": (b"", RefusalCode.HEADER),
    "no compliance indicator": (b"A" + GOOD[1:], RefusalCode.HEADER),
    "a space in front": (b" " + GOOD, RefusalCode.HEADER),
    "no record separator": (GOOD.replace(b"\x1e", b"", 1), RefusalCode.HEADER),
    "a file separator": (GOOD.replace(b"\x1e", b"\x1c", 1), RefusalCode.HEADER),
    "a line feed for a carriage return": (GOOD.replace(b"\x1e\r", b"\x1e\n", 1), RefusalCode.HEADER),
    "another file type": (GOOD.replace(b"ANSI ", b"ANSI-", 1), RefusalCode.HEADER),
    "AAMVA in a later version": (GOOD.replace(b"ANSI ", b"AAMVA", 1), RefusalCode.HEADER),
    "version 00": (GOOD.replace(b"63600009", b"63600000", 1), RefusalCode.VERSION),
    "version 12": (GOOD.replace(b"63600009", b"63600012", 1), RefusalCode.VERSION),
    "an issuer that is not known": (GOOD.replace(b"636000", b"636063", 1), RefusalCode.ISSUER),
    "an issuer of letters": (GOOD.replace(b"636000", b"6360OO", 1), RefusalCode.HEADER),
    "no version of the jurisdiction": (GOOD[:17] + b"  " + GOOD[19:], RefusalCode.HEADER),
    "no subfile": (GOOD[:19] + b"00" + GOOD[21:], RefusalCode.SUBFILES),
    "six subfiles": (GOOD[:19] + b"06" + GOOD[21:], RefusalCode.SUBFILES),
    "fewer subfiles than counted": (GOOD[:19] + b"03" + GOOD[21:], RefusalCode.SUBFILES),
    "more subfiles than counted": (barcode() + b"ZVZVA01\r", RefusalCode.SUBFILES),
    "the last subfile does not end": (GOOD[:-1], RefusalCode.SUBFILES),
    "letters in the table": (GOOD.replace(b"ZV02", b"ZV0a", 1), RefusalCode.SUBFILES),
    "a subfile of another type": (GOOD.replace(b"DL00", b"XX00", 1), RefusalCode.SUBFILES),
    "the type in the data is another": (GOOD.replace(b"DLDAQ", b"IDDAQ", 1), RefusalCode.SUBFILES),
    "the type is missing": (GOOD.replace(b"DLDAQ", b"DAQ", 1), RefusalCode.SUBFILES),
    "no license or ID card": (barcode({"ZVA": "1"}, kind="ZV"), RefusalCode.SUBFILES),
    "two licenses": (barcode(own={"DL": LICENSE}), RefusalCode.SUBFILES),
    "a license and an ID card": (barcode(own={"ID": LICENSE}), RefusalCode.SUBFILES),
    "an element twice": (barcode(own={"ZV": {"DAQ": "T1"}}), RefusalCode.DUPLICATE),
    "an element twice in one subfile": (
        GOOD.replace(b"\nDCF", b"\nDBB06061986\nDCF", 1),
        RefusalCode.DUPLICATE,
    ),
    "a line of no element": (barcode(changed(LICENSE, DAG="1 A ST\nTWO")), RefusalCode.ELEMENTS),
    "a line that begins as a subfile does": (
        GOOD.replace(b"\nDCS", b"\nDLDAQT64235789\nDCS", 1),
        RefusalCode.ELEMENTS,
    ),
    "an empty line": (barcode(changed(LICENSE, DAG="1 A ST\n")), RefusalCode.ELEMENTS),
    "a control character": (barcode(changed(LICENSE, DAG="1 A\x07ST")), RefusalCode.ELEMENTS),
    "a control character of Latin-1": (barcode(LICENSE | {"DAG": b"1 A\x85ST"}), RefusalCode.ELEMENTS),
    "a character of no text": (barcode(LICENSE | {"DAG": "1 \u202e ST".encode()}), RefusalCode.ELEMENTS),
    "parts of two cards": (barcode(changed(LICENSE, DAG="ANSI 636000100102DL0041")), RefusalCode.HEADER),
    "a military ID card": (b"IDUS1" + GOOD, RefusalCode.UNSUPPORTED),
    "more than a symbol holds": (barcode(changed(LICENSE, DAG="A" * 3000)), RefusalCode.TOO_LARGE),
    "a number of signs": (barcode(changed(LICENSE, DAQ="---")), RefusalCode.NUMBER),
    "a number of letters": (barcode(changed(LICENSE, DAQ="ABCDEF")), RefusalCode.NUMBER),
    "a number with a slash": (barcode(changed(LICENSE, DAQ="12/34")), RefusalCode.NUMBER),
    "a number in other digits": (barcode(LICENSE | {"DAQ": "٤٥٦".encode()}), RefusalCode.NUMBER),
    "a number that is too long": (barcode(changed(LICENSE, DAQ="1" * 26)), RefusalCode.NUMBER),
    "no name": (barcode(changed(LICENSE, DCS="", DAC="")), RefusalCode.NAME),
}


@pytest.mark.parametrize(("payload", "code"), STRUCTURE.values(), ids=STRUCTURE)
def test_a_broken_structure_is_refused(payload, code):
    """Whatever else is right."""
    assert refusal(payload) is code


OFFSETS = {
    "zero": "0000",
    "letters": "abcd",
    "one less": "0040",
    "one more": "0042",
    "two more, behind the type": "0043",
    "three more": "0044",
    "swapped digits": "0014",
    "beyond the end": "0941",
}


@pytest.mark.parametrize("offset", OFFSETS.values(), ids=OFFSETS)
@pytest.mark.parametrize("length", [None, "0260"])
def test_an_offset_that_contradicts_the_data_is_refused(offset, length):
    """Only the oddities of some issuers say which of both is right."""
    payload = barcode(own={"ZV": {"ZVA": "01"}}, offset=offset, length=length)
    assert refusal(payload) is RefusalCode.SUBFILES


LENGTHS = {
    "cuts an element": "0100",
    "cuts the last value": "0260",
    "is beyond the end": "0999",
    "is zero": "0000",
}


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_is_not_that_of_the_data_is_noted(length):
    """Both readings begin at the same place, and a carriage return ends the subfile."""
    card = read(barcode(own={"ZV": {"ZVA": "01"}}, length=length))
    assert card.applicant == read(barcode()).applicant
    assert card.elements == read(barcode()).elements
    assert Note.SUBFILE_TABLE in card.notes


@pytest.mark.parametrize("end", [b"\n\r", b"\r\n", b"\r\r", b"\n\r\r\n"])
def test_line_feeds_and_carriage_returns_behind_the_last_subfile(end):
    """Encoders add them, and so do scanners."""
    assert read(GOOD[:-1] + end).applicant == read(GOOD).applicant
    assert refusal(GOOD[:-1] + b"\n") is RefusalCode.SUBFILES


def test_an_enhanced_license():
    """Has a type of its own, and all elements of a license."""
    card = read(barcode(kind="EN", iin="636001", version=10))
    assert card.applicant.document_type_received == DocumentType.DRIVERS_LICENSE
    assert card.applicant.state_id_number == "T64235789"
    assert refusal(barcode(changed(LICENSE, DCA=None), kind="EN")) is RefusalCode.MISSING
    assert refusal(barcode(changed(LICENSE, DBA="06062044"), kind="EN")) is RefusalCode.IMPLAUSIBLE
    assert refusal(barcode(own={"EN": LICENSE})) is RefusalCode.SUBFILES


def test_a_length_that_reaches_into_the_next_subfile_loses_nothing():
    """What the table says ends where the subfile ends."""
    own = {"ZV": {"ZVA": "01"}}
    longer = f"{len(barcode()) - 31 + 3:04d}"
    assert read(barcode(own=own, length=longer)).applicant == read(barcode()).applicant


@pytest.mark.parametrize("values", [{}, {"ZDA": ""}])
def test_the_issuers_own_subfile_may_be_empty(values):
    """As that of Delaware; a license may not."""
    assert read(barcode(own={"ZD": values})).applicant == read(barcode()).applicant
    assert refusal(barcode({})) is RefusalCode.ELEMENTS


def test_a_wrong_place_of_the_issuers_own_subfile_is_noted():
    """It has nothing that is read."""
    payload = barcode(own={"ZV": {"ZVA": "01"}})
    start = payload.index(b"ZV", 30)
    card = read(payload[:start] + b"ZV00990001" + payload[start + 10 :])
    assert Note.SUBFILE_TABLE in card.notes


def test_a_line_feed_in_front_of_the_end_is_as_good_as_none():
    """Issuers write both."""
    ended = barcode(changed(LICENSE, DCG="USA\n"))
    assert read(ended).applicant == read(barcode()).applicant
    assert read(barcode() + b"\n").applicant == read(barcode()).applicant


PLAUSIBILITY = {
    "born after the issue": {"DBB": "06072020"},
    "born on the day of the issue": {"DBB": "06062020"},
    "issued the day after tomorrow": {"DBD": "12022026"},
    "expires on the day of the issue": {"DBA": "06062020"},
    "expires before the issue": {"DBA": "06062019"},
    "thirteen years old": {"DBB": "06072006"},
    "121 years old": {"DBB": "06061905"},
    "valid for longer than twelve years": {"DBA": "06072032"},
    "the day of 18 is another": {"DDH": "06072004"},
    "the day of 19 is another": {"DDI": "06062004"},
    "the day of 21 is another": {"DDJ": "06062008"},
}


@pytest.mark.parametrize("changes", PLAUSIBILITY.values(), ids=PLAUSIBILITY)
def test_an_implausible_card_is_refused(changes):
    """Its text is misread, or made up badly."""
    assert refusal(barcode(changed(LICENSE, **changes))) is RefusalCode.IMPLAUSIBLE


@pytest.mark.parametrize(
    "changes",
    [
        {"DBD": "12012026", "DBA": "12102030"},
        {"DBB": "06062006"},
        {"DBA": "06062032"},
        {"DDH": "06062004", "DDI": "06062005", "DDJ": "06062007"},
        {"DDH": "", "DDI": "00000000"},
        {"DBB": "02291988", "DDH": "02282006", "DDJ": "03012009"},
    ],
)
def test_a_card_at_the_limits_is_read(changes):
    """Issued tomorrow, 14 years old, valid for twelve years, born on a leap day."""
    read(barcode(changed(LICENSE, **changes)))


def test_what_is_expired_is_read():
    """Policies judge it, by the calendar of the person."""
    assert read(barcode(), today=date(2040, 1, 1)).applicant.state_id_expiration == "2028-12-10"


def test_a_refusal_and_a_card_print_no_value():
    """Neither what was read nor what was refused."""
    card = read(barcode())
    shown = repr(card) + str(card)
    with pytest.raises(Refused) as caught:
        read(barcode(changed(LICENSE, DAQ="12/SECRET")))
    shown += repr(caught.value) + str(caught.value)
    for value in ("SECRET", "MICHAEL", "T64235789", "1986", "RICHMOND"):
        assert value not in shown
    assert CardDates.__dataclass_fields__.keys() == {"birth", "issue", "expiry", "until_age"}
