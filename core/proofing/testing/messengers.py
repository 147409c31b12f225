"""The contract suite of messengers.

Subclass it, and provide what your vendor answers::

    class TestAcmeMessenger(MessengerContract):
        plugin = "proofing_acme"
        section = {"base_url": "https://api.acme.example", "api_key": "an-acme-key"}
        examples = {
            "taken": MessageExample(httpx.Response(201, json={"id": "m-1"}), None),
            "stopped": MessageExample(httpx.Response(400, json={"code": 7}), Refusal.OPTED_OUT),
            "bad key": MessageExample(httpx.Response(401), Cause.AUTHENTICATION),
        }

The messenger is loaded as every process loads it, and asked as a worker asks it; only the network is a
`proofing.testing.vendor_fakes.FakeVendor`.
"""

import asyncio
import json
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import unquote_plus
from weakref import WeakKeyDictionary

import httpx

from proofing.base.errors import Cause, ProofingError
from proofing.contracts.messages import Channel, Message
from proofing.contracts.results import Check, ProoferKind, Refusal, Sent
from proofing.registry.proofers import LoadedProofer
from proofing.settings import Settings
from proofing.testing.canary import Canary
from proofing.testing.messenger_worker import Delivery, open_worker
from proofing.testing.vendor_fakes import Answer, make_process
from proofing.testing.vendor_hostility import BODIES, FAILURES, SLOW, STATUSES, whole
from proofing.testing.vendors.checks.loading import MIN_SECRET, secrets_of
from proofing.testing.vendors.checks.speech import SENTENCE, normalized
from proofing.testing.vendors.checks.tracing import change_secrets
from proofing.testing.vendors.loading import LoadedPlugin, LoadError, load
from proofing.testing.vendors.people import turned
from proofing.testing.vendors.watch import note_sleeps, watching

#: Statuses whose cause is the same for every vendor, unless its body says more.
_CAUSES = {401: Cause.AUTHENTICATION, 429: Cause.QUOTA, 500: Cause.UNREACHABLE, 503: Cause.UNREACHABLE}
_SIDE_BY_SIDE = 10
#: How often it is tried to see the same twice, where a clock may have moved on.
_ATTEMPTS = 3
_SYSTEM_RANDOM = random.SystemRandom()
#: Statuses with which a vendor may repeat the request.
_SAID = (200, 201, 400, 401, 404, 429, 500)


@dataclass(frozen=True, slots=True)
class MessageExample:
    """One answer that the vendor's documentation describes, and what it must come to.

    Attributes:
        answer: the response, or a function that makes it from the request; None where nobody is asked.
        comes_to: None where the vendor took the message, else the refusal or the cause of the error.
        channels: by which this can be answered; None for all that the messenger has.
        number: of the phone, where that decides; None for any.
        facts: further fields of the result, such as ``transaction_id`` or ``vendor_codes``.
    """

    answer: httpx.Response | Callable[[httpx.Request], httpx.Response] | None
    comes_to: Refusal | Cause | None
    channels: frozenset[Channel] | None = None
    number: str | None = None
    facts: Mapping[str, Any] | None = None

    def respond(self, request: httpx.Request) -> httpx.Response:
        """Return what the vendor answers to *request*."""
        if self.answer is None:
            raise AssertionError("it was called")
        if callable(self.answer):
            return self.answer(request)
        return httpx.Response(
            self.answer.status_code, headers=self.answer.headers, content=self.answer.content
        )


