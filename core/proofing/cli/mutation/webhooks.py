"""Mistakes in judging what is posted to a webhook."""

import ast
from collections.abc import Iterator

from proofing.cli.mutation.mistakes import CATALOG, Place
from proofing.cli.mutation.sources import Source, name_of

_VERIFYING = {"compare_digest", "verify", "check_signature", "verify_signature"}


@CATALOG.add(
    "signature-unchecked",
    "anybody can post an event",
    "a post that is signed with another secret, and one whose body was changed",
)
def _signatures(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and name_of(node.func) in _VERIFYING:
            yield Place(node, f"{source.text(node.func)}(…) -> True", (source.replace(node, "True"),))


@CATALOG.add(
    "refusal-removed",
    "a post that must be refused is read",
    "a post without a header, one that is too old, and one of the future",
)
def _refusals(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if name_of(error) == "NotAuthenticError":
                yield Place(node, "raise NotAuthenticError removed", (source.replace(node, "pass"),))


@CATALOG.add(
    "previous-secret-ignored",
    "events are lost while a secret is rotated",
    "a post that is signed with the previous secret",
)
def _rotation(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=function, args=[_key, previous]) if name_of(function) == "MACKeys":
                yield Place(node, "previous secrets are ignored", (source.remove(previous),))
            case _:
                pass


@CATALOG.add(
    "body-reserialized",
    "the signature is over another spelling of the body",
    "a post whose JSON has spaces that json.dumps would not write",
)
def _bodies(source: Source) -> Iterator[Place]:
    change = (
        '__import__("json").dumps(__import__("json").loads(incoming.body), separators=(",", ":")).encode()'
    )
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="incoming"), attr="body"):
                yield Place(
                    node, "incoming.body is parsed and written again", (source.replace(node, change),)
                )
            case _:
                pass
