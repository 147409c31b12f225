"""Puts a new package together from its pieces."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from string import Template

from proofing.cli.scaffold.pieces import AUTHS, KINDS, SHAPES, Auth, Kind, Shape

_TEMPLATES = Path(__file__).parent / "templates"
#: Characters of a line, as in `templates/pyproject.toml`.
_LINE = 110
_WEBHOOK_SETTINGS = {
    "webhook_previous_secret": (
        "SecretStr | None = Field(\n"
        '        default=None, min_length=32, description="secret of the webhook from before a rotation"\n'
        "    )"
    ),
    "webhook_secret": 'SecretStr = Field(min_length=32, description="secret by which events are signed")',
}
_WEBHOOK_CREDENTIALS = {
    "webhook_secret": "secret by which events are signed",
    "webhook_previous_secret": "the one from before a rotation, for a day",
}
_WEBHOOK_SECTION = {
    "webhook_secret": '"webhook-secret-for-tests-7d1f-0001"',
    "webhook_previous_secret": '"webhook-secret-for-tests-7d1f-0000"',
}
_MAKE_WEBHOOK = """

def _make_webhook(settings: Settings, _process: ProcessContext) -> "Receiver":
    from proofing_$name.webhook import Receiver

    return Receiver(settings)

"""
_WEBHOOK_HOOK = '''

@hookimpl
def proofing_webhooks() -> Sequence[WebhookDescriptor]:
    """Return the address that events are posted to: ``/webhooks/$slug``."""
    return [
        WebhookDescriptor(
            name="$slug",
            make=_make_webhook,
            max_body_bytes=64 * 1024,
        )
    ]
'''
_SIGNED_EVENT = '''
    def signed_event(self, ticket: Ticket) -> Incoming:
        """Return an event as the vendor posts it, signed as its documentation says."""
        event = {"id": "e-1", "external_id": ticket.question_id, "status": "ready"}
        body = ticket.body if ticket.body is not None else json.dumps(event, indent=1).encode()
        seconds = str(int(ticket.at.timestamp()))
        mac = hmac.new(ticket.secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
        return Incoming(headers={"x-signature": f"t={seconds},v1={mac.hexdigest()}"}, body=body)
'''
_ASSERT_SIGNED = '''
    def assert_signed(self, request: httpx.Request) -> None:
        """Check the signature as the vendor does."""
        facts = f"{request.method}\\n{request.url.path}\\n{request.headers['x-timestamp']}\\n"
        key = str(self.section["signing_key"]).encode()
        mac = hmac.new(key, facts.encode() + request.content, hashlib.sha256)
        assert request.headers["x-signature"] == mac.hexdigest()
'''
_SAYS = (
    "def says(body: Mapping[str, object], status: int = SUCCESS)"
    " -> Callable[[httpx.Request], httpx.Response]:"
)
_SAYS_MORE = """\
def says(
    body: Mapping[str, object], status: int = SUCCESS, {}
) -> Callable[[httpx.Request], httpx.Response]:"""
_PRESENTED = '''

def presented(pending: Pending) -> bytes:
    """Answer as a wallet does: with the nonce of the question."""
    return json.dumps({"nonce": pending.state["nonce"], "vp_token": "a-presentation"}).encode()

'''

#: By whether the person answers with a wallet, which the tests then do themselves.
_KIT_IMPORTS = {
    False: (
        "from proofing.testing.canary import Canary",
        "from proofing.testing.vendor_fakes import FakeVendor, ask, make_context, make_process",
    ),
    True: (
        "from proofing.testing.canary import Canary",
        "from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process",
    ),
}


@dataclass(frozen=True)
class Package:
    """What is to be written.

    Attributes:
        name: of the vendor.
        kind, shape, auth: keys of `KINDS`, `SHAPES` and `AUTHS`.
    """

    name: str
    kind: str
    shape: str
    auth: str

    @cached_property
    def files(self) -> Mapping[str, str]:
        """The text of each file, by its path below the folder of the distribution."""
        package = f"proofing_{self.name}"
        files = {
            ".github/workflows/ci.yml": self._fill("ci.yml"),
            ".gitignore": self._fill("gitignore"),
            "README.md": self._fill("README.md"),
            "pyproject.toml": self._fill("pyproject.toml"),
            f"{package}/__init__.py": self._fill("init.py"),
            f"{package}/answers.py": self._fill(f"{self._kind.answers}.py"),
            f"{package}/client.py": self._fill(f"client_{self.auth}.py"),
            f"{package}/ids.py": self._fill("ids.py"),
            f"{package}/py.typed": "",
            f"{package}/{self.kind}.py": self._fill(f"adapter_{self.shape}.py"),
            f"tests/test_{self.kind}.py": self._fill("test.py"),
        }
        if self._has_question:
            files[f"{package}/question.py"] = self._fill(f"question_{self.kind}.py")
        if self._shape.has_webhook:
            files[f"{package}/webhook.py"] = self._fill("webhook.py")
        return files

    @property
    def _kind(self) -> Kind:
        return KINDS[self.kind]

    @property
    def _shape(self) -> Shape:
        return SHAPES[self.shape]

    @property
    def _auth(self) -> Auth:
        return AUTHS[self.auth]

    @property
    def _has_question(self) -> bool:
        """Whether something of the person is sent; images only where the vendor does not take them itself."""
        return self._shape.asks or not self._kind.has_images

    def _fill(self, template: str) -> str:
        """Return one file."""
        text = (_TEMPLATES / f"{template}.tmpl").read_text()
        # Pieces may have the name in them, and patterns with a dollar.
        values = {
            place: Template(piece).safe_substitute(self._names) for place, piece in self._values.items()
        }
        text = Template(text).substitute(values)
        # Pieces that are empty leave blank lines.
        return re.sub(r"\n{3,}", "\n\n\n", text).rstrip("\n") + "\n"

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """What is made from the name."""
        return {
            "name": self.name,
            "title": "".join(part.capitalize() for part in self.name.split("_")),
            "host": self.name.replace("_", "-"),
            "slug": self.name.replace("_", "-"),
        }

    @cached_property
    def _values(self) -> Mapping[str, str]:
        """What the templates have places for."""
        kind, shape, auth, seam = self._kind, self._shape, self._auth, self._kind.seam
        webhook = shape.has_webhook
        settings = {**auth.settings, **(_WEBHOOK_SETTINGS if webhook else {})}
        credentials = {**auth.credentials, **(_WEBHOOK_CREDENTIALS if webhook else {})}
        variables = [
            f"`PROOFING_{self.name.upper()}__{name.upper().replace('.', '__')}`" for name in credentials
        ]
        return {
            **self._names,
            "kind": self.kind,
            "kind_words": kind.words,
            "module": self.kind,
            "path": kind.path,
            "result": kind.result,
            "answer_imports": _names(
                "Cause", "Match", "Outcome", kind.result, "VendorError", "VendorResponse"
            ),
            "adapter_types": _names(kind.result, "ProofingContext", seam.type),
            "resume_types": _names("Because", kind.result, "ProofingContext", "ProofingRequest"),
            "attribute_map": ", ".join(f'"{name}": "{ours}"' for name, ours in kind.checks.items()),
            "check_names": ", ".join(f'"{name}"' for name in kind.checks),
            "question_file": ", `question.py`" if self._has_question else "",
            **{name: str(value) for name, value in asdict(seam).items()},
            "setting": kind.setting.format(f"{self.name}:{self.kind}"),
            "settings_yaml": _lines(
                f"  {self.name}:",
                f"    base_url: https://api.{self._names['host']}.example",
                *(f"    {name}: {value}" for name, value in auth.in_yaml.items()),
            ),
            "variables": ", ".join(variables),
            "credentials": _lines(
                *(f"* ``{self.name}.{name}``: {text}" for name, text in credentials.items())
            ),
            "settings": _lines(
                *(f"    {name}: {definition}" for name, definition in sorted(settings.items()))
            ),
            "plugin_names": self._plugin_names(),
            "pydantic_names": "Field, SecretStr"
            if any("SecretStr" in text for text in settings.values())
            else "Field",
            "type_imports": _lines(
                f"    from proofing_{self.name}.{self.kind} import Adapter",
                *([f"    from proofing_{self.name}.webhook import Receiver"] if webhook else []),
            ),
            "make_webhook": _MAKE_WEBHOOK if webhook else "\n",
            "webhook_hook": _WEBHOOK_HOOK.rstrip() if webhook else "",
            "descriptor_fields": self._descriptor(),
            "get": auth.get if shape.fetches else "",
            "import_question": (
                f"from proofing_{self.name}.question import question_of\n" if self._has_question else ""
            ),
            "question_item": "            **question_of(request),\n" if self._has_question else "",
            "unused_request": "" if self._has_question else "  # noqa: ARG002 - photos are taken there",
            **self._test_values(),
        }

    def _plugin_names(self) -> str:
        """Return the names that the package's own module imports."""
        seam = self._kind.seam
        names = {
            "Maturity",
            "PluginSettings",
            "ProcessContext",
            "QuestionSeconds",
            "hookimpl",
            seam.descriptor,
        }
        names |= {"ProoferKind"} if seam.has_kind else set()
        names |= set(self._shape.continues)
        names |= {"TLSSettings"} if self.auth == "mtls" else set()
        names |= {"WebhookDescriptor"} if self._shape.has_webhook else set()
        return _lines(*(f"    {name}," for name in sorted(names)))

    def _descriptor(self) -> str:
        """Return the fields of the descriptor that differ."""
        kind, shape = self._kind, self._shape
        fields = {
            "kind": f"ProoferKind.{self.kind.upper()}" if kind.seam.has_kind else "",
            "make": "_make",
            "attributes": _set(kind.attributes),
            "needs": _set(kind.needs),
            "hosts": "lambda settings: frozenset({urlsplit(settings.base_url).netloc})",
            "timeout_seconds": "lambda settings: settings.timeout_seconds",
            "tls": "lambda settings: settings.tls" if self.auth == "mtls" else "",
            "continues": f"frozenset({{{_names(*shape.continues)}}})" if shape.continues else "",
            "webhook": f'"{self._names["slug"]}"' if shape.has_webhook else "",
            # The vendor bills once for calls with one key.
            "idempotent": "True",
        }
        return _lines(*(f"            {name}={value}," for name, value in fields.items() if value))

    def _example(self, name: str, *arguments: str) -> str:
        """Return the text of one example."""
        lines = (f"            {one}," for one in arguments)
        return _lines(f'        "{name}": {self._kind.seam.example}(', *lines, "        ),")

    def _calls(self) -> str:
        """Return the tests of what is sent and of what is paid."""
        kind, shape = self._kind, self._shape
        paid = shape.paid if shape.paid is not None else kind.path
        more = _lines(*(f'            "{name}": {value},' for name, value in shape.more.items()))
        asked = self.kind if self._has_question else "visit"
        sent = Template((_TEMPLATES / f"sent_{asked}.py.tmpl").read_text())
        return Template((_TEMPLATES / "calls.py.tmpl").read_text()).substitute(
            asked=shape.asked.rstrip("\n"),
            context="context" if shape.more else "_context",
            first=shape.first or kind.path,
            is_post=' and one.method == "POST"' if shape.fetches else "",
            paid=f'"/v1/{paid}"' if paid else "",
            sent=sent.substitute(sent_more=more + "\n" if more else "").rstrip("\n"),
        )

    def _test_values(self) -> Mapping[str, str]:
        """Return what the test has places for."""
        kind, shape, auth = self._kind, self._shape, self._auth
        webhook, is_exchange = shape.has_webhook, self.shape == "exchange"
        section = {
            "base_url": f'"https://api.{self._names["host"]}.example"',
            **auth.section,
            **(_WEBHOOK_SECTION if webhook else {}),
        }
        plugin = {"Cause", *kind.test_types}
        plugin |= {"Incoming"} if webhook else set()
        plugin |= {"Answered", "Pending"} if is_exchange else set()
        plugin |= {"Expired"} if shape.examples else set()
        kit = {kind.seam.example, kind.contract} | ({"Ticket"} if webhook else set())
        standard = {"hashlib", "hmac"} if webhook or auth.has_signature else set()
        is_messenger = not kind.seam.has_kind
        sends_images = kind.has_images and shape.asks
        collections = {"Callable", "Mapping"}
        if is_messenger:
            plugin |= {"Channel", "Message"}
        else:
            plugin |= {"ProofingContext"} | ({"Side"} if sends_images else set())
            plugin |= {"VendorError"} if auth.test else set()
            standard |= {"json"} | ({"base64"} if sends_images else set())
            collections |= {"Sequence"}
        constants = "SUCCESS = 200\n" + (_PRESENTED if is_exchange else "")
        yes = kind.verdicts[0].name.upper()
        examples: list[tuple[str, ...]] = [
            (one.name, f"says({one.name.upper()})", one.comes_to, *one.facts) for one in kind.verdicts
        ]
        examples += [
            ("refused", "says({}, 401)", "Cause.AUTHENTICATION"),
            ("quota", "says({}, 429)", "Cause.QUOTA"),
            # In an address it would lead elsewhere.
            ("strange_id", f'says({{**{yes}, "id": "t/1"}})', "Cause.NONSENSE"),
            *kind.examples,
        ]
        examples = [(*one, *shape.example) for one in examples] + list(shape.examples)
        return {
            "test_imports": _lines(
                *(f"import {module}" for module in sorted(standard)),
                _import("collections.abc", collections),
                "",
                "import httpx",
                _import("proofing.plugin", plugin),
                *([] if is_messenger else _KIT_IMPORTS[is_exchange]),
                _import(kind.seam.suites, kit),
                *([f"\nfrom proofing_{self.name}.question import question_of"] if is_messenger else []),
            ),
            "says": _SAYS_MORE.format(auth.says) if auth.says else _SAYS,
            "constants_before": kind.constants,
            "constants": constants,
            "bodies": _lines(*(f"{one.name.upper()} = {one.body}" for one in kind.verdicts)),
            "contract": kind.contract,
            "test_name": kind.contract.removesuffix("Contract"),
            "section": _block("{", (f'"{name}": {value},' for name, value in section.items()), "}", 4),
            "suite_fields": '    webhook_secrets = ("webhook_secret", "webhook_previous_secret")\n'
            if webhook
            else "",
            "request_name": "request" if "request" in auth.steps + shape.steps else "_request",
            "steps": (auth.steps + shape.steps).rstrip("\n"),
            "example_items": _lines(*(self._example(name, *arguments) for name, *arguments in examples)),
            "suite_methods": (
                (_SIGNED_EVENT if webhook else "")
                + (_ASSERT_SIGNED if auth.has_signature else "")
                + ((_TEMPLATES / "sent_messenger.py.tmpl").read_text() if is_messenger else self._calls())
                + (auth.test if not is_messenger else "")
            ).rstrip("\n"),
        }


def write_package(package: Package, folder: Path) -> None:
    """Write the files below *folder*."""
    for name, text in package.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _names(*names: str) -> str:
    return ", ".join(sorted(names))


def _import(module: str, names: Iterable[str]) -> str:
    line = f"from {module} import {_names(*names)}"
    if len(line) <= _LINE:
        return line
    return _lines(f"from {module} import (", *(f"    {name}," for name in sorted(names)), ")")


def _set(names: tuple[str, ...]) -> str:
    """Return the text of a frozen set of texts; empty for none."""
    shown = (f'                    "{name}",' for name in names)
    return (
        _lines("frozenset(", "                {", *shown, "                }", "            )")
        if names
        else ""
    )


def _block(begin: str, lines: Iterable[str], end: str, indent: int) -> str:
    """Return *lines* between *begin* and *end*, indented."""
    space = " " * indent
    return _lines(begin, *(f"{space}    {line}" for line in lines), f"{space}{end}")
