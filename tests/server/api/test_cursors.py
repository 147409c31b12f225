"""Cursors: what was written is read again, and nothing else is."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing_server.api.cursors import read_number, read_position, write_number, write_position
from proofing_server.api.problems import Code, ProblemError

ID = "ver_" + "0f" * 16


@given(st.floats(min_value=0, max_value=1e11))
def test_a_position_is_read_as_it_was_written(at):
    """To the last bit: else an entry would be twice on two pages, or on none."""
    assert read_position(write_position(at, ID)) == (at, ID)


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_number_is_read_as_it_was_written(number):
    """Every number that a store can have."""
    assert read_number(write_number(number)) == number


def written(text: str) -> str:
    """Return *text* in the spelling of a cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "A" * 300,
        written("[]"),
        written("[" * 100),
        written('["v"]'),
        written('["v",1,"ver_x"]'),
        written(f'["v",NaN,"{ID}"]'),
        written(f'["v",Infinity,"{ID}"]'),
        written(f'["v",true,"{ID}"]'),
        written(f'["v",1{"0" * 100},"{ID}"]')[:201],
        written('["e",-1]'),
        written('["e",9223372036854775808]'),
        written('["e",true]'),
        written('["e",1.5]'),
        written('{"e":1}'),
    ],
)
def test_nothing_else_is_read(cursor):
    """Whatever a client invents is refused by its code."""
    for read in (read_number, read_position):
        with pytest.raises(ProblemError) as refused:
            read(cursor)
        assert refused.value.code is Code.INVALID_CURSOR


def test_cursors_of_one_list_are_none_of_another():
    """A cursor of events is refused by the list of verifications, and the other way around."""
    with pytest.raises(ProblemError):
        read_number(write_position(1.0, ID))
    with pytest.raises(ProblemError):
        read_position(write_number(1))


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", max_size=210))
def test_no_text_is_an_accident(cursor):
    """No other exception, whatever is sent."""
    for read in (read_number, read_position):
        try:
            read(cursor)
        except ProblemError:
            continue
