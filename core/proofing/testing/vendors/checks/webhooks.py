"""A vendor's webhook believes the vendor alone: its bytes, its secrets, its time."""

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from proofing.contracts.webhooks import Incoming, NotAuthenticError, Webhook
from proofing.testing.vendors.bending import JSONBody
from proofing.testing.vendors.checks.loading import secrets_of
from proofing.testing.vendors.contract_times import SIGNED_AT
from proofing.testing.vendors.examples import Ticket
from proofing.testing.vendors.loading import LoadError
from proofing.testing.vendors.people import turned
from proofing.testing.vendors.subject import CheckRule, Subject

#: So many characters of a signature are left out.
_CUT_OFF = 8
#: Shorter tokens are no signatures.
_MIN_SIGNATURE = 16
#: Headers that say nothing of who sent them.
_PLAIN = frozenset({"content-type", "content-length", "user-agent", "host", "accept", "accept-encoding"})
_GARBAGE = (b"", b"{}", b"[]", b"null", b"\xff\xfe{", b'{"data":null}', b"[" * 20_000, b"<a/>", b"7")


_BAD_REQUEST = 400
#: What vendors call the posts by which they try an address.
_TEST_WORDS = ("ping", "test")
#: What is not in the place of an id or word.
_WRONG: tuple[Any, ...] = (None, 7, True, [], {}, [{}], "", "x" * 5000, "\ud800")


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a webhook made of a post: accepted, refused, or what it raised."""

    is_accepted: bool
    raised: str = ""
    event: Any = None
    said: str = ""
    is_refused: bool = False

    @property
    def taken(self) -> str:
        """How a post was answered that the vendor sees as taken; empty where it was refused."""
        if self.is_accepted:
            return "accepted"
        return "" if self.is_refused or self.raised else "answered like one that is taken"


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
        event, raised, text, is_refused = None, "", "", False
        with self._subject.trial.watched() as watch:
            try:
                event, reply = self._webhook.receive(incoming, now)
                text = repr(reply)
                is_refused = reply.status >= _BAD_REQUEST
            except NotAuthenticError as error:
                text, is_refused = repr(error), True
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                raised, text = type(error).__name__, repr(error)
        said = "\n".join([*watch.lines, text])
        return _Answer(event is not None, raised, event, said, is_refused=is_refused)


def _of(subject: Subject) -> _Post | None:
    """Return the posts to the proofer's webhook; None where it has none, or the author signs none."""
    name = subject.descriptor.webhook
    if name is None or not subject.suite.webhook_secrets:
        return None
    found = _Post(subject, subject.trial.found.webhooks[name])
    return found if found.secrets else None


