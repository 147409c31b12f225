"""What is said of a question does not depend on who is asked about, nor on the secrets of the settings."""

from collections.abc import Iterator, Mapping
from typing import Any

from proofing.contracts.results import DocumentResult
from proofing.testing.canary import Canary
from proofing.testing.vendors.checks.loading import secrets_of
from proofing.testing.vendors.checks.privacy import leaks_of
from proofing.testing.vendors.checks.speech import Speech, normalized, say, speech_of
from proofing.testing.vendors.checks.webhooks import said_of_posts
from proofing.testing.vendors.loading import LoadError
from proofing.testing.vendors.people import turned
from proofing.testing.vendors.sent import somebody_else
from proofing.testing.vendors.subject import CheckRule, Subject, bend_to
from proofing.testing.vendors.words import MAX_WORD

#: Where a person or a secret may be traced, for people.
_PLACES = {
    "lines": "log lines",
    "facts": "error or codes",
    "ids": "transaction_id or reference",
    "names": "names in context.cache",
}
#: Of all statuses, those for which adapters have words of their own.
_STATUSES = (401, 404, 422, 500)
#: How often it is tried to see the same twice, where a clock may have moved on.
_ATTEMPTS = 3


def _first(subject: Subject) -> list[Speech]:
    """Return what is said of the person of the examples."""
    return _say(subject, Canary())


def _say(subject: Subject, person: Canary) -> list[Speech]:
    """Return what is said about *person*."""
    with subject.trial.session():
        return list(say(subject, person, _STATUSES))


def person_traced(subject: Subject) -> Iterator[str]:
    """Two people with the same answer are spoken of in the same words."""
    somebody = somebody_else(subject)
    again, other = (_say(subject, person) for person in (Canary(), somebody))
    for one, same, different in zip(subject.once(_first), again, other, strict=True):
        if one.run.came_to != different.run.came_to or leaks_of(subject, one):
            continue
        for place in _differing(one, same, different, lambda one=one: one.say_again(somebody)):
            yield f"{one.case}: the {_PLACES[place]} differ between two people"
    with subject.trial.session():
        yield from _traced_in_document(subject)


def _differing(one: Speech, same: Speech, different: Speech, say_differently: Any) -> Iterator[str]:
    """Yield where *different* says something else than *one* and *same*, which a clock does not explain."""
    for place in _PLACES:
        said_of, said_again, said_of_other = (
            normalized(getattr(speech, place)) for speech in (one, same, different)
        )
        if said_of == said_again != said_of_other and all(
            normalized(getattr(one.say_again(Canary()), place)) == said_of
            and normalized(getattr(say_differently(), place)) == said_of_other
            # What a clock changed does not come back.
            for _ in range(_ATTEMPTS)
        ):
            yield place


def _traced_in_document(subject: Subject) -> Iterator[str]:
    """What was read from a document is not to be traced either."""
    for name in subject.good[:1]:
        before = subject.runs[name].result
        if not isinstance(before, DocumentResult):
            return
        example = subject.examples[name]
        plain = speech_of(subject, "", example)
        for step in subject.steps[name]:
            for leaf in step.body.leaves if step.body is not None else ():
                if not isinstance(leaf.value, str) or not 1 < len(leaf.value) <= MAX_WORD:
                    continue
                for changed in (f"{turned(leaf.value)}qd", turned(leaf.value)):
                    content = step.body.replaced(leaf, changed) if step.body is not None else None
                    if content is None:
                        continue
                    found = speech_of(subject, "", example, bend=bend_to(step, content))
                    result = found.run.result
                    if not isinstance(result, DocumentResult) or result.applicant == before.applicant:
                        continue
                    again = speech_of(subject, "", example)
                    lines = [normalized(speech.lines) for speech in (plain, again, found)]
                    if lines[0] == lines[1] != lines[2]:
                        yield f"example {name!r}: the log lines differ with what was read as {leaf.name}"
                    break


def secret_traced(subject: Subject) -> Iterator[str]:
    """The same is said under other secrets."""
    with subject.trial.session():
        yield from _traced_secrets(subject)


def _traced_secrets(subject: Subject) -> Iterator[str]:
    """Yield what differs under other secrets."""
    for label, other in other_settings(subject):
        theirs = _say(other, Canary())
        for one, different in zip(subject.once(_first), theirs, strict=False):
            if (
                # An answer that depends on the secret makes another end of it.
                one.case != different.case
                or one.run.refusals != different.run.refusals
                or one.run.came_to != different.run.came_to
                or any(leak.startswith("secret.") for leak in leaks_of(subject, one))
            ):
                continue
            for place in _differing(
                one,
                one.say_again(Canary()),
                different,
                lambda different=different: different.say_again(Canary()),
            ):
                yield f"{one.case}: the {_PLACES[place]} differ {label}"
        posts, others = dict(said_of_posts(subject)), dict(said_of_posts(other))
        for case, text in posts.items():
            if normalized(text) != normalized(others.get(case, text)) and normalized(text) == normalized(
                dict(said_of_posts(subject))[case]
            ):
                yield f"{case}: what the webhook says differs {label}"


def other_settings(subject: Subject, *, only: str | None = None) -> Iterator[tuple[str, Subject]]:
    """Yield the suite with other secrets in its section, and with longer ones, if the schema takes them.

    Of all secrets, or of those that are *only*.
    """
    known = {value for _name, value in secrets_of(subject.trial.found.settings) if value}
    known &= {only} if only is not None else known
    if not known:
        return
    for label, change in (
        ("with another secret of the settings", turned),
        ("with a longer secret of the settings", lambda text: f"{text}{text[-3:]}"),
    ):
        section = change_secrets(subject.suite.section, known, change)
        kind = type(subject.suite)
        suite = type(kind.__name__, (kind,), {"section": section, "__test__": False})()
        try:
            yield label, Subject(suite, suite.trial())
        except LoadError:
            # A key in PEM, or one that a pattern describes.
            continue


def change_secrets(value: Any, secrets: set[str], change: Any) -> Any:
    """Return a section with each of *secrets* changed, however deep."""
    if isinstance(value, Mapping):
        return {name: change_secrets(item, secrets, change) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [change_secrets(item, secrets, change) for item in value]
    return change(value) if isinstance(value, str) and value in secrets else value


CHECKS: Mapping[str, CheckRule] = {
    "person-traced": person_traced,
    "secret-traced": secret_traced,
}
