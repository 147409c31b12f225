"""Items of lists: what counts in a list counts also before and behind what a yes has there."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from proofing.testing.vendors.bending import Body, Path, Place, text_of
from proofing.testing.vendors.subject import CheckRule, Step, Subject
from proofing.testing.vendors.trial import Run

#: So many items of other examples are tried in the lists of each yes.
_MOST = 20


def unread(subject: Subject) -> Iterator[str]:
    """An item that counts is read wherever in the list it is."""
    with subject.trial.session():
        for name in subject.good:
            for step in subject.steps[name]:
                if step.body is not None:
                    yield from _of_step(subject, name, step, step.body)


def _of_step(subject: Subject, name: str, step: Step, body: Body) -> Iterator[str]:
    others = {
        source: other.body
        for source, steps in subject.steps.items()
        for other in steps
        if other.number == step.number and other.body is not None and type(other.body) is type(body)
    }
    lists = {
        path: mine
        for path, mine in body.lists().items()
        if not any(Place(path, None, is_leaf=False).is_called(one) for one in subject.suite.open_places)
        # As long in each example: a value in brackets, of which there is no second one.
        and len({other.length_of(path) for other in others.values()} - {None}) > 1
    }
    for path, source, item in islice(_items(name, lists, others), _MOST):

        def put(items: Sequence[Any], path: Path = path) -> Run:
            return subject.put_bent(name, step, [body.with_items(path, items)])[0]

        alone, mine = put([item]), lists[path]
        if not (_counts(subject, alone) and subject.reads_yes(put([]))):
            # It says nothing by itself, or what the yes has there is needed.
            continue
        for where, items in (("behind", [*mine, item]), ("in front of", [item, *mine])):
            if subject.reads_yes(put(items)):
                place = Place(path, None, is_leaf=False).name
                yield (
                    f"example {name!r}, {place}: {text_of(item)[:60]} of example {source!r} {where} what is "
                    f"there is not read; alone, it is {alone.came_to}"
                )
                break


def _counts(subject: Subject, run: Run) -> bool:
    """Return whether an item makes something else of a yes, and no error."""
    return run.result is not None and not subject.reads_yes(run)


def _items(
    name: str, lists: Mapping[Path, Sequence[Any]], others: Mapping[str, Body]
) -> Iterator[tuple[Path, str, Any]]:
    """Yield what other examples have in those of *lists* that are not empty, once."""
    for path, mine in lists.items():
        seen = set(map(text_of, mine))
        for source, other in others.items():
            for item in other.lists().get(path, ()) if mine and source != name else ():
                if text_of(item) not in seen:
                    seen.add(text_of(item))
                    yield path, source, item


CHECKS: Mapping[str, CheckRule] = {"item-unread": unread}
