"""`proofing smoke`: drives one whole proofing over HTTP as a browser would, with the synthetic applicant.

It fills in the real forms, encrypts and uploads as the capture page does when uploads are on, follows the
waiting pages, and prints each step's outcome and milliseconds.
"""

import argparse
import base64
import hashlib
import json
import re
import secrets
import ssl
import struct
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx

from proofing.base.errors import PluginError, ProofingError
from proofing.cli.sample_card import draw_specimen
from proofing.cli.serving import chosen_port
from proofing.contracts.images import Side
from proofing.contracts.verifications import VerificationState
from proofing.crypto.encryption import IV_BYTES, KEY_BYTES, seal_image
from proofing.sessions.steps import OUTCOME_PATH, STEPS, Page, Step, make_sample, pages_after

_TIMEOUT_SECONDS = 90.0
_ENDED = frozenset({"done", "missing"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Answers:
    """What a person answers on the way.

    Attributes:
        documents: bytes and media type of each side; those that the page does not ask for stay unused.
        typed: by field of a form, what is entered there in place of the sample of its step.
    """

    documents: dict[Side, tuple[bytes, str]]
    typed: Mapping[str, str] = field(default_factory=dict)


class SmokeError(ProofingError):
    """A step did not lead where it should."""


@dataclass(slots=True)
class _Form:
    """A form of a page: where it goes, and its hidden fields."""

    action: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, str] = field(default_factory=dict)


class _Forms(HTMLParser):
    """Collects the forms of a page that change state."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self.wait: dict[str, str] = {}
        self.test_code = ""
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms and what is hidden in them."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(_Form(values.get("action", ""), values))
        elif tag == "input" and values.get("type") == "hidden" and self.forms:
            self.forms[-1].hidden[values.get("name", "")] = values.get("value", "")
        elif values.get("id") == "wait":
            self.wait = values
        self._is_code = values.get("id") == "test-code"

    def handle_data(self, data: str) -> None:
        """Note the code that a test system shows."""
        if self._is_code:
            self.test_code, self._is_code = data, False


def server_of(link: str | None) -> str | None:
    """Return the origin of a *link*; None where it is a path alone, or there is none."""
    parts = urlsplit(link or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None


async def smoke(options: argparse.Namespace) -> int:
    """Drive one proofing; 0 when every step did what it should."""
    url = options.url or server_of(options.link) or f"http://localhost:{chosen_port()}"
    async with httpx.AsyncClient(
        base_url=url,
        timeout=_TIMEOUT_SECONDS,
        trust_env=False,
        # The authorities of this machine, or those that SSL_CERT_FILE names; httpx has a list of its own.
        verify=ssl.create_default_context(),
        headers={"origin": url},
        follow_redirects=True,
    ) as client:
        walk = Walk(client, Answers(documents=_sample_documents()))
        report = await (walk.run_link(options.link) if options.link else walk.run())
    if options.json:
        print(json.dumps(report))
    else:
        for step in report["steps"]:
            line = f"{step['step']:<12} {step['outcome']:<8} {step['milliseconds']:>8.1f} ms"
            print(f"{line}  {step['detail']}" if "detail" in step else line)
        print(f"{'passed' if report['passed'] else 'FAILED'} in {report['milliseconds']:.1f} ms")
    return 0 if report["passed"] else 1


def _sample_documents() -> dict[Side, tuple[bytes, str]]:
    """Return what is shown: a specimen that a reader reads, or any image where none can be drawn."""
    try:
        drawn = draw_specimen()[0]
    except PluginError:
        drawn = {}
    sides = (Side.FRONT, Side.BACK, Side.SELFIE)
    return {side: (drawn.get(side.value) or make_image(), "image/jpeg") for side in sides}


class Walk:
    """One person's way through the pages."""

    def __init__(self, client: httpx.AsyncClient, answers: Answers) -> None:
        """Walk with *client*, which must follow redirects and send its origin."""
        self._client = client
        self._answers = answers
        self._page = ""
        self._path = "/"
        self._steps: list[dict[str, Any]] = []

    async def run(self, *, before: str | None = None) -> dict[str, Any]:
        """Take every step, or those *before* one, and return the report; stop at the first that fails."""
        started = time.perf_counter()
        passed = True
        for step in STEPS:
            if step.name == before or not passed:
                break
            if step.is_optional and self._path != step.page:
                continue
            passed = await self._take(step, pages_after(step))
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        return {"passed": passed, "milliseconds": milliseconds, "steps": self._steps}

    async def run_link(self, link: str) -> dict[str, Any]:
        """Use the *link* of a verification, take every step of its policy, and return the report.

        It passes when the verification is verified.
        """
        started = time.perf_counter()
        passed = await self._timed("link", self._use(urlsplit(link).path), (STEPS[0].page,))
        later = {step.page: step for step in STEPS}
        while passed and (step := later.pop(Page(self._path), None) if self._path in later else None):
            passed = await self._take(step, (*later, OUTCOME_PATH))
        passed = passed and await self._timed("outcome", self._check_outcome(), (OUTCOME_PATH,))
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        return {"passed": passed, "milliseconds": milliseconds, "steps": self._steps}

    async def _use(self, path: str) -> None:
        """Press *Start* on the page of a link."""
        await self._get(path)
        form = self._form(path)
        self._keep(await self._client.post(form.action, data=form.hidden))

    async def _check_outcome(self) -> None:
        """Raise `SmokeError` unless the page says that the person is verified."""
        found = re.search(r'data-outcome="(\w+)"', self._page)
        if found is None or found[1] != VerificationState.VERIFIED:
            raise SmokeError(f"the verification is {found[1] if found else 'not decided'}")

    async def _take(self, step: Step, wanted: Sequence[str]) -> bool:
        """Take one step, time it, and check that it led to a page that is *wanted*."""

        async def take() -> None:
            if step is STEPS[0] and self._path != step.page:
                await self._get(Page.WELCOME)
                await self._get(step.page)
            await self._answer(step)

        return await self._timed(step.name, take(), wanted)

    async def _timed(self, name: str, work: Awaitable[None], wanted: Sequence[str]) -> bool:
        """Await *work*, which must lead to a page that is *wanted*, and report it as *name*."""
        started = time.perf_counter()
        detail = ""
        try:
            await work
            if self._path not in wanted:
                detail = f"led to {self._path} in place of {wanted[-1]}"
        except httpx.ConnectError as error:
            origin = str(self._client.base_url).rstrip("/")
            detail = f"{origin} cannot be reached ({error}); set --url, or PORT as for the server"
        except (SmokeError, httpx.HTTPError) as error:
            detail = str(error) or type(error).__name__
        entry = {
            "step": name,
            "outcome": "failed" if detail else "passed",
            "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        }
        self._steps.append(entry | ({"detail": detail} if detail else {}))
        return not detail

    async def _answer(self, step: Step) -> None:
        """Fill in the form of *step*, which is the current page, and follow its job."""
        if step.page is Page.DOCUMENT:
            await self._document()
        elif step.page is Page.CODE:
            await self._code(step)
            return
        else:
            sample = make_sample(step)
            await self._post({name: self._answers.typed.get(name, sample[name]) for name in sample})
        if step.submits:
            await self._follow()

    async def _document(self) -> None:
        """Show the document, the way that the page asks for."""
        form = self._form(Page.DOCUMENT)
        documents = {
            side: given
            for side, given in self._answers.documents.items()
            if f'data-side="{side.value}"' in self._page
        }
        if "way" in form.hidden:
            # A vendor's page takes the photos.
            fields = {name: (None, value) for name, value in form.hidden.items()}
            self._keep(await self._client.post(form.action, files=fields))
        elif form.attributes.get("data-mode") == "uploads":
            await self._upload(form, {side: content for side, (content, _type) in documents.items()})
        else:
            files = {
                side.value: (side.value, content, media_type)
                for side, (content, media_type) in documents.items()
            }
            self._keep(await self._client.post(form.action, data=form.hidden, files=files))

    async def _code(self, step: Step) -> None:
        """Have a code sent, and return it as the page of a test system shows it."""
        await self._post(make_sample(step))
        await self._follow()
        shown = self._parse().test_code
        if not shown:
            raise SmokeError("the code was sent to a phone; only a mock messenger has the page show it")
        await self._post({"code": shown})

    async def _upload(self, form: _Form, documents: dict[Side, bytes]) -> None:
        """Encrypt and upload each image, then submit key and IVs."""
        attempt = form.attributes["data-attempt"]
        headers = {"x-csrf-token": form.hidden["csrf_token"]}
        key = secrets.token_bytes(KEY_BYTES)
        images: dict[str, dict[str, str]] = {}
        for side, content in documents.items():
            answer = await self._json("/api/uploads", {"side": side.value, "attempt": attempt}, headers)
            slot, iv = answer["slot"], secrets.token_bytes(IV_BYTES)
            body = seal_image(content, key, iv, slot=slot, side=side)
            terms = {
                "attempt": attempt,
                "length": len(body),
                "sha256": _base64(hashlib.sha256(body).digest()),
            }
            target = await self._json(f"/api/uploads/{slot}", terms, headers)
            put = await self._client.put(target["url"], content=body, headers=target["headers"])
            if put.status_code != httpx.codes.OK:
                raise SmokeError(f"the upload was answered with HTTP {put.status_code}")
            images[side.value] = {"slot": slot, "iv": _base64(iv)}
        answer = await self._json(
            "/api/document", {"attempt": attempt, "key": _base64(key), "images": images}, headers
        )
        await self._get(answer["next"])

    async def _follow(self) -> None:
        """Follow a waiting page to where it leads."""
        parser = self._parse()
        result_id = parser.wait.get("data-result-id")
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while result_id:
            async with self._client.stream("GET", f"/api/jobs/{result_id}/events") as stream:
                async for line in stream.aiter_lines():
                    event = json.loads(line[5:]) if line.startswith("data:") else {}
                    if event.get("state") in _ENDED:
                        await self._get(event["next"])
                        return
            if time.monotonic() > deadline:
                raise SmokeError("the job did not end")

    async def _get(self, path: str) -> None:
        """Open a page."""
        self._keep(await self._client.get(path))

    async def _post(self, values: dict[str, str]) -> None:
        """Send the form of the current page."""
        form = self._form(self._path)
        self._keep(await self._client.post(form.action, data={**form.hidden, **values}))

    async def _json(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Call the JSON API."""
        answer = await self._client.post(path, json=body, headers=headers)
        if not answer.is_success:
            raise SmokeError(f"{path} was answered with HTTP {answer.status_code}")
        found: dict[str, Any] = answer.json()
        return found

    def _keep(self, answer: httpx.Response) -> None:
        """Make *answer* the current page."""
        if not answer.is_success:
            raise SmokeError(f"{answer.url.path} was answered with HTTP {answer.status_code}")
        self._page, self._path = answer.text, answer.url.path

    def _parse(self) -> _Forms:
        """Return what the current page holds."""
        parser = _Forms()
        parser.feed(self._page)
        return parser

    def _form(self, action: str) -> _Form:
        """Return the form of the current page that posts to *action*."""
        for form in self._parse().forms:
            if form.action == action and form.attributes.get("method") == "post":
                return form
        raise SmokeError(f"{self._path} has no form for {action}")


def make_image() -> bytes:
    """Return a JPEG file with a valid header and random content, so that no two are the same image."""
    noise = secrets.token_bytes(20_000).replace(b"\xff", b"\x00")
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 16) + secrets.token_bytes(16)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, 800, 1200, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    return b"\xff\xd8" + comment + frame + scan + noise + b"\xff\xd9"


def _base64(content: bytes) -> str:
    """Return *content* in standard base64."""
    return base64.b64encode(content).decode()
