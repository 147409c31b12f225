"""Mistakes in what is handed to core: results, errors, descriptors, hooks."""

import ast
from collections.abc import Iterator

from proofing.cli.mutation.mistakes import CATALOG, Place
from proofing.cli.mutation.sources import Source, name_of

_RESULTS = {"ResolutionResult", "PhoneResult", "StateIDResult", "DeviceResult", "DocumentResult"}
_OF_RESULTS = {"attributes", "reasons", "transaction_id", "findings", "applicant", "selfie", "vendor_codes"}
#: Arguments without which something is lost, by what is made.
_LEFT_OUT = {
    **dict.fromkeys(_RESULTS, _OF_RESULTS),
    "VendorError": {"codes"},
    "Event": {"id", "question_id", "reference"},
    "Pending": {"reference"},
}


@CATALOG.add(
    "fact-left-out",
    "something that the vendor said is left out",
    "the attribute, reason or id to the expected result of an example answer",
)
def _facts(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        called = name_of(node.func)
        for keyword in node.keywords:
            if keyword.arg in _LEFT_OUT.get(called, ()) or (called == "Applicant" and keyword.arg):
                edit = source.remove_keyword(keyword)
                yield Place(node, f"{keyword.arg}= of {called} is left out", (edit,))


@CATALOG.add(
    "result-of-wrong-type",
    "a result holds what core refuses",
    "nothing: the kit checks results as a worker does; give it an example answer that reaches this one",
)
def _wrong_types(source: Source) -> Iterator[Place]:
    changes = {"reasons": "list({})", "outcome": "({}).value", "vendor_name": "'another'"}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and name_of(node.func) in _RESULTS:
            for keyword in node.keywords:
                if keyword.arg in changes:
                    change = changes[keyword.arg].format(source.text(keyword.value))
                    yield Place(node, f"{keyword.arg}={change}", (source.replace(keyword.value, change),))


@CATALOG.add(
    "descriptor-too-wide",
    "the descriptor asks for more than the adapter needs",
    "nothing: the kit compares the descriptor with what is sent; check the examples of questions",
)
def _descriptors(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or name_of(node.func) != "ProoferDescriptor":
            continue
        for keyword in node.keywords:
            text = source.text(keyword.value)
            if keyword.arg == "attributes":
                unused = next(name for name in ("email", "birth_place", "mrz") if name not in text)
                change = f"({text}) | {{{unused!r}}}"
                yield Place(
                    keyword.value, f"attributes also has {unused}", (source.replace(keyword.value, change),)
                )
            elif keyword.arg == "timeout_seconds":
                change = "lambda _settings: 36_000.0"
                yield Place(
                    keyword.value, "timeout_seconds is ten hours", (source.replace(keyword.value, change),)
                )


@CATALOG.add(
    "hook-forgotten",
    "core does not find what the plugin offers",
    "nothing: the kit loads the plugin as a process does",
)
def _hooks(source: Source) -> Iterator[Place]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if name_of(decorator) == "hookimpl":
                    change = "(lambda function: function)"
                    yield Place(
                        decorator, f"@hookimpl of {node.name} removed", (source.replace(decorator, change),)
                    )
