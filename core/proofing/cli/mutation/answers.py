"""Mistakes in how a vendor's answer is read."""

import ast
from collections.abc import Iterator

from proofing.cli.mutation.mistakes import CATALOG, Place
from proofing.cli.mutation.sources import Edit, FunctionNode, Source, name_of

#: Enumerations of verdicts: member to those that it is taken for.
_CONFUSED: dict[str, dict[str, tuple[str, ...]]] = {
    "Outcome": {
        "PASSED": ("FAILED",),
        "FAILED": ("PASSED",),
        "REVIEW": ("PASSED", "FAILED"),
        "UNKNOWN": ("FAILED",),
    },
    "Match": {
        "MATCH": ("MISMATCH",),
        "MISMATCH": ("MATCH",),
        "UNAVAILABLE": ("MISMATCH", "MATCH"),
        "NOT_CHECKED": ("MISMATCH", "MATCH"),
    },
    "ReviewStatus": {"PASS": ("REJECT",), "REVIEW": ("PASS",), "REJECT": ("PASS",)},
    "SelfieCheck": {
        "MATCH": ("NO_MATCH",),
        "NO_MATCH": ("MATCH",),
        "NOT_LIVE": ("MATCH",),
        "NO_FACE": ("MATCH",),
        "SEVERAL_FACES": ("MATCH",),
        "TOO_DARK": ("MATCH",),
        "BAD_QUALITY": ("MATCH",),
    },
}
#: What a table's default is changed to, by the enumeration of its values.
_DEFAULTS = {
    "Outcome": ("Outcome.PASSED", "Outcome.FAILED"),
    "Match": ("Match.MATCH", "Match.MISMATCH"),
    "ReviewStatus": ("ReviewStatus.PASS", "ReviewStatus.REJECT"),
    "SelfieCheck": ("SelfieCheck.MATCH", "SelfieCheck.NO_MATCH"),
}


@CATALOG.add(
    "comparison-weakened",
    "anything but one word counts",
    "an example answer in which this value is a word that the vendor does not document",
)
def _comparisons(source: Source) -> Iterator[Place]:
    words = _compared_words(source)
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        left, right = source.text(node.left), node.comparators[0]
        match node.ops[0], right:
            case ast.Eq(), ast.Constant(value=str() as word):
                other = next((one for one in words[left] if one != word), None)
                change = f"({left} != {other!r})" if other is not None else f"({left} is not None)"
                yield Place(node, f"{source.text(node)} -> {change[1:-1]}", (source.replace(node, change),))
            case ast.Eq(), ast.Constant(value=int() as number) if not isinstance(number, bool):
                change = f"({left} >= {number})"
                yield Place(node, f"{source.text(node)} -> {change[1:-1]}", (source.replace(node, change),))
            case ((ast.In() | ast.NotIn() as operator), _):
                change = str(isinstance(operator, ast.In))
                yield Place(node, f"{source.text(node)} -> {change}", (source.replace(node, change),))
            case _:
                pass


@CATALOG.add(
    "default-of-table",
    "an unknown word gets a verdict",
    "an example answer with a word here that the vendor does not document; it must end as an error",
)
def _defaults(source: Source) -> Iterator[Place]:
    """A lookup gets a default, and what kept unknown words from it is removed."""
    tables = _tables(source)
    opened = tuple(_open_words(source))
    for node in ast.walk(source.tree):
        match node:
            case ast.Subscript(value=ast.Name(id=table), slice=key, ctx=ast.Load()) if table in tables:
                pass
            case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get"), args=[key, *_]) if (
                table in tables
            ):
                pass
            case _:
                continue
        kind, value = tables[table]
        for default in _DEFAULTS[kind]:
            whole = value.replace("*", default)
            change = f"{table}.get({source.text(key)}, {whole})"
            if change != source.text(node):
                guards = tuple(_open_guards(source, table))
                edits = (source.replace(node, change), *opened, *guards)
                yield Place(node, f"{source.text(node)} -> {change}", edits)


