"""The modules of an adapter, and mistakes as edits of their text.

Text is replaced at places that the syntax tree names, so that a mutant keeps the lines of the original, and
what a test says about it leads to the author's own code.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

#: A comment that excludes its line, with the reason: ``# unmutated: the vendor sends one word``.
EXCLUDED = re.compile(rb"#\s*unmutated:\s*\S")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Edit:
    """One replacement: bytes *start* to *end* of the module *file* become *text*."""

    file: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake in one place.

    Attributes:
        mistake: its id in the catalog.
        file: path of the module below the package.
        line: where the original text is.
        change: what was changed, in a few words.
        edits: of this module or of others.
    """

    mistake: str
    file: str
    line: int
    change: str
    edits: tuple[Edit, ...]


@dataclass(eq=False)
class Source:
    """One module.

    Attributes:
        file: its path below the package, as POSIX.
        modules: all modules of the package, this one among them.
    """

    file: str
    content: bytes
    tree: ast.Module = field(repr=False)
    modules: tuple["Source", ...] = field(default=(), repr=False)

    @classmethod
    def read(cls, path: Path, package: Path) -> "Source":
        """Read a module. Raises OSError or SyntaxError."""
        content = path.read_bytes()
        return cls(path.relative_to(package).as_posix(), content, ast.parse(content))

    @cached_property
    def _starts(self) -> list[int]:
        """The offset at which each line begins."""
        starts = [0]
        for line in self.content.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around *node*, the nearest first."""
        while (found := self.parents.get(node)) is not None:
            yield found
            node = found

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """Return the function that *node* is in."""
        return next((one for one in self.above(node) if isinstance(one, FunctionNode)), None)

    def is_annotation(self, node: ast.AST) -> bool:
        """Return whether *node* is part of a type, where a change would change nothing."""
        child = node
        for parent in self.above(node):
            if isinstance(parent, (ast.AnnAssign, ast.arg)) and parent.annotation is child:
                return True
            if isinstance(parent, FunctionNode) and parent.returns is child:
                return True
            child = parent
        return False

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where the text of *node* begins and ends."""
        assert node.end_lineno is not None  # noqa: S101 - of every parsed node
        assert node.end_col_offset is not None  # noqa: S101 - of every parsed node
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of *node*."""
        start, end = self.span(node)
        return self.content[start:end].decode()

    def replace(self, node: ast.expr | ast.stmt, text: str) -> Edit:
        """Return the edit that puts *text* in the place of *node*."""
        return Edit(self.file, *self.span(node), text)

    def remove(self, node: ast.expr, *, start: int | None = None) -> Edit:
        """Return the edit that removes one of several things that commas separate, such as an argument.

        Args:
            node: its last part.
            start: where it begins, when that is before *node*.
        """
        begin, end = self.span(node)
        comma = re.compile(rb"\s*,").match(self.content, end)
        return Edit(self.file, begin if start is None else start, comma.end() if comma else end, "")

    def remove_keyword(self, keyword: ast.keyword) -> Edit:
        """Return the edit that removes an argument by name."""
        return self.remove(keyword.value, start=self._starts[keyword.lineno - 1] + keyword.col_offset)

    def append(self, text: str) -> Edit:
        """Return the edit that adds *text* at the end of the module."""
        return Edit(self.file, len(self.content), len(self.content), f"\n\n{text}")

    def is_excluded(self, line: int) -> bool:
        """Return whether the author excluded *line*."""
        return EXCLUDED.search(self.content[self._starts[line - 1] : self._starts[line]]) is not None

    def with_edits(self, edits: Iterable[Edit]) -> bytes:
        """Return the content with those of *edits* that are of this module; they do not overlap."""
        content = self.content
        own = [edit for edit in edits if edit.file == self.file]
        for edit in sorted(own, key=lambda one: one.start, reverse=True):
            content = content[: edit.start] + edit.text.encode() + content[edit.end :]
        return content


def read_package(package: Path) -> tuple[Source, ...]:
    """Return the modules below *package*, in the order of their paths. Raises OSError or SyntaxError."""
    modules = tuple(Source.read(path, package) for path in sorted(package.rglob("*.py")))
    for module in modules:
        module.modules = modules
    return modules


def name_of(node: ast.AST) -> str:
    """Return the last part of a dotted name, ``b`` of ``a.b``; of anything else an empty text."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