def said_of_posts(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield what the webhook logs, prints, replies and raises: of a good event, and of two others."""
    post = _of(subject)
    if post is None:
        return
    good = post.sign(post.secrets[0])
    cases = {
        "a signed event": good,
        "an event that another secret signed": post.sign(_foreign(post)),
        "an event without any header": replace(good, headers={}),
    }
    for case, incoming in cases.items():
        yield case, post.post(incoming).said


def _foreign(post: _Post) -> str:
    """Return a secret that is not the vendor's."""
    return secrets.token_hex(32)[: max(8, len(post.secrets[0]))]


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
    elif post.post(post.sign(post.secrets[0])).event.id != answer.event.id:
        yield "an event that is posted again has another id, so that it is not known as the same"


def _works(post: _Post | None) -> bool:
    return post is not None and post.post(post.sign(post.secrets[0])).is_accepted


def forged(subject: Subject) -> Iterator[str]:
    """What another secret signed, or was changed, is refused."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    if taken := post.post(post.sign(_foreign(post))).taken:
        yield f"an event that another secret signed is {taken}"
    good = post.sign(post.secrets[0])
    for label, body in (
        ("changed", good.body.replace(post.question_id.encode(), b"x" * len(post.question_id))),
        ("longer", good.body + b" "),
    ):
        if body != good.body and (taken := post.post(replace(good, body=body)).taken):
            yield f"an event whose body was {label} after signing is {taken}"
    yield from _signed_by_others(subject)
    yield from (
        f"an event with another time in the header {name} is {taken}: the time is not signed"
        for name, headers in _at_another_time(good.headers)
        if (taken := post.post(replace(good, headers=headers)).taken)
    )
    yield from _with_other_headers(post, good)
    yield from _with_unsigned_headers(post, good)


def _with_other_headers(post: _Post, good: Incoming) -> Iterator[str]:
    """Yield which changes of what signs an event are accepted."""
    for name in _signing(post):
        for label, value in (
            ("another value", "0" * len(good.headers[name])),
            ("half of it", good.headers[name][:8]),
            ("another character late in its signature", _late_changed(good.headers[name])),
            ("zeros for its signature", _zeroed(good.headers[name])),
            ("all but the end of it", good.headers[name][:-_CUT_OFF]),
        ):
            if value == good.headers[name]:
                continue
            if taken := post.post(replace(good, headers={**good.headers, name: value})).taken:
                yield f"an event with {label} in the header {name} is {taken}"


class _Added(dict[str, str]):
    """Headers of a signed post, and one of any other name that is asked for, which somebody added.

    Attributes:
        asked: the names of those that were asked for.
    """

    def __init__(self, sent: Mapping[str, str], value: str) -> None:
        super().__init__(sent)
        self._value = value
        self.asked: list[str] = []

    def __missing__(self, name: str) -> str:
        if name in _PLAIN:
            raise KeyError(name)
        self.asked.append(name)
        return self._value

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name not in _PLAIN

    def get(self, name: str, default: Any = None) -> Any:
        """Return the header *name*, which was sent or added."""
        try:
            return self[name]
        except KeyError:
            return default


def _with_unsigned_headers(post: _Post, good: Incoming) -> Iterator[str]:
    """Yield which headers that nobody signed say what question an event is about."""
    signing = {*_signing(post), *_PLAIN}
    named = _named(post.post(good))
    for value in filter(None, (post.question_id, post.reference)):
        other = turned(value)
        added = _Added(good.headers, other)
        changed = [([name], {**good.headers, name: other}) for name in good.headers if name not in signing]
        for names, headers in [(added.asked, added), *changed]:
            answer = post.post(replace(good, headers=headers))
            if answer.is_accepted and _named(answer) != named:
                yield (
                    f"an event is about another question with another id in the header {', '.join(names)}, "
                    "which is not signed"
                )
                return


def _named(answer: _Answer) -> tuple[object, object]:
    """Return the ids of the question that an event is about."""
    return getattr(answer.event, "question_id", None), getattr(answer.event, "reference", None)


def _other_secrets(post: _Post, subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield secrets with which the vendor signs nothing: of other settings, and of those that are not set."""
    yield from (
        (name.partition(".")[2], value)
        for name, value in secrets_of(subject.trial.found.settings)
        if value and value not in post.secrets
    )
    yield from (("no secret at all", ""), ("the word None", "None"), ("the word null", "null"))


def _without_previous(subject: Subject) -> Iterator[tuple[str, Subject]]:
    """Yield the suite without each of its live secrets, where the settings can do without."""
    for field in subject.suite.webhook_secrets[1:]:
        section = {name: value for name, value in subject.suite.section.items() if name != field}
        kind = type(subject.suite)
        fields = tuple(one for one in kind.webhook_secrets if one != field)
        suite = type(
            kind.__name__, (kind,), {"section": section, "webhook_secrets": fields, "__test__": False}
        )()
        try:
            yield field, Subject(suite, suite.trial())
        except LoadError:
            continue


def _signed_by_others(subject: Subject) -> Iterator[str]:
    """Yield which events are accepted that no live secret signed."""
    for label, one in [
        ("", subject),
        *((f" without {field}", other) for field, other in _without_previous(subject)),
    ]:
        post = _of(one)
        if post is None:
            continue
        known = dict(subject.suite.live_secrets())
        gone = [(name, value) for name, value in known.items() if value not in post.secrets]
        for name, secret in [*_other_secrets(post, one), *gone]:
            event = _signed(post, secret)
            if event is not None and (taken := post.post(event).taken):
                yield f"with settings{label or ' as they are'}, an event that {name} signed is {taken}"


def _signed(post: _Post, secret: str) -> Incoming | None:
    """Return an event that *secret* signed; None where the author's function takes no such secret."""
    try:
        return post.sign(secret)
    except Exception:  # noqa: BLE001 - whatever that raises
        return None


def _at_another_time(headers: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield *headers* with another time in each that has the time of signing."""
    seconds = int(SIGNED_AT.timestamp())
    times = {str(seconds): str(seconds + 60), str(seconds * 1000): str((seconds + 60) * 1000)}
    for name, value in headers.items():
        for time, later in times.items():
            if re.search(rf"(?<!\d){time}(?!\d)", value):
                yield name, {**headers, name: value.replace(time, later)}


def _signature_in(value: str) -> str:
    """Return the longest token of a header's *value*."""
    return max(re.findall(r"[A-Za-z0-9+/_-]+", value), key=len, default="")


def _zeroed(value: str) -> str:
    """Return *value* with zeros for its signature."""
    token = _signature_in(value)
    return value if len(token) < _MIN_SIGNATURE else value.replace(token, "0" * len(token))


def _late_changed(value: str) -> str:
    """Return *value* with another character in the last quarter of its signature."""
    token = _signature_in(value)
    if len(token) < _MIN_SIGNATURE:
        return value
    place = len(token) * 3 // 4
    changed = f"{token[:place]}{'0' if token[place] != '0' else '1'}{token[place + 1 :]}"
    return value.replace(token, changed)


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
        cases = {"without": without, "with an empty": {**good.headers, name: ""}}
        cases |= {
            f"with {what} in the": {**good.headers, name: value}
            for what, value in _broken(good.headers[name])
        }
        for label, headers in cases.items():
            answer = post.post(replace(good, headers=headers))
            if answer.raised:
                yield f"an event {label} header {name} raises {answer.raised}"
            elif answer.taken:
                yield f"an event {label} header {name} is {answer.taken}"
    answer = post.post(replace(good, headers={}))
    if answer.raised:
        yield f"an event without any header raises {answer.raised}"
    elif answer.taken:
        yield f"an event without any header is {answer.taken}"
    else:
        yield from _unsigned_tests(post, good)


def _broken(value: str) -> Iterator[tuple[str, str]]:
    """Yield a header's *value* with what is no signature, in hex or base64, in the place of the one there."""
    token = _signature_in(value)
    if len(token) >= _MIN_SIGNATURE:
        yield "exclamation marks", value.replace(token, "!" * len(token))
        yield "a part of the signature", value.replace(token, token[:-3])
    yield "one word", "qzjunk"
    yield "signs alone", ",=.;,="


def _unsigned_tests(post: _Post, good: Incoming) -> Iterator[str]:
    """Yield which posts are taken without a signature because they say that they are tests."""
    for word in _TEST_WORDS:
        for body in (*_said_everywhere(good.body, word), json.dumps({"type": word, "event": word}).encode()):
            if taken := post.post(replace(good, headers={}, body=body)).taken:
                yield f"a post without any header that says {word} is {taken}"
                return


def _said_everywhere(content: bytes, word: str) -> Iterator[bytes]:
    """Yield a body with *word* in the place of each of its texts."""
    try:
        body = JSONBody(json.loads(content))
    except ValueError:
        return
    for leaf in body.leaves:
        if isinstance(leaf.value, str):
            yield body.replaced(leaf, word) or b""


def replay(subject: Subject) -> Iterator[str]:
    """An event is refused an hour after, and an hour before, it was signed."""
    post = _of(subject)
    if post is None or not _works(post):
        return
    good = post.sign(post.secrets[0])
    for label, hours in (("an hour later", 1), ("an hour before it was signed", -1)):
        if taken := post.post(good, SIGNED_AT + timedelta(hours=hours)).taken:
            yield f"an event is {taken} {label}"
            return
    now = SIGNED_AT + timedelta(hours=1)
    seconds = int(now.timestamp())
    for time in (str(seconds), str(seconds * 1000), now.isoformat(), format_datetime(now, usegmt=True)):
        added = _Added(good.headers, time)
        if taken := post.post(replace(good, headers=added), now).taken:
            names = ", ".join(dict.fromkeys(added.asked))
            yield f"an event is {taken} an hour later with that time in {names}, a header that is not signed"
            return


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
    for where, body in _bent(post.sign(post.secrets[0]).body):
        if raised := post.post(post.sign(post.secrets[0], body=body)).raised:
            yield f"a signed body with {where} raises {raised}"


def _bent(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a body without each of its places, and with what is of another type there."""
    try:
        body = JSONBody(json.loads(content))
    except ValueError:
        return
    for place in body.places():
        if not place.path:
            continue
        yield f"no {place.name}", body.removed(place) or b""
        for value in _WRONG:
            yield f"{str(value)[:12]!r} at {place.name}", body.replaced(place, value) or b""


CHECKS: Mapping[str, CheckRule] = {
    "webhook-accepts": accepts,
    "webhook-forged": forged,
    "webhook-header": header,
    "webhook-replay": replay,
    "webhook-bytes": exact_bytes,
    "webhook-rotation": rotation,
    "webhook-garbage": garbage,
}
