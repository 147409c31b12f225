"""The outbound client on real sockets: hosts, redirects, deadlines, caps, proxies, errors without text."""

import asyncio
import base64
import json
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from proofing.base.errors import Cause, VendorError
from proofing.contracts.bodies import Base64, StreamedBody
from proofing.contracts.http import VendorResponse, parse_json
from proofing.outbound.client import OutboundClient, OutboundPolicy
from proofing.outbound.transport import OutboundTransport
from proofing.testing.hostile import MISDEEDS, REPLIES, HostileVendor
from proofing.testing.vendor_checks import caused_by
from proofing.testing.vendor_fakes import FakeVendor

PROXY_VARIABLES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]


@pytest.fixture
async def vendor():
    """A hostile vendor on loopback."""
    async with HostileVendor() as running:
        yield running


@pytest.fixture
async def transport():
    """Real connections."""
    made = OutboundTransport()
    made.prepare(None)
    yield made
    await made.close()


def client_of(transport, *hosts, **options):
    """Return a client that may call *hosts*."""
    own = {name: options.pop(name) for name in ("deadline", "note_intent") if name in options}
    values = {"vendor_name": "acme", "timeout_seconds": 5.0, **options}
    return OutboundClient(transport, OutboundPolicy(hosts=frozenset(hosts), **values), **own)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://vendor.example.evil.example/",
        "https://evil.example/vendor.example",
        "https://vendor.example@evil.example/",
        "https://vendor.example:443@evil.example/",
        "https://person:word@vendor.example/",
        "https://vendor.example:8443/",
        "http://vendor.example:443/",
        "https://vendor.example:80/",
        "https://vendor.example:0/",
        "https://vendor.example\\@evil.example/",
        "https://evil.example#@vendor.example/",
        "https://evil.example?@vendor.example/",
        "https://vendor.example%2eevil.example/",
        "https://vendor.example\r\nhost: evil.example/",
        "https://vendor.example /",
        "https://VENDOR.example.evil.example/",
        "https://vendоr.example/",  # noqa: RUF001 - a Cyrillic o is the point
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "ftp://vendor.example/",
        "file:///etc/passwd",
        "gopher://vendor.example/",
        "javascript:vendor.example",
        "https:vendor.example",
        "https:///vendor.example",
        "https://vendor.example./",
        "https://.vendor.example/",
        "https://vendor.example%00.evil.example/",
        "https://vendor.example%2f@evil.example/",
        "https://vendor.example;@evil.example/",
        "https://vendor.example:@evil.example/",
        "https://vendor.example:44300/",
        "https://vendor.example:4433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://localhost/",
        "https://sub.vendor.example/",
        "https://example/",
        "//vendor.example/",
        "vendor.example",
        "",
    ],
)
def test_only_the_named_hosts_are_called(url):
    """No trick with ports, user names, look-alikes or schemes leads elsewhere; the error names no URL."""
    bounds = OutboundPolicy(vendor_name="acme", hosts=frozenset({"vendor.example"}), timeout_seconds=1)
    with pytest.raises(VendorError) as caught:
        bounds.check_url(url)
    assert "example" not in str(caught.value)
    assert caught.value.vendor_name == "acme"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("vendor.example", "https://vendor.example/path?query=1"),
        ("vendor.example", "https://VENDOR.example/"),
        ("Vendor.Example", "https://vendor.example/"),
        ("vendor.example", "https://vendor.example:443/"),
        ("vendor.example:443", "https://vendor.example/"),
        ("vendor.example:8443", "https://vendor.example:8443/"),
        ("[::1]:8443", "https://[::1]:8443/"),
        ("xn--bcher-kva.example", "https://bücher.example/"),
    ],
)
def test_spellings_of_one_host_are_the_same(host, url):
    """Case, the scheme's own port and IDNA spellings make no difference."""
    OutboundPolicy(vendor_name="acme", hosts=frozenset({host}), timeout_seconds=1).check_url(url)


