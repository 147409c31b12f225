"""The one reader of XML from outside: no document type, no entities of its own, no endless trees.

expat itself does the parsing: it never opens anything, and its events let a document be refused at its first
forbidden construct, before a tree is built. defusedxml has no caps on depth and size, and lxml none on the
number of nodes.
"""

from typing import Any, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

#: Answers of SOAP services have some ten levels and some hundred nodes.
MAX_DEPTH = 32
MAX_NODES = 20_000

#: Encodings that expat reads by itself; for others it would ask a codec of Python.
_ENCODINGS = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1"})


def parse_xml(content: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Element:
    """Return the root element of *content*; names are ``{namespace}local``, comments are left out.

    Args:
        content: the document.
        max_depth: of elements in elements; the root is the first.
        max_nodes: of elements and attributes together.

    Raises:
        ValueError: not well-formed, a document type, an entity that is not one of the five of XML, a
        processing
            instruction, an encoding other than UTF-8, UTF-16, ASCII or Latin-1, or more than the caps. The
            message holds nothing of *content*.
    """
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    builder = _BoundedBuilder(max_depth, max_nodes)
    parser.XmlDeclHandler = _check_encoding
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ProcessingInstructionHandler = _refuse
    parser.SkippedEntityHandler = _refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
        return builder.close()
    except (ValueError, expat.ExpatError, LookupError):
        pass
    finally:
        # The handlers hold the builder, and so the parser itself, in a cycle.
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
    raise ValueError("not acceptable XML") from None


class _BoundedBuilder:
    """Builds the tree, and refuses what is too deep or too much before it is built."""

    def __init__(self, max_depth: int, max_nodes: int) -> None:
        self._builder = TreeBuilder()
        self.data = self._builder.data
        self._depth_left = max_depth
        self._nodes_left = max_nodes

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        self._depth_left -= 1
        self._nodes_left -= 1 + len(attributes)
        if self._depth_left < 0 or self._nodes_left < 0:
            raise ValueError
        self._builder.start(_named(name), {_named(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        """Close an element."""
        self._depth_left += 1
        self._builder.end(_named(name))

    def close(self) -> Element:
        """Return the root."""
        root: Element = self._builder.close()
        return root


def _named(name: str) -> str:
    return "{" + name if "}" in name else name


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise ValueError


def _refuse(*_facts: Any) -> NoReturn:
    raise ValueError
