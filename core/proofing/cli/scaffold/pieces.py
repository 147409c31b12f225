"""What each choice brings to a new package: a kind of question or message, a shape, a way to authenticate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proofing.cli.scaffold.seams import MESSENGERS, PROOFERS, Seam


@dataclass(frozen=True, slots=True)
class Verdict:
    """An example answer.

    Attributes:
        name: of the example; in capitals, of the constant that is its body.
        body: what the vendor answers.
        comes_to: in our words; *facts* are further arguments of the example.
    """

    name: str
    body: str
    comes_to: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of question, or of message.

    Attributes:
        words: the kind in a sentence.
        result: the type of its answers; *contract* is its suite.
        path: of the vendor's address for it.
        setting: the line of settings.yaml that chooses the vendor.
        attributes, needs: of the descriptor.
        answers: template of how answers are read.
        checks: what the vendor compares, to our word.
        verdicts: the example answers.
        constants: what their bodies use.
        test_types: what the examples use of `proofing.plugin`.
        has_images: whether it is asked with images.
        shapes: those that it has, of `SHAPES`.
        seam: what core calls.
        examples: those that only this kind has, as those of `Shape`.
    """

    words: str
    result: str
    contract: str
    path: str
    setting: str
    answers: str
    verdicts: tuple[Verdict, ...]
    attributes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    constants: str = ""
    test_types: tuple[str, ...] = ()
    has_images: bool = False
    shapes: tuple[str, ...] = ("answer", "polling", "hosted", "exchange")
    seam: Seam = PROOFERS
    examples: tuple[tuple[str, ...], ...] = ()


_DOCUMENT = """\
DOCUMENT = {
    "type": "license",
    "given_name": "Fakey",
    "family_name": "McFakerson",
    "birth_date": "1938-10-06",
    "number": "1111111111111",
}
"""


def _body(transaction: str, decision: str, more: str = "") -> str:
    """Return the text of a body."""
    return f'{{\n    "id": "{transaction}",\n    "decision": "{decision}",\n{more}}}'


def _verdicts(yes: str, no: str, review: str, facts: Sequence[tuple[str, ...]]) -> tuple[Verdict, ...]:
    """Return the example answers with these bodies, and the *facts* of each in the same order."""
    return tuple(
        Verdict(name, body, f"Outcome.{outcome}", more)
        for name, body, outcome, more in zip(
            ("yes", "no", "review"), (yes, no, review), ("PASSED", "FAILED", "REVIEW"), facts, strict=True
        )
    )


def _message(number: int, status: str, comes_to: str, name: str = "") -> Verdict:
    """Return what the vendor answers about a message."""
    transaction = f"m-{number}"
    body = f'{{"id": "{transaction}", "status": "{status}"}}'
    return Verdict(name or status, body, comes_to, (f'facts={{"transaction_id": "{transaction}"}}',))


def _matching(  # noqa: PLR0917 - one table below
    words: str,
    result: str,
    contract: str,
    path: str,
    setting: str,
    attributes: str,
    checks: Mapping[str, str],
) -> Kind:
    """Return a kind whose vendor compares single attributes."""
    *_others, last = checks

    def body(number: int, decision: str, word: str) -> str:
        pairs = ", ".join(f'"{name}": "{word if name == last else "match"}"' for name in checks)
        return _body(f"t-{number}", decision, f'    "checks": {{{pairs}}},\n')

    def facts(word: str) -> tuple[str, ...]:
        ours = checks[last]
        changed = f'{{**MATCHED, "{ours}": Match.{word}}}' if word != "MATCH" else "MATCHED"
        reasons = (f'reasons=("{ours}_mismatch",)',) if word == "MISMATCH" else ()
        return (f"attributes={changed}", *reasons)

    pairs = ", ".join(f'"{ours}": Match.MATCH' for ours in checks.values())
    return Kind(
        words=words,
        result=result,
        contract=contract,
        path=path,
        setting=setting,
        answers="answers_matches",
        attributes=tuple(attributes.split()),
        checks=checks,
        verdicts=_verdicts(
            body(1, "match", "match"),
            body(2, "no_match", "mismatch"),
            body(3, "review", "no_data"),
            (facts("MATCH"), facts("MISMATCH"), facts("UNAVAILABLE")),
        ),
        constants=f"MATCHED = {{{pairs}}}\n",
        test_types=("Match", "Outcome"),
    )


