"""Each mistake that a messenger can make is found by the rule that it breaks; an honest one keeps all."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

from typing import ClassVar

import pytest
from tests.core.testing.vendors.suites import KEY, make_plugin, responding

from proofing.base.errors import PluginError
from proofing.contracts.results import Refusal
from proofing.plugin import Cause
from proofing.testing.messengers import MESSENGER_RULES, MessageExample, MessengerContract

SEND = '        """Send one message."""\n'
ASKED = "        answer = self.read(response)\n"
READ = "        answer = response.require_success().json()\n"
CALL = '            f"https://{HOST}/messages",\n'
REVEAL = "self.settings.api_key.get_secret_value()"


class Pigeon(MessengerContract):
    """`plugins/messenger.py`."""

    __test__ = False
    plugin = "proofing_made_messenger"
    section: ClassVar = {"api_key": KEY}
    examples: ClassVar = {
        "taken": MessageExample(responding(202, id="m1", status="accepted"), None),
        "stopped": MessageExample(responding(id="m2", status="stopped"), Refusal.OPTED_OUT),
        "no number": MessageExample(responding(id="m3", status="no_such_number"), Refusal.UNREACHABLE),
        "bad key": MessageExample(responding(401, error="key"), Cause.AUTHENTICATION),
        "a new status": MessageExample(responding(id="m4", status="teleported"), Cause.NONSENSE),
    }


#: Rule, what is wrong, old and new source.
MISTAKES = [
    ("messenger-loads", "no send", "async def send(", "async def deliver("),
    (
        "example-outcome",
        "a stop is a success",
        '        if answer["status"] in REFUSALS',
        '        if answer["status"] in {"no_such_number"}',
    ),
    ("example-outcome", "no id of the message", ', transaction_id=answer["id"])', ")"),
    ("sent-once", "sends twice", ASKED, ASKED + "        await self.again(message, context)\n"),
    ("sent-once", "text without number", '{"to": message.number, ', '{"to": message.number[-4:], '),
    ("sent-once", "calls are sent as texts", '"channel": message.channel.value', '"channel": "text"'),
    ("failure-as-answer", "any status is a success", "response.require_success().json()", "response.json()"),
    (
        "failure-as-answer",
        "an answer without a field is a KeyError",
        'if not isinstance(answer.get("id"), str) or not answer["id"]',
        'if not answer["id"]',
    ),
    (
        "failure-as-answer",
        "an outage refuses",
        READ,
        "        if response.status == 500:\n            return {'status': 'no_such_number', 'id': 'none'}\n"
        + READ,
    ),
    (
        "link-sent",
        "a text without a code is shortened",
        '"text": message.text}',
        '"text": message.text if message.code else message.text[:20]}',
    ),
    (
        "deadline-kept",
        "what is canceled counts as sent",
        "        response = await context.http.post(\n",
        "        response = await self.patiently(context,\n",
    ),
    (
        "retries",
        "again after HTTP 503",
        ASKED,
        "        if response.status == 503:\n            response = await self.again(message, context)\n"
        + ASKED,
    ),
    (
        "own-client",
        "a look-up of its own",
        SEND,
        SEND
        + "        import socket\n        try:\n            socket.getaddrinfo(HOST, 443)\n        except OSError:\n            pass\n",
    ),
    (
        "own-client",
        "a file",
        SEND,
        SEND
        + "        import contextlib\n        with contextlib.suppress(OSError):\n            open('/tmp/sent', 'a').write('one')\n",
    ),
    ("loop-blocked", "blocks the loop", SEND, SEND + "        import time\n        time.sleep(0.001)\n"),
    (
        "loop-blocked",
        "waits before it sends",
        SEND,
        SEND + "        import asyncio\n        await asyncio.sleep(0.001)\n",
    ),
    ("message-leak", "prints its key", SEND, SEND + f"        print({REVEAL})\n"),
    (
        "message-leak",
        "prints the header in base64",
        SEND,
        SEND + f"        import base64\n        print(base64.b64encode({REVEAL}.encode()))\n",
    ),
    (
        "message-leak",
        "the number in a log line of its own logger",
        SEND,
        SEND
        + "        import logging\n        logging.getLogger('pigeon').debug('to %s', message.number[2:])\n",
    ),
    (
        "message-leak",
        "the number as people write it",
        SEND,
        SEND
        + "        n = message.number\n        context.logger.info('to (%s) %s-%s', n[2:5], n[5:8], n[8:])\n",
    ),
    ("message-leak", "the text on stdout", SEND, SEND + "        print(message.text)\n"),
    ("message-leak", "the number in the address", CALL, CALL.replace('",', '?to={message.number[1:]}",')),
    (
        "message-leak",
        "the vendor's text in an error",
        READ,
        "        if response.status == 404:\n            raise VendorError(Cause.BAD_REQUEST, str(response.json()['error'])[:20] if response.content else 'no', vendor_name=NAME)\n"
        + READ,
    ),
    (
        "exception-chain",
        "not from None",
        READ,
        "        import json\n        response.require_success()\n        try:\n            answer = json.loads(response.content)\n        except (ValueError, RecursionError) as error:\n            raise VendorError(Cause.NONSENSE, 'no JSON', vendor_name=NAME) from error\n",
    ),
    (
        "message-traced",
        "last digits in a log line",
        SEND,
        SEND + "        context.logger.info('to %s', message.number[-2:])\n",
    ),
    (
        "message-traced",
        "a hash of the number in an error",
        ASKED,
        "        import zlib\n        if response.status == 404:\n            raise VendorError(Cause.BAD_REQUEST, f'{zlib.crc32(message.number.encode()):x}', vendor_name=NAME)\n"
        + ASKED,
    ),
    ("secret-traced", "first characters of the key", SEND, SEND + f"        print({REVEAL}[:4])\n"),
    (
        "secret-traced",
        "the length of the key",
        SEND,
        SEND + f"        context.logger.info('%d', len({REVEAL}))\n",
    ),
    (
        "state-mixed",
        "the number on self",
        '        """Send one message."""\n        response = await context.http.post(\n',
        '        """Send one message."""\n        import asyncio\n        self.number = message.number\n        await asyncio.sleep(0)\n        await asyncio.sleep(0)\n        response = await context.http.post(\n',
    ),
]
HELPERS = """
    async def again(self, message, context):
        return await context.http.post(
            f"https://{HOST}/messages", json_body={"to": message.number, "text": message.text}
        )

    async def patiently(self, context, *arguments, **named):
        try:
            return await context.http.post(*arguments, **named)
        except BaseException:
            from proofing.plugin import VendorResponse

            return VendorResponse(200, {}, b'{"status": "accepted", "id": "none"}', NAME)

    def read(self, response):"""


def made(*changes):
    """Return the suite of the messenger with its source changed."""
    make_plugin("messenger", ("\n    def read(self, response):", HELPERS), *changes)
    return type("Pigeon", (Pigeon,), {})()


def broken(suite, rule):
    """Return what the test of *rule* says; empty for nothing."""
    try:
        getattr(suite, f"test_{rule.replace('-', '_')}")()
    except (AssertionError, PluginError) as error:
        return str(error) or "failed"
    return ""


@pytest.mark.parametrize("rule", MESSENGER_RULES)
def test_an_honest_messenger_keeps_each_rule(rule):
    """There is no false alarm."""
    assert broken(made(), rule) == ""


@pytest.mark.parametrize(
    ("rule", "changes"),
    [pytest.param(rule, [(old, new)], id=f"{rule}: {title}") for rule, title, old, new in MISTAKES],
)
def test_the_mistake_is_found(rule, changes):
    """By the rule that it breaks."""
    if rule == "state-mixed":
        changes = [*changes, ('{"to": message.number,', '{"to": self.number,')]
    assert broken(made(*changes), rule)


def test_each_rule_has_a_mistake():
    """A rule that nothing can break proves nothing."""
    assert {rule for rule, *_ in MISTAKES} | {"examples-complete"} == set(MESSENGER_RULES)


@pytest.mark.parametrize("name", ["taken", "stopped"])
def test_examples_must_be_complete(name):
    """Without a message that was taken, or one to who opted out, the rule is broken."""
    suite = made()
    type(suite).examples = {key: one for key, one in Pigeon.examples.items() if key != name}
    assert "there is no example" in broken(suite, "examples-complete")


def test_secrets_must_be_long_enough():
    """A short one is found everywhere, or nowhere."""
    suite = made()
    type(suite).section = {"api_key": "abc"}
    assert "api_key: " in broken(suite, "examples-complete")


def test_signatures_are_checked():
    """By the rule that looks at what is sent, where the suite says what the vendor wants."""
    suite = made()

    def refuse(_suite, request):
        assert "x-signature" in request.headers, "not signed"

    type(suite).assert_signed = refuse
    assert "not signed" in broken(suite, "sent-once")
