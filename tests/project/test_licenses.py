"""The license gate: what may be in the lock, what may not, and that nothing passes because it is not here."""

import re
import tomllib
from email.message import Message
from pathlib import Path

import pytest
from scripts import licenses
from scripts.licenses import Installed, Row, Table

ALLOWED = frozenset({"MIT", "Apache-2.0", "BSD-3-Clause", "LGPL-3.0-only"})
ROOT = Path(__file__).parents[2]


def locked(name="acme", version="1.0", **changes):
    """Return a package as the lock names it."""
    file = {"url": "https://files.example.org/acme.whl", "hash": "sha256:00"}
    return {"name": name, "version": version, "source": {"registry": "x"}, "wheels": [file], **changes}


def judged(states, **rows):
    """Return what is said of one installed package."""
    return list(licenses.judge([locked()], Table(ALLOWED, rows), {"acme": Installed("1.0", states)}))


@pytest.mark.parametrize(
    "states", ["MIT", "Apache-2.0 OR GPL-3.0-only", "LGPL-3.0-only", "Apache-2.0 AND MIT"]
)
def test_allowed_licenses_pass(states):
    """Permissive ones, weak copyleft as a library, and a choice that has one of them."""
    assert judged(states) == []


@pytest.mark.parametrize(
    "states",
    [
        "GPL-3.0-only",
        "AGPL-3.0-or-later",
        "MIT AND GPL-2.0-only",
        "(MIT OR Apache-2.0) AND AGPL-3.0-only",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "Proprietary",
        "mit",
    ],
)
def test_other_licenses_fail(states):
    """Strong copyleft, and whatever the table does not name."""
    assert judged(states) == [f"acme 1.0: {states} is not an allowed license"]


@pytest.mark.parametrize(
    "classifier",
    [
        "License :: OSI Approved :: GNU Affero General Public License v3",
        "License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
        "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)",
    ],
)
def test_a_gpl_classifier_fails(classifier):
    """Also one alongside a permissive one: whether it is a choice is not stated."""
    metadata = Message()
    metadata["Classifier"] = "License :: OSI Approved :: MIT License"
    metadata["Classifier"] = classifier
    assert judged(licenses.stated(metadata)) != []


def test_the_expression_comes_before_classifiers_and_field():
    """As the specification of metadata says."""
    metadata = Message()
    metadata["License"] = "MIT"
    assert licenses.stated(metadata) == "MIT"
    metadata["Classifier"] = "License :: OSI Approved :: Apache Software License"
    assert licenses.stated(metadata) == "Apache-2.0"
    metadata["License-Expression"] = "BSD-3-Clause"
    assert licenses.stated(metadata) == "BSD-3-Clause"


def test_a_whole_text_in_the_field_states_nothing():
    """Somebody must read it."""
    metadata = Message()
    metadata["License"] = "Permission is hereby granted, free of charge, to any person …" * 3
    assert licenses.stated(metadata) is None
    assert "read it, and add a row" in judged(None)[0]


def test_what_is_not_installed_needs_a_row_for_its_version():
    """A package of another platform does not pass because it is not here."""
    row = Row(frozenset({"1.0"}), "MIT", "MIT")
    old = Row(frozenset({"0.9"}), "MIT", "MIT")
    gpl = Row(frozenset({"1.0"}), "GPL-3.0-only", "GPL-3.0-only")
    found = {
        name: list(licenses.judge([locked()], Table(ALLOWED, rows), {}))
        for name, rows in {
            "none": {},
            "row": {"acme": row},
            "old": {"acme": old},
            "gpl": {"acme": gpl},
        }.items()
    }
    assert found["row"] == []
    assert "is not installed here" in found["none"][0]
    assert "is not installed here" in found["old"][0]
    assert "not an allowed license" in found["gpl"][0]


def test_another_version_that_is_installed_proves_nothing():
    """Licenses change between versions."""
    problems = list(licenses.judge([locked()], Table(ALLOWED), {"acme": Installed("2.0", "MIT")}))
    assert "is not installed here" in problems[0]


def test_a_row_is_compared_with_what_is_stated():
    """A change of a package that was read once is noticed."""
    row = Row(frozenset({"1.0"}), "nothing", "MIT")
    assert judged(None, acme=row) == []
    assert "read its license again" in judged("GPL-3.0-only", acme=row)[0]


def test_a_row_for_nothing_is_removed():
    """The table holds what the lock has."""
    assert "is not in uv.lock" in judged("MIT", other=Row(frozenset({"1"}), "MIT", "MIT"))[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"git": "https://git.example.org/acme"}},
        {"source": {"directory": "../acme"}},
        {"wheels": []},
        {"wheels": [{"url": "https://files.example.org/acme.whl"}]},
    ],
)
def test_only_unmodified_packages_pass(changes):
    """From an index, by hash: then a library under LGPL or MPL is the one that its authors published."""
    problems = list(
        licenses.judge([locked(**changes)], Table(ALLOWED), {"acme": Installed("1.0", "LGPL-3.0-only")})
    )
    assert "may be modified" in problems[0]


def test_the_page_is_read_as_it_is():
    """No strong copyleft is allowed, and each row names a locked version and says why it is there."""
    table = licenses.read_table(licenses.PAGE.read_text())
    assert not [name for name in table.allowed if re.match(r"A?GPL|SSPL", name)]
    assert {name for name in table.allowed if name.startswith(("LGPL", "MPL"))} == {
        "LGPL-3.0-only",
        "MPL-2.0",
    }
    versions = {
        (package["name"], package["version"])
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    assert table.rows
    assert {(name, version) for name, row in table.rows.items() for version in row.versions} <= versions
    assert all(licenses.is_allowed(row.license, table.allowed) for row in table.rows.values())
