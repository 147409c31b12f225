"""The forward proxy: Squid with the file that Terraform writes lets through what it should, and nothing else.

What may be called and does not answer is let through: Squid then says 503, and not 403.
"""

import asyncio
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from proofing.testing.processes import free_port, start_process
from proofing.testing.waiting import eventually
from proofing_devtools.addresses import ALLOWED_ADDRESSES, REFUSED_ADDRESSES

TEMPLATE = Path(__file__).parents[2] / "terraform/templates/squid.conf.tftpl"
VENDOR = "api.acme.example"
DENIED, LET_THROUGH = "denied", "let through"
#: Where Squid asks for names; port 53 is that of a privileged user.
DNS = ("127.77.53.1", 53)
#: A name that leads to a public address at first, and then into this machine.
MOVING = "moving.example"
#: What a host of the proxy has besides, or has elsewhere.
_HERE = """
pid_filename none
cache_log {folder}/cache.log
coredump_dir {folder}
hosts_file {folder}/hosts
dns_nameservers 127.77.53.1
dns_timeout 1 seconds
connect_timeout 1 seconds
forward_timeout 2 seconds
shutdown_lifetime 0 seconds
pinger_enable off
unlinkd_program /bin/true
mime_table {folder}/mime.conf
error_directory {folder}
icon_directory {folder}
"""


@pytest.fixture(scope="module")
def names():
    """Names of endpoints, and to which address each leads."""
    return {
        f"e{number}.example": address
        for number, address in enumerate((*REFUSED_ADDRESSES, *ALLOWED_ADDRESSES))
    }


class Answers(asyncio.DatagramProtocol):
    """A name server whose owner changes its mind: no answer may be kept, and each is another one."""

    def __init__(self):
        self.asked = 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        question = data[12:]
        end = question.index(b"\0") + 5
        is_ours = question.startswith(b"\x06moving") and question[end - 4 : end - 2] == b"\0\x01"
        header = data[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if is_ours else b"\0\0") + bytes(4)
        record = b""
        if is_ours:
            self.asked += 1
            leads_to = "8.8.8.8" if self.asked == 1 else "127.0.0.1"
            record = b"\xc0\x0c\0\x01\0\x01" + bytes(4) + b"\0\x04" + socket.inet_aton(leads_to)
        self.transport.sendto(header + question[:end] + record, address)


@pytest.fixture(scope="module")
def proxy(prepared, evaluated, names):
    """Return the port of a Squid that runs; where none is installed the test is skipped."""
    program = shutil.which("squid", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get("REQUIRE_SQUID") == "1":
            pytest.fail("squid is not installed, and REQUIRE_SQUID is set")
        pytest.skip("squid is not installed: apt-get install squid")
    _folder, environment = prepared
    with tempfile.TemporaryDirectory(prefix="proofing-squid-") as name:
        folder = Path(name)
        # Started by root it works as another user.
        folder.chmod(0o777)
        port = free_port()
        lists = json.dumps(
            {
                "hosts": [VENDOR],
                "endpoints": [*names, "mute.example", MOVING, "only-443.example"],
                "endpoints_8443": [*names, "mute.example", "only-8443.example"],
            }
        )
        text = evaluated(f'templatefile("{TEMPLATE}", {lists})', folder, environment)
        (folder / "squid.conf").write_text(adapted(text, folder, port))
        lines = [f"{address} {name}" for name, address in names.items()]
        lines.append("8.8.8.8 only-443.example only-8443.example")
        (folder / "hosts").write_text("\n".join([*lines, f"127.0.0.1 {VENDOR} other.example"]) + "\n")
        (folder / "mime.conf").write_text("")
        # Whatever the umask is by now: products that run in the process of tests change it.
        for file in folder.iterdir():
            file.chmod(0o644)
        process = start_process([program, "-N", "-f", str(folder / "squid.conf")])
        yield port
        process.terminate()
        process.wait(20)


def adapted(text, folder, port):
    """Return the file that Terraform writes, for a Squid in *folder* that listens on *port*."""
    text = text.replace("http_port 3128", f"http_port 127.0.0.1:{port}")
    text = text.replace("stdio:/var/log/squid/access.log", "none")
    return text + _HERE.format(folder=folder)


async def connect(port, target, method="CONNECT"):
    """Return the status with which the proxy answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{method} {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


def outcome(status):
    """Return what the proxy's status means."""
    return DENIED if status == 403 else LET_THROUGH


async def is_up(port):
    """Return whether the proxy answers."""
    try:
        return outcome(await connect(port, "other.example:443")) == DENIED
    except (OSError, IndexError):
        return False


async def test_events_reach_public_addresses_alone(proxy, names):
    """Of every address of the reference: none of those that an endpoint may not have, each that it may."""
    await eventually(lambda: is_up(proxy))
    for port in (443, 8443):
        found = {address: outcome(await connect(proxy, f"{name}:{port}")) for name, address in names.items()}
        assert found == {
            **dict.fromkeys(REFUSED_ADDRESSES, DENIED),
            **dict.fromkeys(ALLOWED_ADDRESSES, LET_THROUGH),
            # To Squid it is 8.8.8.8.
            "::ffff:8.8.8.8": LET_THROUGH,
        }


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        (f"{VENDOR}:443", "CONNECT", LET_THROUGH),
        (f"{VENDOR}:8443", "CONNECT", DENIED),
        ("other.example:443", "CONNECT", DENIED),
        ("only-443.example:443", "CONNECT", LET_THROUGH),
        ("only-443.example:8443", "CONNECT", DENIED),
        ("only-8443.example:443", "CONNECT", DENIED),
        ("only-8443.example:8443", "CONNECT", LET_THROUGH),
        ("127.0.0.1:443", "CONNECT", DENIED),
        ("169.254.169.254:443", "CONNECT", DENIED),
        (f"http://{VENDOR}/", "GET", DENIED),
        ("http://169.254.169.254/latest/", "GET", DENIED),
    ],
)
async def test_everything_else_is_refused(proxy, target, method, status):
    """Vendors may be in a network of one's own, by name and on one port; an endpoint has its own ports."""
    await eventually(lambda: is_up(proxy))
    assert outcome(await connect(proxy, target, method)) == status


async def test_the_address_that_is_judged_is_the_one_that_is_called(proxy):
    """DNS is asked once, though its answer must not be kept: a second one is neither judged nor called."""
    await eventually(lambda: is_up(proxy))
    loop = asyncio.get_running_loop()
    try:
        transport, answers = await loop.create_datagram_endpoint(Answers, local_addr=DNS)
    except OSError:
        pytest.skip("port 53 cannot be opened here")
    try:
        found = [outcome(await connect(proxy, f"{MOVING}:443")) for _ in range(5)]
    finally:
        transport.close()
    assert found == [LET_THROUGH] * 5
    assert answers.asked == 1


async def test_an_endpoint_is_not_called_on_another_port_nor_without_tls(proxy, names):
    """A relying party's name is no way to other services."""
    await eventually(lambda: is_up(proxy))
    public = next(name for name, address in names.items() if address == "8.8.8.8")
    assert outcome(await connect(proxy, f"{public}:22")) == DENIED
    assert outcome(await connect(proxy, f"http://{public}/", "GET")) == DENIED
    # A name that nobody knows leads nowhere.
    assert outcome(await connect(proxy, "mute.example:443")) == DENIED
