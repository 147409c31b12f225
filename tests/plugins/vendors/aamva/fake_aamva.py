"""AAMVA's two services as a function: signatures are verified by libxmlsec, tokens are counted.

All values are invented. What verifies a request shares no code with what wrote it.
"""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import httpx
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

NAMESPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://www.w3.org/2005/08/addressing",
    "o": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
    "u": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "d": "http://www.w3.org/2000/09/xmldsig#",
    "t": "http://schemas.xmlsoap.org/ws/2005/02/trust",
    "c": "http://schemas.xmlsoap.org/ws/2005/02/sc",
    "v": "http://aamva.org/dldv/wsdl/2.1",
}
AUTHENTICATION_URL = "https://auth.example.test/Authenticate.svc"
VERIFICATION_URL = "https://verify.example.test:18449/dldv/2.1/online"
_ID = f"{{{NAMESPACES['u']}}}Id"

ALL = (
    *("DriverLicenseNumber", "DriverLicenseIssueDate", "DriverLicenseExpirationDate", "DocumentCategory"),
    *("PersonBirthDate", "PersonFirstNameExact", "PersonMiddleNameExact", "PersonLastNameExact"),
    *("PersonNameSuffix", "PersonHeight", "PersonWeight", "PersonSexCode", "PersonEyeColor"),
    *("AddressLine1", "AddressLine2", "AddressCity", "AddressStateCode", "AddressZIP5"),
    *("PersonFirstNameFuzzyPrimary", "PersonLastNameFuzzyAlternate"),
)


@lru_cache
def make_credentials(name: str = "us") -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """Return a key and its certificate, made for this run."""
    key = rsa.generate_private_key(65537, 2048)
    return key, certify(key, name)


def certify(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    """Return a certificate of *key*, signed by itself."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).serial_number(1)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return builder.public_key(key.public_key()).sign(key, SHA256())


def der_of(key: rsa.RSAPrivateKey) -> bytes:
    """Return the key as PKCS #8."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def make_section(**changes):
    """Return a section of settings.yaml."""
    key, certificate = make_credentials()
    return {
        "authentication_url": AUTHENTICATION_URL,
        "verification_url": VERIFICATION_URL,
        "originator_id": "ABC",
        "certificate": base64.b64encode(certificate.public_bytes(Encoding.DER)).decode(),
        "private_key": base64.b64encode(der_of(key)).decode(),
        **changes,
    }


def indicators(*false: str, without: tuple[str, ...] = (), only: tuple[str, ...] = ALL) -> dict[str, str]:
    """Return the values of indicators: all true, but those of *false*; none *without*."""
    return {name: "false" if name in false else "true" for name in only if name not in without}


def bare_answer(values: dict[str, str], locator: str | None = "u-1") -> bytes:
    """Return an answer without namespaces; *locator* None leaves it out."""
    echo = "" if locator is None else f"<TransactionLocatorId>{locator}\n</TransactionLocatorId>"
    rows = "".join(f"<{name}MatchIndicator>{value}</{name}MatchIndicator>" for name, value in values.items())
    return f"<VerifyDriverLicenseDataResponse>{echo}{rows}</VerifyDriverLicenseDataResponse>".encode()


def soap_answer(values: dict[str, str]) -> bytes:
    """Return an answer in an envelope, with the other spelling of the id."""
    rows = "".join(f"<{name}MatchIndicator>{value}</{name}MatchIndicator>" for name, value in values.items())
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{NAMESPACES["s"]}"><s:Body>'
        f'<VerifyDriverLicenseDataResponse xmlns="{NAMESPACES["v"]}"><VerifyDriverLicenseDataResult '
        'xmlns="http://aamva.org/niem/extensions/1.0"><ControlData><MessageAddress>'
        f"<TransactionLocatorID>u-2 </TransactionLocatorID></MessageAddress></ControlData>{rows}"
        "</VerifyDriverLicenseDataResult></VerifyDriverLicenseDataResponse></s:Body></s:Envelope>"
    ).encode()


def fault(*ids: str, code: str = "Sender", subcode: str = "", reason: str = "A SOAP error") -> bytes:
    """Return a fault with an exception for each of *ids*."""
    exceptions = "".join(
        f'<ProgramException xmlns="http://aamva.org/exceptions/1.0"><ExceptionId>{one}</ExceptionId>'
        "<ExceptionText>Some text</ExceptionText><ExceptionTypeCode>I</ExceptionTypeCode>"
        "<ExceptionFatalIndicatorCode>N</ExceptionFatalIndicatorCode></ProgramException>"
        for one in ids
    )
    sub = f"<s:Subcode><s:Value>x:{subcode}</s:Value></s:Subcode>" if subcode else ""
    return (
        f'<s:Envelope xmlns:s="{NAMESPACES["s"]}"><s:Body><s:Fault><s:Code><s:Value>s:{code}</s:Value>{sub}'
        f'</s:Code><s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason>'
        f"<s:Detail>{exceptions}</s:Detail></s:Fault></s:Body></s:Envelope>"
    ).encode()


def reply(content: bytes, status: int = 200) -> httpx.Response:
    """Return an HTTP answer."""
    return httpx.Response(status, headers={"content-type": "application/soap+xml"}, content=content)