async def test_a_refused_host_gets_no_connection(vendor, transport):
    """The allow-list is asked before anything is opened."""
    with pytest.raises(VendorError, match="allow-list"):
        await client_of(transport, "vendor.example").get(vendor.url("ok"))
    assert vendor.connections == 0


async def test_an_answer_is_read_whole(vendor, transport):
    """Status, headers in lower case, media type and strict JSON; the body goes out as given."""
    client = client_of(transport, vendor.host)
    answer = await client.post(vendor.url("ok"), json_body={"a": 1}, headers={"x-key": "k"})
    assert (answer.status, answer.content_type, answer.json()) == (200, "application/json", {"ok": True})
    assert repr(answer) == "VendorResponse(200, 11 bytes)"
    (call,) = vendor.calls
    assert (call.method, json.loads(call.body), call.headers["x-key"]) == ("POST", {"a": 1}, "k")
    assert call.headers["content-type"] == "application/json"
    assert call.headers["accept-encoding"] == "identity"


async def test_redirects_are_answers(transport):
    """A redirect is not followed, wherever it points; as a success it does not count."""
    async with HostileVendor() as other, HostileVendor(elsewhere=other.url("ok")) as vendor:
        client = client_of(transport, vendor.host, other.host)
        answer = await client.get(vendor.url("redirect"))
        assert answer.status == 302
        with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
            answer.require_success()
        assert other.connections == 0


async def test_no_cookie_is_kept(vendor, transport):
    """What a vendor sets for one call it does not see in the next, which may be about another person."""
    client = client_of(transport, vendor.host)
    await client.get(vendor.url("cookie"))
    await client_of(transport, vendor.host).get(vendor.url("ok"))
    assert "cookie" not in vendor.calls[-1].headers


@pytest.mark.parametrize("misdeed", ["hang", "drip", "drip_headers"])
async def test_a_vendor_who_never_ends_is_left_at_the_deadline(vendor, transport, misdeed):
    """The limit is total: bytes that trickle in do not prolong it, and the connection is released."""
    # Time enough to connect, also on a busy machine: the vendor has to see that it is left.
    client = client_of(transport, vendor.host, timeout_seconds=2.0)
    async with asyncio.timeout(30):
        with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)) as caught:
            await client.get(vendor.url(misdeed))
        await vendor.left.wait()
    assert caught.value.billed


async def test_no_call_outlives_the_job(vendor, transport):
    """The job's deadline bounds the call; when it is over, nothing is sent."""
    client = client_of(transport, vendor.host, timeout_seconds=60, deadline=time.monotonic() + 0.2)
    async with asyncio.timeout(5):
        with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
            await client.get(vendor.url("hang"))
    seen = len(vendor.calls)
    with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
        await client.get(vendor.url("ok"))
    assert len(vendor.calls) == seen


@pytest.mark.parametrize("misdeed", ["endless", "huge"])
async def test_an_answer_is_cut_at_the_cap(vendor, transport, misdeed):
    """A body without end is left after the cap."""
    client = client_of(transport, vendor.host, max_response_bytes=100_000)
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE), match="too large"):
        await client.get(vendor.url(misdeed))


async def test_a_bomb_is_not_unpacked(vendor, transport):
    """Compressed bytes stay compressed, and are no JSON."""
    answer = await client_of(transport, vendor.host).get(vendor.url("bomb"))
    assert len(answer.content) < 100_000
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        answer.json()


