"""An honest vendor: images of a document and a selfie, in a body that is signed and streamed."""

import hmac

from pydantic import SecretStr

from proofing.plugin import (
    Applicant,
    Assurance,
    Base64,
    Cause,
    DocumentResult,
    DocumentType,
    Finding,
    FindingCode,
    Outcome,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    SelfieCheck,
    Side,
    StreamedBody,
    VendorError,
    hookimpl,
)

NAME = "lens"
HOST = "scan.lens.example"
OUTCOMES = {"Passed": Outcome.PASSED, "Failed": Outcome.FAILED, "Attention": Outcome.REVIEW}
TYPES = {"DL": DocumentType.DRIVERS_LICENSE, "ID": DocumentType.STATE_ID_CARD}
SELFIES = {"Match": SelfieCheck.MATCH, "NoMatch": SelfieCheck.NO_MATCH, "Spoof": SelfieCheck.NOT_LIVE}
FINDINGS = {"Expiration": FindingCode.EXPIRATION_DATE, "Glare": FindingCode.GLARE}


class Settings(PluginSettings):
    """The section."""

    signing_key: SecretStr


class Vendor:
    """Sends the images once."""

    def __init__(self, settings):
        self.settings = settings

    async def proof(self, request, context):
        """Ask."""
        images = request.images
        body = StreamedBody.json(
            {
                "front": Base64(images[Side.FRONT].content) if Side.FRONT in images else None,
                "back": Base64(images[Side.BACK].content) if Side.BACK in images else None,
                "selfie": Base64(images[Side.SELFIE].content) if Side.SELFIE in images else None,
            }
        )
        mac = hmac.new(self.settings.signing_key.get_secret_value().encode(), digestmod="sha256")
        async for piece in body:
            mac.update(piece)
        response = await context.http.post(
            f"https://{HOST}/documents", content=body, headers={"x-signature": mac.hexdigest()}
        )
        return self.result(self.read(response))

    def read(self, response):
        """Return the answer, checked."""
        answer = response.require_success().json()
        if not isinstance(answer, dict) or not isinstance(answer.get("document"), dict):
            raise VendorError(Cause.NONSENSE, "no document", vendor_name=NAME)
        if not isinstance(answer.get("alerts"), list) or not isinstance(answer.get("id"), str):
            raise VendorError(Cause.NONSENSE, "no alerts", vendor_name=NAME)
        names = (answer["document"].get("given"), answer["document"].get("family"))
        if not all(isinstance(name, str) for name in names):
            raise VendorError(Cause.NONSENSE, "no names", vendor_name=NAME)
        return answer

    def result(self, answer):
        """Return the answer in our words."""
        document = answer["document"]
        try:
            outcome = OUTCOMES[answer["result"]]
            kind = TYPES[document["class"]]
            selfie = SELFIES[answer["selfie"]]
            findings = tuple(Finding(code=FINDINGS[name], vendor_code=name) for name in answer["alerts"])
        except (KeyError, TypeError):
            raise VendorError(Cause.NONSENSE, "an unknown word", vendor_name=NAME) from None
        return DocumentResult(
            vendor_name=NAME,
            outcome=outcome,
            assurance=Assurance.AUTHENTICATED,
            document_type=kind,
            applicant=Applicant(first_name=document["given"], last_name=document["family"]),
            findings=findings,
            selfie=selfie,
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
            kind=ProoferKind.DOCUMENT,
            make=lambda settings, _process: Vendor(settings),
            hosts=lambda _settings: frozenset({HOST}),
            timeout_seconds=lambda _settings: 10.0,
            needs_selfie=True,
            company="A Company",
        )
    ]
