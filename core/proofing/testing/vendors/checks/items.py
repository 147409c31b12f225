"""Items of lists: what counts in a list counts also before and behind what a yes has there."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from proofing.testing.vendors.bending import JSONBody, Path
from proofing.testing.vendors.subject import CheckRule, Step, Subject
from proofing.testing.vendors.trial import Run

#: So many items of other examples are tried in the lists of each yes.
_MOST = 20


def unread(subject: Subject) -> Iterator[str]:
    """An item that counts is read wherever in the list it is."""
    with subject.trial.session():
        for name in subject.good:
            for step in subject.steps[name]:
                if isinstance(step.body, JSONBody):
                    yield from _of_step(subject, name, step, step.body)


def _of_step(subject: Subject, name: str, step: Step, body: JSONBody) -> Iterator[str]:
    places = {
        place.path: place
        for place in body.places()
        if body.is_list(place)
        and not any(place.is_called(one) for one in subject.suite.open_places)
        # As long in each example: a value in brackets, of which there is no second one.
        and len(_lengths(subject, step, place.path)) > 1
    }
    for path, source, item in islice(_items(subject, name, step, places), _MOST):

        def put(items: list[Any], path: Path = path) -> Run:
            bent = json.dumps(body.with_value(path, items)).encode()
            return subject.put_bent(name, step, [bent])[0]

        alone, mine = put([item]), _at(body.document, path)
        if not (_counts(subject, alone) and subject.reads_yes(put([]))):
            # It says nothing by itself, or what the yes has there is needed.
            continue
        for where, items in (("behind", [*mine, item]), ("in front of", [item, *mine])):
            if subject.reads_yes(put(items)):
                what = json.dumps(item)[:60]
                yield (
                    f"example {name!r}, {places[path].name}: {what} of example {source!r} {where} what is "
                    f"there is not read; alone, it is {alone.came_to}"
                )
                break


def _lengths(subject: Subject, step: Step, path: Path) -> set[int]:
    """Return how long the list at *path* is in the examples."""
    found = [
        _at(other.body.document, path)
        for steps in subject.steps.values()
        for other in steps
        if other.number == step.number and isinstance(other.body, JSONBody)
    ]
    return {len(one) for one in found if isinstance(one, list)}


def _counts(subject: Subject, run: Run) -> bool:
    """Return whether an item makes something else of a yes, and no error."""
    return run.result is not None and not subject.reads_yes(run)


def _items(
    subject: Subject, name: str, step: Step, places: Mapping[Path, Any]
) -> Iterator[tuple[Path, str, Any]]:
    """Yield what other examples have in the lists at *places* that are not empty, once."""
    seen = set()
    for path in places:
        mine = _at(step.body.document, path)  # type: ignore[union-attr]
        for source, steps in subject.steps.items():
            for other in steps:
                is_like = source != name and other.number == step.number and isinstance(other.body, JSONBody)
                theirs = _at(other.body.document, path) if is_like else None  # type: ignore[union-attr]
                for item in theirs if mine and isinstance(theirs, list) else ():
                    key = (path, json.dumps(item, default=str))
                    if item not in mine and key not in seen:
                        seen.add(key)
                        yield path, source, item


def _at(document: Any, path: Path) -> Any:
    """Return what is at *path*; None where nothing is."""
    for part in path:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


CHECKS: Mapping[str, CheckRule] = {"item-unread": unread}
