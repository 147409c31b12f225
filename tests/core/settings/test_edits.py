"""One value of a settings file is replaced, and everything else stays as it was written."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proofing.base.errors import ConfigurationError
from proofing.base.strict_yaml import parse_yaml
from proofing.settings.edits import NotEditableError, set_value

TEXT = """\
# Ours
default:
  # who is asked
  phone_vendors:
    - mock   # only one
  idv_available: true  # the main switch
  vendor_status: {}
  vendor_hourly_budgets:
    acme: 5  # calls
  partner_name: The agency
production: {is_production: true}
"""


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (["default", "idv_available"], False, "idv_available: true", "idv_available: false"),
        (["default", "vendor_status", "acme"], "full_outage", "{}", '{"acme": "full_outage"}'),
        (["default", "vendor_hourly_budgets", "acme"], 7, "acme: 5", "acme: 7"),
        (["default", "vendor_hourly_budgets", "b:c"], 7, "acme: 5", '"b:c": 7\n    acme: 5'),
        (["default", "phone_vendors"], ["a"], "- mock   # only one", '["a"]   # only one'),
        (["default", "status_url"], None, "  phone", "  status_url: null\n  phone"),
        (["production", "idv_available"], False, "{is", "{idv_available: false, is"),
    ],
)
def test_only_the_value_changes(path, value, old, new):
    """Comments and order stay; what is missing is added."""
    edited = set_value(TEXT, path, value)
    if path[-1] == "status_url":
        assert "# who is asked\n  status_url: null\n  phone_vendors:" in edited
        return
    assert edited == TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("default: &all\n  a: 1\nother: *all\n", ["default", "a"]),
        ("default:\n", ["elsewhere", "a", "b"]),
        ("{}\n", ["default", "a", "b"]),
    ],
)
def test_what_would_change_more_is_refused_or_right(text, path):
    """An anchor is one text in two places; a block that is missing is not invented wrongly."""
    try:
        edited = yaml.safe_load(set_value(text, path, 7))
    except NotEditableError:
        return
    before = yaml.safe_load(text)
    for part in path[:-1]:
        edited = edited[part]
        before = (before or {}).get(part)
    assert edited == {**(before or {}), path[-1]: 7}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(st.characters(exclude_categories=["C"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abcd"), VALUES, min_size=1), st.sampled_from("abcd"), VALUES)
def test_any_value_of_any_file(values, key, value):
    """Whatever is written there, exactly one value is another, or the edit is refused."""
    text = yaml.safe_dump({"default": values}, allow_unicode=True)
    try:
        parse_yaml(text, "settings")
    except ConfigurationError:
        return
    try:
        edited = set_value(text, ["default", key], value)
    except NotEditableError:
        return
    assert yaml.safe_load(edited) == {"default": values | {key: value}}
