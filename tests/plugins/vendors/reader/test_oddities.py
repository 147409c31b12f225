"""How the barcodes of some issuers differ: each row is one fact about one issuer, and how it is handled.

The facts are from reports about other parsers and their anonymized samples; the people here are made up.
"""

import pytest
from tests.plugins.vendors.reader.barcodes import (
    LICENSE,
    LICENSE_01,
    LICENSE_03,
    SEPARATORS,
    TODAY,
    barcode,
    changed,
    segment,
)

from proofing_reader.aamva import read_barcode
from proofing_reader.card import CardSource, Note, RefusalCode, Refused


def read(payload):
    """Return the card in *payload*."""
    return read_barcode(payload, today=TODAY)


def refusal(payload):
    """Return why *payload* is refused."""
    with pytest.raises(Refused) as caught:
        read_barcode(payload, today=TODAY)
    return caught.value.code


def of_01(iin, *, file_type=b"ANSI ", kind="DL", separators=SEPARATORS, own=None, offset=None, **changes):
    """Return a barcode of version 01."""
    elements = changed(LICENSE_01, **changes)
    return barcode(
        elements,
        iin=iin,
        version=1,
        file_type=file_type,
        kind=kind,
        separators=separators,
        own=own,
        offset=offset,
    )


def of_03(iin, **changes):
    """Return a barcode of version 03."""
    return barcode(changed(LICENSE_03, **changes), iin=iin, version=3)


def of_04(iin, **changes):
    """Return a barcode of version 04."""
    return barcode(changed(LICENSE, **changes), iin=iin, version=4)


def year_first(**changes):
    """Return the changes by which a card of version 04 has the year first in its dates."""
    return {"DBB": "19860606", "DBD": "20200606", "DBA": "20281210", **changes}


ARIZONA_TO_65 = {"DBB": "19890124", "DBD": "20130604", "DBA": "20540124"}
OREGON = {
    "DAA": "SMITH, MARY JONES",
    "DAG": "",
    "DAL": "4455 SE 25TH ST",
    "DAI": "CORVALLIS",
    "DAJ": "OR",
    "DAK": "97330      ",
    "DAY": None,
}
WYOMING = year_first(
    DAC="MOTORIST E", DAD="", DAG="1234 MAIN WAY", DAI="BLUE STREAM", DAH="BLUE STREAM, WY  82930"
)
ONTARIO = {
    "DAY": "NONE",
    "DCS": "TESTER,     ",
    "DCT": "MARY,ANN    ",
    "DAQ": "S9244-43879-65702",
    "DAG": "123 ST GEORGE ST E,    ",
    "DAI": "FERGUS  ",
    "DAJ": "ON",
    "DAK": "N1M 3J6    ",
    "DAU": "170 CM",
    "DCG": "CAN",
    **year_first(),
}