class FakeAAMVA:
    """Answers as AAMVA would.

    Attributes:
        answer: makes the answer to a verification.
        tokens: that were given out, in order.
        refused: tokens that are not taken anymore.
        calls: what was asked, in order.
    """

    def __init__(self, answer: Callable[[], bytes] = lambda: bare_answer(indicators())) -> None:
        """Answer verifications with *answer*."""
        self.answer = answer
        self.tokens: list[str] = []
        self.refused: set[str] = set()
        self.calls: list[str] = []
        self._secrets: dict[str, tuple[bytes, bytes]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer *request*."""
        assert request.headers["content-type"] == "application/soap+xml;charset=UTF-8"
        assert int(request.headers["content-length"]) == len(request.content)
        root = etree.fromstring(request.content)
        if str(request.url) == VERIFICATION_URL:
            return self._verification(request, root)
        assert str(request.url) == AUTHENTICATION_URL
        service = "http://aamva.org/authentication/3.1.0/IAuthenticationService/Authenticate"
        assert request.headers["soapaction"] == f'"{service}"'
        if root.find(".//t:RequestSecurityToken", NAMESPACES) is not None:
            return self._security_token(root)
        return self._authentication(root)

    def _security_token(self, root) -> httpx.Response:
        self.calls.append("security token")
        client_secret = verify_security_token_request(root)
        identifier, server_secret = f"urn:uuid:{uuid.uuid4()}", uuid.uuid4().bytes * 2
        self._secrets[identifier] = (client_secret, server_secret)
        return reply(security_token(identifier, base64.b64encode(server_secret).decode()))

    def _authentication(self, root) -> httpx.Response:
        self.calls.append("authentication token")
        identifier = root.findtext(".//c:SecurityContextToken/c:Identifier", "", NAMESPACES)
        client_secret, server_secret = self._secrets[identifier]
        verify_authenticate_request(root, client_secret, server_secret)
        self.tokens.append(f"token-{len(self.tokens) + 1}&<")
        return reply(authentication_token(self.tokens[-1]))

    def _verification(self, request: httpx.Request, root) -> httpx.Response:
        self.calls.append("verification")
        action = "http://aamva.org/dldv/wsdl/2.1/IDLDVService21/VerifyDriverLicenseData"
        assert request.headers["soapaction"] == f'"{action}"'
        assert root.findtext(".//a:Action", "", NAMESPACES) == action
        token = root.findtext(".//v:token", "", NAMESPACES)
        assert token in self.tokens
        if token in self.refused:
            return reply(fault(subcode="InvalidSecurityToken"), 500)
        return reply(self.answer())


def security_token(identifier: str, secret: str, reference: str = "uuid-7-1") -> bytes:
    """Return the answer to the first call."""
    return (
        f'<s:Envelope xmlns:s="{NAMESPACES["s"]}" xmlns:u="{NAMESPACES["u"]}"><s:Body>'
        f'<RequestSecurityTokenResponse xmlns="{NAMESPACES["t"]}"><RequestedSecurityToken>'
        f'<c:SecurityContextToken xmlns:c="{NAMESPACES["c"]}" u:Id="{reference}">'
        f"<c:Identifier>{identifier}</c:Identifier></c:SecurityContextToken></RequestedSecurityToken>"
        f'<Entropy><BinarySecret u:Id="uuid-7-2">{secret}</BinarySecret></Entropy>'
        "</RequestSecurityTokenResponse></s:Body></s:Envelope>"
    ).encode()


def authentication_token(token: str, success: str = "<Success>true</Success>") -> bytes:
    """Return the answer to the second call."""
    text = token.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<s:Envelope xmlns:s="{NAMESPACES["s"]}"><s:Body>'
        '<AuthenticateResponse xmlns="http://aamva.org/authentication/3.1.0"><AuthenticateResult>'
        f"{success}<Token>{text}</Token></AuthenticateResult></AuthenticateResponse></s:Body></s:Envelope>"
    ).encode()


def verify_security_token_request(root) -> bytes:
    """Verify the first call, and return the client's secret in it."""
    _, certificate = make_credentials()
    der = certificate.public_bytes(Encoding.DER)
    assert base64.b64decode(root.findtext(".//o:BinarySecurityToken", "", NAMESPACES)) == der
    thumbprint = base64.b64decode(root.findtext(".//o:KeyIdentifier", "", NAMESPACES))
    assert thumbprint == hashlib.sha1(der).digest()  # noqa: S324 - the protocol's
    key = xmlsec.Key.from_memory(
        certificate.public_bytes(Encoding.PEM), xmlsec.constants.KeyDataFormatCertPem
    )
    assert verify_signature(root, key) == {"Timestamp", "To"}
    client_secret = base64.b64decode(root.findtext(".//t:BinarySecret", "", NAMESPACES))
    assert len(client_secret) == 32
    return client_secret


def verify_authenticate_request(root, client_secret: bytes, server_secret: bytes) -> None:
    """Verify the second call, which is signed by the key of both secrets."""
    reference = root.find(".//c:SecurityContextToken", NAMESPACES).get(_ID)
    assert root.find(".//o:Reference", NAMESPACES).get("URI") == f"#{reference}" == "#uuid-7-1"
    key = xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, p_sha1(client_secret, server_secret))
    assert verify_signature(root, key) == {"Timestamp"}


def verify_signature(root, key: xmlsec.Key) -> set[str]:
    """Verify the signature of a message, and return the names of what it covers."""
    context = xmlsec.SignatureContext()
    context.key = key
    by_id = {}
    for element in root.iter():
        if element.get(_ID) is not None:
            context.register_id(element, "Id", NAMESPACES["u"])
            by_id[element.get(_ID)] = etree.QName(element).localname
    (signature,) = root.iterfind(".//d:Signature", NAMESPACES)
    context.verify(signature)
    return {by_id[one.get("URI")[1:]] for one in signature.iterfind(".//d:Reference", NAMESPACES)}


def p_sha1(secret: bytes, seed: bytes) -> bytes:
    """Return 32 bytes of P_SHA-1: RFC 2246, section 5."""

    def mac(data: bytes) -> bytes:
        return hmac.new(secret, data, hashlib.sha1).digest()

    first = mac(seed)
    return (mac(first + seed) + mac(mac(first) + seed))[:32]
