"""A vendor's webhook believes the vendor alone: its bytes, its secrets, its time."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from proofing.contracts.webhooks import Incoming, NotAuthenticError, Webhook
from proofing.testing.vendors.contract_times import SIGNED_AT
from proofing.testing.vendors.examples import Ticket
from proofing.testing.vendors.subject import CheckRule, Subject

#: Headers that say nothing of who sent them.
_PLAIN = frozenset({"content-type", "content-length", "user-agent", "host", "accept", "accept-encoding"})
_GARBAGE = (b"", b"{}", b"[]", b"null", b"\xff\xfe{", b'{"data":null}', b"[" * 20_000, b"<a/>", b"7")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a webhook made of a post: accepted, refused, or what it raised."""

    is_accepted: bool
    raised: str = ""
    event: Any = None


class _Post:
    """Posts of a subject's vendor."""

    def __init__(self, subject: Subject, webhook: Webhook) -> None:
        self._subject = subject
        self._webhook = webhook
        name = subject.good[0] if subject.good else ""
        run = subject.runs.get(name)
        self.question_id = run.question_id if run else "q" * 48
        self.reference = run.pendings[-1].reference if run and run.pendings else None
        self.named = subject.suite.live_secrets()
        self.secrets = [secret for _field, secret in self.named]

    def sign(self, secret: str, at: datetime = SIGNED_AT, body: bytes | None = None) -> Incoming:
        """Return an event, signed."""
        made = self._subject.suite.signed_event(
            Ticket(secret=secret, at=at, question_id=self.question_id, reference=self.reference, body=body)
        )
        return replace(made, headers={name.lower(): value for name, value in made.headers.items()})

    def post(self, incoming: Incoming, now: datetime = SIGNED_AT) -> _Answer:
        """Have the webhook judge a post."""
        with self._subject.trial.watched():
            try:
                event, _reply = self._webhook.receive(incoming, now)
            except NotAuthenticError:
                return _Answer(is_accepted=False)
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                return _Answer(is_accepted=False, raised=type(error).__name__)
        return _Answer(is_accepted=event is not None, event=event)


def _of(subject: Subject) -> _Post | None:
    """Return the posts to the proofer's webhook; None where it has none, or the author signs none."""
    name = subject.descriptor.webhook
    if name is None or not subject.suite.webhook_secrets:
        return None
    found = _Post(subject, subject.trial.found.webhooks[name])
    return found if found.secrets else None


def accepts(subject: Subject) -> Iterator[str]:
    """What the vendor signs is accepted, and names the question."""
    post = _of(subject)
    if post is None:
        return
    answer = post.post(post.sign(post.secrets[0]))
    if not answer.is_accepted:
        yield f"a signed event is {'answered with ' + answer.raised if answer.raised else 'refused'}"
    elif answer.event.question_id != post.question_id and (
        post.reference is None or answer.event.reference != post.reference
    ):
        yield "the event names neither the question_id nor the reference of the question"


def _works(post: _Post | None) -> bool:
    return post is not None and post.post(post.sign(post.secrets[0])).is_accepted


def forged(subject: Subject) -> Iterator[str]:
    """What another secret signed, or was changed, is refused."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    foreign = secrets.token_hex(32)[: max(8, len(post.secrets[0]))]
    if post.post(post.sign(foreign)).is_accepted:
        yield "an event that another secret signed is accepted"
    good = post.sign(post.secrets[0])
    for label, body in (
        ("changed", good.body.replace(post.question_id.encode(), b"x" * len(post.question_id))),
        ("longer", good.body + b" "),
    ):
        if body != good.body and post.post(replace(good, body=body)).is_accepted:
            yield f"an event whose body was {label} after signing is accepted"
    for name in _signing(post):
        for label, value in (
            ("another value", "0" * len(good.headers[name])),
            ("half of it", good.headers[name][:8]),
        ):
            if post.post(replace(good, headers={**good.headers, name: value})).is_accepted:
                yield f"an event with {label} in the header {name} is accepted"


def _signing(post: _Post) -> list[str]:
    """Return the headers whose value depends on the secret."""
    one, other = post.sign(post.secrets[0]), post.sign("another-secret-of-the-same-kind-" + "x" * 16)
    return [
        name for name, value in one.headers.items() if name not in _PLAIN and other.headers.get(name) != value
    ]


def header(subject: Subject) -> Iterator[str]:
    """A post whose signature is missing or empty is refused."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    good = post.sign(post.secrets[0])
    for name in _signing(post):
        without = {one: value for one, value in good.headers.items() if one != name}
        for label, headers in (("without", without), ("with an empty", {**good.headers, name: ""})):
            answer = post.post(replace(good, headers=headers))
            if answer.is_accepted:
                yield f"an event {label} header {name} is accepted"
            elif answer.raised:
                yield f"an event {label} header {name} raises {answer.raised}"
    answer = post.post(replace(good, headers={}))
    if answer.is_accepted or answer.raised:
        yield f"an event without any header {'raises ' + answer.raised if answer.raised else 'is accepted'}"


def replay(subject: Subject) -> Iterator[str]:
    """An event is refused an hour after, and an hour before, it was signed."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    good = post.sign(post.secrets[0])
    for label, hours in (("an hour later", 1), ("an hour before it was signed", -1)):
        if post.post(good, SIGNED_AT + timedelta(hours=hours)).is_accepted:
            yield f"an event is accepted {label}"


def exact_bytes(subject: Subject) -> Iterator[str]:
    """The signature is checked over the bytes as they came."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    body = post.sign(post.secrets[0]).body
    for odd in (body.replace(b":", b" :  ", 1), b" " + body + b"\n"):
        signed = post.sign(post.secrets[0], body=odd)
        if signed.body != odd:
            yield "signed_event must sign the body of its ticket, where there is one"
            return
        if not post.post(signed).is_accepted:
            yield "a signed event with more spaces is refused"
            return


def rotation(subject: Subject) -> Iterator[str]:
    """Each secret of the settings is accepted."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    for field, secret in post.named:
        if not post.post(post.sign(secret)).is_accepted:
            yield f"an event that was signed with {field} is refused"


def garbage(subject: Subject) -> Iterator[str]:
    """A signed body that says nothing is answered."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    for body in _GARBAGE:
        answer = post.post(post.sign(post.secrets[0], body=body))
        if answer.raised:
            yield f"the signed body {body[:12]!r} raises {answer.raised}"
        elif answer.is_accepted:
            yield f"the signed body {body[:12]!r} is an event"


CHECKS: Mapping[str, CheckRule] = {
    "webhook-accepts": accepts,
    "webhook-forged": forged,
    "webhook-header": header,
    "webhook-replay": replay,
    "webhook-bytes": exact_bytes,
    "webhook-rotation": rotation,
    "webhook-garbage": garbage,
}
