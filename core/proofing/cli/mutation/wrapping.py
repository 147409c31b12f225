"""Mistakes around a whole question, planted by wrapping the adapter's methods at the end of its module."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from proofing.cli.mutation.mistakes import CATALOG, Place
from proofing.cli.mutation.sources import FunctionNode, Source, name_of

_HEAD = """\
import asyncio, socket, time
import proofing.plugin as core
{memory}
_planted_{owner}_{method} = {owner}.{method}
{start}def _planted(self, request, *arguments):
    context = arguments[-1]
    call = lambda: _planted_{owner}_{method}(self, request, *arguments)
{body}
{owner}.{method} = _planted
"""

#: What a yes needs besides, by the type of the result.
_MORE = {
    "DeviceResult": ", review_status=core.ReviewStatus.{review}",
    "DocumentResult": (
        ", document_type=core.DocumentType.DRIVERS_LICENSE, assurance=core.Assurance.AUTHENTICATED,"
        " applicant=core.Applicant(first_name='Planted')"
    ),
}


_LAST_LINE = """\
def _planted_line(error):
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    return last.tb_lineno if last.tb_frame.f_code.co_filename.endswith("/{file}") else 0
"""


@dataclass(frozen=True, slots=True)
class _Method:
    """A method that answers questions.

    Attributes:
        owner: the class.
        results: the type of its results, such as ``PhoneResult``.
    """

    owner: str
    node: FunctionNode
    results: str

    def wrap(self, body: str, memory: str = "") -> str:
        """Return the text that wraps it by *body*, in which ``CALL`` is the call and ``SLEEP`` a sleep."""
        is_async = isinstance(self.node, ast.AsyncFunctionDef)
        call, sleep = ("await call()", "await asyncio.sleep") if is_async else ("call()", "time.sleep")
        body = body.replace("CALL", call).replace("SLEEP", sleep)
        return _HEAD.format(
            owner=self.owner,
            method=self.node.name,
            memory=memory,
            start="async " if is_async else "",
            body="\n".join(f"    {line}" for line in body.splitlines()),
        )

    def answer(self, outcome: str) -> str:
        """Return the text of a result with *outcome*, for a handler of ``error``."""
        review = "PASS" if outcome == "PASSED" else "REJECT"
        more = _MORE.get(self.results, "").format(review=review)
        return (
            f"core.{self.results}(vendor_name=error.vendor_name, outcome=core.Outcome.{outcome},"
            f" transaction_id='planted-1'{more})"
        )


def _methods(source: Source, *, names: frozenset[str] = frozenset({"proof", "resume"})) -> Iterator[_Method]:
    """Yield the methods of adapters in a module that return results."""
    for owner in source.tree.body:
        if isinstance(owner, ast.ClassDef):
            for node in owner.body:
                if isinstance(node, FunctionNode) and node.name in names and node.returns is not None:
                    results = [
                        name for part in ast.walk(node.returns) if (name := name_of(part)).endswith("Result")
                    ]
                    if results or node.name == "proof":
                        yield _Method(owner.name, node, results[0] if results else "")


def _proofs(source: Source) -> Iterator[_Method]:
    """Yield the methods that are asked first."""
    yield from _methods(source, names=frozenset({"proof"}))


def _caught(method: _Method, outcome: str, condition: str = "True", memory: str = "") -> str:
    """Return the wrapper that answers *outcome* in place of an error for which *condition* is true."""
    return method.wrap(
        "try:\n"
        "    return CALL\n"
        "except core.VendorError as error:\n"
        f"    if {condition}:\n"
        f"        return {method.answer(outcome)}\n"
        "    raise",
        memory,
    )


@CATALOG.add(
    "error-as-answer",
    "no answer is read as an answer",
    "an example answer that ends as this error",
)
def _errors(source: Source) -> Iterator[Place]:
    """Errors in general, those of single statements, and statuses that are often taken for an answer."""
    for method in _methods(source):
        if not method.results:
            continue
        for outcome in ("FAILED", "UNKNOWN"):
            change = f"any VendorError of {method.node.name} -> {outcome}"
            yield Place(method.node, change, (source.append(_caught(method, outcome)),))
        for status in (404, 422):
            condition = f"'{status}' in error.codes"
            text = _caught(method, "FAILED", condition)
            yield Place(method.node, f"HTTP {status} in {method.node.name} -> FAILED", (source.append(text),))
        condition = "error.cause is core.Cause.NONSENSE and not error.codes"
        text = _caught(method, "PASSED", condition)
        yield Place(method.node, f"an unreadable 200 in {method.node.name} -> PASSED", (source.append(text),))
    yield from _single_errors(source)


def _single_errors(source: Source) -> Iterator[Place]:
    """Yield the mistake for each statement of the module that raises an error of the vendor."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Raise) or node.exc is None or "NotAuthentic" in source.text(node.exc):
            continue
        # By the line of the traceback, so that the mistake is the same wherever the statement is.
        memory = _LAST_LINE.format(file=source.file)
        condition = f"_planted_line(error) in range({node.lineno}, {node.end_lineno} + 1)"
        edits = [
            module.append(_caught(method, "FAILED", condition, memory))
            for module in source.modules
            for method in _methods(module)
            if method.results
        ]
        if edits:
            yield Place(node, f"{source.text(node).splitlines()[0]} -> FAILED", tuple(edits))


