"""Mistakes that came later: of unusual spellings, of answers that decide by code, and of what is logged, or asked as well."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

from dataclasses import replace

from tests.core.testing.vendors.mistakes import Mistake
from tests.core.testing.vendors.suites import Answer, responding

from proofing.plugin import Cause
from proofing.testing.vendors import Example

_ASK = "        person = request.applicant\n"
_READ = "        return self.result(self.read(response))\n"
_BODY = '        body = {"first": person.first_name, "last": person.last_name, "number": person.ssn}\n'
_NAMES = {
    "yes": {"first": "yes", "last": "yes", "number": "yes"},
    "no": {"first": "yes", "last": "nodata", "number": "no"},
}
_VERDICTS = {"yes": "pass", "no": "fail"}


def _mistake(rule, title, shape, *changes, **suite):
    return Mistake(rule, title, shape, changes, suite)


def _answers(make=lambda _name, body: body, others=None):
    """Return the examples of a yes and a no with bodies that *make* changes, and *others*."""
    bodies = {
        name: {"id": f"c-{number}", "verdict": verdict, "fields": _NAMES[name]}
        for number, (name, verdict) in enumerate(_VERDICTS.items(), 1)
    }
    made = {
        name: replace(Answer.answers[name], responses=[Answer.token, responding(**make(name, body))])
        for name, body in bodies.items()
    }
    return {"only": (), "answers": {**made, **(others or {})}}


def _with(**more):
    """Return examples of a yes with more in it, and of a no."""
    return lambda name, body: {**body, **more} if name == "yes" else body


def _refused(**body):
    """Return an example of an answer that is no answer."""
    return Example([Answer.token, responding(**body)], Cause.NONSENSE)


def _coded(name, body):
    return {**body, "verdict": {"yes": "00", "no": "10"}[name]}


def _listed(_name, body):
    names = {"first": "firstName", "last": "lastName", "number": "ssn"}
    return {
        **body,
        "fields": [{"field": names[field], "result": word} for field, word in body["fields"].items()],
    }


MISTAKES = (
    _mistake(
        "verdict-unheard-word",
        "every code that begins with a zero passes",
        "answer",
        ('"pass": Outcome.PASSED, "fail": Outcome.FAILED', '"00": Outcome.PASSED, "10": Outcome.FAILED'),
        (
            'outcome = OUTCOMES[answer["verdict"]]',
            'outcome = Outcome.PASSED if answer["verdict"][:1] == "0" else OUTCOMES[answer["verdict"]]',
        ),
        **_answers(_coded),
    ),
    _mistake(
        "verdict-unread",
        "an answer that is not there yet",
        "answer",
        **_answers(_with(progress="done"), {"not yet": _refused(progress="pending")}),
    ),
    _mistake(
        "verdict-unread",
        "a status that can be an error",
        "answer",
        **_answers(_with(sts="OK"), {"an error": _refused(sts="ERROR")}),
    ),
    _mistake(
        "verdict-unread",
        "a level of risk",
        "answer",
        **_answers(_with(risk="LOW"), {"risky": _refused(risk="HIGH")}),
    ),
    _mistake(
        "field-missing",
        "of no field, all match",
        "answer",
        ('answer["fields"].items()}', '(answer["fields"] or dict.fromkeys(FIELDS, "yes")).items()}'),
        only=("yes", "no"),
    ),
    _mistake(
        "answer-misplaced",
        "results exchanged that are named by a word next to them",
        "answer",
        (
            '"first": "first_name", "last": "last_name", "number"',
            '"firstName": "last_name", "lastName": "first_name", "ssn"',
        ),
        ('if not isinstance(answer.get("fields"), dict)', 'if not isinstance(answer.get("fields"), list)'),
        (
            '{FIELDS[name]: MATCHES[word] for name, word in answer["fields"].items()}',
            '{FIELDS[one["field"]]: MATCHES[one["result"]] for one in answer["fields"]}',
        ),
        **_answers(_listed),
    ),
    _mistake(
        "attribute-misplaced",
        "names exchanged in places without vowels",
        "answer",
        (
            _BODY,
            '        body = {"frst": person.last_name, "lstNm": person.first_name, "number": person.ssn}\n',
        ),
    ),
    _mistake(
        "attribute-misplaced",
        "names exchanged in places of two letters",
        "answer",
        (_BODY, '        body = {"fn": person.last_name, "ln": person.first_name, "number": person.ssn}\n'),
    ),
    _mistake(
        "redirects",
        "asks another address of its own",
        "answer",
        (
            _READ,
            '        if response.status in (302, 307):\n            response = await context.http.post(f"https://{HOST}/checks/v2", json_body=body)\n'
            + _READ,
        ),
    ),
    _mistake(
        "person-leak",
        "in a field of a log line that is not registered",
        "answer",
        (_ASK, _ASK + "        context.logger.info('asking', extra={'who': person.last_name})\n"),
    ),
    _mistake(
        "person-leak",
        "in a warning",
        "answer",
        (_ASK, _ASK + "        import warnings\n        warnings.warn(f'asking about {person.last_name}')\n"),
    ),
    _mistake(
        "person-leak",
        "on the standard output that the interpreter began with",
        "answer",
        (_ASK, _ASK + "        import sys\n        sys.__stdout__.write(f'{person.last_name}')\n"),
    ),
    _mistake(
        "settings-secret",
        "a password that is called passwd",
        "answer",
        ("    client: SecretStr", "    client: SecretStr\n    passwd: str = 'none'"),
    ),
    _mistake(
        "attribute-altered",
        "an SSN that is masked",
        "answer",
        (_BODY, _BODY.replace("person.ssn", "'***-**-' + (person.ssn or '')[-4:]")),
    ),
    _mistake(
        "answer-misplaced",
        "a birth date read as the address",
        "soap",
        ('"BirthDateMatch": "dob"', '"BirthDateMatch": "address"'),
        renamed_attribute=True,
    ),
    _mistake(
        "state-cached",
        "the last answer while the vendor is down",
        "answer",
        (
            _READ,
            "        if response.status == 503:\n            return self.last\n        self.last = self.result(self.read(response))\n        return self.last\n",
        ),
    ),
    _mistake(
        "failure-as-answer",
        "what expires is a no",
        "polling",
        (
            '                raise VendorError(Cause.TIMEOUT, "no answer in time", vendor_name=NAME)\n',
            "                return PhoneResult(vendor_name=NAME, outcome=Outcome.FAILED, transaction_id=check['id'])\n",
        ),
    ),
    _mistake(
        "example-outcome",
        "who comes back passes",
        "hosted",
        (
            "        return self.result(session)\n\n    def headers",
            '        if type(because).__name__ == "Returned":\n            session = {**session, "status": "approved", "document": {"type": "license", "given": "A", "family": "B"}}\n        return self.result(session)\n\n    def headers',
        ),
    ),
    _mistake(
        "verdict-unheard-word",
        "a part of the word passes",
        "answer",
        (
            'outcome = OUTCOMES[answer["verdict"]]',
            'outcome = Outcome.PASSED if answer["verdict"] in "pass" else OUTCOMES[answer["verdict"]]',
        ),
    ),
    _mistake(
        "secret-leak",
        "the address of the person's page in a log line",
        "hosted",
        (
            "        return Pending(",
            "        context.logger.info('at %s', session['url'])\n        return Pending(",
        ),
    ),
    _mistake(
        "person-leak",
        "the wallet's answer in a log line",
        "exchange",
        (
            "        if not is_genuine:\n",
            "        context.logger.info('claims %s', claims)\n        if not is_genuine:\n",
        ),
    ),
    _mistake(
        "attribute-altered",
        "the digits of an SSN in another order",
        "answer",
        (_BODY, _BODY.replace("person.ssn", "(person.ssn or '')[5:] + (person.ssn or '')[:5]")),
    ),
    _mistake(
        "person-in-url",
        "a session in the query",
        "sdk",
        ('f"https://{HOST}/score",', 'f"https://{HOST}/score?session={how.device_session_id}",'),
    ),
    _mistake(
        "secret-leak",
        "in a URL",
        "answer",
        ('f"https://{HOST}/token",', 'f"https://{HOST}/token?c={self.settings.client.get_secret_value()}",'),
    ),
    _mistake(
        "secret-leak",
        "a token of the vendor's in a log line",
        "answer",
        (_ASK, _ASK + "        context.logger.debug('token %s', token)\n"),
    ),
    _mistake(
        "document-read",
        "every class is a driver's license",
        "documents",
        (
            'kind = TYPES[document["class"]]',
            'kind = TYPES.get(document["class"], DocumentType.DRIVERS_LICENSE)',
        ),
    ),
    _mistake(
        "webhook-forged",
        "a signature of zeros is for tests",
        "hosted",
        (
            "        if not self.keys.verify(",
            '        if header[2].strip("0") and not self.keys.verify(',
        ),
    ),
    _mistake(
        "webhook-header",
        "who does not sign is thanked",
        "hosted",
        (
            "        if header is None:\n            raise NotAuthenticError\n",
            "        if header is None:\n            return None, Reply()\n",
        ),
    ),
    _mistake(
        "webhook-forged",
        "what others signed is thanked",
        "hosted",
        (
            "bytes.fromhex(header[2])):\n            raise NotAuthenticError\n",
            "bytes.fromhex(header[2])):\n            return None, Reply()\n",
        ),
    ),
    _mistake(
        "webhook-forged",
        "the question of a header that is not signed",
        "hosted",
        (
            'question_id=str(event["data"]["external_id"])',
            'question_id=incoming.headers.get("x-external-id", str(event["data"]["external_id"]))',
        ),
    ),
    _mistake(
        "bare-success",
        "whatever goes wrong while an answer is read is no answer",
        "sdk",
        (
            "        return self.result(\n            self.read(VendorResponse(answer.status_code, dict(answer.headers), answer.content, NAME))\n        )\n",
            "        found = VendorResponse(answer.status_code, dict(answer.headers), answer.content, NAME).require_success()\n        try:\n            return self.result(self.read(found))\n        except Exception:\n            return DeviceResult(vendor_name=NAME, outcome=Outcome.UNKNOWN, review_status=ReviewStatus.REVIEW)\n",
        ),
    ),
    _mistake(
        "verdict-unknown-no",
        "an unknown word is no answer",
        "documents",
        (
            'outcome = OUTCOMES[answer["result"]]',
            'outcome = OUTCOMES.get(answer["result"], Outcome.UNKNOWN)',
        ),
    ),
    _mistake(
        "cancellation",
        "the call is shielded",
        "answer",
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",\n            json_body=body,\n            headers={"authorization": f"Bearer {token}", "x-key": context.idempotency_key},\n        )\n',
            '        import asyncio\n\n        response = await asyncio.shield(\n            context.http.post(\n                f"https://{HOST}/checks",\n                json_body=body,\n                headers={"authorization": f"Bearer {token}", "x-key": context.idempotency_key},\n            )\n        )\n',
        ),
    ),
)
