"""Mistakes that show only when one thing is changed and everything else is compared."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

from tests.core.testing.vendors.mistakes import Mistake
from tests.core.testing.vendors.suites import MATCH, MISMATCH, Answer, responding

from proofing.plugin import Outcome
from proofing.testing.vendors import Example

_ASK = "        person = request.applicant\n"
_IN = "        how = request.circumstances\n"
_READ = "        return self.result(self.read(response))\n"
_BODY = '        body = {"first": person.first_name, "last": person.last_name, "number": person.ssn}\n'
#: A no in which first and last name are alike.
_ALIKE = {
    "answers": {
        "no": Example(
            [
                Answer.token,
                responding(id="c-2", verdict="fail", fields={"first": "yes", "last": "yes", "number": "no"}),
            ],
            Outcome.FAILED,
            {"first_name": MATCH, "last_name": MATCH, "ssn": MISMATCH},
            ("ssn_mismatch",),
        )
    }
}


def _mistake(rule, title, shape, *changes, **suite):
    return Mistake(rule, title, shape, changes, suite)


MISTAKES = (
    _mistake(
        "verdict-unread",
        "one of two verdicts",
        "documents",
        (
            'selfie = SELFIES[answer["selfie"]]',
            'selfie = SelfieCheck.MATCH if answer["selfie"] in SELFIES else SELFIES[""]',
        ),
        only=("yes", "no", "attention"),
    ),
    _mistake(
        "answer-misplaced",
        "results of first and last name exchanged",
        "answer",
        ('"first": "first_name", "last": "last_name"', '"first": "last_name", "last": "first_name"'),
        **_ALIKE,
    ),
    _mistake(
        "attribute-misplaced",
        "first and last name exchanged",
        "answer",
        (
            _BODY,
            _BODY.replace("first_name", "x")
            .replace("last_name", "first_name")
            .replace("person.x", "person.last_name"),
        ),
    ),
    _mistake(
        "attribute-misplaced",
        "one name twice",
        "answer",
        (_BODY, _BODY.replace("person.last_name", "person.first_name or person.last_name")),
    ),
    _mistake(
        "attribute-misplaced",
        "session and address exchanged",
        "sdk",
        (
            '"session": how.device_session_id, "ip": how.ip_address',
            '"session": how.ip_address, "ip": how.device_session_id',
        ),
    ),
    _mistake(
        "attribute-altered",
        "an SSN cut off",
        "answer",
        (_BODY, _BODY.replace("person.ssn", "(person.ssn or '')[:8]")),
    ),
    _mistake(
        "attribute-altered",
        "day and month swapped",
        "soap",
        (
            'birth=escape(person.dob or "")',
            'birth=escape("-".join([(person.dob or "--").split("-")[i] for i in (0, 2, 1)]))',
        ),
    ),
    _mistake(
        "attribute-altered",
        "the name of a state",
        "soap",
        (
            'state=escape(person.state_id_jurisdiction or "")',
            'state=escape({"ND": "North Dakota"}.get(person.state_id_jurisdiction, person.state_id_jurisdiction or ""))',
        ),
    ),
    _mistake(
        "attribute-altered",
        "only the year of birth",
        "soap",
        ('birth=escape(person.dob or "")', 'birth=escape((person.dob or "")[:4])'),
    ),
    _mistake(
        "secret-traced",
        "the first characters in a log line",
        "answer",
        (_ASK, _ASK + "        context.logger.info('key %s', self.settings.client.get_secret_value()[:4])\n"),
    ),
    _mistake(
        "secret-traced",
        "its length in a log line",
        "polling",
        (
            _ASK,
            _ASK
            + "        context.logger.info('key of %d', len(self.settings.api_key.get_secret_value()))\n",
        ),
    ),
    _mistake(
        "secret-traced",
        "a webhook logs the end of its secret",
        "hosted",
        (
            "    def __init__(self, settings):\n        previous",
            "    def __init__(self, settings):\n        self.settings = settings\n        previous",
        ),
        (
            "    def receive(self, incoming, now):\n",
            "    def receive(self, incoming, now):\n        import logging\n        logging.getLogger(__name__).info('%s', self.settings.webhook_secret.get_secret_value()[-3:])\n",
        ),
    ),
    _mistake(
        "person-traced",
        "the length of a name in a log line",
        "answer",
        (_ASK, _ASK + "        context.logger.info('%d letters', len(person.last_name or ''))\n"),
    ),
    _mistake(
        "person-traced",
        "the first letter of a name in a log line",
        "answer",
        (_ASK, _ASK + "        context.logger.info('person %s', (person.first_name or ' ')[0])\n"),
    ),
    _mistake(
        "person-traced",
        "the network of an address in a log line",
        "sdk",
        (_IN, _IN + "        context.logger.info('from %s', (how.ip_address or '').rpartition('.')[0])\n"),
    ),
    _mistake(
        "person-traced",
        "a letter of what a document says in a log line",
        "documents",
        (
            '        document = answer["document"]\n',
            '        document = answer["document"]\n        import logging\n        logging.getLogger(__name__).info("read %s", document["given"][:1])\n',
        ),
    ),
    _mistake(
        "sides-swapped",
        "the front twice",
        "documents",
        (
            '"back": Base64(images[Side.BACK].content) if Side.BACK',
            '"back": Base64(images[Side.FRONT].content) if Side.FRONT',
        ),
    ),
    _mistake(
        "retries",
        "asks twice for a better answer",
        "soap",
        (
            _READ,
            "        await context.http.post(f'https://{HOST}/verify', content=body.encode(), headers={'content-type': 'text/xml'})\n"
            + _READ,
        ),
    ),
    _mistake(
        "retries",
        "asks in a loop until the answer is there",
        "polling",
        (
            "            return pending\n",
            "            return await self.resume(request, pending, because, context)\n",
        ),
    ),
    _mistake(
        "retries",
        "again after HTTP 502 alone",
        "soap",
        (
            _READ,
            "        if response.status == 502:\n            response = await context.http.post(f'https://{HOST}/verify', content=body.encode(), headers={'content-type': 'text/xml'})\n"
            + _READ,
        ),
    ),
    _mistake(
        "loop-blocked",
        "a thread is waited for",
        "answer",
        (
            _ASK,
            "        import threading\n        worker = threading.Thread(target=str)\n        worker.start()\n        worker.join()\n"
            + _ASK,
        ),
    ),
    _mistake(
        "field-missing",
        "an indicator without text is a match",
        "soap",
        (
            "            elif found.text in INDICATORS:\n",
            "            elif not found.text:\n                attributes[name] = Match.MATCH\n            elif found.text in INDICATORS:\n",
        ),
    ),
    _mistake(
        "secret-leak",
        "in the refusal of a webhook",
        "hosted",
        (
            "    def __init__(self, settings):\n        previous",
            "    def __init__(self, settings):\n        self.settings = settings\n        previous",
        ),
        (
            "            raise NotAuthenticError\n",
            "            raise NotAuthenticError(self.settings.webhook_secret.get_secret_value())\n",
        ),
    ),
)