KINDS: Mapping[str, Kind] = {
    "resolution": _matching(
        "resolution proofer",
        "ResolutionResult",
        "ResolutionProoferContract",
        "resolutions",
        "resolution_vendor: {}",
        "first_name last_name dob ssn address1 address2 city state zipcode",
        {"name": "name", "birth_date": "dob", "address": "address", "ssn": "ssn"},
    ),
    "phone": _matching(
        "phone proofer",
        "PhoneResult",
        "PhoneProoferContract",
        "phones",
        "phone_vendors: [{}]",
        "first_name last_name phone",
        {"name": "name", "phone": "phone"},
    ),
    "state_id": _matching(
        "state ID proofer",
        "StateIDResult",
        "StateIDProoferContract",
        "licenses",
        "state_id_vendor: {}",
        "first_name last_name dob state_id_number state_id_jurisdiction",
        {"name": "name", "birth_date": "dob", "number": "state_id_number"},
    ),
    "passport": _matching(
        "passport proofer",
        "PassportResult",
        "PassportProoferContract",
        "passports",
        "passport_vendor: {}",
        "mrz",
        {"mrz": "mrz"},
    ),
    "device": Kind(
        words="device proofer",
        result="DeviceResult",
        contract="DeviceProfilerContract",
        path="profiles",
        setting="device_vendor: {}",
        answers="answers_device",
        needs=("device_session_id", "ip_address"),
        verdicts=_verdicts(
            _body("t-1", "pass"),
            _body("t-2", "reject"),
            _body("t-3", "review"),
            (
                ('facts={"review_status": ReviewStatus.PASS}',),
                ('facts={"review_status": ReviewStatus.REJECT}',),
                ('facts={"review_status": ReviewStatus.REVIEW}',),
            ),
        ),
        test_types=("Outcome", "ReviewStatus"),
    ),
    "document": Kind(
        words="document proofer",
        result="DocumentResult",
        contract="DocumentProoferContract",
        path="documents",
        setting="document_vendor: {}",
        answers="answers_document",
        verdicts=_verdicts(
            _body("t-1", "approved", '    "document": DOCUMENT,\n'),
            _body("t-2", "declined", '    "document": DOCUMENT,\n'),
            _body("t-3", "review", '    "document": None,\n'),
            (
                ('facts={"document_type": DocumentType.DRIVERS_LICENSE}',),
                ('facts={"findings": (Finding(code=FindingCode.NOT_GENUINE),)}',),
                (),
            ),
        ),
        constants=_DOCUMENT,
        examples=(
            ("nothing_read", 'says({**YES, "document": None})', "Cause.NONSENSE"),
            (
                "strange_date",
                'says({**YES, "document": {**DOCUMENT, "birth_date": "10/06/1938"}})',
                "Cause.NONSENSE",
            ),
        ),
        test_types=("DocumentType", "Finding", "FindingCode", "Outcome"),
        has_images=True,
    ),
    "messenger": Kind(
        words="messenger",
        result="Sent",
        contract="MessengerContract",
        path="messages",
        setting="messenger_vendor: {}",
        answers="answers_messenger",
        verdicts=(
            _message(1, "accepted", "None", name="taken"),
            _message(2, "opted_out", "Refusal.OPTED_OUT"),
            _message(3, "unreachable", "Refusal.UNREACHABLE"),
            _message(4, "not_allowed", "Refusal.NOT_ALLOWED"),
        ),
        test_types=("Refusal",),
        shapes=("answer",),
        seam=MESSENGERS,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How the vendor answers.

    Attributes:
        continues: of the descriptor.
        has_webhook: whether it posts events.
        asks: whether it is sent the question, images included.
        fetches: whether something is fetched from it.
        steps: how it answers: lines of the tests' function.
        example: what an example says of how the question continues.
        examples: those that only this shape has: name, answer, what it comes to, further arguments.
        first: path of the first call; None for that of the kind.
        paid: path of the call that the vendor bills; empty for none, None for that of the kind.
        more: what the first call says beyond the question, to the test's word for it.
        asked: how a test puts a question: lines.
    """

    continues: tuple[str, ...] = ()
    has_webhook: bool = False
    asks: bool = True
    fetches: bool = False
    steps: str = """\
        return httpx.Response(status, json=body)
"""
    example: tuple[str, ...] = ()
    examples: tuple[tuple[str, ...], ...] = ()
    first: str | None = None
    paid: str | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    asked: str = """\
        await ask(proofer, self.question(Canary()), context)
"""


_EXPIRED = "because=(Expired(),)"
SHAPES: Mapping[str, Shape] = {
    "answer": Shape(),
    "polling": Shape(
        continues=("Again",),
        fetches=True,
        steps="""\
        if status != SUCCESS:
            return httpx.Response(status)
        if request.method == "POST":
            return httpx.Response(202, json={"id": body["id"], "status": "pending"})
        return httpx.Response(200, json={"status": "ready", **body})
""",
        examples=(("late", 'says({**YES, "status": "pending"})', "Cause.TIMEOUT", _EXPIRED),),
    ),
    "hosted": Shape(
        continues=("Again", "Leave"),
        has_webhook=True,
        asks=False,
        fetches=True,
        steps="""\
        if status != SUCCESS:
            return httpx.Response(status)
        url = "https://verify.$host.example/s/1"
        if request.method == "POST":
            return httpx.Response(201, json={"id": body["id"], "url": url, "status": "created"})
        return httpx.Response(200, json={"status": "ready", **body, "url": url})
""",
        examples=(
            ("never_began", 'says({**YES, "status": "created"})', "Cause.ABANDONED", _EXPIRED),
            ("late", 'says({**YES, "status": "submitted"})', "Cause.TIMEOUT", _EXPIRED),
            ("closed", 'says({**YES, "status": "expired"})', "Cause.ABANDONED"),
        ),
        first="sessions",
        paid="",
        more={"external_id": "context.question_id", "redirect_url": "context.return_url"},
    ),
    "exchange": Shape(
        continues=("Exchange",),
        asks=False,
        steps="""\
        if status != SUCCESS:
            return httpx.Response(status)
        if request.url.path == "/v1/exchanges":
            return httpx.Response(201, json={"id": body["id"], "request": {"client_id": "verifier"}})
        return httpx.Response(200, json=body)
""",
        example=("posted=presented",),
        examples=(("nobody_answered", "says(YES)", "Cause.ABANDONED", _EXPIRED),),
        first="exchanges",
        paid="exchanges/t-1/presentations",
        more={
            "external_id": "context.question_id",
            "return_url": "context.return_url",
            "nonce": 'json.loads(request.content)["nonce"]',
        },
        asked="""\
        question = self.question(Canary())
        pending = await proofer.proof(question, context)
        await proofer.resume(question, pending, Answered(presented(pending)), context)
""",
    ),
}


_GET = '''

    async def get(self, context: "ProofingContext", path: str) -> "VendorResponse":
        """Fetch something. Raises `VendorError` for anything but a success."""
        response = await context.http.get(f"{self._base_url}{path}", headers=self._headers())
        return response.require_success()'''
_GET_PLAINLY = '''

    async def get(self, context: "ProofingContext", path: str) -> "VendorResponse":
        """Fetch something. Raises `VendorError` for anything but a success."""
        response = await context.http.get(f"{self._base_url}{path}")
        return response.require_success()'''
_GET_AUTHORIZED = '''

    async def get(self, context: "ProofingContext", path: str) -> VendorResponse:
        """Fetch something. Raises `VendorError` for anything but a success."""
        token = await self._token(context)
        headers = {"authorization": f"Bearer {token}"}
        response = await context.http.get(f"{self._base_url}{path}", headers=headers)
        return await _checked(context, response, token)'''
_GET_SIGNED = '''

    async def get(self, context: "ProofingContext", path: str) -> "VendorResponse":
        """Fetch something. Raises `VendorError` for anything but a success."""
        headers = await self._signed(context, "GET", path, StreamedBody())
        response = await context.http.get(f"{self._base_url}{path}", headers=headers)
        return response.require_success()'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How the vendor knows us.

    Attributes:
        settings: fields of the settings, by name: their definition.
        credentials: the secret ones among them, to what is said of each.
        section: their values in tests.
        in_yaml: those that are not secret, for settings.yaml.
        get: the method that fetches something, for shapes that do.
        steps: how the vendor lets us in: lines of the tests' function, *says* a parameter of what makes it.
        test: one that only this way has, for proofers. No example: to the kit, what differs may be a verdict.
    """

    settings: Mapping[str, str]
    credentials: Mapping[str, str]
    section: Mapping[str, str]
    in_yaml: Mapping[str, str] = field(default_factory=dict)
    get: str = _GET
    steps: str = ""
    says: str = ""
    test: str = ""
    has_signature: bool = False


AUTHS: Mapping[str, Auth] = {
    "key": Auth(
        settings={"api_key": 'SecretStr = Field(description="key of the account")'},
        credentials={"api_key": "key of the account"},
        section={"api_key": '"key-for-tests-7d1f"'},
    ),
    "basic": Auth(
        settings={
            "password": 'SecretStr = Field(description="password of the account")',
            "username": 'str = Field(pattern=r"^[^:]+$", description="name of the account")',
        },
        credentials={"password": "password of the account"},
        section={"username": '"proofing"', "password": '"password-for-tests-7d1f"'},
        in_yaml={"username": "proofing"},
    ),
    "oauth2": Auth(
        settings={
            "client_id": 'str = Field(min_length=1, description="id of the OAuth client")',
            "client_secret": 'SecretStr = Field(description="secret of the OAuth client")',
        },
        credentials={"client_secret": "secret of the OAuth client"},
        section={"client_id": '"proofing"', "client_secret": '"secret-for-tests-7d1f"'},
        in_yaml={"client_id": "proofing"},
        get=_GET_AUTHORIZED,
        steps="""\
        if request.url.path == "/oauth/token":
            token = {"access_token": bearer, "token_type": "Bearer", "expires_in": 600}
            return httpx.Response(200, json=token)
""",
        says='bearer: str = "token-7d1f"',
        test='''
    async def test_a_strange_token(self) -> None:
        """What could not be part of a header is not sent on."""
        error, _vendor = await self.ask(says(YES, bearer="not a token"))
        assert isinstance(error, VendorError)
        assert error.cause is Cause.NONSENSE
''',
    ),
    "hmac": Auth(
        settings={
            "key_id": 'str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="name of the signing key")',
            "signing_key": 'SecretStr = Field(min_length=16, description="key by which calls are signed")',
        },
        credentials={"signing_key": "key by which calls are signed"},
        section={"key_id": '"k1"', "signing_key": '"signing-key-for-tests-7d1f"'},
        in_yaml={"key_id": "k1"},
        get=_GET_SIGNED,
        has_signature=True,
    ),
    "mtls": Auth(
        settings={"tls": 'TLSSettings = Field(description="client certificate")'},
        credentials={"tls.key": "private key of the client certificate"},
        section={"tls": '{"certificate": "/etc/proofing/client.pem", "key": "/etc/proofing/client.key"}'},
        in_yaml={"tls": "{certificate: /etc/proofing/client.pem}"},
        get=_GET_PLAINLY,
    ),
}
