"""The two messages that authentication sends, and what their answers hold.

Source: WS-Trust, WS-SecureConversation (both of February 2005) and the X.509 token profile 1.0, as AAMVA's
authentication service 3.1.0 uses them.
"""

import base64
import binascii
import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element

from proofing.plugin import Cause, VendorError
from proofing_aamva.credentials import Credentials
from proofing_aamva.elements import escaped, local_name, named, text_of
from proofing_aamva.errors import nonsense
from proofing_aamva.settings import NAME
from proofing_aamva.signing import (
    DERIVED_KEY_BYTES,
    HMAC_SHA1,
    RSA_SHA1,
    WSSE,
    WSU,
    Lifetime,
    derived_key,
    destination,
    hmac_signer,
    rsa_signer,
    signature,
    timestamp,
)
from proofing_aamva.soap import SOAP, WSA

AUTHENTICATION = "http://aamva.org/authentication/3.1.0"
AUTHENTICATE = f"{AUTHENTICATION}/IAuthenticationService/Authenticate"
_WST = "http://schemas.xmlsoap.org/ws/2005/02/trust"
_SCT = "http://schemas.xmlsoap.org/ws/2005/02/sc/sct"
_SC = "http://schemas.xmlsoap.org/ws/2005/02/sc"
_WSP = "http://www.w3.org/ns/ws-policy"
_OASIS = "http://docs.oasis-open.org/wss"
_BASE64 = f"{_OASIS}/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
_X509 = f"{_OASIS}/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
_THUMBPRINT = f"{_OASIS}/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
#: A name of XML that the answer gives to an element, and that the next message repeats.
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,199}")


@dataclass(frozen=True, slots=True, repr=False)
class SecurityToken:
    """What the first call is answered with.

    Attributes:
        reference: the token's name in messages.
        identifier: the token itself.
        server_secret: makes the key of the next call together with ours.
    """

    reference: str
    identifier: str
    server_secret: bytes


def security_token_request(url: str, credentials: Credentials, client_secret: bytes, now: datetime) -> str:
    """Return the message that asks for a security token, signed by our certificate's key.

    Args:
        url: of the authentication service.
        credentials: our key and certificate.
        client_secret: 32 random bytes.
        now: from when on it is valid, in UTC.
    """
    name = str(uuid.uuid4())
    lifetime = Lifetime.starting(now)
    sent_to, valid = destination(f"_{name}", url), timestamp(f"TS-{name}", lifetime)
    thumbprint = hashlib.sha1(credentials.certificate).digest()  # noqa: S324 - AAMVA's choice
    key_info = _key_info(
        name,
        f'<wsse:KeyIdentifier EncodingType="{_BASE64}" ValueType="{_THUMBPRINT}">'
        f"{_base64(thumbprint)}</wsse:KeyIdentifier>",
    )
    security = (
        f'<wsse:BinarySecurityToken EncodingType="{_BASE64}" ValueType="{_X509}" wsu:Id="X509-{name}">'
        f"{_base64(credentials.certificate)}</wsse:BinarySecurityToken>{valid.canonical}"
        + signature(f"SIG-{name}", RSA_SHA1, [valid, sent_to], key_info, rsa_signer(credentials.key))
    )
    body = (
        f'<wst:RequestSecurityToken xmlns:wst="{_WST}"><wst:RequestType>{_WST}/Issue</wst:RequestType>'
        f'<wsp:AppliesTo xmlns:wsp="{_WSP}"><wsa:EndpointReference xmlns:wsa="{WSA}">'
        f"<wsa:Address>{escaped(url)}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
        f"<wst:Lifetime>{lifetime.elements()}</wst:Lifetime><wst:TokenType>{_SCT}</wst:TokenType>"
        f"<wst:KeySize>{DERIVED_KEY_BYTES * 8}</wst:KeySize><wst:Entropy>"
        f'<wst:BinarySecret Type="{_WST}/Nonce">{_base64(client_secret)}</wst:BinarySecret></wst:Entropy>'
        f"<wst:ComputedKeyAlgorithm>{_WST}/CK/PSHA1</wst:ComputedKeyAlgorithm><wst:Renewing></wst:Renewing>"
        "</wst:RequestSecurityToken>"
    )
    return _envelope(f"{_WST}/RST/SCT", sent_to.canonical, security, body)


