"""Signatures: the canonical bytes, published in the wire format's test vectors, and what is refused."""

import base64
from datetime import UTC, datetime

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from tests.plugins.vendors.aamva.fake_aamva import (
    AUTHENTICATION_URL,
    NAMESPACES,
    make_credentials,
    make_section,
    p_sha1,
    verify_signature,
)

from proofing_aamva.credentials import read_credentials
from proofing_aamva.signing import (
    HMAC_SHA1,
    Lifetime,
    derived_key,
    destination,
    digest,
    hmac_signer,
    signed_info,
    timestamp,
)
from proofing_aamva.token_messages import SecurityToken, authenticate_request, security_token_request

CLIENT, SERVER = bytes(range(32)), bytes(range(32, 64))
VALID = timestamp("TS-1", Lifetime("2024-01-02T03:04:05Z", "2024-01-02T03:09:05Z"))
NOW = datetime(2026, 3, 4, 17, 0, 1, 999_999, tzinfo=UTC)
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"


def base64_of(data):
    """Return the base64 of *data*."""
    return base64.b64encode(data).decode()


def first_message():
    """Return the message of the first call."""
    section = make_section()
    credentials = read_credentials(section["private_key"], section["certificate"])
    return security_token_request(AUTHENTICATION_URL, credentials, CLIENT, NOW)


def second_message():
    """Return the message of the second call."""
    return authenticate_request(
        AUTHENTICATION_URL, SecurityToken("uuid-7-1", "urn:uuid:1&2", SERVER), CLIENT, NOW
    )


def keys(message):
    """Return the key that verifies *message*."""
    if message is first_message:
        certificate = make_credentials()[1].public_bytes(Encoding.PEM)
        return xmlsec.Key.from_memory(certificate, xmlsec.constants.KeyDataFormatCertPem)
    return xmlsec.Key.from_binary_data(xmlsec.constants.KeyDataHmac, p_sha1(CLIENT, SERVER))


def test_the_key_of_both_secrets():
    """P_SHA-1 with the client's secret as the key and the server's as the seed."""
    assert base64_of(derived_key(CLIENT, SERVER)) == "31kTLCr20jDkM3cyB2oUVhaUvhKDjMACA9Y8gWZT11s="


def test_digests():
    """Of the two elements that are signed."""
    assert digest(VALID.canonical) == "dlkjB2oFVvqMp70hf8DQCb5zz5c="
    sent_to = destination("_2", "https://auth.example.test/Authenticate.svc")
    assert digest(sent_to.canonical) == "OtihXqmzC9FXSufjvE+x2KCRmR4="


def test_signature_value():
    """Of the second call over that timestamp."""
    value = hmac_signer(derived_key(CLIENT, SERVER))(signed_info(HMAC_SHA1, [VALID]).encode())
    assert base64_of(value) == "FD5VvJ3jk289ZPKXY484BZ8DpXw="


@pytest.mark.parametrize(
    ("message", "covered"), [(first_message, {"Timestamp", "To"}), (second_message, {"Timestamp"})]
)
def test_libxmlsec_verifies_the_messages(message, covered):
    """What is sent verifies as it is, and not when a signed value is another one."""
    text = message()
    assert verify_signature(etree.fromstring(text.encode()), keys(message)) == covered
    for changed in (
        text.replace(
            "2026-03-04T17:05:01Z</wsu:Expires></wsu:Timestamp>", "2027</wsu:Expires></wsu:Timestamp>"
        ),
        text.replace("17:00:01Z</wsu:Created>", "17:00:01Z </wsu:Created>"),
    ):
        assert changed != text
        with pytest.raises(xmlsec.VerificationError):
            verify_signature(etree.fromstring(changed.encode()), keys(message))


