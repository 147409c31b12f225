"""What the modules of the vendors have in common, and the published vectors of their authentication."""

import base64

import pytest
from lxml import etree
from starlette.routing import Route

from proofing_sandbox.app import make_app, settings_for
from proofing_sandbox.behavior import Behaviors
from proofing_sandbox.play import Play
from proofing_sandbox.specimen import specimen
from proofing_sandbox.vendors import MODULES
from proofing_sandbox.vendors.aamva import _derived, _RefusedError, _require_order


def test_no_two_vendors_share_a_path():
    """One address plays all of them."""
    play = Play("http://sandbox.example", "http://product.example", Behaviors(frozenset()))
    paths = [
        (route.path, method)
        for module in MODULES
        for route in module.routes(play)
        if isinstance(route, Route)
        for method in route.methods
        if method != "HEAD"
    ]
    assert len(paths) == len(set(paths))
    products = [product for module in MODULES for product in module.PRODUCTS]
    assert len(products) == len(set(products))
    assert make_app("http://sandbox.example", "http://product.example").state.play.behaviors.products == {
        *products
    }


def test_settings_name_sections_of_their_own():
    """With which each adapter asks the sandbox."""
    found = settings_for("http://localhost:8950/")
    assert sorted(found) == ["aamva", "aws_identity", "dos", "lexisnexis", "socure", "stripe", "twilio"]
    assert found["socure"]["base_url"] == "http://localhost:8950"


def test_the_key_of_a_security_context():
    """Of a vector with client and server secret 0 to 31 and 32 to 63."""
    key = _derived(bytes(range(32)), bytes(range(32, 64)))
    assert base64.b64encode(key) == b"31kTLCr20jDkM3cyB2oUVhaUvhKDjMACA9Y8gWZT11s="


@pytest.mark.parametrize(
    ("children", "is_refused"),
    [
        ("<a/><b/><b/><c/>", False),
        ("<a/><c/>", False),
        ("<b/><a/>", True),
        ("<a/><a/>", True),
        ("<d/>", True),
    ],
)
def test_elements_out_of_order_are_refused(children, is_refused):
    """A schema has a sequence; a real service refuses any other one."""
    document = etree.fromstring(f"<x><list>{children}</list></x>")
    if is_refused:
        with pytest.raises(_RefusedError):
            _require_order(document, "list", ("a", "b", "b", "c"))
    else:
        _require_order(document, "list", ("a", "b", "b", "c"))


@pytest.mark.parametrize(("start", "end"), [(0, 10), (13, 20), (21, 28)])
def test_the_check_digits_of_the_specimen(start, end):
    """ICAO Doc 9303: weights 7, 3, 1; a letter counts from 10, a filler 0."""
    lines = specimen().mrz
    assert [len(line) for line in lines] == [44, 44]
    field = lines[1][start:end]
    total = sum(
        (0 if character == "<" else int(character, 36)) * (7, 3, 1)[place % 3]
        for place, character in enumerate(field[:-1])
    )
    assert field[-1] == str(total % 10)
