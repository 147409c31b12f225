"""What a mistake is, and where the catalog collects them."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from proofing.cli.mutation.sources import Edit, Source


class Place(NamedTuple):
    """Where a mistake can be planted: a node whose line is named, what is changed, and the edits."""

    node: ast.expr | ast.stmt
    change: str
    edits: tuple[Edit, ...]


Finder = Callable[[Source], Iterator[Place]]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One kind of mistake.

    Attributes:
        id: stable; reports and ``--only`` use it.
        summary: what goes wrong, in a few words.
        advice: what to add to the tests when it survives.
        find: yields the places where it can be planted in a module.
    """

    id: str
    summary: str
    advice: str
    find: Finder


class Catalog:
    """Mistakes in the order in which they are planted."""

    def __init__(self) -> None:
        self.mistakes: dict[str, Mistake] = {}

    def add(self, mistake: str, summary: str, advice: str) -> Callable[[Finder], Finder]:
        """Return a decorator that adds a finder as *mistake*."""

        def add(find: Finder) -> Finder:
            self.mistakes[mistake] = Mistake(mistake, summary, advice, find)
            return find

        return add


CATALOG = Catalog()
