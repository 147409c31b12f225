"""Honest plugins in a style that is unusual and allowed: no rule is broken by how something is written."""
# ruff: noqa: E501 - source texts as they are

from dataclasses import replace

import httpx
import pytest
from tests.core.testing.vendors.suites import Answer, make_plugin, responding

from proofing.plugin import Cause, Match, Outcome
from proofing.testing.vendors import Example, Status, judge

ASK = "        person = request.applicant\n"
POST = '        response = await context.http.post(\n            f"https://{HOST}/checks",\n            json_body=body,\n            headers={"authorization": f"Bearer {token}", "x-key": context.idempotency_key},\n        )\n'
READ = "        return self.result(self.read(response))\n"
NAME = 'NAME = "plain"\n'
VERDICT = 'outcome = OUTCOMES[answer["verdict"]]'
IS_VERDICT = 'if not isinstance(answer.get("verdict"), str) or not isinstance(answer.get("id"), str):'
YES_FIELDS = {"first": "yes", "last": "yes", "number": "yes"}
MATCHED = dict.fromkeys(("first_name", "last_name", "ssn"), Match.MATCH)
NO_FIELDS = {"first": "yes", "last": "nodata", "number": "no"}


def with_verdicts(**verdicts):
    """Return the suite's examples with other verdicts: of a yes, a no and one for people to look at."""
    answers = dict(Answer.answers)
    for name, (number, fields) in {
        "yes": (1, YES_FIELDS),
        "no": (2, NO_FIELDS),
        "manual": (3, {}),
    }.items():
        body = responding(id=f"c-{number}", verdict=verdicts[name], fields=fields)
        answers[name] = replace(answers[name], responses=[Answer.token, body])
    return {"answers": answers}


def _with_ids(yes, no, manual, *, repeats=False):
    """Return examples with these ids of the vendor's, which are in a header as well if it *repeats* them."""
    found = {}
    for name, number, verdict, fields in (
        ("yes", yes, "pass", YES_FIELDS),
        ("no", no, "fail", NO_FIELDS),
        ("manual", manual, "manual", {}),
    ):
        body = responding(id=number, verdict=verdict, fields=fields)
        if repeats:
            body.headers["x-evaluation"] = number
        found[name] = replace(Answer.answers[name], responses=[Answer.token, body])
    return found


