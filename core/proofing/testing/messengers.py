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
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote_plus

import httpx
import pytest

from proofing.base.errors import Cause
from proofing.contracts.messages import Channel, CodeMessage
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, ProoferKind, Refusal, Sent
from proofing.jobs.clients import VendorClientPool
from proofing.jobs.trying import try_vendor
from proofing.outbound.transport import OutboundTransport
from proofing.registry.proofers import LoadedProofer
from proofing.settings import Settings
from proofing.testing.vendor_fakes import Answer, FakeVendor, make_process
from proofing.testing.vendor_hostility import BODIES, FAILURES, SLOW, STATUSES, whole
from proofing.testing.vendors.loading import load

#: Statuses whose cause is the same for every vendor, unless its body says more.
_CAUSES = {401: Cause.AUTHENTICATION, 429: Cause.QUOTA, 500: Cause.UNREACHABLE, 503: Cause.UNREACHABLE}
_SIDE_BY_SIDE = 10
_KEY = "00" * 32


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
        secret_fields: the fields of *section* whose values must be nowhere but in requests.
    """

    plugin: ClassVar[str]
    messenger_name: ClassVar[str | None] = None
    section: ClassVar[Mapping[str, Any]] = {}
    examples: ClassVar[Mapping[str, MessageExample]] = {}
    secret_fields: ClassVar[Sequence[str]] = ()

    def test_offer(self) -> None:
        """The descriptor is sound, and making the messenger calls nobody."""
        loaded = self._loaded()
        assert loaded.descriptor.kind is ProoferKind.MESSENGER
        assert loaded.channels
        assert loaded.policy().timeout_seconds < Settings.model_fields["job_deadline_seconds"].default
        assert callable(getattr(loaded.proofer, "send", None))

    def test_there_are_examples(self) -> None:
        """Of every channel a message that was taken, and of text messages one to who opted out."""
        for channel in self._loaded().channels:
            assert [one for _name, one in self._cases(channel) if one.comes_to is None], channel
        if Channel.TEXT in self._loaded().channels:
            cases = self._cases(Channel.TEXT)
            assert [one for _name, one in cases if one.comes_to is Refusal.OPTED_OUT]

    def test_examples_come_to_what_they_say(self) -> None:
        """Each one, by every channel; what was taken has an id by which the vendor finds it."""
        for channel in sorted(self._loaded().channels):
            cases = self._cases(channel)
            found = self._send_each([(one.respond, self._message(channel, one.number)) for _, one in cases])
            for (name, example), (check, _requests) in zip(cases, found, strict=True):
                _compare(f"{name} by {channel}", example, check)

    def test_the_message_is_sent_once(self) -> None:
        """One request carries the code and the number, to a host that is declared."""
        hosts = self._loaded().policy().hosts
        for channel in sorted(self._loaded().channels):
            example = self._taken(channel)
            message = self._message(channel, example.number)
            _check, requests = self._send(example.respond, message=message)
            assert all(request.url.netloc.decode() in hosts for request in requests)
            carrying = [one for one in requests if _carries(one, message)]
            assert len(carrying) == (1 if hosts else 0), channel
            assert all(message.number[1:] in _text_of(one) for one in carrying)

    def test_what_is_no_answer_is_an_error(self) -> None:
        """Statuses, foreign and broken bodies, and calls that fail: nothing was taken, and nobody refused."""
        if not self._loaded().policy().hosts:
            return
        for channel in sorted(self._loaded().channels):
            hostile = list(self._hostile())
            found = self._send_each([(answer, self._message(channel, None)) for _name, answer in hostile])
            for (name, _answer), (check, _requests) in zip(hostile, found, strict=True):
                assert check.result is None, f"{name} by {channel} was read as {check.result}"
                assert check.error is not None
                status = name.removeprefix("status ")
                if status.isdecimal() and int(status) in _CAUSES:
                    assert check.error.cause is _CAUSES[int(status)], f"{name}: {check.error.cause}"

    def test_a_silent_vendor_is_a_timeout(self) -> None:
        """Whether it does not answer, drips, or stops midway."""
        if not self._loaded().policy().hosts:
            return
        for name, answer in SLOW.items():
            check, _requests = self._send(answer, min(self._loaded().channels), deadline_seconds=0.4)
            assert check.timed_out, f"{name}: {check.error and check.error.cause}"

    def test_nothing_of_the_message_is_told(self, caplog: pytest.LogCaptureFixture) -> None:
        """Neither log nor error nor result has number, code or text, or a secret of the settings.

        Also where the vendor's answer repeats them. Loggers of libraries are switched off in every process.
        """
        caplog.set_level(logging.DEBUG)
        calls_out = bool(self._loaded().policy().hosts)
        personal_urls = self._loaded().descriptor.personal_urls
        hidden = [str(self.section[name]) for name in self.secret_fields]
        for channel in sorted(self._loaded().channels):
            answers: list[Answer] = [one.respond for _name, one in self._cases(channel) if one.number is None]
            answers += [_echo(status) for status in (200, 201, 400, 500)] if calls_out else []
            messages = [self._message(channel, None) for _ in answers]
            caplog.clear()
            found = self._send_each(list(zip(answers, messages, strict=True)))
            told = [
                f"{one.getMessage()} {vars(one)}"
                for one in caplog.records
                if one.name.partition(".")[0] == "proofing"
            ]
            for message, (check, requests) in zip(messages, found, strict=True):
                told += [repr(message), repr(check), str(check.error)]
                told += [repr(vars(check.error))] if check.error is not None else []
                told += [] if personal_urls else [str(request.url) for request in requests]
            text = "\n".join(told)
            for message in messages:
                for secret in (message.number[2:], message.code, ", ".join(message.code), *hidden):
                    assert secret not in text, channel

    def test_side_by_side(self) -> None:
        """Ten messages at once go to their own numbers."""
        channel = min(self._loaded().channels)
        example = self._taken(channel)
        messages = [self._message(channel, example.number) for _ in range(_SIDE_BY_SIDE)]

        async def send() -> list[httpx.Request]:
            async with _worker(self._loaded()) as worker:
                worker.answer = example.respond
                checks = await asyncio.gather(*map(worker.send, messages))
                assert all(check.passed for check in checks)
                return worker.vendor.requests

        requests = asyncio.run(send())
        for message in messages if self._loaded().policy().hosts else []:
            (request,) = [one for one in requests if _carries(one, message)]
            assert message.number[1:] in _text_of(request)

    def _loaded(self) -> LoadedProofer:
        """Return the messenger, loaded as every process loads it, and not made yet."""
        found = load(self.plugin, self.section, ProoferKind.MESSENGER, self.messenger_name)
        return LoadedProofer(
            found.name,
            found.descriptor,
            found.settings,
            make_process,
            channels=lambda _settings: found.channels,
        )

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
    def _message(channel: Channel, number: str | None) -> CodeMessage:
        """Return a message with a code of its own, to a phone of its own."""
        code = f"{secrets.randbelow(10**8):08d}"
        return CodeMessage(
            channel=channel,
            # Numbers that begin with 555-01 belong to nobody.
            number=number or f"+1{secrets.randbelow(700) + 201}55501{secrets.randbelow(100):02d}",
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
        message: CodeMessage | None = None,
        deadline_seconds: float = 20.0,
    ) -> tuple[Check[Any], list[httpx.Request]]:
        """Send one message as a worker does, and return what came of it, and the requests."""
        case = (answer, message or self._message(channel, number))
        return self._send_each([case], deadline_seconds=deadline_seconds)[0]

    def _send_each(
        self, cases: Sequence[tuple[Answer, CodeMessage]], *, deadline_seconds: float = 20.0
    ) -> list[tuple[Check[Any], list[httpx.Request]]]:
        """Send one message after the other, each with an answer of its own."""

        async def send() -> list[tuple[Check[Any], list[httpx.Request]]]:
            found = []
            async with _worker(self._loaded(), deadline_seconds) as worker:
                for answer, message in cases:
                    worker.answer = answer
                    before = len(worker.vendor.requests)
                    check = await worker.send(message)
                    found.append((check, worker.vendor.requests[before:]))
            return found

        return asyncio.run(send())


class _Worker:
    """What sends messages, over a vendor whose answer can be chosen."""

    def __init__(self, loaded: LoadedProofer, deadline_seconds: float) -> None:
        self.answer: Answer = whole(500, b"", {})
        self.vendor = FakeVendor(self._respond)
        self.clients = VendorClientPool(OutboundTransport(transport=self.vendor))
        self._loaded = loaded
        self._settings = Settings.model_validate(
            {
                "hmac_fingerprinter_key": _KEY,
                "session_encryption_key": _KEY,
                "job_deadline_seconds": deadline_seconds,
            }
        )

    def _respond(self, request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        return self.answer(request)

    async def send(self, message: CodeMessage) -> Check[Any]:
        """Send one message."""
        request = ProofingRequest(message=message)
        found = await try_vendor(self._loaded, request, self.clients, self._settings)
        assert isinstance(found, Check), "a messenger does not answer later"
        return found


@asynccontextmanager
async def _worker(loaded: LoadedProofer, deadline_seconds: float = 20.0) -> AsyncIterator[_Worker]:
    """Give a worker, and close what it opened."""
    worker = _Worker(loaded, deadline_seconds)
    try:
        yield worker
    finally:
        await worker.clients.close()


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


def _carries(request: httpx.Request, message: CodeMessage) -> bool:
    """Return whether *request* has the code, as digits or read aloud."""
    text = _text_of(request)
    return message.code in text or ", ".join(message.code) in text


def _echo(status: int) -> Answer:
    """Return what repeats each request in its answer, in all fields that a message could have."""

    def answer(request: httpx.Request) -> httpx.Response:
        text = _text_of(request)
        values = dict.fromkeys(("message", "body", "to", "error", "detail", "code", "sid", "MessageId"), text)
        return httpx.Response(
            status, content=json.dumps(values), headers={"content-type": "application/json"}
        )

    return answer
