"""An honest vendor: JSON, answered at once. OAuth2 credentials, a token in the cache."""

from pydantic import SecretStr

from proofing.plugin import (
    Cause,
    Match,
    Outcome,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    ResolutionResult,
    VendorError,
    hookimpl,
)

NAME = "plain"
HOST = "api.plain.example"
OUTCOMES = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "manual": Outcome.REVIEW}
MATCHES = {"yes": Match.MATCH, "no": Match.MISMATCH, "nodata": Match.UNAVAILABLE}
FIELDS = {"first": "first_name", "last": "last_name", "number": "ssn"}


class Settings(PluginSettings):
    """The section."""

    client: SecretStr
    region: str = "us"


class Vendor:
    """Asks once."""

    def __init__(self, settings):
        self.settings = settings

    async def proof(self, request, context):
        """Ask."""
        token = await context.cache.get_or_make("token", lambda: self.token(context))
        person = request.applicant
        body = {"first": person.first_name, "last": person.last_name, "number": person.ssn}
        response = await context.http.post(
            f"https://{HOST}/checks",
            json_body=body,
            headers={"authorization": f"Bearer {token}", "x-key": context.idempotency_key},
        )
        return self.result(self.read(response))

    async def token(self, context):
        """Sign in."""
        with context.unbilled():
            response = await context.http.post(
                f"https://{HOST}/token", headers={"x-client": self.settings.client.get_secret_value()}
            )
        answer = response.require_success().json()
        if not isinstance(answer, dict) or not isinstance(answer.get("token"), str):
            raise VendorError(Cause.NONSENSE, "no token", vendor_name=NAME)
        return answer["token"], 60.0

    def read(self, response):
        """Return the answer, checked."""
        answer = response.require_success().json()
        if not isinstance(answer, dict) or answer.get("error") is not None:
            raise VendorError(Cause.NONSENSE, "an error inside", vendor_name=NAME)
        if not isinstance(answer.get("verdict"), str) or not isinstance(answer.get("id"), str):
            raise VendorError(Cause.NONSENSE, "no verdict", vendor_name=NAME)
        if not isinstance(answer.get("fields"), dict):
            raise VendorError(Cause.NONSENSE, "no fields", vendor_name=NAME)
        return answer

    def result(self, answer):
        """Return the answer in our words."""
        try:
            outcome = OUTCOMES[answer["verdict"]]
            attributes = {FIELDS[name]: MATCHES[word] for name, word in answer["fields"].items()}
        except (KeyError, TypeError):
            raise VendorError(Cause.NONSENSE, "an unknown word", vendor_name=NAME) from None
        reasons = tuple(f"{name}_mismatch" for name, match in attributes.items() if match is Match.MISMATCH)
        return ResolutionResult(
            vendor_name=NAME,
            outcome=outcome,
            attributes=attributes,
            reasons=reasons,
            transaction_id=answer["id"],
        )


@hookimpl
def proofing_settings():
    """Return the schema."""
    return Settings


@hookimpl
def proofing_proofers():
    """Return the one product."""
    return [
        ProoferDescriptor(
            name=NAME,
            kind=ProoferKind.RESOLUTION,
            make=lambda settings, _process: Vendor(settings),
            attributes=frozenset({"first_name", "last_name", "ssn"}),
            hosts=lambda _settings: frozenset({HOST}),
            timeout_seconds=lambda _settings: 10.0,
            idempotent=True,
        )
    ]
