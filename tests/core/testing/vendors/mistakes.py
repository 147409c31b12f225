"""Mistakes that the kit must find: of each the honest plugin that makes it, what is changed, and the rule."""
# ruff: noqa: E501 - each entry is a line of a table, of source texts as they are

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        rule: that must find it.
        title: what is wrong.
        shape: of the plugin, in `plugins`.
        changes: old and new source.
        suite: attributes of the suite that are replaced.
    """

    rule: str
    title: str
    shape: str
    changes: tuple[tuple[str, str], ...] = ()
    suite: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For test reports."""
        return f"{self.rule}: {self.title} ({self.shape})"


def _mistake(rule: str, title: str, shape: str, *changes: tuple[str, str], **suite: Any) -> Mistake:
    return Mistake(rule, title, shape, changes, suite)


_SEND = "        response = await context.http.post(\n"
_ASK = "        person = request.applicant\n"
_IN = "        how = request.circumstances\n"
_READ = "        return self.result(self.read(response))\n"

MISTAKES = (
    # Loading
    _mistake(
        "plugin-loads",
        "hookimpl forgotten",
        "answer",
        ("@hookimpl\ndef proofing_proofers", "def proofing_proofers"),
    ),
    _mistake(
        "plugin-loads",
        "settings that are no PluginSettings",
        "answer",
        ("class Settings(PluginSettings):", "class Settings:"),
    ),
    _mistake(
        "plugin-loads",
        "a misspelled attribute",
        "answer",
        ('{"first_name", "last_name", "ssn"}', '{"first_name", "last_name", "social"}'),
    ),
    _mistake(
        "plugin-loads",
        "a field of the descriptor that does not exist",
        "answer",
        ("idempotent=True", "is_idempotent=True"),
    ),
    _mistake("plugin-loads", "the kind as a text", "polling", ("kind=ProoferKind.PHONE", 'kind="phone"')),
    _mistake(
        "plugin-loads",
        "a make without the process",
        "soap",
        ("make=lambda settings, _process: Vendor", "make=lambda settings: Vendor"),
    ),
    _mistake(
        "plugin-loads",
        "a section that the schema refuses",
        "soap",
        ("password: SecretStr", "password: SecretStr\n    pin: int"),
    ),
    _mistake(
        "descriptor-form",
        "hosts as a set of names",
        "answer",
        ("hosts=lambda _settings: frozenset({HOST})", "hosts=frozenset({HOST})"),
    ),
    _mistake(
        "descriptor-form",
        "hosts as a text",
        "soap",
        ("lambda _settings: frozenset({HOST})", "lambda _settings: HOST"),
    ),
    _mistake(
        "descriptor-form",
        "hosts with a scheme",
        "soap",
        ("frozenset({HOST})", 'frozenset({f"https://{HOST}/x"})'),
    ),
    _mistake(
        "descriptor-form",
        "a time limit that is a number",
        "sdk",
        ("timeout_seconds=lambda _settings: 10.0", "timeout_seconds=10.0"),
    ),
    _mistake("descriptor-form", "a name with spaces", "polling", ('NAME = "later"', 'NAME = "Later Inc"')),
    _mistake(
        "contract-version",
        "a version of the future",
        "answer",
        ("idempotent=True", "idempotent=True, contract_version=99"),
    ),
    _mistake(
        "make-quiet",
        "connects when it is made",
        "answer",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        import socket\n        try:\n            socket.create_connection((HOST, 443), 1)\n        except OSError:\n            pass\n",
        ),
    ),
    _mistake(
        "make-quiet",
        "needs a loop when it is made",
        "polling",
        (
            "        self.settings = settings\n",
            "        import asyncio\n        self.settings = settings\n        self.loop = asyncio.get_running_loop()\n",
        ),
    ),
    _mistake(
        "make-quiet",
        "prints its key when it is made",
        "soap",
        (
            "        self.settings = settings\n",
            "        self.settings = settings\n        print(settings.password.get_secret_value())\n",
        ),
    ),
    _mistake("deadline-declared", "longer than a job", "answer", ("_settings: 10.0", "_settings: 90.0")),
    _mistake(
        "settings-secret",
        "a key as plain text",
        "sdk",
        ("api_key: SecretStr", "api_key: str"),
        ("self.settings.api_key.get_secret_value()", "self.settings.api_key"),
    ),
    _mistake("examples-complete", "no no", "answer", only=("yes", "manual")),
    _mistake("examples-complete", "a secret of three letters", "answer", section={"client": "abc"}),
    _mistake("examples-complete", "an exemption from no rule", "answer", exemptions={"no-such-rule": None}),
    # Verdicts
    _mistake(
        "example-outcome",
        "a no as an error",
        "answer",
        (
            "        return answer\n\n    def result",
            '        if answer["verdict"] == "fail":\n            raise VendorError(Cause.NONSENSE, "no", vendor_name=NAME)\n        return answer\n\n    def result',
        ),
    ),
    _mistake(
        "example-outcome",
        "a vague answer passes",
        "answer",
        ('"manual": Outcome.REVIEW', '"manual": Outcome.PASSED'),
    ),
    _mistake(
        "example-outcome",
        "a review refuses",
        "documents",
        ('"Attention": Outcome.REVIEW', '"Attention": Outcome.FAILED'),
    ),
    _mistake(
        "example-outcome",
        "a refused key is an outage",
        "answer",
        (
            '        answer = response.require_success().json()\n        if not isinstance(answer, dict) or not isinstance(answer.get("token")',
            "        if response.status == 401:\n            raise VendorError(Cause.UNREACHABLE, 'away', vendor_name=NAME)\n        answer = response.require_success().json()\n        if not isinstance(answer, dict) or not isinstance(answer.get(\"token\")",
        ),
    ),
    _mistake(
        "example-outcome",
        "abandoned is a no",
        "hosted",
        (
            '            raise VendorError(Cause.ABANDONED, "the person did not finish", vendor_name=NAME)',
            "            return DocumentResult(vendor_name=NAME, outcome=Outcome.FAILED, transaction_id=session['id'])",
        ),
    ),
    _mistake(
        "example-attributes", "attributes left empty", "answer", ("            attributes=attributes,\n", "")
    ),
    _mistake(
        "example-attributes",
        "no data as a mismatch",
        "answer",
        ('"nodata": Match.UNAVAILABLE', '"nodata": Match.MISMATCH'),
        (
            "for name, match in attributes.items() if match is Match.MISMATCH",
            'for name in attributes if name == "ssn" and attributes["ssn"] is Match.MISMATCH',
        ),
    ),
    _mistake(
        "example-attributes",
        "a match for all",
        "soap",
        (
            "attributes[name] = INDICATORS[found.text]",
            "attributes[name] = Match.MATCH if INDICATORS[found.text] else None",
        ),
        (
            "wrong = [name for name, match in attributes.items() if match is not Match.MATCH]",
            'wrong = [name for tag, name in FIELDS.items() if answer.findtext(f"{OUR}{tag}") == "false"]',
        ),
    ),
    _mistake("example-facts", "reasons left out", "answer", ("            reasons=reasons,\n", "")),
    _mistake(
        "example-facts",
        "selfie not read",
        "documents",
        ('"Spoof": SelfieCheck.NOT_LIVE', '"Spoof": SelfieCheck.NO_MATCH'),
    ),
    _mistake(
        "verdict-unheard-word",
        "everything but a no passes",
        "answer",
        (
            'outcome = OUTCOMES[answer["verdict"]]',
            'outcome = OUTCOMES.get(answer["verdict"], Outcome.PASSED)',
        ),
    ),
    _mistake(
        "verdict-unheard-word",
        "a prefix passes",
        "answer",
        (
            'outcome = OUTCOMES[answer["verdict"]]',
            'outcome = Outcome.PASSED if answer["verdict"].startswith("pass") else OUTCOMES[answer["verdict"]]',
        ),
    ),
    _mistake(
        "field-unheard-word",
        "everything but a no passes",
        "polling",
        (
            '        if check["status"] not in ENDS:\n            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)\n        outcome = ENDS[check["status"]]',
            '        outcome = ENDS.get(check["status"], Outcome.PASSED)',
        ),
    ),
    _mistake(
        "verdict-unheard-word",
        "an unknown decision is an accept",
        "hosted",
        ('session["status"] not in STATES or not', "not"),
    ),
    _mistake(
        "verdict-unheard-word",
        "an unknown selfie word is a match",
        "documents",
        ('selfie = SELFIES[answer["selfie"]]', 'selfie = SELFIES.get(answer["selfie"], SelfieCheck.MATCH)'),
    ),
    _mistake(
        "verdict-unheard-word",
        "only the reject is looked for",
        "sdk",
        (
            '        if not isinstance(status, str) or status not in STATUSES:\n            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)\n        outcome, review_status = STATUSES[status]',
            '        if not isinstance(status, str):\n            raise VendorError(Cause.NONSENSE, "no", vendor_name=NAME)\n        outcome, review_status = STATUSES.get(status, STATUSES["pass"])',
        ),
    ),
    _mistake(
        "verdict-unknown-no",
        "everything but a yes fails",
        "answer",
        (
            'outcome = OUTCOMES[answer["verdict"]]',
            'outcome = OUTCOMES.get(answer["verdict"], Outcome.FAILED)',
        ),
    ),
    _mistake(
        "field-unheard-word",
        "everything but a yes fails",
        "polling",
        (
            '        if check["status"] not in ENDS:\n            raise VendorError(Cause.NONSENSE, "an unknown status", vendor_name=NAME)\n        outcome = ENDS[check["status"]]',
            '        outcome = ENDS.get(check["status"], Outcome.FAILED)',
        ),
    ),
    _mistake(
        "verdict-unknown-no",
        "an unknown result refuses",
        "documents",
        ('outcome = OUTCOMES[answer["result"]]', 'outcome = OUTCOMES.get(answer["result"], Outcome.FAILED)'),
    ),
    _mistake(
        "verdict-unknown-no",
        "an unknown status is a decline",
        "hosted",
        ('session["status"] not in STATES or not', "not"),
        ('if session["status"] == "declined":', 'if session["status"] not in ("approved", "review"):'),
    ),
    _mistake(
        "field-unheard-word",
        "an unknown field is a match",
        "answer",
        ("MATCHES[word] for", "MATCHES.get(word, Match.MATCH) for"),
    ),
    _mistake(
        "field-unheard-word",
        "an unknown field is a mismatch",
        "answer",
        ("MATCHES[word] for", "MATCHES.get(word, Match.MISMATCH) for"),
    ),
    _mistake(
        "field-unheard-word",
        "an unknown field is unavailable",
        "answer",
        ("MATCHES[word] for", "MATCHES.get(word, Match.UNAVAILABLE) for"),
    ),
    _mistake(
        "field-unheard-word",
        "an unknown indicator is a match",
        "soap",
        (
            '            elif found.text in INDICATORS:\n                attributes[name] = INDICATORS[found.text]\n            else:\n                raise VendorError(Cause.NONSENSE, "an unknown indicator", vendor_name=NAME)\n',
            '            else:\n                attributes[name] = Match.MISMATCH if found.text == "false" else Match.MATCH\n',
        ),
    ),
    _mistake(
        "field-unheard-word",
        "an unknown indicator is a mismatch",
        "soap",
        (
            '            elif found.text in INDICATORS:\n                attributes[name] = INDICATORS[found.text]\n            else:\n                raise VendorError(Cause.NONSENSE, "an unknown indicator", vendor_name=NAME)\n',
            '            else:\n                attributes[name] = Match.MATCH if found.text == "true" else Match.MISMATCH\n',
        ),
    ),
    _mistake(
        "field-no-data",
        "unavailable is a mismatch",
        "answer",
        ('"nodata": Match.UNAVAILABLE}', '"nodata": Match.UNAVAILABLE, "unavailable": Match.MISMATCH}'),
    ),
    _mistake(
        "verdict-vague-word",
        "partial passes",
        "answer",
        ('"manual": Outcome.REVIEW}', '"manual": Outcome.REVIEW, "partial": Outcome.PASSED}'),
    ),
    _mistake(
        "verdict-vague-word",
        "pending passes",
        "polling",
        ('"unclear": Outcome.UNKNOWN}', '"unclear": Outcome.UNKNOWN, "pending": Outcome.PASSED}'),
    ),
    _mistake(
        "verdict-missing",
        "a verdict that is left out passes",
        "answer",
        (
            '        if not isinstance(answer.get("verdict"), str) or not',
            '        answer = {"verdict": "pass", **answer}\n        if not isinstance(answer.get("verdict"), str) or not',
        ),
    ),
    _mistake(
        "verdict-missing",
        "no verdict passes",
        "answer",
        ('if not isinstance(answer.get("verdict"), str) or not', "if not"),
        ('OUTCOMES[answer["verdict"]]', 'OUTCOMES[answer.get("verdict") or "pass"]'),
    ),
    _mistake(
        "verdict-missing",
        "no selfie result is a match",
        "documents",
        ('SELFIES[answer["selfie"]]', 'SELFIES[answer.get("selfie") or "Match"]'),
    ),
    _mistake(
        "verdict-missing",
        "no verdict refuses",
        "answer",
        ('if not isinstance(answer.get("verdict"), str) or not', "if not"),
        ('OUTCOMES[answer["verdict"]]', 'OUTCOMES[answer.get("verdict") or "fail"]'),
    ),
    _mistake(
        "field-missing",
        "a missing indicator is a match",
        "soap",
        ("attributes[name] = Match.NOT_CHECKED", "attributes[name] = Match.MATCH"),
    ),
    _mistake(
        "field-missing",
        "a missing indicator is a mismatch",
        "soap",
        ("attributes[name] = Match.NOT_CHECKED", "attributes[name] = Match.MISMATCH"),
    ),
    _mistake(
        "field-missing",
        "a missing field is a match",
        "answer",
        (
            'for name, word in answer["fields"].items()}',
            'for name, word in {**dict.fromkeys(FIELDS if answer["verdict"] == "pass" else (), "yes"), **answer["fields"]}.items()}',
        ),
    ),
    _mistake(
        "field-missing",
        "without any field, all are matches",
        "answer",
        (
            'if not isinstance(answer.get("fields"), dict):',
            'if not isinstance(answer.setdefault("fields", dict.fromkeys(FIELDS, "yes")), dict):',
        ),
    ),
    _mistake(
        "verdict-wrong-type",
        "true is a yes",
        "answer",
        ('if not isinstance(answer.get("verdict"), str) or not', "if not"),
        (
            'outcome = OUTCOMES[answer["verdict"]]',
            'outcome = Outcome.PASSED if answer["verdict"] is True else OUTCOMES[answer["verdict"]]',
        ),
    ),
    _mistake(
        "verdict-wrong-type",
        "a list that holds the word",
        "sdk",
        (
            "        if not isinstance(status, str) or status not in STATUSES:",
            "        status = status[0] if isinstance(status, list) and status else status\n        if not isinstance(status, str) or status not in STATUSES:",
        ),
    ),
    _mistake(
        "status-as-answer",
        "404 is a no",
        "answer",
        (
            _READ[:0] + "        return self.result(self.read(response))\n",
            '        if response.status == 404:\n            return ResolutionResult(vendor_name=NAME, outcome=Outcome.FAILED, transaction_id="none")\n        return self.result(self.read(response))\n',
        ),
    ),
    _mistake(
        "status-as-answer",
        "the status is ignored",
        "answer",
        (
            "        answer = response.require_success().json()\n        if not isinstance(answer, dict) or answer.get",
            "        answer = response.json()\n        if not isinstance(answer, dict) or answer.get",
        ),
    ),
    _mistake(
        "status-as-answer",
        "the status is ignored",
        "soap",
        ("response.require_success().xml()", "response.xml()"),
    ),
    _mistake(
        "status-as-answer",
        "404 is a no",
        "hosted",
        (
            "        session, is_over = self.read(response), isinstance",
            '        if response.status == 404:\n            return DocumentResult(vendor_name=NAME, outcome=Outcome.FAILED, transaction_id="none")\n        session, is_over = self.read(response), isinstance',
        ),
    ),
    _mistake(
        "failure-as-answer",
        "an exception is a no",
        "answer",
        (_READ, _READ),
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",',
            '        try:\n            response = await context.http.post(f"https://{HOST}/checks", json_body=body, headers={"authorization": f"Bearer {token}", "x-key": context.idempotency_key})\n        except VendorError:\n            return ResolutionResult(vendor_name=NAME, outcome=Outcome.FAILED, transaction_id="none")\n        return self.result(self.read(response))\n        response = await context.http.post(\n            f"https://{HOST}/checks",',
        ),
    ),
    _mistake(
        "failure-as-answer",
        "an exception is unknown",
        "soap",
        (
            "        response = await context.http.post(",
            "        send = context.http.post\n\n        async def post(*arguments, **named):\n            try:\n                return await send(*arguments, **named)\n            except VendorError:\n                return None\n\n        response = await post(",
        ),
        (
            "        return self.result(self.read(response))\n",
            "        if response is None:\n            return StateIDResult(vendor_name=NAME, outcome=Outcome.UNKNOWN)\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "bare-success",
        "200 is a yes",
        "sdk",
        (
            "        answer = response.require_success().json()\n",
            "        response.require_success()\n        try:\n            answer = response.json()\n        except VendorError:\n            answer = {'request_result': 'success', 'policy_score': 1, 'request_id': 'x', 'review_status': 'pass'}\n",
        ),
    ),
    _mistake(
        "bare-success",
        "an empty body is a no",
        "answer",
        (
            "        answer = response.require_success().json()\n        if not isinstance(answer, dict) or answer.get",
            '        response.require_success()\n        if not response.content:\n            return {"id": "x", "verdict": "fail", "fields": {}}\n        answer = response.json()\n        if not isinstance(answer, dict) or answer.get',
        ),
    ),
    _mistake(
        "error-inside-success",
        "an error body is a no",
        "answer",
        (
            '        if not isinstance(answer, dict) or answer.get("error") is not None:',
            '        if isinstance(answer, dict) and answer.get("errors"):\n            return {"id": "x", "verdict": "fail", "fields": {}}\n        if not isinstance(answer, dict) or answer.get("error") is not None:',
        ),
    ),
    _mistake(
        "error-inside-success",
        "a fault is ignored",
        "soap",
        (' or root.find(f".//{SOAP}Fault") is not None', ""),
        (
            "        if answer is None or not",
            '        if root.find(f".//{SOAP}Fault") is not None and answer is None:\n            raise VendorError(Cause.SOURCE_DOWN, "a fault", vendor_name=NAME)\n        if answer is None or not',
        ),
    ),
    _mistake(
        "error-inside-success",
        "an error body is a reject",
        "hosted",
        (
            "        if not isinstance(session, dict) or not all(",
            '        if isinstance(session, dict) and "error" in session:\n            session = {"id": "ver_1", "status": "declined", "url": PAGES}\n        if not isinstance(session, dict) or not all(',
        ),
    ),
    _mistake(
        "truncated-body",
        "a regular expression",
        "sdk",
        (
            "        answer = response.require_success().json()\n",
            "        import json\n        import re\n        response.require_success()\n        try:\n            answer = response.json()\n        except VendorError:\n            text = response.content.decode('latin-1')\n            found = dict(re.findall(r'\"(request_id|request_result|review_status)\": ?\"(\\w+)\"', text))\n            answer = {**found, 'policy_score': 1}\n",
        ),
    ),
    _mistake(
        "foreign-error",
        "a missing key",
        "answer",
        ("        except (KeyError, TypeError):", "        except TypeError:"),
    ),
    _mistake(
        "foreign-error",
        "nothing known of the person",
        "soap",
        ('escape(person.last_name or "")', "escape(person.last_name)"),
    ),
    _mistake(
        "foreign-error",
        "no names in the document",
        "documents",
        (
            '        if not all(isinstance(name, str) for name in names):\n            raise VendorError(Cause.NONSENSE, "no names", vendor_name=NAME)\n',
            "        _ = names[0].upper()\n",
        ),
    ),
    _mistake(
        "device-agrees",
        "a review that passes",
        "sdk",
        ('"review": (Outcome.REVIEW, ReviewStatus.REVIEW)', '"review": (Outcome.REVIEW, ReviewStatus.PASS)'),
    ),
    _mistake("document-read", "no applicant", "hosted", ("            applicant=Applicant(**names),\n", "")),
    _mistake(
        "document-read",
        "no type",
        "documents",
        ("            document_type=kind,\n", ""),
        examples_without=("facts",),
    ),
    _mistake(
        "one-name",
        "None is sent",
        "polling",
        (
            "f\"{person.first_name or ''} {person.last_name or ''}\"",
            'f"{person.first_name} {person.last_name}"',
        ),
    ),
    # State
    _mistake(
        "state-cached",
        "the first answer for everybody",
        "answer",
        (
            _READ,
            "        if not hasattr(self, 'answer'):\n            self.answer = self.result(self.read(response))\n        return self.answer\n",
        ),
    ),
    _mistake(
        "state-cached",
        "answers by phone in a module",
        "polling",
        ('URL = "https', 'SEEN = {}\nURL = "https'),
        (
            "        outcome = ENDS[check",
            "        check = SEEN.setdefault(request.applicant.phone, check)\n        outcome = ENDS[check",
        ),
    ),
    _mistake(
        "state-mixed",
        "the applicant on self",
        "answer",
        (
            "        person = request.applicant\n        body = ",
            "        self.person = request.applicant\n        import asyncio\n        await asyncio.sleep(0)\n        person = self.person\n        body = ",
        ),
    ),
    _mistake(
        "state-mixed",
        "the response on self",
        "soap",
        (
            _READ,
            "        self.response = response\n        import asyncio\n        for _ in range(3):\n            await asyncio.sleep(0)\n        return self.result(self.read(self.response))\n",
        ),
    ),
    _mistake(
        "state-process",
        "the ticket on self",
        "polling",
        ("        return Pending(\n", "        self.check = check['id']\n        return Pending(\n"),
        ("f\"{URL}/{pending.state['check']}\"", 'f"{URL}/{self.check}"'),
    ),
    _mistake(
        "state-process",
        "busy after it was stopped",
        "answer",
        (
            "        person = request.applicant\n",
            "        if getattr(self, 'busy', 0) > 20:\n            raise VendorError(Cause.QUOTA, 'busy', vendor_name=NAME)\n        self.busy = getattr(self, 'busy', 0) + 21 * hasattr(self, 'was_here')\n        person = request.applicant\n",
        ),
        (_READ, "        self.busy = 0\n        return self.result(self.read(response))\n"),
        ('            f"https://{HOST}/checks",\n', "            self.here(),\n"),
        (
            "    async def token(self",
            "    def here(self):\n        self.busy = 21\n        return f'https://{HOST}/checks'\n\n    async def token(self",
        ),
    ),
    _mistake(
        "request-mutated",
        "an image is taken out",
        "documents",
        (
            "        images = request.images\n",
            "        images = {side: request.images.pop(side) for side in list(request.images)}\n",
        ),
    ),
    _mistake(
        "ticket-shared",
        "one session for everybody",
        "hosted",
        (
            "        session = self.read(response)\n        if not session",
            "        if not hasattr(self, 'session'):\n            self.session = self.read(response)\n        session = self.session\n        if not session",
        ),
    ),
    # Network
    _mistake(
        "own-client",
        "a socket",
        "answer",
        (
            _ASK,
            _ASK
            + "        import socket\n        try:\n            socket.create_connection((HOST, 443), 1).close()\n        except OSError:\n            pass\n",
        ),
    ),
    _mistake(
        "own-client",
        "a look-up",
        "polling",
        (
            _ASK,
            _ASK
            + "        import socket\n        try:\n            socket.getaddrinfo('localhost', 443)\n        except OSError:\n            pass\n",
        ),
    ),
    _mistake(
        "own-client",
        "an httpx client",
        "soap",
        (
            _ASK,
            _ASK
            + "        import httpx\n        try:\n            async with httpx.AsyncClient() as client:\n                await client.get('http://127.0.0.1:9/')\n        except Exception:\n            pass\n",
        ),
    ),
    _mistake(
        "own-client",
        "a requests session",
        "sdk",
        (
            _IN,
            _IN
            + "        import requests\n        try:\n            requests.get('http://127.0.0.1:9/', timeout=1)\n        except Exception:\n            pass\n",
        ),
    ),
    _mistake(
        "own-files",
        "a file of answers",
        "answer",
        (
            _ASK,
            _ASK
            + "        try:\n            open('/tmp/answers', 'a').write('x')\n        except OSError:\n            pass\n",
        ),
    ),
    _mistake(
        "own-files",
        "a process",
        "sdk",
        (
            _IN,
            _IN
            + "        import subprocess\n        try:\n            subprocess.run(['true'])\n        except OSError:\n            pass\n",
        ),
    ),
    _mistake(
        "hosts-declared",
        "another host",
        "answer",
        ('f"https://{HOST}/checks"', '"https://other.plain.example/checks"'),
    ),
    _mistake(
        "retries",
        "three times",
        "answer",
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",',
            '        send = context.http.post\n\n        async def post(*arguments, **named):\n            for _ in range(3):\n                found = await send(*arguments, **named)\n                if found.status != 503:\n                    break\n            return found\n\n        response = await post(\n            f"https://{HOST}/checks",',
        ),
    ),
    _mistake(
        "retries",
        "after an error",
        "soap",
        (
            "        response = await context.http.post(",
            "        send = context.http.post\n\n        async def post(*arguments, **named):\n            try:\n                return await send(*arguments, **named)\n            except VendorError:\n                return await send(*arguments, **named)\n\n        response = await post(",
        ),
    ),
    _mistake(
        "redirects",
        "followed where there is an address",
        "answer",
        (
            _READ,
            "        if response.status in (302, 307) and 'location' in response.headers:\n            response = await context.http.post(response.headers['location'], json_body=body)\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "redirects",
        "followed",
        "answer",
        (
            _READ,
            "        if response.status in (302, 307):\n            response = await context.http.post(response.headers['location'], json_body=body)\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "redirects",
        "followed",
        "sdk",
        (
            "        return self.result(\n",
            "        if answer.status_code in (302, 307):\n            answer = context.sync.http.get(answer.headers['location'])\n        return self.result(\n",
        ),
    ),
    _mistake(
        "deadline-kept",
        "a time-out is something else",
        "polling",
        (
            "        response = await context.http.post(",
            "        send = context.http.post\n\n        async def post(*arguments, **named):\n            left = context.remaining_seconds()\n            try:\n                return await send(*arguments, **named, timeout_seconds=left / 2)\n            except VendorError:\n                if context.remaining_seconds() > left * 0.75:\n                    raise\n                raise VendorError(Cause.MAINTENANCE, 'away', vendor_name=NAME) from None\n\n        response = await post(",
        ),
    ),
    _mistake(
        "cancellation",
        "tells the vendor",
        "soap",
        (
            "        response = await context.http.post(",
            "        import asyncio\n        send = context.http.post\n\n        async def post(*arguments, **named):\n            try:\n                return await send(*arguments, **named)\n            except asyncio.CancelledError:\n                await send(f'https://{HOST}/cancel')\n                raise\n\n        response = await post(",
        ),
    ),
    _mistake(
        "cancellation",
        "swallowed as an error",
        "answer",
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",',
            "        import asyncio\n        send = context.http.post\n\n        async def post(*arguments, **named):\n            try:\n                return await send(*arguments, **named)\n            except asyncio.CancelledError:\n                raise VendorError(Cause.UNREACHABLE, 'away', vendor_name=NAME) from None\n\n        response = await post(\n            f\"https://{HOST}/checks\",",
        ),
    ),
    _mistake(
        "cancellation",
        "calls once more",
        "soap",
        (
            "        response = await context.http.post(",
            "        send = context.http.post\n\n        async def post(*arguments, **named):\n            try:\n                return await send(*arguments, **named)\n            except BaseException:\n                await send(f'https://{HOST}/cancel')\n                raise\n\n        response = await post(",
        ),
    ),
    _mistake(
        "loop-blocked",
        "time.sleep",
        "answer",
        (_ASK, _ASK + "        import time\n        time.sleep(0.001)\n"),
    ),
    _mistake(
        "loop-blocked",
        "waits for a thread",
        "soap",
        (
            _ASK,
            _ASK
            + "        from concurrent.futures import ThreadPoolExecutor\n        with ThreadPoolExecutor(1) as pool:\n            pool.submit(lambda: sum(range(10**6))).result()\n",
        ),
    ),
    _mistake(
        "sleeps",
        "before the call",
        "answer",
        (_ASK, _ASK + "        from asyncio import sleep\n        await sleep(0.5)\n"),
    ),
    _mistake(
        "sleeps", "before the call", "sdk", (_IN, _IN + "        import time\n        time.sleep(0.001)\n")
    ),
    _mistake(
        "idempotency-key",
        "a key of its own",
        "answer",
        ('"x-key": context.idempotency_key', '"x-key": "the-same-for-everybody"'),
    ),
    _mistake(
        "paid-call",
        "a paid call within unbilled",
        "answer",
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",',
            '        with context.unbilled():\n          response = await context.http.post(\n            f"https://{HOST}/checks",',
        ),
    ),
    _mistake(
        "paid-call",
        "all calls within unbilled, the person's data encoded",
        "answer",
        (
            "            json_body=body,\n",
            "            json_body={name: str(word)[::-1] for name, word in body.items()},\n",
        ),
        (
            '        response = await context.http.post(\n            f"https://{HOST}/checks",',
            '        with context.unbilled():\n          response = await context.http.post(\n            f"https://{HOST}/checks",',
        ),
    ),
    _mistake(
        "paid-call",
        "the start of a check within unbilled",
        "polling",
        (
            "        response = await context.http.post(",
            "        with context.unbilled():\n          response = await context.http.post(",
        ),
    ),
    _mistake(
        "paid-call",
        "a blocking call within unbilled",
        "sdk",
        (
            "        answer = context.sync.http",
            "        with context.sync.unbilled():\n          answer = context.sync.http",
        ),
    ),
    # Secrets and data
    _mistake(
        "secret-leak",
        "in an error",
        "answer",
        (
            'raise VendorError(Cause.NONSENSE, "no verdict", vendor_name=NAME)',
            'raise VendorError(Cause.NONSENSE, f"no verdict for {self.settings.client.get_secret_value()}", vendor_name=NAME)',
        ),
    ),
    _mistake(
        "secret-leak",
        "in a log line",
        "polling",
        (_ASK, _ASK + "        context.logger.debug('key %s', self.settings.api_key.get_secret_value())\n"),
    ),
    _mistake(
        "secret-leak",
        "printed",
        "sdk",
        (_IN, _IN + "        print(self.settings.api_key.get_secret_value())\n"),
    ),
    _mistake(
        "person-leak",
        "in a log line",
        "answer",
        (_ASK, _ASK + "        context.logger.info('asking about %s', person.last_name)\n"),
    ),
    _mistake(
        "person-leak",
        "in an error of a status",
        "soap",
        (
            _READ,
            "        if response.status == 422:\n            raise VendorError(Cause.BAD_REQUEST, f'refused {person.state_id_number}', vendor_name=NAME)\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "person-leak", "printed", "polling", (_ASK, _ASK + "        print(request.applicant.reveal())\n")
    ),
    _mistake(
        "person-leak",
        "a phone as the reference",
        "polling",
        (
            '            transaction_id=check["id"],\n        )',
            '            transaction_id=check["id"],\n            reference=request.applicant.phone,\n        )',
        ),
    ),
    _mistake(
        "person-in-url",
        "in the query",
        "answer",
        ('f"https://{HOST}/checks",', 'f"https://{HOST}/checks?n={person.ssn}",'),
    ),
    _mistake(
        "person-traced",
        "last four digits in a log",
        "answer",
        (_ASK, _ASK + "        context.logger.info('asking about %s', (person.ssn or '')[-4:])\n"),
    ),
    _mistake(
        "person-traced",
        "initials in an error",
        "answer",
        (
            '            raise VendorError(Cause.NONSENSE, "an error inside", vendor_name=NAME)',
            '            raise VendorError(Cause.NONSENSE, "an error inside", vendor_name=NAME)',
        ),
        (
            "        return self.result(self.read(response))\n",
            "        if response.status == 422:\n            initials = (person.first_name or ' ')[0] + (person.last_name or ' ')[0]\n            raise VendorError(Cause.BAD_REQUEST, f'refused {initials}', vendor_name=NAME)\n        return self.result(self.read(response))\n",
        ),
    ),
    _mistake(
        "person-traced",
        "a reference of digits",
        "polling",
        (
            '            transaction_id=check["id"],\n        )',
            "            transaction_id=check[\"id\"],\n            reference='r' + (request.applicant.phone or '')[-4:],\n        )",
        ),
    ),
    _mistake(
        "image-leak",
        "its first bytes in a log line",
        "documents",
        (
            "        images = request.images\n",
            "        images = request.images\n        context.logger.debug('front %r', images[Side.FRONT].content[:4] if images else b'')\n",
        ),
    ),
    _mistake(
        "image-leak",
        "in a log line",
        "documents",
        (
            "        images = request.images\n",
            "        images = request.images\n        context.logger.debug('front %r', images[Side.FRONT].content[:40] if images else b'')\n",
        ),
    ),
    _mistake(
        "vendor-text",
        "in an error",
        "answer",
        (
            "        answer = response.require_success().json()\n        if not isinstance(answer, dict) or answer.get",
            "        if response.status >= 400:\n            raise VendorError(Cause.BAD_REQUEST, response.content.decode('latin-1'), vendor_name=NAME)\n        answer = response.json()\n        if not isinstance(answer, dict) or answer.get",
        ),
    ),
    _mistake(
        "vendor-text",
        "in the codes",
        "polling",
        (
            "        check = response.require_success().json()\n",
            "        check = response.json()\n        if response.status != 200 and response.status != 201:\n            raise VendorError(Cause.BAD_REQUEST, 'refused', vendor_name=NAME, codes=(str(check.get('message') if isinstance(check, dict) else ''),))\n",
        ),
    ),
    _mistake(
        "vendor-text",
        "a fault in an error",
        "soap",
        (
            "        root = response.require_success().xml()\n",
            "        response.require_success()\n        root = response.xml()\n        if root.find('.//faultstring') is not None:\n            raise VendorError(Cause.SOURCE_DOWN, root.findtext('.//faultstring'), vendor_name=NAME)\n",
        ),
    ),
    _mistake(
        "exception-chain",
        "not from None",
        "answer",
        (
            "        answer = response.require_success().json()\n        if not isinstance(answer, dict) or answer.get",
            "        import json\n        response.require_success()\n        try:\n            answer = json.loads(response.content)\n        except (ValueError, RecursionError) as error:\n            raise VendorError(Cause.NONSENSE, 'no JSON', vendor_name=NAME) from error\n        if not isinstance(answer, dict) or answer.get",
        ),
    ),
    _mistake(
        "attribute-unused",
        "address declared and not sent",
        "answer",
        ('{"first_name", "last_name", "ssn"}', '{"first_name", "last_name", "ssn", "address1"}'),
    ),
    _mistake(
        "attribute-unused",
        "a circumstance that is not sent",
        "sdk",
        ('{"device_session_id", "ip_address"}', '{"device_session_id", "ip_address", "locale"}'),
    ),
    _mistake(
        "attribute-undeclared",
        "the birth date",
        "answer",
        ('"number": person.ssn}', '"number": person.ssn, "birth": person.dob}'),
    ),
    _mistake(
        "attribute-undeclared",
        "the browser's name",
        "sdk",
        ('"ip": how.ip_address}', '"ip": how.ip_address, "ua": how.user_agent}'),
    ),
    # Shape
    _mistake("answer-form", "reasons as a list", "answer", ("reasons = tuple(", "reasons = list(")),
    _mistake(
        "answer-form",
        "outcome as a text",
        "polling",
        ("            outcome=outcome,\n", "            outcome=outcome.value,\n"),
    ),
    _mistake("answer-form", "another result type", "polling", ("PhoneResult", "StateIDResult")),
    _mistake(
        "answer-form",
        "an attribute of the vendor's",
        "answer",
        ('"number": "ssn"}', '"number": "SSN9"}'),
        renamed_attribute=True,
    ),
    _mistake(
        "answer-form",
        "a state that is no JSON",
        "polling",
        ('state={"check": check["id"]}', 'state={"check": check["id"], "seen": {1}}'),
    ),
    _mistake(
        "answer-form",
        "continues not declared",
        "polling",
        ("            continues=frozenset({Again}),\n", ""),
    ),
    _mistake("transaction-id", "missing", "answer", ('            transaction_id=answer["id"],\n', "")),
    _mistake("transaction-id", "missing", "sdk", ('            transaction_id=answer["request_id"],\n', "")),
    _mistake(
        "vendor-name",
        "another name",
        "soap",
        (
            "            vendor_name=NAME,\n            outcome=Outcome.FAILED if wrong",
            "            vendor_name='Soapy Inc.',\n            outcome=Outcome.FAILED if wrong",
        ),
    ),
    _mistake(
        "vendor-name",
        "another name in an error",
        "answer",
        ('"an unknown word", vendor_name=NAME', '"an unknown word", vendor_name="Plain"'),
    ),
    _mistake(
        "reason-words",
        "the vendor's words",
        "polling",
        ('("phone_mismatch",) if', '(check["detail"],) if'),
        reasons={"no": ("line_type_voip",)},
    ),
    _mistake(
        "reason-words",
        "a sentence",
        "sdk",
        ('(f"device_{status}",)', '(f"The device was {status}",)'),
        reasons={"no": ("The device was reject",), "review": ("The device was review",)},
    ),
    # Requests
    _mistake(
        "request-escaped",
        "XML by hand",
        "soap",
        ('last=escape(person.last_name or "")', 'last=person.last_name or ""'),
    ),
    _mistake(
        "request-escaped",
        "JSON by hand",
        "answer",
        (
            "            json_body=body,\n",
            '            content=(\'{"first":"%s","last":"%s","number":"%s"}\' % tuple(body.values())).encode(),\n',
        ),
        (
            '"x-key": context.idempotency_key}',
            '"x-key": context.idempotency_key, "content-type": "application/json"}',
        ),
    ),
    _mistake(
        "bytes-signed",
        "other bytes than are sent",
        "documents",
        (
            "            mac.update(piece)\n",
            "            mac.update(piece.strip())\n        mac.update(b' ')\n",
        ),
    ),
    _mistake(
        "sides-swapped",
        "front and back swapped",
        "documents",
        (
            '"front": Base64(images[Side.FRONT].content) if Side.FRONT',
            '"front": Base64(images[Side.BACK].content) if Side.BACK',
        ),
        (
            '"back": Base64(images[Side.BACK].content) if Side.BACK',
            '"back": Base64(images[Side.FRONT].content) if Side.FRONT',
        ),
    ),
    # XML
    _mistake(
        "xml-hostile",
        "a parser of its own",
        "soap",
        (
            "root = response.require_success().xml()",
            "import xml.etree.ElementTree as tree\n        try:\n            root = tree.fromstring(response.require_success().content)\n        except (tree.ParseError, ValueError, LookupError):\n            raise VendorError(Cause.NONSENSE, 'no XML', vendor_name=NAME) from None",
        ),
    ),
    # Webhooks
    _mistake(
        "webhook-accepts",
        "names another question",
        "hosted",
        ('question_id=str(event["data"]["external_id"])', 'question_id="x" * 48'),
    ),
    _mistake(
        "webhook-forged",
        "the signature is not compared",
        "hosted",
        ("if not self.keys.verify(signed, bytes.fromhex(header[2])):", "if not header[2]:"),
    ),
    _mistake(
        "webhook-forged",
        "another tenant's secret",
        "hosted",
        ("if not self.keys.verify(signed, bytes.fromhex(header[2])):", "if len(header[2]) != 64:"),
    ),
    _mistake(
        "webhook-header",
        "no header, no check",
        "hosted",
        (
            "        if header is None:\n            raise NotAuthenticError\n        if abs",
            "        if header is None and incoming.headers.get('harbor-signature'):\n            raise NotAuthenticError\n        if header is not None and abs",
        ),
        ("        signed = header[1]", "        signed = b'' if header is None else header[1]"),
        ("        if not self.keys.verify", "        if header is not None and not self.keys.verify"),
    ),
    _mistake(
        "webhook-replay",
        "no tolerance",
        "hosted",
        (
            "        if abs(now.timestamp() - int(header[1])) > TOLERANCE_SECONDS:\n            raise NotAuthenticError\n",
            "",
        ),
    ),
    _mistake(
        "webhook-replay",
        "a tolerance of a day",
        "hosted",
        ("TOLERANCE_SECONDS = 300", "TOLERANCE_SECONDS = 86_400"),
    ),
    _mistake(
        "webhook-replay",
        "events of the future",
        "hosted",
        ("abs(now.timestamp() - int(header[1]))", "now.timestamp() - int(header[1])"),
    ),
    _mistake(
        "webhook-bytes",
        "a body whose colons are written again",
        "hosted",
        ('b"." + incoming.body\n', 'b"." + __import__("re").sub(rb"\\s*:\\s*", b": ", incoming.body)\n'),
    ),
    _mistake(
        "webhook-bytes",
        "a body that is written again",
        "hosted",
        ('b"." + incoming.body\n', 'b"." + json.dumps(json.loads(incoming.body)).encode()\n'),
        (
            "        signed = header",
            "        try:\n            json.loads(incoming.body)\n        except (ValueError, RecursionError):\n            raise NotAuthenticError from None\n        signed = header",
        ),
    ),
    _mistake(
        "webhook-rotation",
        "one secret alone",
        "hosted",
        ("get_secret_value().encode(), old)", "get_secret_value().encode())"),
    ),
    _mistake(
        "webhook-rotation",
        "one of a list alone",
        "hosted",
        ("webhook_secret: SecretStr\n", "webhook_secrets: list[SecretStr]\n"),
        ("settings.webhook_secret.get_secret_value()", "settings.webhook_secrets[0].get_secret_value()"),
        section={"api_key": "a-key-of-the-api", "webhook_secrets": ["s" * 32, "t" * 32]},
        webhook_secrets=("webhook_secrets",),
    ),
    _mistake(
        "webhook-garbage",
        "raises",
        "hosted",
        (
            "        except (ValueError, KeyError, TypeError, RecursionError):\n            return None, Reply(status=400)\n",
            "        except ValueError:\n            return None, Reply(status=400)\n",
        ),
    ),
    # Questions that continue
    _mistake(
        "return-url",
        "not sent",
        "hosted",
        ('"redirect_url": context.return_url', '"redirect_url": "https://our.example/back"'),
    ),
    _mistake(
        "return-url",
        "no way for events",
        "hosted",
        ('"external_id": context.question_id', '"external_id": "ours"'),
    ),
    _mistake(
        "exchange-garbage",
        "not verified",
        "exchange",
        (
            "        if not is_genuine:\n",
            "        if not is_genuine and claims.get('status') == 'revoked':\n",
        ),
    ),
    _mistake(
        "exchange-garbage",
        "a broken body is a no",
        "exchange",
        (
            '            raise VendorError(Cause.NONSENSE, "no presentation", vendor_name=NAME) from None',
            "            return DocumentResult(vendor_name=NAME, outcome=Outcome.FAILED)",
        ),
    ),
    _mistake(
        "exchange-replay",
        "no nonce",
        "exchange",
        (
            "nonce = hashlib.sha256(context.question_id.encode()).hexdigest()",
            'nonce = hashlib.sha256(b"always").hexdigest()',
        ),
    ),
)
