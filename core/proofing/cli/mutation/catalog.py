"""All mistakes, and where they can be planted in a package."""

from collections.abc import Collection, Mapping
from itertools import chain, zip_longest

# Each adds its own to the catalog.
from proofing.cli.mutation import answers, calls, shapes, webhooks, wrapping  # noqa: F401
from proofing.cli.mutation.mistakes import CATALOG, Mistake
from proofing.cli.mutation.sources import Mutant, Source

MISTAKES: Mapping[str, Mistake] = CATALOG.mistakes


def find_mutants(sources: Collection[Source], only: Collection[str] = ()) -> list[Mutant]:
    """Return the mutants of *sources*, the same ones in the same order each time.

    One of each mistake comes first, then the second ones, and so on: a run that ends early has tried all.

    Args:
        sources: the modules of a package.
        only: ids of mistakes; empty for all.
    """
    seen = set()
    columns: list[list[Mutant]] = []
    for mistake in MISTAKES.values():
        if only and mistake.id not in only:
            continue
        column = []
        for source in sources:
            for node, change, edits in mistake.find(source):
                mutant = Mutant(mistake.id, source.file, node.lineno, " ".join(change.split()), edits)
                # Two mistakes may come to the same text.
                if (source.file, edits) not in seen and not source.is_excluded(node.lineno):
                    seen.add((source.file, edits))
                    column.append(mutant)
        columns.append(column)
    return [mutant for mutant in chain.from_iterable(zip_longest(*columns)) if mutant is not None]