#: Issuer and fact, the barcode, and attributes that are read of it.
ROWS = {
    "MD 01 has the file type AAMVA and hyphens in the number": (
        of_01("636003", file_type=b"AAMVA", DAQ="T-520-098-009-843", DAJ="MD"),
        {"state_id_number": "T-520-098-009-843", "dob": "1972-02-12"},
    ),
    "CT 01 does not repeat the type": (
        of_01("636006", file_type=b"AAMVA", DAA="WANG,CHUNG", DAJ="CT").replace(b"DLDAQ", b"DAQ", 1),
        {"first_name": "CHUNG", "last_name": "WANG"},
    ),
    "CT 01 may repeat it": (of_01("636006", DAJ="CT"), {"first_name": "MARY"}),
    "IL 02 has the table of version 01": (
        barcode(LICENSE_03, iin="636035", version=2, old_table=True),
        {"dob": "1986-06-06", "state_id_jurisdiction": "IL"},
    ),
    "IL 02 may have its own table": (barcode(LICENSE_03, iin="636035", version=2), {"dob": "1986-06-06"}),
    "IL 02 may have the elements of version 01": (
        barcode(changed(LICENSE_01, DAJ="IL"), iin="636035", version=2, old_table=True),
        {"dob": "1972-02-12", "first_name": "MARY", "height": 70},
    ),
    "SC 01 has a file separator, and an offset that is one too large": (
        of_01("636005", separators=b"\n\x1c\r", offset="0030"),
        {"state_id_number": "102639206"},
    ),
    "SC 01 may have its offset right": (of_01("636005", separators=b"\n\x1c\r"), {"dob": "1972-02-12"}),
    "SC 01 may have the record separator": (of_01("636005", offset="0030"), {"dob": "1972-02-12"}),
    "PA 01 has the first name first": (
        of_01("636025", DAA="JOHN P SMITH", DAJ="PA", DBC="M"),
        {"first_name": "JOHN", "middle_name": "P", "last_name": "SMITH", "sex": "male"},
    ),
    "PA 01 has the suffix last": (
        of_01("636025", DAA="JOHN PAUL GEORGE SMITH II"),
        {"first_name": "JOHN", "middle_name": "PAUL GEORGE", "last_name": "SMITH", "name_suffix": "II"},
    ),
    "PA 01 has the family name first where commas divide it, as the standard": (
        of_01("636025", DAA="SMITH,JOHN,P"),
        {"first_name": "JOHN", "middle_name": "P", "last_name": "SMITH"},
    ),
    "CO 01 has the first name first": (
        of_01("636020", DAA="MICHAEL,CODY,MOTORIST"),
        {"first_name": "MICHAEL", "middle_name": "CODY", "last_name": "MOTORIST"},
    ),
    "CO 08 has a line feed behind the type": (
        barcode(iin="636020", version=8, length="0266").replace(b"DLDAQ", b"DL\nDAQ", 1),
        {"state_id_number": "T64235789"},
    ),
    "CO 07 overlaps its second subfile": (
        barcode(iin="636020", version=7, own={"ZC": {"ZCA": "", "ZCB": ""}}, length="0282"),
        {"last_name": "SAMPLE"},
    ),
    "MA 08 has a wrong offset of its own subfile": (
        barcode(iin="636002", version=8, own={"ZM": {"ZMA": "1"}}).replace(b"ZM02", b"ZM06", 1),
        {"last_name": "SAMPLE"},
    ),
    "MA 04 has ten digits for a ZIP code": (of_04("636002", DAK="0210812345"), {"zipcode": "02108"}),
    "AZ 01 is valid until the 65th birthday": (
        of_01("636026", DAK="85641-4321", DAZ="BR", **ARIZONA_TO_65),
        {"state_id_expiration": "2054-01-24", "zipcode": "85641-4321"},
    ),
    "AZ 09 is, too": (
        barcode(changed(LICENSE, DBB="01241989", DBD="06042013", DBA="01242054"), iin="636026", version=9),
        {"state_id_expiration": "2054-01-24"},
    ),
    "OR 01 has the street of the residence": (
        of_01("636029", **OREGON),
        {"address1": "4455 SE 25TH ST", "city": "CORVALLIS", "zipcode": "97330", "first_name": "MARY"},
    ),
    "OR 01 lacks the record separator": (
        of_01("636029", separators=b"\n\r", **OREGON),
        {"address1": "4455 SE 25TH ST", "last_name": "SMITH"},
    ),
    "LA 01 has a space in front of the middle name": (
        of_01("636007", DAA="JONES,MARCIA MOTORIST"),
        {"first_name": "MARCIA", "middle_name": "MOTORIST", "last_name": "JONES"},
    ),
    "MO 01 has six digits for a ZIP code, and letters for the sex": (
        of_01("636030", DAA="LastNameTest,FirstNameTest, ,", DAK="633011     ", DBC="M"),
        {"zipcode": "63301", "sex": "male", "last_name": "LastNameTest", "middle_name": None},
    ),
    "IN 03 has height and weight in its own subfile": (
        barcode(
            changed(LICENSE_03, DAU=None, DAY=None, DCT="RYAN MICHAEL", DAQ="3249-09-7547"),
            iin="636037",
            version=3,
            own={"ZI": {"ZIJ": "069", "ZIK": "245", "ZIL": "BLN"}},
        ),
        {"height": None, "weight": None, "eye_color": None, "first_name": "RYAN"},
    ),
    "MI 03 has given names in one element and no eyes, height and country": (
        of_03("636032", DCT="ROBERT", DAY="", DAU="", DCG="", DAQ="L 341 567 071 342"),
        {"first_name": "ROBERT", "height": None, "eye_color": None, "state_id_number": "L 341 567 071 342"},
    ),
    "MI 03 counts one subfile where there are two": (
        barcode(LICENSE_03, iin="636032", version=3, own={"ZM": {"ZMA": "REV 01-21-2011"}}).replace(
            b"6360320300" + b"02", b"6360320300" + b"01", 1
        ),
        {"last_name": "SAMPLE"},
    ),
    "MI 03 may leave them out": (of_03("636032", DAY=None, DAU=None, DCG=None), {"dob": "1986-06-06"}),
    "WV 04 has the year first": (
        of_04("636061", **year_first(DAU="71 in", DAY="BN ")),
        {"dob": "1986-06-06", "eye_color": "BRO", "height": 71},
    ),
    "WV 04 loses zeros in the dates of age": (
        of_04("636061", **year_first(DDH="6062004", DDJ="6062007")),
        {"dob": "1986-06-06"},
    ),
    "WV 04 does not repeat the type": (
        of_04("636061", **year_first()).replace(b"DLDAQ", b"DAQ", 1),
        {"dob": "1986-06-06"},
    ),
    "WY 04 has the initial in the first name, and the city twice": (
        of_04("636060", **WYOMING),
        {
            "first_name": "MOTORIST",
            "middle_name": "E",
            "address2": None,
            "city": "BLUE STREAM",
            "dob": "1986-06-06",
        },
    ),
    "WY 04 may have a middle name in the first name": (
        of_04("636060", **(WYOMING | {"DAC": "JOHN CHESTER"})),
        {"first_name": "JOHN", "middle_name": "CHESTER"},
    ),
    "HI 04 has a ZIP code with a gap": (of_04("636047", DAK="96826     0"), {"zipcode": "96826"}),
    "HI 04 may have the year first": (of_04("636047", **year_first()), {"dob": "1986-06-06"}),
    "NV 03 has line feeds for carriage returns, and words for hair": (
        barcode(changed(LICENSE_03, DAZ="BROWN"), iin="636049", version=3, own={"ZN": {"ZNA": "Y"}})
        .replace(b"\r", b"\n\n")
        .replace(b"\x1e\n\n", b"\x1e\n", 1),
        {"dob": "1986-06-06"},
    ),
    "NY 10 has names of 25 characters": (
        barcode(changed(LICENSE, DCS="A" * 25), iin="636001", version=10),
        {"last_name": "A" * 25},
    ),
    "CT 09 does not pad its ZIP code": (
        barcode(changed(LICENSE, DAK="06708"), iin="636006", version=9),
        {"zipcode": "06708"},
    ),
    "CA has BRN": (barcode(changed(LICENSE, DAY="BRN"), iin="636014", version=8), {"eye_color": "BRO"}),
    "VA has sex 9": (barcode(changed(LICENSE, DBC="9")), {"sex": None}),
    "PR 05 has one subfile and a ZIP code of five": (
        barcode(changed(LICENSE, DAK="00783", DCS="ORTIZ ORTIZ ", DCF="4"), iin="604431", version=5),
        {"zipcode": "00783", "last_name": "ORTIZ ORTIZ"},
    ),
    "PR 05 fills the symbol": (
        barcode(iin="604431", version=5, length="0258") + b"8" * 103,
        {"last_name": "SAMPLE", "dob": "1986-06-06"},
    ),
    "PA 01 does not repeat the type, and may have a file separator": (
        of_01("636025", file_type=b"AAMVA", separators=b"\n\x1c\r", DAA="JOHN P SMITH JR").replace(
            b"DLDAQ", b"DAQ", 1
        ),
        {"first_name": "JOHN", "last_name": "SMITH", "name_suffix": "JR"},
    ),
    "PA 08 has a carriage return in its own subfile": (
        barcode(iin="636025", version=8, own={"ZP": {"ZPA": "N", "ZPB": "00"}}) + b"ZPDNONE\n\r",
        {"last_name": "SAMPLE", "dob": "1986-06-06"},
    ),
    "OR 01 ends its subfiles with line feeds": (
        of_01("636029", own={"ZO": {"ZOA": "FIRST LICENSED 10-20-2004"}}, **OREGON)
        .replace(b"\r", b"\n")
        .replace(b"\x1e\n", b"\x1e\r", 1),
        {"address1": "4455 SE 25TH ST", "dob": "1972-02-12", "sex": "female"},
    ),
    "WY 04 does not repeat the type, and ends its subfiles with line feeds": (
        barcode(changed(LICENSE, **WYOMING), iin="636060", version=4, own={"ZW": {"ZWA": "", "ZWB": "Y"}})
        .replace(b"DLDAQ", b"DAQ", 1)
        .replace(b"\r", b"\n")
        .replace(b"\x1e\n", b"\x1e\r", 1),
        {"first_name": "MOTORIST", "middle_name": "E", "dob": "1986-06-06"},
    ),
    "AL 04 has no discriminator, country and flags of truncation": (
        of_04("636033", DCF=None, DCG=None, DDE=None, DDF=None, DDG=None),
        {"last_name": "SAMPLE", "issuing_country_code": "USA"},
    ),
    "FL has no color of eyes": (
        barcode(changed(LICENSE, DAY=None), iin="636010", version=9),
        {"eye_color": None, "height": 68},
    ),
    "TX 03 may have no date of issue": (
        of_03("636015", DBD="NONE", DAU=" 65 IN"),
        {"state_id_issued": None, "state_id_expiration": "2028-12-10", "height": 65},
    ),
    "VA 03 repeats the class": (
        of_03("636000").replace(b"\r", b"\nDCAD\r").replace(b"\x1e\nDCAD\r", b"\x1e\r", 1),
        {"last_name": "SAMPLE"},
    ),
    "NY has its height in feet and inches": (
        barcode(changed(LICENSE, DAU="507   "), iin="636001", version=10),
        {"height": 67},
    ),
    **{
        f"{name} has a length that is not that of the data, {length}": (
            barcode(elements, iin=iin, version=version, length=length),
            {"dob": expected},
        )
        for name, elements, iin, version, expected in (
            ("MD 01", LICENSE_01, "636003", 1, "1972-02-12"),
            ("PA 01", LICENSE_01, "636025", 1, "1972-02-12"),
            ("MO 01", LICENSE_01, "636030", 1, "1972-02-12"),
            ("PR 05", LICENSE, "604431", 5, "1986-06-06"),
            ("WY 04", LICENSE, "636060", 4, "1986-06-06"),
            ("WV 04", LICENSE, "636061", 4, "1986-06-06"),
            ("NB 02", changed(LICENSE_03, DCG="CAN"), "636017", 2, "1986-06-06"),
            ("MA 08", LICENSE, "636002", 8, "1986-06-06"),
        )
        for length in ("0180", "0313")
    },
    "ON 03 has an offset of zero and no color of eyes": (
        barcode(changed(LICENSE_03, **ONTARIO), iin="636012", version=3, offset="0000"),
        {
            "first_name": "MARY",
            "middle_name": "ANN",
            "last_name": "TESTER",
            "address1": "123 ST GEORGE ST E",
            "zipcode": "N1M 3J6",
            "height": 67,
            "dob": "1986-06-06",
        },
    ),
    "NB 02 has the month first": (
        barcode(changed(LICENSE_03, DCG="CAN"), iin="636017", version=2),
        {"dob": "1986-06-06", "issuing_country_code": "CAN"},
    ),
    "QC does not name its country": (
        barcode(changed(LICENSE, DCG=None, **year_first()), iin="604428", version=9),
        {"issuing_country_code": "CAN", "dob": "1986-06-06"},
    ),
}


