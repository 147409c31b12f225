"""Mistakes in what is sent, and in what is said of it: requests, signatures, secrets, billing."""

import ast
from collections.abc import Iterator

from proofing.cli.mutation.mistakes import CATALOG, Place
from proofing.cli.mutation.sources import FunctionNode, Source, name_of

_ESCAPES = {"escape", "quoteattr", "quote", "xml_escape"}
_CALLS = {"get", "post", "request"}
#: What the exception is that is being handled.
_HANDLED = '__import__("sys").exc_info()[1]'
#: Functions that compute over bytes: which argument the bytes are.
_SIGNING = {"new": 1, "digest": 1, "sign": 0, "update": 0}


@CATALOG.add(
    "attribute-not-sent",
    "something of the person is not sent",
    "a comparison of the whole request body with what the vendor documents",
)
def _attributes(source: Source) -> Iterator[Place]:
    for key, value, start in _entries(source):
        names = [name_of(part) for part in ast.walk(value) if _is_of(part, "applicant")]
        if names:
            yield Place(
                value, f"{source.text(key)} ({names[0]}) is left out", (source.remove(value, start=start),)
            )


@CATALOG.add(
    "context-not-sent",
    "the vendor does not get an id or address of this question",
    "a comparison of the request with the id, key or address that context has",
)
def _context(source: Source) -> Iterator[Place]:
    names = {"idempotency_key", "question_id", "return_url", "answer_url"}
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="context"), attr=attribute) if attribute in names:
                constant = f"https://fixed.example/{'f' * 48}" if attribute.endswith("url") else "f" * 48
                yield Place(
                    node, f"context.{attribute} -> a constant", (source.replace(node, repr(constant)),)
                )
            case _:
                pass


@CATALOG.add(
    "escaping-removed",
    "what a person typed becomes markup",
    "a request of a person with <, & and quotes in the name, parsed as the vendor would",
)
def _escaping(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and name_of(node.func) in _ESCAPES and node.args:
            yield Place(
                node,
                f"{source.text(node.func)}() removed",
                (source.replace(node, source.text(node.args[0])),),
            )


@CATALOG.add(
    "sides-swapped",
    "front and back are swapped",
    "a comparison of the request with the front's and the back's bytes",
)
def _sides(source: Source) -> Iterator[Place]:
    found = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and name_of(node.value) == "Side"
        and node.attr in {"FRONT", "BACK"}
    ]
    if {node.attr for node in found} == {"FRONT", "BACK"}:
        other = {"FRONT": "Side.BACK", "BACK": "Side.FRONT"}
        first = min(found, key=lambda node: node.lineno)
        yield Place(
            first, "Side.FRONT <-> Side.BACK", tuple(source.replace(node, other[node.attr]) for node in found)
        )


@CATALOG.add(
    "signs-other-bytes",
    "the signature is over other bytes than those that are sent",
    "a test vector of the vendor's, or a check of the signature over the body that was sent",
)
def _signing(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=arguments) if (
                name in _SIGNING and len(arguments) > _SIGNING[name]
            ):
                data = arguments[_SIGNING[name]]
                if name in {"sign", "update"} or "hmac" in source.text(node.func):
                    yield Place(
                        node,
                        "one byte more is signed",
                        (source.replace(data, f"{source.text(data)} + b' '"),),
                    )
            case _:
                pass


@CATALOG.add(
    "secret-printed",
    "a credential is printed",
    "nothing: the kit's rules look for each credential; give it one of 16 characters or more in the section",
)
def _secrets(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="get_secret_value")):
                text = source.text(node)
                yield Place(node, f"print({text})", (source.replace(node, f"(print({text}) or {text})"),))
            case _:
                pass


@CATALOG.add(
    "answer-in-message",
    "an error's message quotes the answer",
    "an example answer that reaches this error",
)
def _messages(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=function, args=[_cause, message]) if name_of(function) == "VendorError":
                text = _reachable_text(source, node)
                if text is not None:
                    change = f"({source.text(message)}) + str({text})"
                    yield Place(node, "the message quotes the answer", (source.replace(message, change),))
            case _:
                pass


@CATALOG.add(
    "answer-logged",
    "the vendor's answer is in a log line",
    "an example answer that repeats the question",
)
def _logs(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Await(value=call)) if _is_call_out(call):
                line = f"{source.text(node)}; context.logger.warning('answer %s', {name}.content)"
                yield Place(node, "the answer is logged", (source.replace(node, line),))
            case _:
                pass


@CATALOG.add(
    "free-call-billed",
    "a login or a free poll counts as a paid call",
    "a test of which calls are within context.unbilled()",
)
def _free(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr="unbilled")) as call):
                change = '__import__("contextlib").nullcontext()'
                yield Place(call, "unbilled() removed", (source.replace(call, change),))
            case _:
                pass


def _entries(source: Source) -> Iterator[tuple[ast.expr, ast.expr, int]]:
    """Yield key, value and beginning of the entries of dictionaries in functions."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Dict) and source.function_of(node) is not None:
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None:
                    yield key, value, source.span(key)[0]


def _is_of(node: ast.AST, name: str) -> bool:
    """Return whether *node* is an attribute of something called *name*."""
    return isinstance(node, ast.Attribute) and name_of(node.value) == name


def _is_call_out(node: ast.expr) -> bool:
    """Return whether *node* is a call of the outbound client."""
    return isinstance(node, ast.Call) and name_of(node.func) in _CALLS and _is_of(node.func, "http")


def _reachable_text(source: Source, node: ast.AST) -> str | None:
    """Return what at *node* has text of the answer, if anything does."""
    if any(isinstance(up, ast.ExceptHandler) for up in source.above(node)):
        return _HANDLED
    function = source.function_of(node)
    if not isinstance(function, FunctionNode):
        return None
    for argument in function.args.args:
        if argument.annotation is not None and "VendorResponse" in source.text(argument.annotation):
            return f"{argument.arg}.content"
    for part in ast.walk(function):
        match part:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Await(value=call)) if _is_call_out(call):
                return f"{name}.content"
            case _:
                pass
    return None