@pytest.mark.parametrize(
    ("misdeed", "kind"),
    [
        ("reset", Cause.UNREACHABLE),
        ("hang_up", Cause.UNREACHABLE),
        ("truncated", Cause.UNREACHABLE),
        ("no_http", Cause.NONSENSE),
        ("huge_header", Cause.NONSENSE),
    ],
)
async def test_a_broken_connection_is_told_apart(vendor, transport, misdeed, kind):
    """Each way to break the protocol has its class, and the text tells neither URL nor body."""
    client = client_of(transport, vendor.host)
    with pytest.raises(VendorError) as caught:
        await client.post(f"{vendor.url(misdeed)}?secret=900661234", content=b"900661234")
    assert caught.value.cause is kind
    output = "".join(traceback.format_exception(caught.value))
    assert "900661234" not in output.partition("Traceback")[0] + str(caught.value)
    assert vendor.host not in str(caught.value)
    assert caught.value.__suppress_context__
    assert caught.value.__cause__ is None


async def test_nobody_listens(transport):
    """A refused connection is an unavailable vendor, not one who took too long."""
    async with HostileVendor() as gone:
        host = gone.host
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
        await client_of(transport, host).get(f"http://{host}/")


def test_every_hostile_body_is_refused_or_exact():
    """What is left of the server's bodies after strict parsing is the good one and the merely wrong one."""
    accepted = []
    for name, (_headers, body) in REPLIES.items():
        try:
            parse_json(body, vendor_name="acme", what="HTTP 200")
        except VendorError:
            continue
        accepted.append(name)
    assert accepted == ["ok", "wrong_types", "cookie"]
    assert not set(REPLIES) & set(MISDEEDS)


@pytest.mark.parametrize(
    ("body", "fine"),
    [
        (b"[" * 32 + b"]" * 32, True),
        (b"[" * 33 + b"]" * 33, False),
        (b'{"a":{"a":1,"a":2}}', False),
        (b'{"a":-Infinity}', False),
        (b"1e308", True),
        (b"-1e309", False),
        (b'"\\ud83d\\ude00"', True),
        (b'{"\\udc00":1}', False),
        (b"", False),
        (b"\xef\xbb\xbf{}", True),
        (b"\xef\xbb\xbf", False),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", False),
        (b"{}\xef\xbb\xbf", False),
        ("{}".encode("utf-16"), False),
        (b"9" * 5_000, False),
    ],
)
def test_borders_of_strict_json(body, fine):
    """Depth, duplicate keys, numbers, surrogates and marks are judged exactly."""
    if fine:
        parse_json(body, vendor_name="acme", what="x")
    else:
        with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
            parse_json(body, vendor_name="acme", what="x")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\n", b" \r\n\t"])
def test_what_services_put_before_an_xml_declaration(mark):
    """A mark of the encoding, or an empty line of a template; nothing else may be there."""
    answer = VendorResponse(200, {}, mark + b'<?xml version="1.0" encoding="utf-8"?><a>b</a>', "acme")
    assert answer.xml().text == "b"
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)):
        VendorResponse(200, {}, b"x" + answer.content, "acme").xml()


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, None), (204, None), (301, Cause.NONSENSE), (400, Cause.BAD_REQUEST), (404, Cause.BAD_REQUEST)]
    + [(401, Cause.AUTHENTICATION), (403, Cause.AUTHENTICATION), (429, Cause.QUOTA)]
    + [(status, Cause.UNREACHABLE) for status in (408, 425, 500, 502, 503, 504)]
    + [(501, Cause.NONSENSE), (199, Cause.NONSENSE)],
)
def test_statuses(status, kind):
    """2xx succeeds, and every other status has its cause; the code is the status."""
    answer = VendorResponse(status, {}, b"secret", "acme")
    if kind is None:
        assert answer.require_success() is answer
        return
    with pytest.raises(VendorError) as caught:
        answer.require_success()
    assert caught.value.cause is kind
    assert caught.value.codes == (str(status),)
    assert "secret" not in str(caught.value)


async def test_the_environment_is_not_asked(vendor, transport, monkeypatch):
    """Variables of the environment redirect no call."""
    async with HostileVendor() as proxy:
        for name in PROXY_VARIABLES:
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.setenv("NO_PROXY", "")
        await client_of(transport, vendor.host).get(vendor.url("ok"))
        assert (proxy.connections, len(vendor.calls)) == (0, 1)


