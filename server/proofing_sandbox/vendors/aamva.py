"""AAMVA's authentication service and DLDV: three SOAP calls, two of them signed.

Signatures are verified on the bytes that came, brought into their canonical form by lxml.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from proofing_sandbox.inputs import Verdict, judge_state_id
from proofing_sandbox.play import Play, answer_without, body_of

AUTHENTICATION = "aamva:authentication"
STATE_ID = "aamva:state_id"
PRODUCTS = frozenset({AUTHENTICATION, STATE_ID})
_AUTHENTICATION_PATH = "/Authentication/Authenticate.svc"
_VERIFICATION_PATH = "/dldv/2.1/online"
_ORIGINATOR = "SBX"
_AUTHENTICATE_ACTION = "http://aamva.org/authentication/3.1.0/IAuthenticationService/Authenticate"
_VERIFY_ACTION = "http://aamva.org/dldv/wsdl/2.1/IDLDVService21/VerifyDriverLicenseData"
_TOKEN_SECONDS = 30 * 60
_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_WSA = "http://www.w3.org/2005/08/addressing"
_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_EC = "http://www.w3.org/2001/10/xml-exc-c14n#"
_WST = "http://schemas.xmlsoap.org/ws/2005/02/trust"
_SC = "http://schemas.xmlsoap.org/ws/2005/02/sc"
_AA = "http://aamva.org/niem/extensions/1.0"
_NC = "http://niem.gov/niem/niem-core/2.0"
_DLDV = "http://aamva.org/dldv/wsdl/2.1"
#: Element of a question to the indicator of its answer.
_INDICATORS = {
    "IdentificationID": "DriverLicenseNumberMatchIndicator",
    "PersonBirthDate": "PersonBirthDateMatchIndicator",
    "PersonGivenName": "PersonFirstNameExactMatchIndicator",
    "PersonMiddleName": "PersonMiddleNameExactMatchIndicator",
    "PersonSurName": "PersonLastNameExactMatchIndicator",
    "PersonNameSuffixText": "PersonNameSuffixMatchIndicator",
    "AddressDeliveryPointText": "AddressLine1MatchIndicator",
    "LocationCityName": "AddressCityMatchIndicator",
    "LocationStateUsPostalServiceCode": "AddressStateCodeMatchIndicator",
    "LocationPostalCode": "AddressZIP5MatchIndicator",
    "PersonHeightMeasure": "PersonHeightMatchIndicator",
    "PersonWeightMeasure": "PersonWeightMatchIndicator",
    "PersonEyeColorCode": "PersonEyeColorMatchIndicator",
    "PersonSexCode": "PersonSexCodeMatchIndicator",
    "DriverLicenseIssueDate": "DriverLicenseIssueDateMatchIndicator",
    "DriverLicenseExpirationDate": "DriverLicenseExpirationDateMatchIndicator",
    "DocumentCategoryCode": "DocumentCategoryMatchIndicator",
}
_REQUIRED = (
    "IdentificationID",
    "PersonBirthDate",
    "PersonGivenName",
    "PersonSurName",
    "AddressDeliveryPointText",
    "LocationCityName",
    "LocationStateUsPostalServiceCode",
    "LocationPostalCode",
)
#: The elements of a question, in the order of its schema, each once; the address may have a second line.
_ORDER = (
    "ControlData",
    "DriverLicenseIdentification",
    "PersonBirthDate",
    "PersonName",
    "Address",
    "PersonHeightMeasure",
    "PersonWeightMeasure",
    "PersonEyeColorCode",
    "PersonSexCode",
    "DriverLicenseIssueDate",
    "DriverLicenseExpirationDate",
    "DocumentCategoryCode",
)
_ADDRESS_ORDER = (
    "AddressDeliveryPointText",
    "AddressDeliveryPointText",
    "LocationCityName",
    "LocationStateUsPostalServiceCode",
    "LocationPostalCode",
)


@dataclass(frozen=True, slots=True)
class _Context:
    """A security context: what the first call has agreed on."""

    key: bytes
    until: float


class _RefusedError(Exception):
    """A call that is not authentic or malformed; the reason is for the fault."""


def settings(url: str) -> Mapping[str, Any]:
    """Return the section of the adapter, with a certificate of its own: any is registered here."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "aamva": {
            "authentication_url": f"{url}{_AUTHENTICATION_PATH}",
            "certificate": base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode(),
            "cert_mode": False,
            "originator_id": _ORIGINATOR,
            "private_key": base64.b64encode(pem).decode(),
            "verification_url": f"{url}{_VERIFICATION_PATH}",
        }
    }