@CATALOG.add(
    "verdict-swapped",
    "a verdict is read as another one",
    "an example answer that has this verdict, with its outcome and attributes",
)
def _verdicts(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Attribute(value=ast.Name(id=kind), attr=member, ctx=ast.Load()) if kind in _CONFUSED:
                for other in _CONFUSED[kind].get(member, ()):
                    change = f"{kind}.{other}"
                    yield Place(node, f"{kind}.{member} -> {change}", (source.replace(node, change),))
            case _:
                pass


@CATALOG.add(
    "status-unchecked",
    "an HTTP error status is read like an answer",
    "an example answer with HTTP 500 and the body of a yes",
)
def _statuses(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=response, attr="require_success")):
                yield Place(node, "require_success() removed", (source.replace(node, source.text(response)),))
            case _:
                pass


@CATALOG.add(
    "check-removed",
    "what the adapter refuses is read",
    "an example answer that this check alone refuses",
)
def _checks(source: Source) -> Iterator[Place]:
    """A raise that is all of an `if`, outside of handlers, is removed."""
    for node in ast.walk(source.tree):
        if not (isinstance(node, ast.If) and not node.orelse and len(node.body) == 1):
            continue
        (only,) = node.body
        is_handling = any(isinstance(up, ast.ExceptHandler) for up in source.above(node))
        # Those of webhooks have a mistake of their own.
        if isinstance(only, ast.Raise) and not is_handling and "NotAuthenticError" not in source.text(only):
            change = f"if {source.text(node.test)}: the raise is removed"
            yield Place(only, change, (source.replace(only, "pass"),))


@CATALOG.add(
    "type-unchecked",
    "a value of another type is read",
    "an example answer in which this value is of another type or form",
)
def _types(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[value, kinds]):
                is_json = {name_of(one) for one in ast.walk(kinds)} & {
                    "str",
                    "int",
                    "bool",
                    "dict",
                    "list",
                    "float",
                }
                change = "True" if is_json else "False"
                yield Place(
                    node, f"isinstance({source.text(value)}, …) -> {change}", (source.replace(node, change),)
                )
            case ast.Call(func=ast.Name(id="Field")) as call if not _is_of_settings(source, call):
                for keyword in call.keywords:
                    if keyword.arg == "pattern":
                        yield Place(call, "the pattern is removed", (source.remove_keyword(keyword),))
            case _:
                pass


@CATALOG.add(
    "from-none-removed",
    "a foreign exception, whose text may quote the answer, comes along",
    "nothing: the kit's rules catch it once an example answer reaches this handler",
)
def _chains(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Raise(exc=ast.expr() as error, cause=ast.Constant(value=None)) if any(
                isinstance(up, ast.ExceptHandler) for up in source.above(node)
            ):
                yield Place(node, "from None removed", (source.replace(node, f"raise {source.text(error)}"),))
            case _:
                pass


def _compared_words(source: Source) -> dict[str, list[str]]:
    """Return the words that each expression is compared with."""
    words: dict[str, list[str]] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare):
            for right in node.comparators:
                if isinstance(right, ast.Constant) and isinstance(right.value, str):
                    words.setdefault(source.text(node.left), []).append(right.value)
    return words


def _tables(source: Source) -> dict[str, tuple[str, str]]:
    """Return the tables of verdicts: name to their enumeration, and a value with ``*`` for the verdict."""
    tables = {}
    for node in ast.walk(source.tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(values=[first, *_]))
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(values=[first, *_]))
            ):
                for part in ast.walk(first):
                    match part:
                        case ast.Attribute(value=ast.Name(id=kind)) if kind in _DEFAULTS:
                            value = source.text(first).replace(source.text(part), "*", 1)
                            tables[name] = (kind, value)
                            break
                        case _:
                            pass
            case _:
                pass
    return tables


def _open_words(source: Source) -> Iterator[Edit]:
    """Yield the edits by which models of answers take any word."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Subscript(value=ast.Name(id="Literal")) if not _is_of_settings(source, node):
                yield source.replace(node, "str")
            case _:
                pass


def _open_guards(source: Source, table: str) -> Iterator[Edit]:
    """Yield the edits by which ``word not in TABLE`` and the like let every word through."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Compare(ops=[(ast.In() | ast.NotIn()) as operator], comparators=[ast.Name(id=name)]) if (
                name == table
            ):
                yield source.replace(node, str(isinstance(operator, ast.In)))
            case _:
                pass


def _is_of_settings(source: Source, node: ast.AST) -> bool:
    """Return whether *node* is in a class of settings."""
    return any(
        isinstance(up, ast.ClassDef) and any(name_of(base) == "PluginSettings" for base in up.bases)
        for up in source.above(node)
        if not isinstance(up, FunctionNode)
    )