@pytest.mark.parametrize(("payload", "expected"), ROWS.values(), ids=ROWS)
def test_the_oddities_of_issuers(payload, expected):
    """Are read for what they mean."""
    applicant = read(payload).applicant
    assert {name: getattr(applicant, name) for name in expected} == expected


#: The same facts about another issuer: refused.
ELSEWHERE = {
    "AAMVA in version 04": (barcode(file_type=b"AAMVA", version=4), RefusalCode.HEADER),
    "a type that is not repeated": (of_01("636005").replace(b"DLDAQ", b"DAQ", 1), RefusalCode.SUBFILES),
    "the table of version 01 in version 02": (
        barcode(LICENSE_03, version=2, old_table=True),
        RefusalCode.SUBFILES,
    ),
    "the elements of version 01 in version 02": (barcode(LICENSE_01, version=2), RefusalCode.MISSING),
    "a file separator": (of_01("636006", separators=b"\n\x1c\r"), RefusalCode.HEADER),
    "an offset that is one too large": (of_01("636006", offset="0030"), RefusalCode.SUBFILES),
    "an offset that is two too large": (of_01("636005", offset="0031"), RefusalCode.SUBFILES),
    "one subfile counted where there are two": (
        barcode(own={"ZV": {"ZVA": "01"}}).replace(b"63600009" + b"0002", b"63600009" + b"0001", 1),
        RefusalCode.SUBFILES,
    ),
    "a symbol that is filled": (barcode() + b"8" * 103, RefusalCode.SUBFILES),
    "no record separator": (of_01("636005", separators=b"\n\r"), RefusalCode.HEADER),
    "a name that is divided by spaces": (of_01("636005", DAA="JOHN P SMITH"), RefusalCode.NAME),
    "a license until the 65th birthday": (of_01("636005", **ARIZONA_TO_65), RefusalCode.IMPLAUSIBLE),
    "a license of Arizona beyond it": (
        of_01("636026", **(ARIZONA_TO_65 | {"DBA": "20540125"})),
        RefusalCode.IMPLAUSIBLE,
    ),
    "line feeds that end subfiles": (
        of_04("636000").replace(b"\r", b"\n").replace(b"\x1e\n", b"\x1e\r", 1),
        RefusalCode.SUBFILES,
    ),
    "a carriage return in its own subfile": (
        barcode(own={"ZV": {"ZVA": "01"}}) + b"ZVBNONE\n\r",
        RefusalCode.SUBFILES,
    ),
    "an element that is repeated with another value": (
        of_03("636000").replace(b"\r", b"\nDCAM\r").replace(b"\x1e\nDCAM\r", b"\x1e\r", 1),
        RefusalCode.DUPLICATE,
    ),
    "a license without a date of issue": (of_03("636000", DBD="NONE"), RefusalCode.DATE),
    "a license without a country": (of_04("636000", DCG=None), RefusalCode.MISSING),
    "another element of Florida": (
        barcode(changed(LICENSE, DAU=None), iin="636010", version=9),
        RefusalCode.MISSING,
    ),
    "line feeds for carriage returns": (
        barcode(LICENSE_03, version=3).replace(b"\r", b"\n\n").replace(b"\x1e\n\n", b"\x1e\n", 1),
        RefusalCode.HEADER,
    ),
    "an offset of zero": (of_03("636000").replace(b"DL0031", b"DL0000", 1), RefusalCode.SUBFILES),
    "no color of eyes": (of_03("636000", DAY=None), RefusalCode.MISSING),
    "no country": (of_03("636000", DCG=None), RefusalCode.MISSING),
    "the dates of age lose zeros": (of_04("636000", DDH="6062004"), RefusalCode.DATE),
}