class MessengerContract:
    """What every messenger keeps.

    Attributes:
        plugin: the import name of the plugin.
        messenger_name: as in its descriptor; needed only when the plugin has several.
        section: the plugin's section in settings.yaml, secrets included: made-up ones.
        examples: what the vendor answers, by a name of your choice: at least a message that was taken, and a
            number that has opted out.
    """

    plugin: ClassVar[str]
    messenger_name: ClassVar[str | None] = None
    section: ClassVar[Mapping[str, Any]] = {}
    examples: ClassVar[Mapping[str, MessageExample]] = {}

    def test_messenger_loads(self) -> None:
        """The descriptor is sound, and making the messenger calls nobody."""
        loaded = self._loaded()
        assert loaded.descriptor.kind is ProoferKind.MESSENGER
        assert loaded.channels
        assert loaded.policy().timeout_seconds < Settings.model_fields["job_deadline_seconds"].default
        assert callable(getattr(loaded.proofer, "send", None))

    def test_examples_complete(self) -> None:
        """Of every channel a message that was taken, and of text messages one to who opted out."""
        for channel in self._loaded().channels:
            taken = [one for _name, one in self._cases(channel) if one.comes_to is None]
            assert taken, f"there is no example of a message by {channel} that was taken"
        if Channel.TEXT in self._loaded().channels:
            cases = self._cases(Channel.TEXT)
            refused = [one for _name, one in cases if one.comes_to is Refusal.OPTED_OUT]
            assert refused, "there is no example of a number that has opted out"
        for name, value in secrets_of(self._found().settings):
            assert not value or len(value) >= MIN_SECRET, f"{name}: {MIN_SECRET} characters can be found"

    def test_example_outcome(self) -> None:
        """Each one, by every channel; what was taken has an id by which the vendor finds it."""
        for channel in sorted(self._loaded().channels):
            cases = self._cases(channel)
            found = self._send_each([(one.respond, self._message(channel, one.number)) for _, one in cases])
            for (name, example), sent in zip(cases, found, strict=True):
                _compare(f"{name} by {channel}", example, sent.check)

    def test_sent_once(self) -> None:
        """One request carries the code and the number, to a host that is declared."""
        hosts = self._loaded().policy().hosts
        for channel in sorted(self._loaded().channels):
            example = self._taken(channel)
            message = self._message(channel, example.number)
            requests = self._send(example.respond, message=message).requests
            assert all(request.url.netloc.decode() in hosts for request in requests)
            carrying = [one for one in requests if _carries(one, message)]
            assert len(carrying) == (1 if hosts else 0), channel
            assert all(message.number[1:] in _text_of(one) for one in carrying)
            for request in requests:
                self.assert_signed(request)
            for other in self._loaded().channels - {channel} if hosts and example.channels is None else ():
                # The same text: what differs says by which way it goes.
                same = self._send(example.respond, message=replace(message, channel=other)).requests
                assert _asked(same) != _asked(requests), f"{channel} and {other} are sent by the same request"

    def test_link_sent(self) -> None:
        """A text message without a code is sent as it is, unless the descriptor says ``codes_only``."""
        loaded = self._loaded()
        if not loaded.can_send(Channel.TEXT, has_code=False):
            return
        example = self._taken(Channel.TEXT)
        link = f"https://proofing.example.gov/handoff/{secrets.token_urlsafe(32)}"
        message = replace(
            self._message(Channel.TEXT, example.number), text=f"Open {link} <now> & here.", code=None
        )
        sent = self._send(example.respond, message=message)
        assert sent.check.passed
        carrying = [one for one in sent.requests if link in _text_of(one).replace("\\/", "/")]
        assert len(carrying) == (1 if loaded.policy().hosts else 0)

    def test_failure_as_answer(self) -> None:
        """Statuses, foreign and broken bodies, and calls that fail: nothing was taken, and nobody refused."""
        if not self._loaded().policy().hosts:
            return
        for channel in sorted(self._loaded().channels):
            hostile = list(self._hostile())
            found = self._send_each([(answer, self._message(channel, None)) for _name, answer in hostile])
            for (name, _answer), sent in zip(hostile, found, strict=True):
                check = sent.check
                assert check.result is None, f"{name} by {channel} was read as {check.result}"
                assert check.error is not None
                status = name.removeprefix("status ")
                if status.isdecimal() and int(status) in _CAUSES:
                    assert check.error.cause is _CAUSES[int(status)], f"{name}: {check.error.cause}"

    def test_deadline_kept(self) -> None:
        """Whether it does not answer, drips, or stops midway."""
        if not self._loaded().policy().hosts:
            return
        for name, answer in SLOW.items():
            check = self._send(answer, min(self._loaded().channels), deadline_seconds=0.4).check
            assert check.timed_out, f"{name}: {check.error and check.error.cause}"

    def test_retries(self) -> None:
        """A message that was not taken is not sent again: people would get two, and each is billed."""
        for name, sent in self._said():
            if name.startswith(tuple(FAILURES)):
                # Core repeats what never connected.
                continue
            carrying = [one for one in sent.requests if _carries(one, sent.message)]
            assert len(carrying) <= 1, f"{name}: sent {len(carrying)} times"

    def test_own_client(self) -> None:
        """No host is looked up or connected to, no file written and no process started outside `context`."""
        for name, sent in self._said():
            assert not sent.watch.network, f"{name}: {sent.watch.network}"
            assert not sent.watch.files, f"{name}: {sent.watch.files}"

    def test_loop_blocked(self) -> None:
        """An `async def` never blocks, and nobody sleeps before or after the message is sent."""
        for name, sent in self._said():
            assert not sent.watch.blocking, f"{name}: {sent.watch.blocking}"
            assert not sent.watch.slept, f"{name}: {sent.watch.slept}"

    def test_message_leak(self) -> None:
        """No log, print, error or result has number, code or text, a secret, or the vendor's own texts.

        In whatever spelling, and also where the vendor's answer repeats them. Loggers of libraries are
        switched off in every process.
        """
        hidden = dict(secrets_of(self._found().settings))
        personal_urls = self._loaded().descriptor.personal_urls
        mark = SENTENCE.partition(" ")[0].lower()
        for name, sent in self._said():
            told = [sent.everything, repr(sent.message)]
            told += [] if personal_urls else [str(request.url) for request in sent.requests]
            text = "\n".join(told)
            leaks = _canary_of(sent.message, hidden).find_leaks(text)
            assert not leaks, f"{name}: {', '.join(leaks)}"
            assert mark not in text.lower(), f"{name}: a sentence of the vendor's"

    def test_exception_chain(self) -> None:
        """Errors carry no foreign exception along, whose text quotes the vendor's body."""
        for name, sent in self._said():
            error = sent.check.error
            if error is None:
                continue
            for one in (error.__cause__, None if error.__suppress_context__ else error.__context__):
                assert one is None or isinstance(one, ProofingError), f"{name}: a {type(one).__name__}"

    def test_message_traced(self) -> None:
        """What is said is the same for other numbers and codes: last digits and hashes are personal data."""
        self._require_same(self._found(), 2, "with another message")

    def test_secret_traced(self) -> None:
        """What is said is the same under other secrets: their first characters help to guess them."""
        known = {value for _name, value in secrets_of(self._found().settings) if value}
        for change in (turned, lambda text: f"{text}{text[-3:]}"):
            section = change_secrets(self.section, known, change)
            try:
                found = load(self.plugin, section, ProoferKind.MESSENGER, self.messenger_name)
            except LoadError:
                # A secret of a form of its own.
                continue
            self._require_same(found, 1, "under another secret")

    def test_state_mixed(self) -> None:
        """Ten messages at once go to their own numbers."""
        channel = min(self._loaded().channels)
        example = self._taken(channel)
        messages = [self._message(channel, example.number) for _ in range(_SIDE_BY_SIDE)]

        async def send() -> list[httpx.Request]:
            async with open_worker(self._loaded()) as worker:
                worker.answer = example.respond
                checks = await asyncio.gather(*map(worker.send, messages))
                assert all(check.passed for check in checks)
                return worker.vendor.requests

        requests = asyncio.run(send())
        for message in messages if self._loaded().policy().hosts else []:
            (request,) = [one for one in requests if _carries(one, message)]
            assert message.number[1:] in _text_of(request)

    def assert_signed(self, request: httpx.Request) -> None:
        """Fail unless the signature of *request* is over its bytes; needed for a vendor that wants one."""

    def _found(self) -> LoadedPlugin:
        """Return the plugin, loaded as every process loads it. Raises `LoadError`."""
        return load(self.plugin, self.section, ProoferKind.MESSENGER, self.messenger_name)

    def _loaded(self, found: LoadedPlugin | None = None) -> LoadedProofer:
        """Return the messenger of *found*, not made yet; None loads the plugin."""
        plugin = found or self._found()
        return LoadedProofer(
            plugin.name,
            plugin.descriptor,
            plugin.settings,
            make_process,
            channels=lambda _settings: plugin.channels,
            codes_only=plugin.codes_only,
        )

    def _said(self) -> Sequence[tuple[str, Delivery]]:
        """Return what is said of every answer that depends on no number, each about a message of its own."""
        kind = type(self)
        if kind not in _said_by:
            _said_by[kind] = list(self._say(self._found(), 1, hostile=True))
        return _said_by[kind]

    def _say(self, found: LoadedPlugin, seed: int, *, hostile: bool) -> Iterator[tuple[str, Delivery]]:
        draw = random.Random(seed)  # noqa: S311 - the same messages again, no secrets
        loaded = self._loaded(found)
        for channel in sorted(loaded.channels):
            answers: list[tuple[str, Answer]] = [
                (name, one.respond) for name, one in self._cases(channel) if one.number is None
            ]
            if loaded.policy().hosts:
                answers += [(f"status {status} that repeats the request", _echo(status)) for status in _SAID]
                answers += list(self._hostile()) if hostile else []
            cases = [(answer, self._message(channel, None, draw)) for _name, answer in answers]
            for (name, _answer), sent in zip(answers, self._send_each(cases, found=found), strict=True):
                yield f"{name} by {channel}", sent

    def _require_same(self, found: LoadedPlugin, seed: int, how: str) -> None:
        """Fail where the messages of *seed*, sent by the messenger of *found*, are spoken of otherwise."""
        differing: set[str] | None = None
        for _ in range(_ATTEMPTS):
            first, again, other = (
                {name: normalized(sent.words) for name, sent in self._say(each, drawn, hostile=False)}
                for each, drawn in ((self._found(), 1), (self._found(), 1), (found, seed))
            )
            seen = {name for name in first if first[name] == again[name] != other[name]}
            # What a clock changed does not come back.
            differing = seen if differing is None else differing & seen
            if not differing:
                return
        assert not differing, f"{', '.join(sorted(differing or ()))}: log lines, error or codes differ {how}"

    def _cases(self, channel: Channel) -> list[tuple[str, MessageExample]]:
        """Return the examples that can come by *channel*."""
        return [
            (name, one)
            for name, one in self.examples.items()
            if one.channels is None or channel in one.channels
        ]

    def _taken(self, channel: Channel) -> MessageExample:
        """Return the first example of a message that was taken."""
        return next(one for _name, one in self._cases(channel) if one.comes_to is None)

    def _hostile(self) -> Iterator[tuple[str, Answer]]:
        """Yield name and answer of everything that says nothing."""
        for status in STATUSES:
            yield f"status {status}", whole(status, b"", {})
        for status in (200, 201):
            for name, body in BODIES.items():
                yield f"{status} with {name}", whole(status, *body)
        yield from FAILURES.items()

    @staticmethod
    def _message(channel: Channel, number: str | None, draw: random.Random = _SYSTEM_RANDOM) -> Message:
        """Return a message with a code of its own, to a phone of its own."""
        code = f"{draw.randrange(10**8):08d}"
        return Message(
            channel=channel,
            # Numbers that begin with 555-01 belong to nobody.
            number=number or f"+1{draw.randrange(201, 901)}55501{draw.randrange(100):02d}",
            locale="en",
            text=f"Code: {code if channel is Channel.TEXT else ', '.join(code)}. <Don't> share & lose it.",
            code=code,
        )

    def _send(
        self,
        answer: Answer,
        channel: Channel = Channel.TEXT,
        number: str | None = None,
        *,
        message: Message | None = None,
        deadline_seconds: float = 20.0,
    ) -> Delivery:
        """Send one message as a worker does, and return what came of it, and the requests."""
        case = (answer, message or self._message(channel, number))
        return self._send_each([case], deadline_seconds=deadline_seconds)[0]

    def _send_each(
        self,
        cases: Sequence[tuple[Answer, Message]],
        *,
        deadline_seconds: float = 20.0,
        found: LoadedPlugin | None = None,
    ) -> list[Delivery]:
        """Send one message after the other, each with an answer of its own, and watch what is done."""

        async def send() -> list[Delivery]:
            sent = []
            async with open_worker(self._loaded(found), deadline_seconds) as worker:
                for answer, message in cases:
                    worker.answer = answer
                    before = len(worker.vendor.requests)
                    with watching(self.plugin) as watch:
                        note_sleeps(asyncio.get_running_loop(), watch)
                        check = await worker.send(message)
                    sent.append(Delivery(message, check, worker.vendor.requests[before:], watch))
            return sent

        return asyncio.run(send())


