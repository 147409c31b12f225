"""The license gate: judge every package that uv.lock names, by the tables of docs/reference/licenses.md.

    python scripts/licenses.py

What a package states is read from the metadata of the installed one (`importlib.metadata`). A package of the
lock that is not installed here, because it is for another platform, Python or extra, does not pass for that:
it needs a row in the second table for exactly its version. So does one whose metadata says nothing clear.
Every package must come from a package index by hash, so that we use and pass on nothing that we changed.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "uv.lock"
PAGE = ROOT / "docs" / "reference" / "licenses.md"
OURS = "proofing"
_NOTHING = "nothing"
#: Longer ones are whole texts.
_MAX_NAME_CHARACTERS = 40

#: Classifiers, and words of the field `License`, as SPDX identifiers; `BSD` where no variant is stated.
_IDENTIFIERS = {
    "OSI Approved :: Apache Software License": "Apache-2.0",
    "OSI Approved :: BSD License": "BSD",
    "OSI Approved :: GNU Affero General Public License v3": "AGPL-3.0-only",
    "OSI Approved :: GNU General Public License (GPL)": "GPL",
    "OSI Approved :: GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "OSI Approved :: GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "OSI Approved :: ISC License (ISCL)": "ISC",
    "OSI Approved :: MIT License": "MIT",
    "OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "Public Domain": "public domain",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT",
}


@dataclass(frozen=True)
class Row:
    """One row of the second table: a package that was read by somebody."""

    versions: frozenset[str]
    states: str
    license: str


@dataclass(frozen=True)
class Table:
    """The page: identifiers that are allowed, and the packages with a row of their own."""

    allowed: frozenset[str]
    rows: Mapping[str, Row] = field(default_factory=dict)


@dataclass(frozen=True)
class Installed:
    """A package that is installed here."""

    version: str
    states: str | None


def main() -> int:
    """Print what is wrong, or how much was judged."""
    lock = tomllib.loads(LOCK.read_text())["package"]
    table = read_table(PAGE.read_text())
    found = {name: one for name in {package["name"] for package in lock} if (one := _installed(name))}
    problems = list(judge(lock, table, found))
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"Licenses: {len(lock) - 1} packages of uv.lock, {len(found) - 1} of them installed here.")
    return bool(problems)


def judge(
    lock: Sequence[Mapping[str, Any]], table: Table, installed: Mapping[str, Installed]
) -> Iterator[str]:
    """Yield one sentence for each package that must not be there, or that nobody has judged."""
    names = {package["name"] for package in lock}
    for name in sorted(table.rows.keys() - names):
        yield f"{name}: has a row in {PAGE.name}, and is not in uv.lock"
    for package in lock:
        name, version = package["name"], package["version"]
        if name != OURS:
            if "registry" not in package["source"] or not _has_hashes(package):
                yield f"{name} {version}: does not come from a package index by hash, so it may be modified"
            if problem := _judge_one(version, table.rows.get(name), installed.get(name), table.allowed):
                yield f"{name} {version}: {problem}"


def _judge_one(version: str, row: Row | None, here: Installed | None, allowed: frozenset[str]) -> str | None:
    """Return what is wrong with the license of one locked version."""
    if here is None or here.version != version:
        if row is None or version not in row.versions:
            return f"is not installed here, and {PAGE.name} has no row for this version"
        expression = row.license
    elif row is not None:
        states = here.states or _NOTHING
        if states != row.states:
            return f"states {states}, and {PAGE.name} says {row.states}: read its license again"
        expression = row.license
    elif here.states is None:
        return f"its metadata states no license: read it, and add a row to {PAGE.name}"
    else:
        expression = here.states
    return None if is_allowed(expression, allowed) else f"{expression} is not an allowed license"


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Judge an SPDX expression: of `OR` one side is enough, of `AND` both must be allowed."""
    text = expression.strip()
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    for word, judges in ((" OR ", any), (" AND ", all)):
        parts = _split(text, word)
        if len(parts) > 1:
            return judges(is_allowed(part, allowed) for part in parts)
    return text.partition(" WITH ")[0] in allowed


def _split(text: str, word: str) -> list[str]:
    """Split at *word* outside of parentheses."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith(word, place):
            parts.append(text[start:place])
            start = place + len(word)
    return [*parts, text[start:]]


def _closing(text: str) -> int:
    """Return where the parenthesis at the beginning closes, or -1."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place
    return -1


def stated(metadata: PackageMetadata) -> str | None:
    """Return what a package states of its license, as an SPDX expression; None when that is not clear."""
    if expression := (metadata.get_all("License-Expression") or [None])[0]:
        return str(expression)
    classifiers = [
        text.removeprefix("License :: ")
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: ")
    ]
    names = classifiers or [
        text for text in metadata.get_all("License") or [] if len(text) <= _MAX_NAME_CHARACTERS
    ]
    if not names:
        return None
    # Several may mean both or a choice, so each must be allowed; an unknown one is allowed by no table.
    return " AND ".join(_IDENTIFIERS.get(name, name) for name in names)


def read_table(text: str) -> Table:
    """Return the two tables of the page."""
    tables: list[list[list[str]]] = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        lines = [line.strip("|").split("|") for line in block.splitlines()]
        tables.append([[cell.strip().strip("`") for cell in cells] for cells in lines[2:]])
    licenses, packages = tables
    return Table(
        allowed=frozenset(cells[0] for cells in licenses),
        rows={
            name: Row(frozenset(versions.split(", ")), states, license_)
            for name, versions, states, license_, _why in packages
        },
    )


def _has_hashes(package: Mapping[str, Any]) -> bool:
    """Return whether every file that may be installed is bound by a hash."""
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    return bool(files) and all("hash" in file for file in files)


def _installed(name: str) -> Installed | None:
    """Return what is known of a package of this environment."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    return Installed(found.version, stated(found.metadata))


if __name__ == "__main__":
    sys.exit(main())