@pytest.mark.parametrize(("payload", "code"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_oddity_is_its_issuers_alone(payload, code):
    """And of its versions alone."""
    assert refusal(payload) is code


@pytest.mark.parametrize(
    ("row", "note"),
    [
        ("SC 01 has a file separator, and an offset that is one too large", Note.SUBFILE_TABLE),
        ("PA 01 has the first name first", Note.NAME_GUESSED),
        ("PA 01 has the family name first where commas divide it, as the standard", Note.NAME_GUESSED),
        ("CO 01 has the first name first", Note.NAME_GUESSED),
        ("OR 01 has the street of the residence", Note.NAME_GUESSED),
        ("LA 01 has a space in front of the middle name", Note.NAME_GUESSED),
        ("IN 03 has height and weight in its own subfile", Note.NAME_GUESSED),
        ("WV 04 has the year first", Note.DATE_ORDER),
        ("WY 04 has the initial in the first name, and the city twice", Note.NAME_GUESSED),
        ("WY 04 may have a middle name in the first name", Note.NAME_GUESSED),
        ("NY 10 has names of 25 characters", Note.NAME_TRUNCATED),
        ("ON 03 has an offset of zero and no color of eyes", Note.SUBFILE_TABLE),
        ("MA 08 has a wrong offset of its own subfile", Note.SUBFILE_TABLE),
    ],
)
def test_what_is_noted_of_them(row, note):
    """So that the one who decides knows what was guessed."""
    assert note in read(ROWS[row][0]).notes


ALBERTA = {
    "DCS": "MOTORIST",
    "DCT": "MARY SMITH",
    "DAB": "MOTORIST",
    "DAC": "MARY",
    "DAD": "SMITH",
    "DAG": "123 MAPLE LEAF TERR SW",
    "DAQ": "123400-056",
    "DAK": "T4G 7A7",
    "DAI": "CALGARY",
    "DAJ": "AB",
    "DBC": "F",
    "DBB": "19930204",
    "DAR": "5",
    "DAT": "A",
    "DBA": "20280108",
    "DAU": "155 CM",
    "DAW": "50 KG",
    "DCE": "2",
    "DAZ": "BROWN",
    "DAY": "BROWN",
}


@pytest.mark.parametrize("table", [b"abac", b"abacabac"])
def test_alberta_03(table):
    """Letters for an offset, names as in version 01, kilograms, no issue date and no country."""
    payload = b"@\n\x1e\rANSI 990876030001DL" + table + segment("DL", ALBERTA)
    card = read(payload)
    assert (card.issuer, card.country) == ("AB", "CAN")
    read_values = card.applicant.reveal()
    assert read_values["first_name"] == "MARY"
    assert (read_values["middle_name"], read_values["last_name"]) == ("SMITH", "MOTORIST")
    assert (read_values["weight"], read_values["height"], read_values["eye_color"]) == (110, 61, "BRO")
    assert (read_values["zipcode"], read_values["dob"]) == ("T4G 7A7", "1993-02-04")
    assert Note.DATE_ORDER not in card.notes


NORTH_CAROLINA = {
    "DAB": "SWARTZ",
    "DAC": "SUSAN",
    "DAD": "PATRICIA",
    "DAE": "",
    "DAL": "11 KANDES CT",
    "DAM": "",
    "DAN": "DURHAM",
    "DAO": "NC",
    "DAP": "27713-9722",
    "DAQ": "32307954",
    "DAR": "C",
    "DAS": "1",
    "DAT": "None",
    "DAV": "5-06",
    "DAY": "HAZ",
    "DAZ": "BLO",
    "DBA": "06-27-2019",
    "DBB": "06-27-1951",
    "DBC": "F",
    "DBD": "06-08-2011",
}


@pytest.mark.parametrize("iin", [b"36004", b"636004"])
def test_north_carolina_00(iin):
    """The first digit of the issuer may be lost, one digit counts the subfiles, dates have hyphens."""
    card = read(b"@\n\x1e\rAAMVA" + iin + b"001DL00280191" + segment("DL", NORTH_CAROLINA))
    assert (card.issuer, card.version) == ("NC", 0)
    read_values = card.applicant.reveal()
    assert (read_values["dob"], read_values["state_id_expiration"]) == ("1951-06-27", "2019-06-27")
    assert (read_values["address1"], read_values["city"], read_values["height"]) == (
        "11 KANDES CT",
        "DURHAM",
        66,
    )


@pytest.mark.parametrize("name", ["DAB", "DAC", "DAQ", "DBB", "DBD", "DAO"])
def test_north_carolina_00_without_an_element(name):
    """Is refused, as a card of version 01 would be."""
    rest = segment("DL", changed(NORTH_CAROLINA, **{name: None}))
    payload = b"@\n\x1e\rAAMVA36004001DL00280191" + rest
    assert refusal(payload) in {RefusalCode.MISSING, RefusalCode.VERSION}


def test_version_00_elsewhere():
    """Has no standard layout: what is not North Carolina's is refused."""
    other = segment("DL", NORTH_CAROLINA | {"DAO": "VA"})
    assert refusal(b"@\n\x1e\rAAMVA36004001DL00280191" + other) is RefusalCode.VERSION
    assert refusal(b"@\n\x1e\rAAMVA636000001DL00280191" + other) is RefusalCode.VERSION


def test_georgia_before_2012():
    """Its data is encrypted: refused as that, whatever it looks like; later cards are read."""
    scrambled = bytes(range(33, 127)) * 2
    payload = b"@\n\x1e\rANSI 636055050001DL00310190" + b"DL" + scrambled + b"\r"
    assert refusal(payload) is RefusalCode.ENCRYPTED
    assert read(barcode(iin="636055", version=8)).issuer == "GA"
    broken = barcode(changed(LICENSE, DAG="1 A ST\nTWO"), iin="636055", version=8)
    assert refusal(broken) is RefusalCode.ELEMENTS


#: As the province's own programs have them in their tests: its specimen cards.
BRITISH_COLUMBIA = (
    b"%BCVICTORIA^SPECIMEN,$TEST CARD^910 GOVERNMENT ST$VICTORIA BC  V8W 3Y8^?;6360282222222=240919700906=?"
    b"_%0AV8W3Y8                     M185 95BRNBLU9123456789                E$''C(R2S6L?"
)


def test_british_columbia():
    """A magnetic stripe in a barcode; the extra byte of track 3 shifts what follows."""
    card = read(BRITISH_COLUMBIA)
    assert (card.source, card.issuer, card.country, card.sex) == (CardSource.STRIPE, "BC", "CAN", "M")
    assert card.applicant.reveal() == {
        "first_name": "TEST",
        "middle_name": "CARD",
        "last_name": "SPECIMEN",
        "dob": "1970-09-06",
        "sex": "male",
        "height": 73,
        "weight": 209,
        "eye_color": "BLU",
        "address1": "910 GOVERNMENT ST",
        "city": "VICTORIA",
        "state": "BC",
        "zipcode": "V8W 3Y8",
        "state_id_number": "2222222",
        "state_id_jurisdiction": "BC",
        "state_id_expiration": "2024-09-30",
        "issuing_country_code": "CAN",
        "document_type_received": "other",
    }
    assert card.hair_color == "BRO"
    assert Note.EXPIRATION_MONTH in card.notes


STRIPES = {
    "an address that fills the track": (
        (b"^910 GOVERNMENT ST$VICTORIA BC  V8W 3Y8^?", b"^910 GOVERNMENT ST$VICTORIA BC V8W 3Y8?"),
        {"address1": "910 GOVERNMENT ST", "city": "VICTORIA"},
    ),
    "a city of thirteen characters": (
        (b"%BCVICTORIA^", b"%BCPRINCE RUPERT"),
        {"last_name": "SPECIMEN", "city": "PRINCE RUPERT", "address1": None},
    ),
    "a family name of two words": (
        (b"SPECIMEN,$TEST CARD", b"VAN BERG,$ANNA"),
        {"last_name": "VAN BERG", "middle_name": None},
    ),
    "one name": ((b"SPECIMEN,$TEST CARD", b"CHER,$"), {"first_name": None, "last_name": "CHER"}),
    "no height and weight": (
        (b"M185 95BRNBLU", b"F            "),
        {"height": None, "weight": None, "sex": "female"},
    ),
    "colors and weight that are not known": (
        (b"M185 95BRNBLU", b"M1X5 9XTEATEA"),
        {"height": None, "weight": None, "eye_color": None, "sex": "male"},
    ),
    "the height of nobody": ((b"M185 95BRNBLU", b"M999 95BRNBLU"), {"height": None, "weight": 209}),
    "a name that fills its field": (
        (b"SPECIMEN,$TEST CARD^", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ,$JOHN AB"),
        {"last_name": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "first_name": "JOHN", "address1": "910 GOVERNMENT ST"},
    ),
    "an address of another form": (
        (b"VICTORIA BC  V8W 3Y8", b"SOMEWHERE"),
        {"address1": None, "city": "VICTORIA"},
    ),
    "a card of other services": ((b";6360282222222", b";636028004023964"), {"state_id_number": "004023964"}),
    "two lines of address": (
        (b"910 GOVERNMENT ST$", b"UNIT 5$910 GOVERNMENT ST$"),
        {"address1": "UNIT 5", "address2": "910 GOVERNMENT ST"},
    ),
    "December": ((b"=2409", b"=2412"), {"state_id_expiration": "2024-12-31"}),
}


@pytest.mark.parametrize(("change", "expected"), STRIPES.values(), ids=STRIPES)
def test_stripes_of_british_columbia(change, expected):
    """The fields of track 1 end at a mark, or where they are full."""
    applicant = read(BRITISH_COLUMBIA.replace(*change)).applicant
    assert {name: getattr(applicant, name) for name in expected} == expected


def test_a_city_that_track_1_cuts_off():
    """Is whole in the address."""
    payload = BRITISH_COLUMBIA.replace(b"VICTORIA BC", b"NORTH VANCOUVER BC").replace(
        b"VICTORIA^", b"NORTH VANCOUV"
    )
    assert read(payload).applicant.city == "NORTH VANCOUVER"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"%BC", b"%AB"),
        (b";636028", b";636029"),
        (b"?_%0A", b"?%0A"),
        (b"=2409", b"=2413"),
        (b"19700906", b"19701306"),
        (b"19700906", b"20300906"),
        (b"SPECIMEN,$TEST", b"SPECIMEN TEST"),
        (b"SPECIMEN,$TEST CARD", b",$"),
        (b"E$''C(R2S6L?", b""),
        (b"GOVERNMENT", b"GOVERN\x00MENT"),
        (b"GOVERNMENT", b"GOVERN\xc9MENT\x80"),
        (b"GOVERNMENT", b"GOVERNMENT" * 40),
        (b"SPECIMEN,$TEST CARD^", b",$TEST^"),
    ],
)
def test_a_stripe_in_another_form_is_refused(old, new):
    """Its three marks, its dates and its name hold it together."""
    with pytest.raises(Refused):
        read(BRITISH_COLUMBIA.replace(old, new))
