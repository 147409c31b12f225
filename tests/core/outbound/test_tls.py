"""Client certificates and private authorities, on real sockets."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr, ValidationError

from proofing.base.errors import Cause, PluginError, VendorError
from proofing.contracts.plugin_settings import TLSSettings
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.tls import check_tls, make_ssl_context
from proofing.outbound.transport import OutboundTransport
from proofing.testing.vendor_checks import caused_by
from proofing_devtools.forward_proxy import ForwardProxy

PASSWORD = "a password"


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """A certificate authority that exists for one test."""

    def __init__(self, name):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(
            self.name, self.key, x509.BasicConstraints(ca=True, path_length=None), _SIGNS
        )
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def _sign(self, name, key, *extensions):
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
            )
        )
        for extension in extensions:
            builder = builder.add_extension(
                extension, critical=not isinstance(extension, x509.SubjectAlternativeName)
            )
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, password=None):
        """Return certificate and key in PEM, for a client or a server on loopback."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        certificate = self._sign(subject, key, names)
        seal = (
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption()
        )
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, seal)
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


@pytest.fixture
async def vendor(tmp_path):
    """A vendor with a private authority, who asks for a client certificate of another one."""
    servers, clients = Authority("servers"), Authority("clients")
    certificate, key = servers.issue("vendor")
    (tmp_path / "server.pem").write_text(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=clients.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem")
    seen = []

    async def serve(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            subject = writer.get_extra_info("peercert")["subject"]
            seen.append(subject[0][0][1])
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            await writer.drain()
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], servers, clients, seen


@pytest.fixture
async def transport():
    """Real connections."""
    made = OutboundTransport()
    yield made
    await made.close()


async def call(transport, port, tls):
    """Call the vendor."""
    transport.prepare(tls)
    hosts = frozenset({f"127.0.0.1:{port}"})
    policy = OutboundPolicy(vendor_name="acme", hosts=hosts, timeout_seconds=30, tls=tls)
    return await OutboundClient(transport, policy).get(f"https://127.0.0.1:{port}/")


@pytest.mark.parametrize("password", [None, PASSWORD])
@pytest.mark.parametrize("as_files", [False, True])
async def test_a_client_certificate_and_a_private_authority(vendor, transport, tmp_path, password, as_files):
    """As PEM text or as files, with or without a password of the key."""
    port, servers, clients, seen = vendor
    values = dict(zip(("certificate", "key"), clients.issue("proofing", password), strict=True))
    values["ca"] = servers.pem
    if as_files:
        for name, pem in values.items():
            (tmp_path / name).write_text(pem)
            values[name] = str(tmp_path / name)
    tls = TLSSettings(
        ca=values["ca"],
        certificate=values["certificate"],
        key=SecretStr(values["key"]),
        key_password=SecretStr(password) if password else None,
    )
    assert (await call(transport, port, tls)).json() == {}
    assert seen == ["proofing"]


async def test_through_a_forward_proxy(vendor):
    """The proxy carries a tunnel to the vendor, of which it sees host and port."""
    port, servers, clients, seen = vendor
    certificate, key = clients.issue("proofing")
    tls = TLSSettings(ca=servers.pem, certificate=certificate, key=SecretStr(key))
    async with ForwardProxy() as proxy:
        transport = OutboundTransport(proxy=proxy.url)
        try:
            assert (await call(transport, port, tls)).json() == {}
        finally:
            await transport.close()
    assert proxy.carried == [("CONNECT", f"127.0.0.1:{port}", "")]
    assert seen == ["proofing"]


async def test_certificates_of_one_vendor_are_not_used_for_another(vendor, transport):
    """Even to the same host, and over kept connections: each plugin has connections of its own."""
    port, servers, clients, seen = vendor
    certificate, key = clients.issue("proofing")
    ours = TLSSettings(ca=servers.pem, certificate=certificate, key=SecretStr(key))
    assert (await call(transport, port, ours)).status == 200
    for tls in (None, TLSSettings(ca=servers.pem), TLSSettings(ca=clients.pem)):
        with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
            await call(transport, port, tls)
    assert seen == ["proofing"]


def test_a_private_authority_replaces_the_public_ones():
    """A certificate of any public authority would be accepted otherwise."""
    authority = Authority("private")
    context = make_ssl_context(TLSSettings(ca=authority.pem))
    assert [one["subject"] for one in context.get_ca_certs()] == [((("commonName", "private"),),)]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("use", [make_ssl_context, check_tls])
@pytest.mark.parametrize("field", ["ca", "certificate", "key"])
@pytest.mark.parametrize("value", ["/nowhere/a-secret.pem", "-----BEGIN NONSENSE-----\na-secret"])
def test_what_cannot_be_used_names_the_setting_and_no_value(use, field, value):
    """The value may be a secret, and a path may tell of the host."""
    authority = Authority("private")
    certificate, key = authority.issue("proofing")
    values = {"ca": authority.pem, "certificate": certificate, "key": key, field: value}
    with pytest.raises(PluginError, match=rf"tls\.{field}") as caught:
        use(TLSSettings(**{**values, "key": SecretStr(values["key"])}))
    assert "a-secret" not in str(caught.value)


def test_a_key_of_another_certificate_is_refused():
    """Before the first call, by `proofing check`."""
    authority = Authority("private")
    (certificate, _), (_, key) = authority.issue("one"), authority.issue("two")
    with pytest.raises(PluginError, match="belong together"):
        check_tls(TLSSettings(certificate=certificate, key=SecretStr(key)))


def test_a_check_loads_no_public_authorities(monkeypatch):
    """They would take most of a start, since each vendor is checked."""

    def load(*_):
        raise AssertionError

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", load)
    certificate, key = Authority("private").issue("proofing")
    check_tls(None)
    check_tls(TLSSettings(certificate=certificate, key=SecretStr(key)))


@pytest.mark.parametrize(
    "values",
    [
        {"certificate": "/a.pem"},
        {"key": SecretStr("/a.pem")},
        {"key_password": SecretStr("x")},
        {"ca": "relative.pem"},
        {"ca": ""},
    ],
)
def test_settings_that_cannot_work(values):
    """Half a pair, and what is neither PEM nor a path."""
    with pytest.raises(ValidationError):
        TLSSettings(**values)