UNUSUAL = {
    "an id of a strict form": (
        [
            (NAME, NAME + "import re\n"),
            (IS_VERDICT, IS_VERDICT[:-1] + ' or not re.fullmatch(r"[\\w-]{1,40}", answer["id"]):'),
        ],
        {
            "answers": {
                **Answer.answers,
                "a malformed id": Example(
                    [Answer.token, responding(id="?!", verdict="pass", fields=YES_FIELDS)], Cause.NONSENSE
                ),
            }
        },
    ),
    "an id of letters that stay, and one digit": (
        [
            (NAME, NAME + "import re\n"),
            (IS_VERDICT, IS_VERDICT[:-1] + ' or not re.fullmatch(r"ix_[0-9]+", answer["id"]):'),
        ],
        {"answers": {**Answer.answers, **_with_ids("ix_1", "ix_2", "ix_3")}},
    ),
    "an id of two groups of digits": (
        [
            (NAME, NAME + "import re\n"),
            (IS_VERDICT, IS_VERDICT[:-1] + ' or not re.fullmatch(r"[0-9]{4}-[0-9]{2}", answer["id"]):'),
        ],
        {"answers": {**Answer.answers, **_with_ids("9001-77", "9001-78", "9001-79")}},
    ),
    "an id that the vendor repeats in a header": (
        [
            (
                READ,
                "        if response.status == 200 and response.headers.get('x-evaluation') != self.read(response)['id']:\n"
                "            raise VendorError(Cause.NONSENSE, 'two ids', vendor_name=NAME)\n" + READ,
            )
        ],
        {"answers": {**Answer.answers, **_with_ids("c-11", "c-12", "c-13", repeats=True)}},
    ),
    "a vague word of which the author says that it passes": (
        [
            (
                VERDICT,
                VERDICT
                + "\n            if {'none': False, 'possible': False, 'hit': True}[answer.get('watch_list', 'none')]:\n"
                "                outcome = Outcome.FAILED",
            )
        ],
        {
            "answers": {
                **Answer.answers,
                **{
                    f"on the list: {word}": Example(
                        [
                            Answer.token,
                            responding(
                                id="c-21",
                                verdict="pass",
                                watch_list=word,
                                fields={**YES_FIELDS, "first": "nodata" if word == "possible" else "yes"},
                            ),
                        ],
                        outcome,
                        {**MATCHED, "first_name": Match.UNAVAILABLE if word == "possible" else Match.MATCH},
                    )
                    for word, outcome in (
                        ("none", Outcome.PASSED),
                        ("possible", Outcome.PASSED),
                        ("hit", Outcome.FAILED),
                    )
                },
            }
        },
    ),
    "a list that is there when it holds something": (
        [
            (
                VERDICT,
                VERDICT
                + "\n            if 'hard' in [{'info': 'info', 'hard': 'hard'}[one['severity']] for one in answer.get('alerts', [])]:\n"
                "                outcome = Outcome.FAILED",
            )
        ],
        {
            "answers": {
                **Answer.answers,
                **{
                    f"an alert: {word}": Example(
                        [
                            Answer.token,
                            responding(
                                id="c-31", verdict="pass", fields=YES_FIELDS, alerts=[{"severity": word}]
                            ),
                        ],
                        outcome,
                        MATCHED,
                    )
                    for word, outcome in (("info", Outcome.PASSED), ("hard", Outcome.FAILED))
                },
            }
        },
    ),
    "none means that nothing matches": (
        [('"no": Match.MISMATCH', '"none": Match.MISMATCH')],
        {
            "answers": {
                **Answer.answers,
                "no": replace(
                    Answer.answers["no"],
                    responses=[
                        Answer.token,
                        responding(id="c-2", verdict="fail", fields={**NO_FIELDS, "number": "none"}),
                    ],
                ),
            }
        },
    ),
    "work in a thread": (
        [
            (NAME, NAME + "import asyncio\n"),
            (READ, "        return self.result(await asyncio.to_thread(self.read, response))\n"),
        ],
        {},
    ),
    "work in threads of its own": (
        [
            (
                NAME,
                NAME
                + "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(2)\n",
            ),
            (
                READ,
                (
                    "        loop = asyncio.get_running_loop()\n"
                    "        return self.result(await loop.run_in_executor(POOL, self.read, response))\n"
                ),
            ),
        ],
        {},
    ),
    "a call alongside others": (
        [
            (NAME, NAME + "import asyncio\n"),
            (
                POST,
                (
                    "        (response,) = await asyncio.gather(context.http.post(\n"
                    '                f"https://{HOST}/checks",\n                json_body=body,\n'
                    '                headers={"authorization": f"Bearer {token}", "x-key": context.idempotency_key},\n'
                    "            ))\n"
                ),
            ),
        ],
        {},
    ),
    "a lock around the login": (
        [
            (
                "        self.settings = settings\n",
                "        import asyncio\n        self.settings = settings\n        self.lock = asyncio.Lock()\n",
            ),
            (
                '        token = await context.cache.get_or_make("token", lambda: self.token(context))\n',
                (
                    "        async with self.lock:\n"
                    '            token = await context.cache.get_or_make("token", lambda: self.token(context))\n'
                ),
            ),
        ],
        {},
    ),
    "all that is known of the person at once": (
        [
            (
                '{"first": person.first_name, "last": person.last_name, "number": person.ssn}',
                "{name: person.reveal().get(ours) for name, ours in FIELDS.items()}",
            )
        ],
        {},
    ),
    "a nonce in each request": (
        [
            (NAME, NAME + "import uuid\n"),
            ('"x-key": context', '"x-nonce": uuid.uuid4().hex, "x-key": context'),
        ],
        {},
    ),
    "the time of each call in a log line": (
        [
            (NAME, NAME + "import time\n"),
            (ASK, ASK + "        began = time.monotonic_ns()\n"),
            (
                READ,
                "        context.logger.info('took %d us', (time.monotonic_ns() - began) // 1000)\n" + READ,
            ),
        ],
        {},
    ),
    "verdicts in any case": (
        [(VERDICT, 'outcome = OUTCOMES[answer["verdict"].strip().lower()]')],
        with_verdicts(yes="PASS", no="Fail", manual="manual"),
    ),
    "a verdict that is true or false": (
        [
            (
                IS_VERDICT,
                'if answer.get("verdict") not in (True, False) or isinstance(answer["verdict"], (int, float)) and not isinstance(answer["verdict"], bool) or not isinstance(answer.get("id"), str):',
            ),
            (VERDICT, 'outcome = Outcome.PASSED if answer["verdict"] is True else Outcome.FAILED'),
        ],
        {
            "answers": {
                name: example
                for name, example in with_verdicts(yes=True, no=False, manual=False)["answers"].items()
                if name != "manual"
            }
        },
    ),
    "a verdict that is a number": (
        [
            (
                IS_VERDICT,
                'if type(answer.get("verdict")) is not int or not isinstance(answer.get("id"), str):',
            ),
            (
                'OUTCOMES = {"pass"',
                'OUTCOMES = {0: Outcome.PASSED, 1: Outcome.FAILED, 2: Outcome.REVIEW}\nOLD = {"pass"',
            ),
        ],
        with_verdicts(yes=0, no=1, manual=2),
    ),
    "a score with a threshold": (
        [
            (
                IS_VERDICT,
                'if type(answer.get("verdict")) is not int or not 0 <= answer["verdict"] <= 1000 or not isinstance(answer.get("id"), str):',
            ),
            (
                VERDICT,
                'outcome = Outcome.PASSED if answer["verdict"] >= 700 else Outcome.FAILED if answer["verdict"] < 500 else Outcome.REVIEW',
            ),
        ],
        with_verdicts(yes=820, no=301, manual=600),
    ),
    "a pydantic model": (
        [
            (
                "class Vendor:\n",
                (
                    "from typing import Literal\nfrom pydantic import BaseModel, ConfigDict, ValidationError\n\n\n"
                    "class Model(BaseModel):\n    model_config = ConfigDict(strict=True, extra='ignore')\n    id: str\n"
                    "    verdict: Literal['pass', 'fail', 'manual']\n"
                    "    fields: dict[Literal['first', 'last', 'number'], Literal['yes', 'no', 'nodata']]\n\n\n"
                    "class Vendor:\n"
                ),
            ),
            (
                READ,
                (
                    "        answer = self.read(response)\n        try:\n            answer = Model.model_validate(answer)\n"
                    "        except ValidationError:\n"
                    "            raise VendorError(Cause.NONSENSE, 'not as documented', vendor_name=NAME) from None\n"
                    "        return self.result(answer.model_dump())\n"
                ),
            ),
        ],
        {},
    ),
    "a match statement": (
        [
            (
                VERDICT,
                (
                    'match answer["verdict"]:\n                case "pass":\n                    outcome = Outcome.PASSED\n'
                    '                case "fail":\n                    outcome = Outcome.FAILED\n'
                    '                case "manual":\n                    outcome = Outcome.REVIEW\n'
                    "                case _:\n                    raise KeyError"
                ),
            )
        ],
        {},
    ),
    "a field that a yes may lack": (
        [
            (
                VERDICT,
                (
                    'outcome = OUTCOMES[answer["verdict"]]\n'
                    '            if {"no": False, "yes": True}[answer.get("hold", "no")]:\n'
                    "                outcome = Outcome.REVIEW"
                ),
            )
        ],
        {
            "answers": {
                **Answer.answers,
                **{
                    f"a yes with hold {hold}": Example(
                        [Answer.token, responding(id="c-4", verdict="pass", hold=hold, fields=YES_FIELDS)],
                        outcome,
                        MATCHED,
                    )
                    for hold, outcome in (("no", Outcome.PASSED), ("yes", Outcome.REVIEW))
                },
            }
        },
    ),
    "codes that grow, of which one says no": (
        [
            (
                VERDICT,
                (
                    'outcome = OUTCOMES[answer["verdict"]]\n'
                    '            codes = answer.get("codes")\n'
                    "            if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):\n"
                    "                raise TypeError\n"
                    '            if "R9" in codes:\n'
                    "                outcome = Outcome.FAILED"
                ),
            )
        ],
        {
            "open_places": {"codes.*": "new codes are announced; only R9 says no"},
            "answers": {
                name: Example(
                    [Answer.token, responding(id="c-5", verdict=verdict, codes=codes, fields=YES_FIELDS)],
                    outcome,
                    MATCHED,
                )
                for name, verdict, codes, outcome in (
                    ("yes", "pass", ["I1"], Outcome.PASSED),
                    ("yes without codes", "pass", [], Outcome.PASSED),
                    ("no", "fail", ["I1"], Outcome.FAILED),
                    ("no by a code", "pass", ["R9"], Outcome.FAILED),
                    ("manual", "manual", ["I1"], Outcome.REVIEW),
                )
            },
        },
    ),
    "a yes in spite of a mismatch": (
        [],
        {
            "answers": {
                **Answer.answers,
                "another first name": Example(
                    [
                        Answer.token,
                        responding(id="c-6", verdict="pass", fields={**YES_FIELDS, "first": "no"}),
                    ],
                    Outcome.PASSED,
                    {**MATCHED, "first_name": Match.MISMATCH},
                    ("first_name_mismatch",),
                ),
            }
        },
    ),
    "nobody on record is said by 404": (
        [
            (
                READ,
                "        if response.status == 404:\n"
                "            answer = response.json()\n"
                "            if not isinstance(answer, dict) or answer.get('verdict') != 'unknown' or not isinstance(answer.get('id'), str):\n"
                "                raise VendorError(Cause.NONSENSE, 'no verdict', vendor_name=NAME)\n"
                "            return ResolutionResult(vendor_name=NAME, outcome=Outcome.UNKNOWN, transaction_id=answer['id'], attributes={'ssn': Match.UNAVAILABLE})\n"
                + READ,
            )
        ],
        {
            "statuses_that_say_no": frozenset({404}),
            "answers": {
                **Answer.answers,
                "nobody": Example(
                    [Answer.token, httpx.Response(404, json={"id": "c-9", "verdict": "unknown"})],
                    Outcome.UNKNOWN,
                    {"ssn": Match.UNAVAILABLE},
                ),
            },
        },
    ),
}


@pytest.mark.parametrize("style", UNUSUAL)
def test_an_unusual_plugin_keeps_every_rule(style):
    """No false alarm."""
    changes, attributes = UNUSUAL[style]
    make_plugin("answer", *changes)
    suite = type("Answer", (Answer,), attributes)()
    assert [str(verdict) for verdict in judge(suite) if verdict.status is not Status.KEPT] == []
