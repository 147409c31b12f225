"""Canonical N-Quads of small graphs: W3C RDF Dataset Canonicalization 1.0, 4.4, without its hard part.

The blank nodes of the graphs that are signed here differ in what is said of them directly. Graphs of which
that is not true are refused.
"""

import hashlib
import re
from collections import defaultdict

RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
#: What an IRI or the text of a literal has here; nothing that N-Quads would escape.
_PLAIN = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x5b\x5d-\x7e]+", re.ASCII)

#: Subject, predicate, object; blank nodes begin with ``_:``.
Statement = tuple[str, str, str]


def iri(text: str) -> str:
    """Return *text* as an IRI.

    Raises:
        ValueError: it has characters that N-Quads would escape.
    """
    return f"<{_plain(text)}>"


def literal(text: str, datatype: str | None = None) -> str:
    """Return *text* as a literal of the type with the IRI *datatype*; a string where there is none.

    Raises:
        ValueError: it has characters that N-Quads would escape.
    """
    quoted = f'"{_plain(text)}"'
    return quoted if datatype is None else f"{quoted}^^{iri(datatype)}"


def canonical(graph: list[Statement]) -> bytes:
    """Return the canonical N-Quads of *graph*.

    Raises:
        ValueError: two of its blank nodes are not told apart by what is said of them.
    """
    mentions: dict[str, list[Statement]] = defaultdict(list)
    for statement in graph:
        for node in {statement[0], statement[2]}:
            if node.startswith("_:"):
                mentions[node].append(statement)
    hashes = {node: _first_degree_hash(node, statements) for node, statements in mentions.items()}
    if len(set(hashes.values())) != len(hashes):
        raise ValueError("the graph needs the hard part of canonicalization")
    names = {node: f"_:c14n{place}" for place, node in enumerate(sorted(hashes, key=lambda one: hashes[one]))}
    return "".join(sorted(_line(statement, names) for statement in graph)).encode()


def _first_degree_hash(node: str, statements: list[Statement]) -> str:
    others = {
        name: "_:z" for statement in statements for name in (statement[0], statement[2]) if name[:2] == "_:"
    }
    lines = sorted(_line(statement, others | {node: "_:a"}) for statement in statements)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _line(statement: Statement, names: dict[str, str]) -> str:
    return " ".join(names.get(term, term) for term in statement) + " .\n"


def _plain(text: str) -> str:
    if not _PLAIN.fullmatch(text):
        raise ValueError("a term has characters that are not plain")
    return text
