"""The canary: a made-up person whose values are unmistakable, and a scanner that finds them in any spelling.

Put the canary's applicant through whatever is under test, then scan everything that was written::

    canary = Canary(seed=7)
    ...
    assert canary.find_leaks(log_bytes) == []
    assert canary.scan_paths([data_directory]) == []

Findings name the value and the spelling, never the value itself. Values of fewer than six characters (a
state, a height) are not searched for: they occur everywhere.
"""

import base64
import hashlib
import html
import json
import os
import random
import re
import string
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from proofing.contracts.applicant import Applicant

#: Shorter patterns are found by chance.
MIN_PATTERN_BYTES = 6
_PIECE_BYTES = 8 * 1024 * 1024
_DATE_FIELDS = frozenset(
    {"dob", "state_id_issued", "state_id_expiration", "passport_issued", "passport_expiration"}
)
#: Closed sets and opaque references, which say nothing of one person.
_NOT_SEARCHED = frozenset(
    {"uuid", "uuid_prefix", "document_type_received", "sex", "state_id_issued", "state_id_expiration"}
)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """One spelling of one value, as bytes to look for."""

    label: str
    content: bytes
    any_case: bool = True


@dataclass(frozen=True, repr=False)
class Canary:
    """A synthetic applicant with unmistakable values, and what finds them again.

    Attributes:
        seed: people of different seeds share no value.
        changes: attributes to replace, such as a first name that a mock answers with an error; they are
            searched for as well.
        extra: further secrets to search for, by name, such as an encryption key in hex.
    """

    seed: int = 1
    changes: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Canary(seed={self.seed})"

    @cached_property
    def applicant(self) -> Applicant:
        """The person. Her SSN is of the range 900, which is never issued."""
        draw = random.Random(f"canary/{self.seed}")  # noqa: S311 - a repeatable person, no secret

        def word(length: int) -> str:
            return "".join(draw.choices("bdfgjkqvwxz", k=length)).capitalize()

        def digits(length: int) -> str:
            return "".join(draw.choices("123456789", k=length))

        first, last = word(9), word(11)
        return Applicant(
            first_name=first,
            # Letters beyond ASCII, which logs, JSON and forms all spell differently.
            middle_name=f"{word(4)}łüé{word(3)}",
            last_name=last,
            dob=date(draw.randint(1931, 1969), draw.randint(1, 12), draw.randint(13, 28)).isoformat(),
            ssn=f"900{digits(6)}",
            address1=f"{digits(4)} {word(9)} Terrace",
            address2=f"Suite {digits(5)}",
            city=word(10),
            state="MT",
            zipcode=f"59{digits(3)}-{digits(4)}",
            phone=f"703555{digits(4)}",
            email=f"{first}.{last}@{word(8)}.example".lower(),
            sex="female",
            height=70,
            weight=154,
            eye_color="HAZ",
            state_id_number=f"Q{digits(12)}",
            state_id_jurisdiction="ND",
            state_id_issued="2019-12-31",
            state_id_expiration="2099-12-31",
            document_type_received="drivers_license",
        ).merge(self.changes)

    @cached_property
    def values(self) -> dict[str, str]:
        """Name to value of everything that is searched for."""
        known = self.applicant.reveal().items()
        searched = {
            name: value
            for name, value in known
            if isinstance(value, str) and name not in _NOT_SEARCHED and len(value) >= MIN_PATTERN_BYTES
        }
        return {**searched, **self.extra}

    @cached_property
    def _patterns(self) -> tuple[_Pattern, ...]:
        """Every spelling of every value, without repetitions."""
        found: dict[tuple[bytes, bool], _Pattern] = {}
        for name, value in self.values.items():
            for pattern in _spellings(name, value):
                if len(pattern.content) >= MIN_PATTERN_BYTES:
                    found.setdefault((pattern.content, pattern.any_case), pattern)
        return tuple(found.values())

    def find_leaks(self, data: bytes | str) -> list[str]:
        """Return which values *data* holds, and in which spelling, such as ``ssn (base64)``; sorted."""
        content = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
        lowered = content.lower()
        return sorted(
            {
                pattern.label
                for pattern in self._patterns
                if pattern.content in (lowered if pattern.any_case else content)
            }
        )

    def scan_paths(self, paths: Iterable[Path]) -> list[str]:
        """Return ``path: value (spelling)`` for each leak in the files *paths* and below the directories.

        Files are read in pieces; names of files are searched as well. What disappears meanwhile is left out.
        """
        overlap = max(len(pattern.content) for pattern in self._patterns)
        leaks: set[str] = set()
        for path in _files(paths):
            leaks.update(f"name of a file: {label}" for label in self.find_leaks(path.name))
            try:
                for piece in _pieces(path, overlap):
                    leaks.update(f"{path}: {label}" for label in self.find_leaks(piece))
            except FileNotFoundError:
                continue
        return sorted(leaks)


