"""The signature of ThreatMetrix's script, which `proofing check --deep` verifies."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError
from tests.plugins.vendors.lexisnexis.conftest import descriptor_of, section

from proofing.contracts.proofers import CheckingProofer
from proofing.plugin import Cause, VendorError
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor, make_context, make_process
from proofing_lexisnexis.settings import LexisNexisSettings

SCRIPT = b"var address = 'https://h.online-metrix.net/fp';\nprofile(address);\n"
UNSIGNED = "the tags' script is not signed by the certificate in lexisnexis.ddp.tags_certificate"


def certify(key):
    """Return the certificate of *key*, signed by itself, as PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tags")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    return builder.public_key(key.public_key()).sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.fixture(scope="module")
def key():
    """The key of the vendor."""
    return rsa.generate_private_key(65537, 2048)


def signed(key, script=SCRIPT, end=b""):
    """Return a script as the vendor serves it."""
    return script + b"//" + key.sign(script, PKCS1v15(), SHA256()).hex().encode() + end


async def check(key, answer):
    """Check the connection by the certificate of *key*, and return what is wrong and what was asked."""
    settings = LexisNexisSettings.model_validate(section(ddp={"tags_certificate": certify(key)}))
    offer = descriptor_of("threat_metrix")
    vendor = FakeVendor(lambda _request: answer)
    proofer = offer.make(settings, make_process())
    assert isinstance(proofer, CheckingProofer)
    return await proofer.check(make_context(vendor, offer, settings)), vendor.requests


async def test_a_signed_script(key):
    """It has addresses with slashes of its own, and may end in a new line."""
    for end in (b"", b"\n"):
        found, (request,) = await check(key, httpx.Response(200, content=signed(key, end=end)))
        assert found is None
    assert request.method == "GET"
    assert str(request.url.copy_with(query=None)) == "https://h.online-metrix.net/fp/tags.js"
    assert request.url.params["org_id"] == "org-of-ours-1"
    assert len(request.url.params["session_id"]) == 32


@pytest.mark.parametrize(
    "change",
    [
        lambda script: script.replace(b"profile", b"steal"),
        lambda script: script + b"steal();",
        lambda script: b"steal();" + script,
        lambda script: script.rpartition(b"//")[0],
        lambda script: script.rpartition(b"//")[0] + b"//",
        lambda script: script.rpartition(b"//")[0] + b"//00",
        lambda script: script.rpartition(b"//")[0] + b"//not a signature",
        lambda _script: b"",
    ],
)
async def test_another_script(key, change):
    """Whatever was added, changed or left out."""
    found, _requests = await check(key, httpx.Response(200, content=change(signed(key))))
    assert found == UNSIGNED


async def test_a_script_of_somebody_else(key):
    """By another key."""
    other = rsa.generate_private_key(65537, 2048)
    assert (await check(key, httpx.Response(200, content=signed(other))))[0] == UNSIGNED


async def test_no_script(key):
    """An error with its cause."""
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
        await check(key, httpx.Response(503))


def test_without_a_certificate_nothing_is_checked():
    """Nor is the host of the tags called."""
    offer = descriptor_of("threat_metrix")
    settings = LexisNexisSettings.model_validate(section())
    assert not isinstance(offer.make(settings, make_process()), CheckingProofer)
    assert offer.hosts(settings) == {"ddp.example.test"}


def test_the_hosts_that_are_called(key):
    """That of the tags only by the product that they are of."""
    settings = LexisNexisSettings.model_validate(section(ddp={"tags_certificate": certify(key)}))
    assert descriptor_of("threat_metrix").hosts(settings) == {"ddp.example.test", "h.online-metrix.net"}
    assert descriptor_of("phone_finder_ddp").hosts(settings) == {"ddp.example.test"}


@pytest.mark.parametrize(
    "text", ["", "MIIC", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate_is_refused_at_the_start(text):
    """So is one of another kind of key, and nothing of it is repeated."""
    for value in (text, certify(ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(ValidationError, match=r"must be an X\.509 certificate"):
            LexisNexisSettings.model_validate(section(ddp={"tags_certificate": value}))
