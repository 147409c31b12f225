"""Mistakes that show in where something is said, or when: lists, states that never change, locks, headers."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

import httpx
from tests.core.testing.vendors.mistakes import Mistake
from tests.core.testing.vendors.suites import Answer, Soap, responding, soap

from proofing.plugin import Cause, Outcome
from proofing.testing.vendors import Example

_VERDICT = 'outcome = OUTCOMES[answer["verdict"]]'
_YES = {"id": "c-1", "verdict": "pass", "fields": {"first": "yes", "last": "yes", "number": "yes"}}
_MATCHED = Answer.answers["yes"].attributes
_ALERTS = """
            alerts = answer.get("alerts", [])
            if not isinstance(alerts, list):
                raise KeyError
            severe = [{"info": False, "hard": True}[alert["severity"]] for alert in alerts]
            if severe[%s] == [True]:
                outcome = Outcome.FAILED"""


def _mistake(rule, title, shape, *changes, **suite):
    return Mistake(rule, title, shape, changes, suite)


def _example(outcome, **more):
    return Example([Answer.token, responding(**{**_YES, **more})], outcome, _MATCHED)


def _alerts(*severities):
    return [{"severity": severity} for severity in severities]


_WITH_ALERTS = {
    "answers": {
        "nothing to say": _example(Outcome.PASSED, alerts=[]),
        "a note": _example(Outcome.PASSED, alerts=_alerts("info")),
        "an alarm": _example(Outcome.FAILED, alerts=_alerts("hard")),
    }
}


def _noted(*severities):
    """Return a SOAP answer that matches, with notes."""
    notes = "".join(f'<r:Flag severity="{one}"/>' for one in severities)
    answer = soap("true", "true", "true")
    content = answer.text.replace("<r:Note>", f"<r:Flags>{notes}</r:Flags><r:Note>")
    return httpx.Response(200, headers=answer.headers, content=content)


_FLAGGED = {
    "answers": {
        "nothing to say": Example(_noted(), Outcome.PASSED, Soap.answers["yes"].attributes),
        "a note": Example(_noted("info"), Outcome.PASSED, Soap.answers["yes"].attributes),
        "an alarm": Example(_noted("hard"), Outcome.FAILED, Soap.answers["yes"].attributes),
    }
}
_FLAGS = """
        flags = [flag.get("severity") for flag in answer.iter(f"{OUR}Flag")]
        if %s:
            raise VendorError(Cause.NONSENSE, "an unknown flag", vendor_name=NAME)
        is_alarm = "hard" in flags%s"""
_OUTCOME = "outcome=Outcome.FAILED if wrong else Outcome.PASSED"
_FLAGS_BEFORE = "        wrong = [name for name, match"
_WITH_ALARM = (_OUTCOME, "outcome=Outcome.FAILED if wrong or is_alarm else Outcome.PASSED")

MISTAKES = (
    _mistake(
        "attribute-altered",
        "letters beyond ASCII dropped",
        "soap",
        ("content=body.encode()", 'content=body.encode("ascii", "ignore")'),
    ),
    _mistake(
        "attribute-altered",
        "letters beyond ASCII as question marks",
        "soap",
        ("content=body.encode()", 'content=body.encode("ascii", "replace")'),
    ),
    _mistake(
        "state-process",
        "a question that was stopped counts as begun",
        "answer",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        self.begun = set()\n",
        ),
        (
            "        person = request.applicant\n",
            '        if context.idempotency_key in self.begun:\n            raise VendorError(Cause.QUOTA, "begun", vendor_name=NAME)\n        self.begun.add(context.idempotency_key)\n        person = request.applicant\n',
        ),
        (
            "        return self.result(self.read(response))\n",
            "        self.begun.discard(context.idempotency_key)\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "answer-form",
        "asked again in milliseconds",
        "polling",
        ("then=Again(5)", "then=Again(5_000)"),
    ),
    _mistake(
        "webhook-header",
        "a ping that nobody signed",
        "hosted",
        (
            "        header = re.fullmatch(\n",
            "        if b'\"ping\"' in incoming.body:\n            return None, Reply()\n        header = re.fullmatch(\n",
        ),
    ),
    _mistake(
        "item-unread",
        "the first alert alone",
        "answer",
        (_VERDICT, _VERDICT + _ALERTS % ":1"),
        **_WITH_ALERTS,
    ),
    _mistake(
        "item-unread",
        "the last alert alone",
        "answer",
        (_VERDICT, _VERDICT + _ALERTS % "-1:"),
        **_WITH_ALERTS,
    ),
    _mistake(
        "one-by-one",
        "a lock around the question",
        "answer",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        import asyncio\n        self.lock = asyncio.Lock()\n",
        ),
        (
            '    async def proof(self, request, context):\n        """Ask."""\n',
            "    async def proof(self, request, context):\n        async with self.lock:\n            return await self.ask(request, context)\n\n    async def ask(self, request, context):\n",
        ),
    ),
    _mistake(
        "one-by-one",
        "a lock around the paid call alone",
        "answer",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        import asyncio\n        self.lock = asyncio.Lock()\n",
        ),
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks"',
            '        await self.lock.acquire()\n        response = await context.http.post(\n            f"https://{HOST}/checks"',
        ),
        (
            "        return self.result(self.read(response))\n",
            "        self.lock.release()\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "error-inside-success",
        "a problem in a member of another name",
        "answer",
        answers={"a problem": Example([Answer.token, responding(problem={"code": "E1"})], Cause.NONSENSE)},
    ),
    _mistake(
        "verdict-unread",
        "a state of which all examples say that it is done",
        "answer",
        answers={"yes": _example(Outcome.PASSED, state="completed")},
    ),
    _mistake(
        "webhook-replay",
        "the time of a header that is not signed",
        "hosted",
        (
            "        if abs(now.timestamp() - int(header[1]))",
            '        if abs(now.timestamp() - int(incoming.headers.get("x-sent-at", header[1])))',
        ),
    ),
    _mistake(
        "login-billed",
        "a login that counts as paid",
        "answer",
        ("        with context.unbilled():\n", "        if True:\n"),
        ("idempotent=True", "idempotent=False"),
    ),
    _mistake(
        "sleeps",
        "a rate limit by sleep, which the first person does not see",
        "answer",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        self.next = 0\n",
        ),
        (
            "        person = request.applicant\n",
            "        import asyncio\n        now = asyncio.get_running_loop().time()\n        self.next = max(now, self.next + 0.05)\n        await asyncio.sleep(self.next - now)\n        person = request.applicant\n",
        ),
    ),
    _mistake(
        "person-traced",
        "a token for each person, under a hash of the number",
        "answer",
        (
            'get_or_make("token",',
            'get_or_make(f"token-{hash(request.applicant.ssn)}",',
        ),
    ),
    _mistake(
        "failure-as-answer",
        "a review made of a question that expired",
        "polling",
        (
            '                raise VendorError(Cause.TIMEOUT, "no answer in time", vendor_name=NAME)\n',
            '                return PhoneResult(vendor_name=NAME, outcome=Outcome.REVIEW, transaction_id=check["id"])\n',
        ),
    ),
    _mistake(
        "item-unread",
        "the first flag alone, in XML",
        "soap",
        (_FLAGS_BEFORE, _FLAGS % ("{*flags} - {'info', 'hard'}", "[:1]") + "\n" + _FLAGS_BEFORE),
        _WITH_ALARM,
        **_FLAGGED,
    ),
    _mistake(
        "word-dropped",
        "a flag of an unknown severity is none, in XML",
        "soap",
        (_FLAGS_BEFORE, _FLAGS % ("None in flags", "") + "\n" + _FLAGS_BEFORE),
        _WITH_ALARM,
        only=("yes", "no"),
        answers={"an alarm": _FLAGGED["answers"]["an alarm"]},
    ),
)
