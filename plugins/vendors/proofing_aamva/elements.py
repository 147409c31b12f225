"""XML as text: what goes into a message, and what is read of an answer. Namespaces of answers vary."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from proofing_aamva.errors import malformed

#: What XML 1.0 cannot hold, not even as a reference. Section 2.2.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escaped(value: str) -> str:
    """Return *value* as the text of an element, in the form that canonical XML gives it.

    Raises:
        VendorError: `Cause.BAD_REQUEST`: it has characters that XML cannot hold.
    """
    if _NOT_XML.search(value):
        raise malformed("a value has characters that XML cannot hold")
    return escape(value, {"\r": "&#xD;"})


def local_name(name: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return name.rpartition("}")[2]


def named(root: Element, name: str) -> Iterator[Element]:
    """Yield *root* and the elements in it, however deep, that are called *name* in any namespace."""
    return (element for element in root.iter() if local_name(element.tag) == name)


def text_of(element: Element) -> str:
    """Return the text of *element* without the white space around it."""
    return (element.text or "").strip()