@CATALOG.add(
    "answer-cached",
    "one person gets another one's answer",
    "nothing: the kit asks for several people at once; its examples must include a yes and a no",
)
def _caches(source: Source) -> Iterator[Place]:
    for method in _methods(source):
        for key, what in (
            ("'everybody'", "the first answer is for everybody"),
            (
                "(request.applicant.last_name, request.applicant.phone)",
                "answers are cached by name and phone",
            ),
        ):
            body = f"key = (id(self), {key})\nif key not in _planted_kept:\n    _planted_kept[key] = CALL\n"
            text = method.wrap(f"{body}return _planted_kept[key]", "_planted_kept = {}")
            yield Place(method.node, f"{what} in {method.node.name}", (source.append(text),))


@CATALOG.add(
    "person-on-self",
    "two people who ask at once are mixed up",
    "nothing: the kit asks for several people at once",
)
def _people(source: Source) -> Iterator[Place]:
    for method in _proofs(source):
        if isinstance(method.node, ast.AsyncFunctionDef):
            body = (
                "_planted_kept[id(self)] = request\n"
                "await asyncio.sleep(0)\n"
                f"return await _planted_{method.owner}_proof(self, _planted_kept[id(self)], *arguments)"
            )
            text = method.wrap(body, "_planted_kept = {}")
            yield Place(
                method.node, "the request is kept on the adapter across an await", (source.append(text),)
            )


@CATALOG.add(
    "asked-twice",
    "the vendor bills twice",
    "nothing: the kit counts the requests of a failed call",
)
def _retries(source: Source) -> Iterator[Place]:
    for method in _proofs(source):
        text = method.wrap("try:\n    return CALL\nexcept core.VendorError:\n    return CALL")
        yield Place(method.node, "a failed call is made again", (source.append(text),))


@CATALOG.add(
    "cancellation-swallowed",
    "a worker that ends waits for the adapter",
    "nothing: the kit cancels as a worker does",
)
def _cancellations(source: Source) -> Iterator[Place]:
    for method in _methods(source):
        if isinstance(method.node, ast.AsyncFunctionDef):
            body = (
                "try:\n"
                "    return CALL\n"
                "except asyncio.CancelledError:\n"
                "    raise core.VendorError(core.Cause.TIMEOUT, 'no answer in time') from None"
            )
            yield Place(
                method.node, f"CancelledError in {method.node.name}", (source.append(method.wrap(body)),)
            )


@CATALOG.add(
    "loop-blocked",
    "a call blocks everybody else's",
    "nothing: the kit measures the event loop",
)
def _blocking(source: Source) -> Iterator[Place]:
    for method in _proofs(source):
        if isinstance(method.node, ast.AsyncFunctionDef):
            text = method.wrap("time.sleep(0.5)\nreturn CALL")
            yield Place(method.node, "time.sleep(0.5) before the call", (source.append(text),))


@CATALOG.add(
    "waits-by-itself",
    "time is lost before the call",
    "nothing: the kit measures a question whose vendor answers at once",
)
def _sleeping(source: Source) -> Iterator[Place]:
    for method in _proofs(source):
        yield Place(
            method.node,
            "a sleep of 2 s before the call",
            (source.append(method.wrap("SLEEP(2)\nreturn CALL")),),
        )


@CATALOG.add(
    "paid-call-unbilled",
    "a person is charged, or judged, twice after a crash",
    "a test that the paid call is outside of context.unbilled()",
)
def _paid(source: Source) -> Iterator[Place]:
    free = {"answer": "context.unbilled()", "blocking": "context.sync.unbilled()"}
    for method in _methods(source):
        is_async = isinstance(method.node, ast.AsyncFunctionDef)
        whole = free["answer" if is_async else "blocking"]
        if "unbilled()" not in source.text(method.node):
            text = method.wrap(f"with {whole}:\n    return CALL")
            yield Place(method.node, f"all of {method.node.name} within unbilled()", (source.append(text),))


@CATALOG.add(
    "own-connection",
    "personal data leaves by another way than the outbound client",
    "nothing: the kit watches for connections",
)
def _connections(source: Source) -> Iterator[Place]:
    for method in _proofs(source):
        body = (
            "try:\n"
            "    socket.create_connection(('127.0.0.1', 9), 0.1).close()\n"
            "except OSError:\n"
            "    pass\n"
            "return CALL"
        )
        yield Place(method.node, "a connection of its own", (source.append(method.wrap(body)),))


@CATALOG.add(
    "file-written",
    "personal data stays on a disk",
    "nothing: the kit watches for files",
)
def _files(source: Source) -> Iterator[Place]:
    for method in _proofs(source):
        body = (
            "import tempfile\n"
            "with tempfile.TemporaryFile('w') as file:\n"
            "    print(request.applicant.reveal(), file=file)\n"
            "return CALL"
        )
        yield Place(method.node, "the applicant is written to a file", (source.append(method.wrap(body)),))
