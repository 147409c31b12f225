"""An honest vendor: SOAP, answered at once, with one indicator a field."""

from xml.sax.saxutils import escape

from pydantic import SecretStr

from proofing.plugin import (
    Cause,
    Match,
    Outcome,
    PluginSettings,
    ProoferDescriptor,
    ProoferKind,
    StateIDResult,
    VendorError,
    hookimpl,
)

NAME = "soapy:state"
HOST = "ws.soapy.example"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OUR = "{urn:soapy}"
INDICATORS = {"true": Match.MATCH, "false": Match.MISMATCH}
FIELDS = {"NumberMatch": "state_id_number", "LastNameMatch": "last_name", "BirthDateMatch": "dob"}
REQUEST = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<q:Verify xmlns:q="urn:soapy"><q:State>{state}</q:State><q:Number>{number}</q:Number>
<q:LastName>{last}</q:LastName><q:Birth>{birth}</q:Birth></q:Verify></s:Body></s:Envelope>"""


class Settings(PluginSettings):
    """The section."""

    password: SecretStr


class Vendor:
    """Asks once."""

    def __init__(self, settings):
        self.settings = settings

    async def proof(self, request, context):
        """Ask."""
        person = request.applicant
        body = REQUEST.format(
            state=escape(person.state_id_jurisdiction or ""),
            number=escape(person.state_id_number or ""),
            last=escape(person.last_name or ""),
            birth=escape(person.dob or ""),
        )
        response = await context.http.post(
            f"https://{HOST}/verify",
            content=body.encode(),
            headers={
                "content-type": "text/xml; charset=utf-8",
                "x-password": self.settings.password.get_secret_value(),
            },
        )
        return self.result(self.read(response))

    def read(self, response):
        """Return the element that holds the answer."""
        root = response.require_success().xml()
        if root.tag != f"{SOAP}Envelope" or root.find(f".//{SOAP}Fault") is not None:
            raise VendorError(Cause.SOURCE_DOWN, "a fault", vendor_name=NAME)
        answer = root.find(f"{SOAP}Body/{OUR}VerifyResponse")
        if answer is None or not answer.findtext(f"{OUR}LocatorId"):
            raise VendorError(Cause.NONSENSE, "no answer", vendor_name=NAME)
        return answer

    def result(self, answer):
        """Return the answer in our words."""
        attributes = {}
        for tag, name in FIELDS.items():
            found = answer.find(f"{OUR}{tag}")
            if found is None:
                attributes[name] = Match.NOT_CHECKED
            elif found.text in INDICATORS:
                attributes[name] = INDICATORS[found.text]
            else:
                raise VendorError(Cause.NONSENSE, "an unknown indicator", vendor_name=NAME)
        if Match.NOT_CHECKED in attributes.values():
            raise VendorError(Cause.NONSENSE, "an indicator is missing", vendor_name=NAME)
        wrong = [name for name, match in attributes.items() if match is not Match.MATCH]
        return StateIDResult(
            vendor_name=NAME,
            outcome=Outcome.FAILED if wrong else Outcome.PASSED,
            attributes=attributes,
            reasons=tuple(f"{name}_mismatch" for name in wrong),
            transaction_id=answer.findtext(f"{OUR}LocatorId"),
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
            kind=ProoferKind.STATE_ID,
            make=lambda settings, _process: Vendor(settings),
            attributes=frozenset({"last_name", "dob", "state_id_number", "state_id_jurisdiction"}),
            hosts=lambda _settings: frozenset({HOST}),
            timeout_seconds=lambda _settings: 10.0,
        )
    ]