def grep_paths(canaries: Iterable[Canary], paths: Iterable[Path]) -> list[str]:
    """Return the files among *paths*, and below them, that hold any value of any of the *canaries*.

    Made for the many megabytes of a database's directory, which ``grep`` passes in one run for all people.
    Spellings with NUL bytes (UTF-16) are not searched for. Say more of a finding with `Canary.scan_paths`.

    Raises:
        RuntimeError: grep could not read everything.
    """
    patterns = [pattern for canary in canaries for pattern in canary._patterns]  # noqa: SLF001 - of this module
    found: set[str] = set()
    for any_case in (True, False):
        wanted = {
            pattern.content
            for pattern in patterns
            if pattern.any_case is any_case and not re.search(rb"[\x00\n]", pattern.content)
        }
        found.update(_grep(wanted, paths, any_case=any_case))
    return sorted(found)


def _grep(wanted: Iterable[bytes], paths: Iterable[Path], *, any_case: bool) -> list[str]:
    """Return the files that hold any of the *wanted* bytes."""
    command = ["grep", "-rlaF", *(["-i"] if any_case else []), "-f", "-", "--", *map(str, paths)]
    found = subprocess.run(  # noqa: S603 - fixed words and our own paths
        command,
        input=b"\n".join(sorted(wanted)),
        capture_output=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if found.returncode > 1 or found.stderr:
        raise RuntimeError(f"grep: {found.stderr.decode(errors='replace')[:200]}")
    return found.stdout.decode(errors="replace").splitlines()


@lru_cache(maxsize=1024)
def _spellings(name: str, value: str) -> tuple[_Pattern, ...]:
    """Return the spellings of one value, and of its forms; tests make the same canary over and over."""
    return tuple(_spell(name, value))


def _spell(name: str, value: str) -> Iterator[_Pattern]:
    """Yield the spellings of one value, and of its forms."""
    for form in _forms(name, value):
        cases = {form, form.upper(), form.lower()}
        for cased in cases:
            for encoding in ("utf-8", "utf-16-le", "latin-1"):
                yield _Pattern(f"{name} (plain)", cased.encode(encoding, "replace").lower())
        texts = {
            "JSON": json.dumps(form)[1:-1],
            "URL": urllib.parse.quote(form, safe=""),
            "form": urllib.parse.quote_plus(form),
            "HTML": html.escape(form),
            "repr": repr(form.encode())[2:-1],
            "reversed": form[::-1],
        }
        for label, text in texts.items():
            yield _Pattern(f"{name} ({label})", text.encode().lower())
        for cased in cases:
            raw = cased.encode()
            yield _Pattern(f"{name} (hex)", raw.hex().encode())
            for piece in _base64_pieces(raw):
                yield _Pattern(f"{name} (base64)", piece, any_case=False)
    if name == "ssn":
        # There are so few SSNs that an unkeyed hash is as good as the number.
        for algorithm in ("md5", "sha1", "sha256"):
            digest = hashlib.new(algorithm, value.encode(), usedforsecurity=False)
            yield _Pattern(f"{name} ({algorithm})", digest.hexdigest().encode())


def _forms(name: str, value: str) -> set[str]:
    """Return the ways in which people and programs write a value."""
    forms = {value}
    if name == "ssn":
        forms |= {f"{value[:3]}{sep}{value[3:5]}{sep}{value[5:]}" for sep in "- "}
    elif name == "phone":
        area, exchange, line = value[:3], value[3:6], value[6:]
        forms |= {f"{area}{sep}{exchange}{sep}{line}" for sep in "-. "}
        forms.add(f"({area}) {exchange}-{line}")
    elif name == "zipcode":
        forms |= {value.replace("-", ""), value.replace("-", " ")}
    elif name in _DATE_FIELDS:
        year, month, day = value.split("-")
        for sep in ("-", "/", ".", ""):
            orders = ((year, month, day), (month, day, year), (day, month, year), (year, day, month))
            forms |= {sep.join(order) for order in orders}
        forms |= {f"{int(month)}/{int(day)}/{year}", f"{int(day)}/{int(month)}/{year}"}
    elif not value.isalnum():
        # Without separators and spaces, as in names of files and keys.
        bare = value.translate(str.maketrans("", "", string.punctuation + " "))
        forms |= {bare, value.replace(" ", "-"), value.replace(" ", "_")}
    return forms


def _base64_pieces(raw: bytes) -> Iterator[bytes]:
    """Yield what *raw* looks like inside base64 text, at each of the three offsets, in both alphabets."""
    for offset in range(3):
        encoded = base64.b64encode(b"\x00" * offset + raw)
        # Only characters that are made of bits of *raw* alone.
        piece = encoded[(offset * 8 + 5) // 6 : (offset + len(raw)) * 8 // 6]
        yield piece
        yield piece.translate(bytes.maketrans(b"+/", b"-_"))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the regular files among and below *paths*."""
    for path in paths:
        for found in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if found.is_file() and not found.is_symlink():
                yield found


def _pieces(path: Path, overlap: int) -> Iterator[bytes]:
    """Yield the content of a file in pieces that overlap, so that nothing hides at a border."""
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(_PIECE_BYTES):
            yield tail + piece
            tail = piece[-overlap:]