#: The rules that `proofing quality` lists for a messenger: id, and what must hold. Each is one test.
MESSENGER_RULES: Mapping[str, str] = {
    name.removeprefix("test_").replace("_", "-"): (method.__doc__ or "").partition("\n")[0]
    for name, method in vars(MessengerContract).items()
    if name.startswith("test_")
}


#: What was said by each suite, for all tests of it.
_said_by: "WeakKeyDictionary[type[MessengerContract], list[tuple[str, Delivery]]]" = WeakKeyDictionary()


def _compare(case: str, example: MessageExample, check: Check[Any]) -> None:
    """Fail unless *check* is what *example* must come to."""
    if isinstance(example.comes_to, Cause):
        assert check.error is not None, case
        assert check.error.cause is example.comes_to, f"{case}: {check.error.cause}"
        return
    assert check.error is None, f"{case}: {check.error}"
    result = check.result
    assert isinstance(result, Sent), case
    assert result.refusal is example.comes_to, f"{case}: {result.refusal}"
    assert result.passed is (example.comes_to is None), case
    if example.comes_to is None:
        assert result.transaction_id, f"{case}: transaction_id"
    for fact, value in (example.facts or {}).items():
        assert getattr(result, fact) == value, f"{case}: {fact}"


def _text_of(request: httpx.Request) -> str:
    """Return what *request* says, in whatever encoding of forms."""
    text = f"{request.url} {request.content.decode(errors='replace')}"
    return f"{text} {unquote_plus(text)}"