@pytest.mark.parametrize("message", [first_message, second_message])
@pytest.mark.parametrize(
    ("path", "prefixes"),
    [(".//u:Timestamp", ["wsse", "soap"]), (".//s:Header/a:To", ["soap"]), (".//d:SignedInfo", ["soap"])],
)
def test_what_is_signed_is_sent_in_canonical_form(message, path, prefixes):
    """By libxml2: canonicalized in its message, each signed element is exactly the text that is sent."""
    text = message()
    (element,) = etree.fromstring(text.encode()).iterfind(path, NAMESPACES)
    canonical = etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes
    )
    is_signed = message is first_message or "To" not in path
    assert (canonical.decode() in text) is is_signed


@pytest.mark.parametrize("message", [first_message, second_message])
def test_no_white_space_between_elements(message):
    """It would be part of what is signed."""
    root = etree.fromstring(message().encode())
    assert all(element.tail is None for element in root.iter())
    assert all(element.text is None or element.text.strip() for element in root.iter())


def test_the_first_message():
    """Its header and body, in the order of the protocol."""
    root = etree.fromstring(first_message().encode())
    names = [etree.QName(child).localname for child in root.find("s:Header", NAMESPACES)]
    assert names == ["Action", "MessageID", "To", "ReplyTo", "Security"]
    assert (
        root.findtext(".//a:Action", "", NAMESPACES) == "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/SCT"
    )
    security = root.find(".//o:Security", NAMESPACES)
    assert security.get(f"{{{NAMESPACES['s']}}}mustUnderstand") == "true"
    assert [etree.QName(child).localname for child in security] == [
        *("BinarySecurityToken", "Timestamp", "Signature")
    ]
    created, expires = (
        root.findtext(f".//u:Timestamp/u:{one}", "", NAMESPACES) for one in ("Created", "Expires")
    )
    assert (created, expires) == ("2026-03-04T17:00:01Z", "2026-03-04T17:05:01Z")
    body = root.find(".//t:RequestSecurityToken", NAMESPACES)
    assert [(etree.QName(child).localname, "".join(child.itertext())) for child in body] == [
        ("RequestType", "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue"),
        ("AppliesTo", AUTHENTICATION_URL),
        ("Lifetime", created + expires),
        ("TokenType", "http://schemas.xmlsoap.org/ws/2005/02/sc/sct"),
        ("KeySize", "256"),
        ("Entropy", base64_of(CLIENT)),
        ("ComputedKeyAlgorithm", "http://schemas.xmlsoap.org/ws/2005/02/trust/CK/PSHA1"),
        ("Renewing", ""),
    ]
    methods = {one.get("Algorithm") for one in root.iterfind(".//d:SignatureMethod", NAMESPACES)}
    assert methods == {"http://www.w3.org/2000/09/xmldsig#rsa-sha1"}


def test_the_second_message():
    """Its destination is not signed, and has no id; the token is named as the answer named it."""
    root = etree.fromstring(second_message().encode())
    assert root.find("s:Header/a:To", NAMESPACES).attrib == {}
    security = root.find(".//o:Security", NAMESPACES)
    assert [etree.QName(child).localname for child in security] == [
        *("Timestamp", "SecurityContextToken", "Signature")
    ]
    assert security.findtext("c:SecurityContextToken/c:Identifier", "", NAMESPACES) == "urn:uuid:1&2"
    assert security.find(".//o:Reference", NAMESPACES).attrib == {
        "URI": "#uuid-7-1",
        "ValueType": "http://schemas.xmlsoap.org/ws/2005/02/sc/sct",
    }
    (body,) = root.find("s:Body", NAMESPACES)
    assert (body.tag, len(body), body.text) == (
        "{http://aamva.org/authentication/3.1.0}Authenticate",
        0,
        None,
    )


def test_no_two_messages_have_the_same_ids():
    """A service refuses what it has seen."""
    found = [
        etree.fromstring(first_message().encode()).findtext(".//a:MessageID", "", NAMESPACES) for _ in "12"
    ]
    assert found[0] != found[1]
    assert all(one.startswith("urn:uuid:") for one in found)