async def test_the_proxy_of_the_settings_carries_every_call():
    """With a proxy nothing goes to the vendor directly, and the proxy gets its password."""
    async with HostileVendor() as proxy:
        transport = OutboundTransport(proxy=f"http://user:word@{proxy.host}")
        try:
            client = client_of(transport, "vendor.example")
            answer = await client.get("http://vendor.example/ok")
        finally:
            await transport.close()
    assert answer.json() == {"ok": True}
    assert proxy.calls[0].target == "http://vendor.example/ok"
    assert proxy.calls[0].headers["proxy-authorization"].startswith("Basic ")


async def test_a_proxy_that_refuses_is_no_answer():
    """A proxy that hangs up is an unavailable vendor."""
    async with HostileVendor() as proxy:
        transport = OutboundTransport(proxy=f"http://{proxy.host}")
        try:
            with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
                await client_of(transport, "vendor.example").get("http://vendor.example/hang_up")
        finally:
            await transport.close()


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (httpx.ReadTimeout("https://secret.example"), Cause.TIMEOUT),
        (httpx.ConnectError("https://secret.example"), Cause.UNREACHABLE),
        (httpx.ProxyError("https://secret.example"), Cause.UNREACHABLE),
        (httpx.RemoteProtocolError("https://secret.example"), Cause.UNREACHABLE),
        (httpx.DecodingError("https://secret.example"), Cause.NONSENSE),
    ],
)
async def test_errors_of_a_transport_in_tests(raised, kind):
    """A bare httpx transport's errors are mapped as the network's are."""

    def answer(_request):
        raise raised

    client = client_of(OutboundTransport(transport=httpx.MockTransport(answer)), "vendor.example")
    with pytest.raises(VendorError) as caught:
        await client.get("https://vendor.example/")
    assert caught.value.cause is kind
    assert "secret" not in str(caught.value)


async def test_many_calls_share_few_connections(vendor, transport):
    """Connections are kept and used again; a second close is harmless."""
    client = client_of(transport, vendor.host)
    for _ in range(20):
        await client.get(vendor.url("ok"))
    assert vendor.connections == 1
    await transport.close()
    await transport.close()


async def test_a_call_may_ask_for_less_time_and_never_for_more(vendor, transport):
    """The question's time bounds all its calls together."""
    client = client_of(transport, vendor.host, timeout_seconds=60)
    with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
        await client.get(vendor.url("hang"), timeout_seconds=0.05)
    client = client_of(transport, vendor.host, timeout_seconds=0.05)
    for _ in range(2):
        with pytest.raises(VendorError, check=caused_by(Cause.TIMEOUT)):
            await client.post(vendor.url("hang"), timeout_seconds=60)
    assert len(vendor.calls) <= 2
    assert client.seconds_left() == 0


@pytest.mark.parametrize(
    ("raised", "tries"),
    [
        (httpx.ConnectError("x"), 2),
        (httpx.ReadError("x"), 1),
        (httpx.WriteError("x"), 1),
        (httpx.RemoteProtocolError("x"), 1),
        (httpx.ReadTimeout("x"), 1),
    ],
)
async def test_only_a_call_that_never_connected_is_repeated(raised, tries):
    """And once only: what the vendor may have seen is never sent again."""
    seen = []

    def answer(request):
        seen.append(request)
        raise raised

    client = client_of(OutboundTransport(transport=httpx.MockTransport(answer)), "vendor.example")
    with pytest.raises(VendorError):
        await client.post("https://vendor.example/", content=b"x")
    assert len(seen) == tries


async def test_the_repeat_may_succeed():
    """The body is sent again from its beginning."""
    seen = []

    def answer(request):
        seen.append(request.content)
        if len(seen) == 1:
            raise httpx.ConnectError("x")
        return httpx.Response(200)

    client = client_of(OutboundTransport(transport=FakeVendor(answer)), "vendor.example")
    body = StreamedBody(b"x" * 100_000)
    assert (await client.post("https://vendor.example/", content=body)).status == 200
    assert seen[1] == b"x" * 100_000


