"""Mistakes in what an adapter sends, keeps, parks, and takes from a webhook."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

from dataclasses import replace

from tests.core.testing.vendors.mistakes import Mistake
from tests.core.testing.vendors.suites import Answer, Polling, responding, scan

from proofing.plugin import Outcome
from proofing.testing.vendors import Example


def _mistake(rule, title, shape, *changes, **suite):
    return Mistake(rule, title, shape, changes, suite)


_SESSION = responding(session="s-1a2b3c4d5e6f7a8b")
_BY_SESSION = {
    "answers": {
        name: replace(example, responses=[_SESSION, *example.responses[1:]])
        for name, example in Answer.answers.items()
        if isinstance(example.responses, list)
    },
    "only": ("bad client",),
}
_READ = "        return self.result(self.read(response))\n"

MISTAKES = (
    _mistake(
        "redirects",
        "a 308 followed by hand",
        "soap",
        (
            _READ,
            '        if response.status == 308:\n            response = await context.http.post(response.headers["location"], content=body.encode())\n'
            + _READ,
        ),
    ),
    _mistake(
        "return-url",
        "an address encoded in JSON as in an address",
        "hosted",
        (
            '"redirect_url": context.return_url',
            '"redirect_url": __import__("urllib.parse").parse.quote(context.return_url, safe="")',
        ),
    ),
    _mistake(
        "page-elsewhere",
        "a host compared without its end",
        "hosted",
        ('PAGES = "https://verify.harbor.example/"', 'PAGES = "https://verify.harbor.example"'),
    ),
    _mistake(
        "answer-form",
        "an expiry that each poll moves further away",
        "polling",
        (
            "            return pending\n",
            "            from dataclasses import replace\n            return replace(pending, expires_at=context.now() + timedelta(minutes=5))\n",
        ),
    ),
    _mistake(
        "foreign-error",
        "verified attributes as a list",
        "soap",
        (
            "            transaction_id=answer",
            "            verified_attributes=sorted(attributes),\n            transaction_id=answer",
        ),
    ),
    _mistake(
        "webhook-accepts",
        "an id of its own for each delivery",
        "hosted",
        ('id=str(event["id"])', 'id=__import__("uuid").uuid4().hex'),
    ),
    _mistake(
        "webhook-header",
        "a signature that is not hex raises",
        "hosted",
        ("v1=([0-9a-f]{64})", "v1=(.{64})"),
    ),
    _mistake(
        "state-mixed",
        "the first key for everybody",
        "answer",
        (
            '"x-key": context.idempotency_key',
            '"x-key": self.__dict__.setdefault("key", context.idempotency_key)',
        ),
    ),
    _mistake(
        "state-mixed",
        "one dictionary for the state of all",
        "polling",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        self.state = {}\n",
        ),
        (
            '        return Pending(\n            state={"check": check["id"]},',
            '        self.state["check"] = check["id"]\n        return Pending(\n            state=self.state,',
        ),
    ),
    _mistake(
        "sides-swapped",
        "images by their order",
        "documents",
        (
            'Base64(images[Side.FRONT].content) if Side.FRONT in images else None,\n                "back": Base64(images[Side.BACK].content) if Side.BACK in images else None',
            'Base64([*images.values()][0].content) if Side.FRONT in images else None,\n                "back": Base64([*images.values()][1].content) if Side.BACK in images else None',
        ),
    ),
    _mistake(
        "image-leak",
        "the score of a face among the codes",
        "documents",
        (
            '            transaction_id=answer["id"],\n',
            '            transaction_id=answer["id"],\n            vendor_codes=(f"face_{answer.get(\'face_score\', 0)}",),\n',
        ),
        answers={
            "yes": Example(responding(**{**scan(1, "Passed").json(), "face_score": 9731}), Outcome.PASSED)
        },
    ),
    _mistake(
        "secret-leak",
        "a session in the message of an error",
        "answer",
        ('answer.get("token")', 'answer.get("session")'),
        ('return answer["token"]', 'return answer["session"]'),
        (
            _READ,
            '        if response.status == 401:\n            raise VendorError(Cause.AUTHENTICATION, f"the session {token} is over", vendor_name=NAME)\n'
            + _READ,
        ),
        **_BY_SESSION,
    ),
    _mistake(
        "request-escaped",
        "a number that is not escaped",
        "soap",
        ('escape(person.state_id_number or "")', 'person.state_id_number or ""'),
    ),
    _mistake(
        "request-escaped",
        "a name that is escaped twice",
        "soap",
        ('escape(person.last_name or "")', 'escape(escape(person.last_name or ""))'),
    ),
    _mistake(
        "retries",
        "an answer that is waited for in a loop, until little time is left",
        "polling",
        (
            '        if check["status"] == "running":\n',
            '        import asyncio\n        while check["status"] == "running" and context.remaining_seconds() > 1:\n            await asyncio.sleep(0.5)\n            check = self.read(await context.http.get(f"{URL}/{pending.state[\'check\']}", headers={"x-api-key": self.settings.api_key.get_secret_value()}))\n        if check["status"] == "running":\n',
        ),
        only=("no",),
        answers={
            "yes": Example(
                [Polling.started, responding(id="chk_1", status="verified")],
                Outcome.PASSED,
                Polling.answers["yes"].attributes,
            )
        },
    ),
)
