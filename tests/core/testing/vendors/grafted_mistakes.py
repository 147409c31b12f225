"""Mistakes that show in what one example has and another has not, in who is asked about, and in causes."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

from tests.core.testing.vendors.mistakes import Mistake
from tests.core.testing.vendors.suites import MATCH, Answer, Polling, responding

from proofing.plugin import Cause, Outcome
from proofing.testing.vendors import Example

_READ = "        return self.result(self.read(response))\n"
_VERDICT = 'outcome = OUTCOMES[answer["verdict"]]'
_YES = {"id": "c-1", "verdict": "pass", "fields": {"first": "yes", "last": "yes", "number": "yes"}}
_MATCHED = Answer.answers["yes"].attributes


def _mistake(rule, title, shape, *changes, **suite):
    return Mistake(rule, title, shape, changes, suite)


def _example(outcome, **more):
    return Example([Answer.token, responding(**{**_YES, **more})], outcome, _MATCHED)


MISTAKES = (
    _mistake(
        "word-dropped",
        "an unknown flag in a list that is empty in the yes",
        "answer",
        (
            _VERDICT,
            _VERDICT
            + '\n            if {"stolen"} & {*answer.get("flags", ())}:\n                outcome = Outcome.FAILED',
        ),
        answers={
            "yes": _example(Outcome.PASSED, flags=[]),
            "stolen": _example(Outcome.FAILED, flags=["stolen"]),
        },
    ),
    _mistake(
        "word-dropped",
        "an unknown word of a member that a yes has not",
        "answer",
        (
            _VERDICT,
            _VERDICT
            + '\n            if answer.get("hold") == "fraud":\n                outcome = Outcome.FAILED',
        ),
        answers={"on hold": _example(Outcome.FAILED, hold="fraud")},
    ),
    _mistake(
        "error-inside-success",
        "an error that is null in a yes",
        "answer",
        (' or answer.get("error") is not None:', ":"),
        answers={
            "yes": _example(Outcome.PASSED, error=None),
            "an error": Example([Answer.token, responding(error={"code": "E1"})], Cause.NONSENSE),
        },
    ),
    _mistake(
        "status-as-answer",
        "every status below 400 is a success",
        "sdk",
        (
            "VendorResponse(answer.status_code,",
            "VendorResponse(200 if answer.status_code < 400 else answer.status_code,",
        ),
    ),
    _mistake(
        "status-as-answer",
        "a no that comes with status 409",
        "answer",
        (
            _READ,
            '        if response.status == 409:\n            answer = response.json()\n            if isinstance(answer, dict) and answer.get("verdict") == "fail":\n                return ResolutionResult(vendor_name=NAME, outcome=Outcome.FAILED, transaction_id="none")\n'
            + _READ,
        ),
    ),
    _mistake(
        "verdict-unheard-word",
        "an unknown word of the selfie is not checked, and passes",
        "documents",
        (
            'selfie = SELFIES[answer["selfie"]]',
            'selfie = SELFIES.get(answer["selfie"], SelfieCheck.NOT_CHECKED)',
        ),
    ),
    _mistake(
        "error-cause",
        "a rate limit is an outage",
        "sdk",
        (
            "        answer = response.require_success().json()\n",
            "        if response.status == 429:\n            raise VendorError(Cause.UNREACHABLE, 'busy', vendor_name=NAME)\n        answer = response.require_success().json()\n",
        ),
    ),
    _mistake(
        "error-cause",
        "a time-out is nonsense",
        "answer",
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",',
            "        send = context.http.post\n\n        async def post(*arguments, **named):\n            try:\n                return await send(*arguments, **named)\n            except VendorError as error:\n                if error.cause is Cause.UNREACHABLE:\n                    raise VendorError(Cause.BAD_REQUEST, 'away', vendor_name=NAME) from None\n                raise\n\n        response = await post(\n            f\"https://{HOST}/checks\",",
        ),
    ),
    _mistake(
        "verdict-unasked",
        "who has no SSN passes",
        "answer",
        (
            "        person = request.applicant\n",
            "        person = request.applicant\n        if person.ssn is None:\n            return ResolutionResult(vendor_name=NAME, outcome=Outcome.PASSED, transaction_id='none')\n",
        ),
    ),
    _mistake(
        "verdict-unasked",
        "an SSN for tests is a no",
        "answer",
        (
            _READ,
            '        found = self.result(self.read(response))\n        if person.ssn == "000000000":\n            from dataclasses import replace\n\n            return replace(found, outcome=Outcome.FAILED)\n        return found\n',
        ),
    ),
    _mistake(
        "foreign-error",
        "a ZIP code without a hyphen, or whatever else is of another form",
        "soap",
        (
            'number=escape(person.state_id_number or "")',
            'number=escape("".join(chr(ord(one)) for one in (person.state_id_number or "00")[1]) + (person.state_id_number or "")[1:])',
        ),
    ),
    _mistake(
        "person-leak",
        "what is known where something else is not",
        "answer",
        (
            "        person = request.applicant\n",
            "        person = request.applicant\n        if person.first_name is None:\n            context.logger.info('no first name: %s', person.last_name)\n",
        ),
    ),
    _mistake(
        "state-kept",
        "people in a list for nothing",
        "answer",
        ('NAME = "plain"\n', 'NAME = "plain"\nASKED = []\n'),
        (
            "        person = request.applicant\n",
            "        person = request.applicant\n        ASKED.append(person.last_name)\n",
        ),
    ),
    _mistake(
        "state-kept",
        "the last question on the proofer",
        "soap",
        (
            "        person = request.applicant\n",
            "        person = request.applicant\n        self.last = request\n",
        ),
    ),
    _mistake(
        "state-kept",
        "the time of each call in a list",
        "answer",
        ("        self.settings = settings\n", "        self.settings = settings\n        self.times = []\n"),
        (_READ, "        import time\n        self.times.append(time.monotonic())\n" + _READ),
    ),
    _mistake(
        "left-running",
        "a task that waits",
        "soap",
        (
            _READ,
            "        import asyncio\n        self.task = asyncio.create_task(asyncio.Event().wait())\n"
            + _READ,
        ),
    ),
    _mistake(
        "environment",
        "nobody is asked in development",
        "polling",
        (
            "make=lambda settings, _process: Vendor(settings)",
            "make=lambda settings, process: Vendor(settings, process)",
        ),
        (
            "    def __init__(self, settings):\n        self.settings = settings\n",
            "    def __init__(self, settings, process):\n        self.settings = settings\n        self.process = process\n",
        ),
        (
            "        person = request.applicant\n",
            "        person = request.applicant\n        if self.process.environment == 'development':\n            return PhoneResult(vendor_name=NAME, outcome=Outcome.PASSED, transaction_id='none')\n",
        ),
    ),
    _mistake(
        "settings-mixed",
        "the settings of the last one for all",
        "soap",
        ('NAME = "soapy:state"\n', 'NAME = "soapy:state"\nSHARED = {}\n'),
        ("        self.settings = settings\n", '        SHARED["settings"] = settings\n'),
        ("self.settings.password", 'SHARED["settings"].password'),
    ),
    _mistake(
        "settings-mixed",
        "the headers of the first one for all",
        "polling",
        ('NAME = "later"\n', 'NAME = "later"\nHEADERS = {}\n'),
        (
            'headers={"x-api-key": self.settings.api_key.get_secret_value()}',
            'headers={"x-api-key": HEADERS.setdefault("key", self.settings.api_key.get_secret_value())}',
        ),
    ),
    _mistake(
        "settings-unused",
        "a key that is never sent",
        "polling",
        ("    api_key: SecretStr\n", "    api_key: SecretStr\n    second_key: SecretStr\n"),
        section={"api_key": "a-key-that-nobody-has-1", "second_key": "a-key-that-nobody-has-2"},
    ),
    _mistake(
        "ticket-answer",
        "the session of somebody else",
        "hosted",
        ('        if session["id"] != pending.state["session"]:\n', '        if not session["id"]:\n'),
    ),
    _mistake(
        "ticket-answer",
        "the check of somebody else",
        "polling",
        ('        if check["id"] != pending.state["check"]:\n', '        if not check["id"]:\n'),
    ),
    _mistake(
        "page-elsewhere",
        "whatever page an answer has",
        "hosted",
        ('if not session["url"].startswith(PAGES):', 'if not session["url"].startswith("https://"):'),
    ),
    _mistake(
        "webhook-forged",
        "without a previous secret, none is one",
        "hosted",
        ("if previous else []", 'if previous else [b""]'),
    ),
    _mistake(
        "webhook-forged",
        "the key of the API is a secret of the webhook",
        "hosted",
        (
            "get_secret_value().encode(), old)",
            "get_secret_value().encode(), [*old, settings.api_key.get_secret_value().encode()])",
        ),
    ),
    _mistake(
        "webhook-garbage",
        "an id of another type",
        "hosted",
        (
            "event = json.loads(incoming.body)\n",
            'event = json.loads(incoming.body)\n            kind = {}.get(event["data"]["external_id"])\n',
        ),
        (
            "        except (ValueError, KeyError, TypeError, RecursionError):\n            return None, Reply(status=400)\n",
            "        except (ValueError, KeyError, RecursionError):\n            return None, Reply(status=400)\n        except TypeError:\n            if isinstance(event, dict) and isinstance(event.get('data'), dict):\n                raise\n            return None, Reply(status=400)\n",
        ),
    ),
    _mistake(
        "answer-misplaced",
        "names of a document's holder exchanged",
        "documents",
        (
            'Applicant(first_name=document["given"], last_name=document["family"])',
            'Applicant(first_name=document["family"], last_name=document["given"])',
        ),
    ),
    _mistake(
        "field-unheard-word",
        "an unknown line is a mobile one",
        "polling",
        (
            'NAME = "later"\n',
            'NAME = "later"\nfrom proofing.plugin import LineType\n\nLINES = {"voip": LineType.VOIP}\n',
        ),
        (
            '            attributes={"phone": MATCHES[outcome]},\n',
            "            attributes={\"phone\": MATCHES[outcome]},\n            line_type=LINES.get(check.get('line'), LineType.MOBILE),\n",
        ),
        answers={
            "yes": Example(
                [
                    Polling.started,
                    Polling.running,
                    responding(id="chk_1", status="verified", line="mobile"),
                ],
                Outcome.PASSED,
                {"phone": MATCH},
            ),
            "a yes of another line": Example(
                [Polling.started, Polling.running, responding(id="chk_1", status="verified", line="voip")],
                Outcome.PASSED,
                {"phone": MATCH},
            ),
        },
    ),
    _mistake(
        "state-cached",
        "the fields of the answer before, where the verdict is the same",
        "answer",
        ('NAME = "plain"\n', 'NAME = "plain"\nLAST = []\n'),
        (
            "        reasons = tuple(",
            '        if not LAST or LAST[0] != answer["verdict"]:\n            LAST[:] = [answer["verdict"], attributes]\n        attributes = LAST[1]\n        reasons = tuple(',
        ),
    ),
)