async def test_a_refused_connection_is_tried_twice(transport, caplog):
    """On real sockets; each try is a line of the log."""
    async with HostileVendor() as gone:
        host = gone.host
    with caplog.at_level("INFO"), pytest.raises(VendorError):
        await client_of(transport, host).get(f"http://{host}/")
    assert [record.message for record in caplog.records].count("outbound_call") == 2


async def test_a_broken_kept_connection_repeats_nothing(vendor, transport):
    """By itself aiohttp would send a GET again, though the vendor has seen and maybe billed it."""
    client = client_of(transport, vendor.host)
    await client.get(vendor.url("ok"))
    with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
        await client.get(vendor.url("hang_up"))
    assert [call.target.rpartition("/")[2] for call in vendor.calls] == ["ok", "hang_up"]


async def test_an_answer_beyond_the_cap_has_a_code(vendor, transport):
    """An operator tells it from other nonsense."""
    client = client_of(transport, vendor.host, max_response_bytes=10)
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)) as caught:
        await client.get(vendor.url("ok"))
    assert caught.value.codes == ("response_too_large",)
    exact = client_of(transport, vendor.host, max_response_bytes=11)
    assert (await exact.get(vendor.url("ok"))).json() == {"ok": True}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("0", 0.0), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("٣", None)],
)
def test_retry_after(value, seconds):
    """Seconds, as RFC 9110 has them; nonsense is nothing."""
    answer = VendorResponse(503, {"retry-after": value}, b"", "acme")
    assert answer.retry_after == seconds
    with pytest.raises(VendorError) as caught:
        answer.require_success()
    assert caught.value.retry_after == seconds


def test_retry_after_may_be_a_date():
    """What is past is now."""
    future = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    answer = VendorResponse(503, {"retry-after": future}, b"", "acme")
    assert 3000 < answer.retry_after <= 3600
    past = VendorResponse(503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", "acme")
    assert past.retry_after == 0


def test_xml_of_an_answer():
    """A tree, or nonsense without its text."""
    assert VendorResponse(200, {}, b"<a><b>1</b></a>", "acme").xml().findtext("b") == "1"
    with pytest.raises(VendorError, check=caused_by(Cause.NONSENSE)) as caught:
        VendorResponse(200, {}, b"<a>900661234", "acme").xml()
    assert "900661234" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_json_with_images_streams(vendor, transport):
    """Placeholders in the JSON go out as their base64."""
    image = bytes(range(256)) * 1000
    await client_of(transport, vendor.host).post(vendor.url("ok"), json_body={"front": Base64(image)})
    call = vendor.calls[-1]
    assert (
        call.body == json.dumps({"front": base64.b64encode(image).decode()}, separators=(",", ":")).encode()
    )
    assert call.headers["content-length"] == str(len(call.body))
    assert call.headers["content-type"] == "application/json"
    assert "transfer-encoding" not in call.headers


@pytest.mark.parametrize("addresses", [["127.0.0.1"], []])
async def test_connections_go_to_the_addresses_that_are_given(addresses):
    """Whatever a resolver says of the name, which stays in SNI; to none where there are none."""
    hellos = []

    async def greet(reader, writer):
        hellos.append(await reader.read(2048))
        writer.close()

    asked = []

    def addresses_of(host):
        asked.append(host)
        return addresses

    transport = OutboundTransport(addresses=addresses_of)
    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        place = f"hooks.example.com:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(VendorError, check=caused_by(Cause.UNREACHABLE)):
            await client_of(transport, place).get(f"https://{place}/")
        await transport.close()
    # What did not connect is tried once more.
    assert len(hellos) == 2 * len(addresses)
    assert all(b"hooks.example.com" in hello for hello in hellos)
    assert set(asked) == {"hooks.example.com"}