def _asked(requests: Sequence[httpx.Request]) -> list[tuple[str, str, bytes]]:
    """Return what *requests* ask, without their headers."""
    return [(request.method, str(request.url), request.content) for request in requests]


def _carries(request: httpx.Request, message: Message) -> bool:
    """Return whether *request* has the code, as digits or read aloud."""
    text, code = _text_of(request), message.code or message.text
    return code in text or ", ".join(code) in text


def _canary_of(message: Message, hidden: Mapping[str, str]) -> Canary:
    """Return what finds *message* and the secrets *hidden* in a text."""
    code = message.code or message.text
    secret = {
        "code": code,
        "code read aloud": ", ".join(code),
        "text": message.text,
        **{name: value for name, value in hidden.items() if value},
    }
    return Canary(changes={"phone": message.number[2:]}, extra=secret)


def _echo(status: int) -> Answer:
    """Return what repeats each request in its answer, in all fields that a message could have."""

    def answer(request: httpx.Request) -> httpx.Response:
        text = f"{SENTENCE} {_text_of(request)}"
        values = dict.fromkeys(("message", "body", "to", "error", "detail", "code", "sid", "MessageId"), text)
        return httpx.Response(
            status, content=json.dumps(values), headers={"content-type": "application/json"}
        )

    return answer