def authenticate_request(url: str, token: SecurityToken, client_secret: bytes, now: datetime) -> str:
    """Return the message that asks for an authentication token, signed by the key that both secrets make.

    Args:
        url: of the authentication service.
        token: the answer to the first call.
        client_secret: what the first call sent.
        now: from when on it is valid, in UTC.
    """
    name = str(uuid.uuid4())
    valid = timestamp(f"TS-{name}", Lifetime.starting(now))
    key_info = _key_info(
        name, f'<wsse:Reference URI="#{token.reference}" ValueType="{_SCT}"></wsse:Reference>'
    )
    signer = hmac_signer(derived_key(client_secret, token.server_secret))
    security = (
        f'{valid.canonical}<sc:SecurityContextToken xmlns:sc="{_SC}" wsu:Id="{token.reference}">'
        f"<sc:Identifier>{escaped(token.identifier)}</sc:Identifier></sc:SecurityContextToken>"
        + signature(f"SIG-{name}", HMAC_SHA1, [valid], key_info, signer)
    )
    sent_to = f'<To xmlns="{WSA}">{escaped(url)}</To>'
    return _envelope(
        AUTHENTICATE, sent_to, security, f'<Authenticate xmlns="{AUTHENTICATION}"></Authenticate>'
    )


def read_security_token(root: Element) -> SecurityToken:
    """Read the answer to the first call.

    Raises:
        VendorError: `Cause.NONSENSE`: it is something else.
    """
    tokens = [
        token
        for one in named(root, "RequestedSecurityToken")
        for token in _children(one, "SecurityContextToken")
    ]
    if len(tokens) != 1:
        raise nonsense("the security token: the answer has none")
    (token,) = tokens
    references = [value for name, value in token.attrib.items() if local_name(name) == "Id"]
    identifiers = [text_of(one) for one in _children(token, "Identifier")]
    secrets = [_unbase64(text_of(one)) for one in named(root, "BinarySecret")]
    if not (len(references) == len(identifiers) == len(secrets) == 1):
        raise nonsense("the security token: the answer lacks one of its three parts")
    (reference,), (identifier,), (secret,) = references, identifiers, secrets
    if not (_ID.fullmatch(reference) and identifier and secret):
        raise nonsense("the security token: one of its three parts is malformed")
    return SecurityToken(reference, identifier, secret)


def read_authentication_token(root: Element) -> str:
    """Read the answer to the second call.

    Raises:
        VendorError: `Cause.AUTHENTICATION`: it says that we are not known; `NONSENSE`: it is something else.
    """
    results = list(named(root, "AuthenticateResult"))
    if len(results) != 1:
        raise nonsense("the authentication token: the answer has none")
    if any(text_of(one) != "true" for one in _children(results[0], "Success")):
        message = "the authentication token: AAMVA refuses our credentials"
        raise VendorError(Cause.AUTHENTICATION, message, vendor_name=NAME)
    tokens = [text_of(one) for one in _children(results[0], "Token")]
    if len(tokens) != 1 or not tokens[0]:
        raise nonsense("the authentication token: the answer has none")
    return tokens[0]


def _envelope(action: str, sent_to: str, security: str, body: str) -> str:
    """Return a message. No white space between its elements: it would be signed, too."""
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header><Action xmlns="{WSA}">{action}</Action>'
        f'<MessageID xmlns="{WSA}">urn:uuid:{uuid.uuid4()}</MessageID>{sent_to}'
        f'<ReplyTo xmlns="{WSA}"><Address>{WSA}/anonymous</Address></ReplyTo>'
        f'<wsse:Security xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}" soap:mustUnderstand="true">{security}'
        f'</wsse:Security></soap:Header><soap:Body xmlns:wsu="{WSU}">{body}</soap:Body></soap:Envelope>'
    )


def _key_info(name: str, reference: str) -> str:
    return (
        f'<ds:KeyInfo Id="KI-{name}"><wsse:SecurityTokenReference wsu:Id="STR-{name}">{reference}'
        "</wsse:SecurityTokenReference></ds:KeyInfo>"
    )


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if local_name(child.tag) == name]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unbase64(text: str) -> bytes:
    """Return what *text* encodes; nothing for what is not base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""
