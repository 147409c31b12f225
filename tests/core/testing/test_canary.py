"""The scanner is only worth what it finds: planted leaks, in every spelling."""

import base64
import gzip
import hashlib
import html
import json
import urllib.parse

import pytest

from proofing.contracts.applicant import STATES, parse_phone, parse_ssn, parse_zipcode
from proofing.testing import canary as module
from proofing.testing.canary import Canary

CANARY = Canary(seed=42, extra={"key": "00ff" * 8})
PERSON = CANARY.applicant
YEAR, MONTH, DAY = (PERSON.dob or "").split("-")
SSN = PERSON.ssn or ""
MIDDLE = PERSON.middle_name or ""


def test_the_person_has_acceptable_values():
    """Every form takes her; no other seed shares a value."""
    assert parse_ssn(SSN) == SSN
    assert SSN.startswith("900")
    assert parse_phone(PERSON.phone or "")
    assert parse_zipcode(PERSON.zipcode or "") == PERSON.zipcode
    assert PERSON.state in STATES
    assert Canary(seed=42).applicant == PERSON
    other = set(Canary(seed=43).values.values())
    assert not other & set(CANARY.values.values())
    assert len(CANARY.values) == 13


def test_changes_replace_and_are_searched_for():
    """A first name that makes a mock fail is a value like others."""
    failing = Canary(changes={"first_name": "Failquartz"})
    assert failing.applicant.first_name == "Failquartz"
    assert failing.find_leaks(b"... failquartz ...") == ["first_name (plain)"]


PLANTED = [
    ("ssn", SSN),
    ("ssn", f"{SSN[:3]}-{SSN[3:5]}-{SSN[5:]}"),
    ("ssn", f"{SSN[:3]} {SSN[3:5]} {SSN[5:]}"),
    ("ssn", SSN[::-1]),
    ("ssn", hashlib.sha256(SSN.encode()).hexdigest()),
    ("ssn", hashlib.sha1(SSN.encode(), usedforsecurity=False).hexdigest().upper()),
    ("ssn", SSN.encode().hex()),
    ("ssn", SSN.encode("utf-16-le")),
    *[("ssn", base64.b64encode(b"x" * offset + SSN.encode() + b"tail")) for offset in range(6)],
    ("dob", f"{MONTH}/{DAY}/{YEAR}"),
    ("dob", f"{DAY}.{MONTH}.{YEAR}"),
    ("dob", f"{int(MONTH)}/{int(DAY)}/{YEAR}"),
    ("dob", YEAR + MONTH + DAY),
    ("dob", DAY + MONTH + YEAR),
    (
        "phone",
        "({}) {}-{}".format(*[(PERSON.phone or "")[part] for part in (slice(3), slice(3, 6), slice(6, 10))]),
    ),
    ("zipcode", (PERSON.zipcode or "").replace("-", "")),
    ("address1", urllib.parse.quote(PERSON.address1 or "")),
    ("address1", urllib.parse.quote_plus((PERSON.address1 or "").upper())),
    ("address1", (PERSON.address1 or "").replace(" ", "_")),
    ("email", urllib.parse.quote(PERSON.email or "", safe="")),
    ("email", (PERSON.email or "").upper()),
    ("first_name", (PERSON.first_name or "").upper()),
    ("last_name", base64.urlsafe_b64encode((PERSON.last_name or "").upper().encode())),
    ("middle_name", MIDDLE),
    ("middle_name", MIDDLE.upper()),
    ("middle_name", json.dumps({"name": MIDDLE})),
    ("middle_name", repr(MIDDLE.encode())),
    ("middle_name", urllib.parse.quote(MIDDLE)),
    ("middle_name", MIDDLE.encode("utf-16-le")),
    ("middle_name", html.escape(MIDDLE)),
    ("key", bytes.fromhex("00ff" * 8).hex().upper()),
]


@pytest.mark.parametrize(("name", "planted"), PLANTED)
def test_each_planted_leak_is_found_and_not_repeated(name, planted):
    """A finding names value and spelling; the value itself is not in it."""
    raw = planted if isinstance(planted, bytes) else planted.encode()
    leaks = CANARY.find_leaks(b"\x00noise " + raw + b" noise\xff")
    assert any(leak.startswith(f"{name} (") for leak in leaks)
    assert not any(value in leak for leak in leaks for value in CANARY.values.values())


def test_clean_data_has_no_leaks():
    """Noise, other people, and her own repr are clean."""
    noise = b"".join(hashlib.sha512(str(number).encode()).digest() for number in range(20_000))
    other = json.dumps(Canary(seed=1).applicant.reveal()).encode()
    for clean in (b"", noise, base64.b64encode(noise), noise.hex().encode(), other, repr(PERSON).encode()):
        assert CANARY.find_leaks(clean) == []
    assert CANARY.find_leaks("2019-12-31 drivers_license female") == []
    assert "42" in repr(CANARY)
    assert SSN not in repr(CANARY)


def test_text_is_scanned_like_bytes():
    """Lone halves of characters do not stop the scan."""
    assert CANARY.find_leaks(f"\ud800 {SSN}") == ["ssn (plain)"]


def test_paths_are_scanned_with_all_below(tmp_path, monkeypatch):
    """Directories, names of files, and borders of pieces hide nothing; links are not followed."""
    monkeypatch.setattr(module, "_PIECE_BYTES", 1_000)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "log").write_bytes(b"x" * 995 + SSN.encode() + b"x" * 3_000)
    (tmp_path / "clean.gz").write_bytes(gzip.compress(b"nothing"))
    (tmp_path / f"{PERSON.last_name}.txt").write_text("empty")
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "er" / "log")
    leaks = CANARY.scan_paths([tmp_path])
    assert leaks == [
        f"{tmp_path / 'deep' / 'er' / 'log'}: ssn (plain)",
        "name of a file: last_name (plain)",
    ]
    assert CANARY.scan_paths([tmp_path / "clean.gz", tmp_path / "nowhere"]) == []