def routes(play: Play) -> Sequence[BaseRoute]:
    """Return both services."""
    site = _Site(play)
    return [
        Route(_AUTHENTICATION_PATH, site.authenticate, methods=["POST"]),
        Route(_VERIFICATION_PATH, site.verify, methods=["POST"]),
    ]


class _Site:
    """The services, with the contexts and tokens that they gave out."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._contexts: dict[str, _Context] = {}
        self._tokens: dict[str, float] = {}

    async def authenticate(self, request: Request) -> Response:
        """Answer the first and the second call."""
        body = await body_of(request)

        async def make(verdict: Verdict | None) -> Response:
            without = None if verdict is None else await answer_without(verdict)
            if without is not None:
                return without
            if verdict not in {None, Verdict.PASSED}:
                return _fault("Sender", "The certificate is not registered.", status=500)
            try:
                envelope = _parsed(request, body, _AUTHENTICATE_ACTION)
                action = _text(envelope, f"{{{_WSA}}}Action")
                if action.endswith("/RST/SCT"):
                    return self._open_context(envelope, request)
                return self._give_token(envelope)
            except _RefusedError as error:
                return _fault("Sender", str(error), status=500)

        return await self._play.answer(AUTHENTICATION, make)

    def _open_context(self, envelope: Any, request: Request) -> Response:
        """Answer the first call, which is signed with the key of a certificate."""
        to = _text(envelope, f"{{{_WSA}}}To")
        if to != f"{self._play.url}{request.url.path}":
            raise _RefusedError("To is another address")
        certificate = x509.load_der_x509_certificate(
            _decoded(_text(envelope, f"{{{_WSSE}}}BinarySecurityToken"))
        )
        thumbprint = _decoded(_text(envelope, f"{{{_WSSE}}}KeyIdentifier"))
        der = certificate.public_bytes(serialization.Encoding.DER)
        if thumbprint != hashlib.sha1(der).digest():  # noqa: S324 - of the protocol
            raise _RefusedError("the thumbprint is another certificate's")
        signed, signature = _verified(envelope, f"{_DS}rsa-sha1", ["Timestamp", "To"])
        public_key = certificate.public_key()
        if not isinstance(public_key, rsa.RSAPublicKey):
            raise _RefusedError("the certificate has no RSA key")
        try:
            public_key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 - of the protocol
        except InvalidSignature:
            raise _RefusedError("the signature is wrong") from None
        client = _decoded(_text(envelope, f"{{{_WST}}}BinarySecret"))
        if _text(envelope, f"{{{_WST}}}KeySize") != "256" or len(client) != 32:  # noqa: PLR2004 - 256 bits
            raise _RefusedError("the secret has 256 bits")
        server, identifier = secrets.token_bytes(32), f"urn:uuid:{_uuid()}"
        self._contexts[identifier] = _Context(_derived(client, server), time.monotonic() + _TOKEN_SECONDS)
        secret = base64.b64encode(server).decode()
        return _envelope(
            f'<t:RequestSecurityTokenResponse xmlns:t="{_WST}"><t:TokenType>{_SC}/sct</t:TokenType>'
            f'<t:RequestedSecurityToken><c:SecurityContextToken u:Id="uuid-{_uuid()}-1" xmlns:c="{_SC}"'
            f' xmlns:u="{_WSU}"><c:Identifier>{identifier}</c:Identifier></c:SecurityContextToken>'
            f'</t:RequestedSecurityToken><t:Entropy><t:BinarySecret u:Id="uuid-{_uuid()}-2" xmlns:u="{_WSU}"'
            f' Type="{_WST}/Nonce">{secret}</t:BinarySecret></t:Entropy></t:RequestSecurityTokenResponse>'
        )

    def _give_token(self, envelope: Any) -> Response:
        """Answer the second call, which is signed with the key of a context."""
        context = self._contexts.get(_text(envelope, f"{{{_SC}}}Identifier"))
        if context is None or context.until < time.monotonic():
            raise _RefusedError("there is no such security context")
        signed, signature = _verified(envelope, f"{_DS}hmac-sha1", ["Timestamp"])
        if not hmac.compare_digest(hmac.digest(context.key, signed, "sha1"), signature):
            raise _RefusedError("the signature is wrong")
        token = secrets.token_urlsafe(48)
        self._tokens[token] = time.monotonic() + _TOKEN_SECONDS
        return _envelope(
            '<AuthenticateResponse xmlns="http://aamva.org/authentication/3.1.0"><AuthenticateResult>'
            f"<Success>true</Success><Token>{token}</Token></AuthenticateResult></AuthenticateResponse>"
        )

    async def verify(self, request: Request) -> Response:
        """Answer the third call."""
        body = await body_of(request)

        async def make(verdict: Verdict | None) -> Response:
            try:
                envelope = _parsed(request, body, _VERIFY_ACTION)
                if self._tokens.get(_text(envelope, f"{{{_DLDV}}}token"), 0.0) < time.monotonic():
                    raise _RefusedError("the token is not valid")
                return await _verify(envelope, verdict)
            except _RefusedError as error:
                return _fault("Sender", str(error), status=500)

        return await self._play.answer(STATE_ID, make)


async def _verify(envelope: Any, verdict: Verdict | None) -> Response:
    """Answer about a license. Raises `_RefusedError`."""
    if _text(envelope, f"{{{_AA}}}MessageOriginatorId") != _ORIGINATOR:
        raise _RefusedError("the originator is not known")
    _require_order(envelope, f"{{{_DLDV}}}verifyDriverLicenseDataRequest", _ORDER)
    _require_order(envelope, f"{{{_AA}}}Address", _ADDRESS_ORDER)
    given = {name: _found(envelope, name) for name in _INDICATORS}
    if missing := [name for name in _REQUIRED if given[name] is None]:
        raise _RefusedError(f"{missing[0]} is missing")
    if any(value is not None and not value.strip() for value in given.values()):
        raise _RefusedError("an element is empty")
    verdict = verdict or judge_state_id(given["IdentificationID"] or "")
    without = await answer_without(verdict)
    if without is not None:
        return without
    if verdict is Verdict.SOURCE_TIMEOUT:
        exception = (
            '<ProgramExceptions xmlns="http://aamva.org/exceptions/1.0"><ProgramException>'
            "<ExceptionId>0047</ExceptionId><ExceptionText>The jurisdiction did not answer in time"
            "</ExceptionText><ExceptionTypeCode>I</ExceptionTypeCode></ProgramException></ProgramExceptions>"
        )
        return _fault("Receiver", "The request could not be completed.", detail=exception, status=200)
    indicators = {indicator: "true" for name, indicator in _INDICATORS.items() if given[name] is not None}
    if len(envelope.findall(f".//{{{_NC}}}AddressDeliveryPointText")) > 1:
        indicators["AddressLine2MatchIndicator"] = "true"
    if verdict is Verdict.FAILED:
        # What a state answers that does not know the number: nothing else was compared.
        indicators = {"DriverLicenseNumberMatchIndicator": "false"}
    if verdict is Verdict.REVIEW:
        indicators["PersonLastNameExactMatchIndicator"] = "false"
    found = "".join(f"<{name}>{value}</{name}>" for name, value in indicators.items())
    locator = escape(_text(envelope, f"{{{_AA}}}TransactionLocatorId"))
    return _envelope(
        f'<VerifyDriverLicenseDataResponse xmlns="{_DLDV}"><VerifyDriverLicenseDataResult xmlns="{_AA}">'
        f"<ControlData><MessageAddress><TransactionLocatorId>{locator}\n</TransactionLocatorId>"
        f"</MessageAddress></ControlData>{found}"
        "</VerifyDriverLicenseDataResult></VerifyDriverLicenseDataResponse>"
    )


def _parsed(request: Request, body: bytes, action: str) -> Any:
    """Return the envelope of a call. Raises `_RefusedError`."""
    if request.headers.get("content-type", "").split(";")[0] != "application/soap+xml":
        raise _RefusedError("the content type is application/soap+xml")
    if request.headers.get("soapaction") != f'"{action}"':
        raise _RefusedError("SOAPAction is another action")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise _RefusedError("the body is not XML") from None
    if envelope.tag != f"{{{_SOAP}}}Envelope" or envelope.getroottree().docinfo.doctype:
        raise _RefusedError("the body is no SOAP 1.2 envelope")
    return envelope


def _verified(envelope: Any, method: str, expected: Sequence[str]) -> tuple[bytes, bytes]:
    """Return the signed bytes and the signature of an envelope, whose references are verified.

    Raises:
        _RefusedError: a reference is missing, its digest is wrong, or the time is over.
    """
    info = envelope.find(f".//{{{_DS}}}SignedInfo")
    value = _decoded(_text(envelope, f"{{{_DS}}}SignatureValue"))
    if info is None or info.find(f"{{{_DS}}}SignatureMethod").get("Algorithm") != method:
        raise _RefusedError("the signature method is another one")
    by_id = {
        element.get(f"{{{_WSU}}}Id"): element for element in envelope.iter() if element.get(f"{{{_WSU}}}Id")
    }
    signed = []
    for reference in info.findall(f"{{{_DS}}}Reference"):
        element = by_id.get(reference.get("URI", "").removeprefix("#"))
        if element is None:
            raise _RefusedError("a reference leads nowhere")
        digest = hashlib.sha1(_canonical(element, reference)).digest()  # noqa: S324 - of the protocol
        if _decoded(_text(reference, f"{{{_DS}}}DigestValue")) != digest:
            raise _RefusedError("a digest is wrong")
        signed.append(etree.QName(element).localname)
    if sorted(signed) != sorted(expected):
        raise _RefusedError("what must be signed is not")
    created, expires = (_moment(_text(envelope, f"{{{_WSU}}}{name}")) for name in ("Created", "Expires"))
    if not created - timedelta(minutes=5) <= datetime.now(UTC) <= expires:
        raise _RefusedError("the time stamp is over")
    return _canonical(info, info.find(f"{{{_DS}}}CanonicalizationMethod")), value


def _canonical(element: Any, described: Any) -> bytes:
    """Return the exclusive canonical form of *element*, with the prefixes that *described* lists."""
    listed = described.find(f".//{{{_EC}}}InclusiveNamespaces")
    prefixes = listed.get("PrefixList", "").split() if listed is not None else []
    found: bytes = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes
    )
    return found


def _derived(client: bytes, server: bytes) -> bytes:
    """Return the key of a security context: P_SHA1 of RFC 2246, section 5, 32 bytes of it."""
    made, seed = b"", server
    while len(made) < 32:  # noqa: PLR2004 - 256 bits
        seed = hmac.digest(client, seed, "sha1")
        made += hmac.digest(client, seed + server, "sha1")
    return made[:32]


def _require_order(envelope: Any, tag: str, order: Sequence[str]) -> None:
    """Refuse an element whose children are not those of its schema. Raises `_RefusedError`."""
    element = envelope.find(f".//{tag}")
    if element is None:
        raise _RefusedError(f"{etree.QName(tag).localname} is missing")
    rest = iter(order)
    for child in element:
        name = etree.QName(child).localname
        if name not in rest:
            raise _RefusedError(f"{name} is at a wrong place")


def _found(envelope: Any, name: str) -> str | None:
    """Return the text of the element of a question with the local *name*, or None."""
    return next((e.text or "" for e in envelope.iter(f"{{{_AA}}}{name}", f"{{{_NC}}}{name}")), None)


def _text(envelope: Any, tag: str) -> str:
    """Return the text of the first element with *tag*. Raises `_RefusedError`."""
    element = envelope.find(f".//{tag}")
    if element is None:
        raise _RefusedError(f"{etree.QName(tag).localname} is missing")
    return str(element.text or "").strip()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _RefusedError("a value is not base64") from None


def _moment(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII):
        raise _RefusedError("a time is malformed")
    return datetime.fromisoformat(text)


def _uuid() -> str:
    return secrets.token_hex(16)


def _envelope(body: str, *, status: int = 200) -> Response:
    text = f'<s:Envelope xmlns:s="{_SOAP}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'
    return Response(text.encode(), status, media_type="application/soap+xml; charset=utf-8")


def _fault(code: str, reason: str, *, detail: str = "", status: int) -> Response:
    """Return a SOAP fault."""
    details = f"<s:Detail>{detail}</s:Detail>" if detail else ""
    return _envelope(
        f"<s:Fault><s:Code><s:Value>s:{code}</s:Value></s:Code><s:Reason>"
        f'<s:Text xml:lang="en">{escape(reason)}</s:Text></s:Reason>{details}</s:Fault>',
        status=status,
    )
