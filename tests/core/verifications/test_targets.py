"""Every case of the target guard: what a URL may be, what a host may resolve to."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proofing.verifications.targets import SystemResolver, Target, TargetGuard, is_public, parse_target


def test_urls_that_are_refused(refused_url):
    """All of the reference; the message never holds the URL, which may hold a password."""
    with pytest.raises(ValueError, match="must") as caught:
        parse_target(refused_url)
    assert refused_url not in str(caught.value)


def test_the_reference_is_whole(support):
    """None of its cases was lost."""
    assert (len(support.REFUSED_URLS), len(support.REFUSED_ADDRESSES)) == (28, 25)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "https:///path",
        "https://.",
        "https://example..com",
        "https://-a.example.com",
        "https://a_b.example.com",
        "https://example.com:0",
        "https://example.com:",
        "https://example.com:443:443",
        "https://example.com:99999",
        "https://example.com:0443",
        "https://example.com:\uff14\uff14\uff13",
        "https://xn--0.com",
        "https://router.home.arpa",
        "https://abc.onion",
        "https://example.test",
        "https://host.localdomain",
        "https://\u4f8b\u3048.jp/\u4f8b",
        "https://example.com/ a",
        "https://example.com/\x00",
        "https://127.0.0.1\\.example.com",
        f"https://{'a' * 64}.com",
        f"https://{'a.' * 126}com",
        f"https://example.com/{'a' * 2048}",
        "//example.com",
        "HTTPS://example.com\n",
    ],
)
def test_further_urls_that_are_refused(url):
    """Ports, labels, reserved names, lengths, paths."""
    with pytest.raises(ValueError, match="must"):
        parse_target(url)


@pytest.mark.parametrize(
    ("url", "called", "host"),
    [
        ("https://EXAMPLE.com.", "https://example.com/", "example.com"),
        ("https://example.com:8443", "https://example.com:8443/", "example.com"),
        ("https://\u4f8b\u3048.jp", "https://xn--r8jz45g.jp/", "xn--r8jz45g.jp"),
        ("https://1.example.com", "https://1.example.com/", "1.example.com"),
        ("https://example.com:443/hook?a=b@c", "https://example.com/hook?a=b@c", "example.com"),
        ("https://example.com?a=1", "https://example.com/?a=1", "example.com"),
    ],
)
def test_urls_that_are_allowed(url, called, host):
    """And how they are called."""
    assert parse_target(url) == Target(url=called, host=host)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:9000/hook", "http://127.0.0.1:9000/hook", "https://[::1]:9000/hook"],
)
def test_this_machine_is_a_target_where_it_is_allowed(url):
    """In development and test alone."""
    assert parse_target(url, allows_loopback=True) == Target(
        url=url, host=url.partition("://")[2].rpartition(":")[0].strip("[]"), is_loopback=True
    )
    with pytest.raises(ValueError, match="must"):
        parse_target(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2:9000", "http://10.0.0.1", "http://example.com", "http://localhost.", "http://0"]
)
def test_loopback_allows_nothing_else(url):
    """Neither other addresses nor http."""
    with pytest.raises(ValueError, match="must"):
        parse_target(url, allows_loopback=True)


def test_addresses_that_are_refused(refused_address):
    """All of the reference, whatever the version of Python says of them."""
    assert not is_public(refused_address)


@pytest.mark.parametrize("address", ["192.0.0.9", "192.175.48.6", "fe80::1%eth0", "", "x"])
def test_further_addresses_that_are_refused(address):
    """Exceptions of Python's, and what is no address."""
    assert not is_public(address)


def test_addresses_that_are_allowed(support):
    """Neighbors of private networks, too."""
    assert all(map(is_public, support.ALLOWED_ADDRESSES))


OLDEST = shutil.which("python3.11")


@pytest.mark.skipif(
    OLDEST is None or sys.version_info < (3, 12), reason="needs a Python 3.11 besides this one"
)
def test_an_older_python_judges_the_same(support):
    """Its `is_global` passes eleven of the addresses; ours may not depend on it."""
    source = Path(sys.modules[is_public.__module__].__file__ or "").read_text()
    # The judgment alone: an older Python has none of our libraries.
    kept = source[source.index("_PUBLIC_IPV6") : source.index("#: `getaddrinfo`")]
    kept += source[source.index("def is_public") : source.index("class SystemResolver")]
    code = f"import ipaddress\nfrom typing import Final\n{kept}\n"
    code += f"print([is_public(a) for a in {[*support.REFUSED_ADDRESSES, *support.ALLOWED_ADDRESSES]!r}])"
    run = subprocess.run([OLDEST, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str([False] * 25 + [True] * 4)


def answering(*answers: str):
    """Return a resolver with these addresses."""

    async def resolve(host: str):
        return answers

    return resolve


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (("8.8.8.8",), None),
        (("8.8.8.8", "2606:4700:4700::1111"), None),
        (("8.8.8.8", "10.0.0.1"), "private_address"),
        (("8.8.8.8", "::1"), "private_address"),
        (("127.0.0.1",), "private_address"),
        ((), "no_address"),
    ],
)
async def test_one_bad_answer_refuses_the_host(answers, code):
    """A public A with a private one or with an AAAA of this machine; a CNAME or 127.0.0.1.nip.io; none."""
    guard = TargetGuard(answering(*answers))
    assert await guard.check(parse_target("https://example.com")) == code
    assert guard.addresses("example.com") == (answers if code is None else ())


async def test_a_name_that_changes_its_mind_gains_nothing():
    """Rebinding: connections go to what was checked; and once bad is checked, nowhere."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]

    async def resolve(host: str):
        return answers.pop(0)

    guard, target = TargetGuard(resolve), parse_target("https://example.com")
    assert await guard.check(target) is None
    assert guard.addresses("example.com") == ("8.8.8.8",)
    assert await guard.check(target) == "private_address"
    assert guard.addresses("example.com") == ()


async def test_endpoints_of_one_host_do_not_disturb_each_other():
    """While one resolves the host again, another connects to what was checked before."""
    asked, answer = asyncio.Event(), asyncio.Event()
    answers = [["8.8.8.8"], ["8.8.4.4"]]

    async def resolve(host: str):
        found = answers.pop(0)
        if not answers:
            asked.set()
            await answer.wait()
        return found

    guard, target = TargetGuard(resolve), parse_target("https://example.com/one")
    assert await guard.check(target) is None
    again = asyncio.create_task(guard.check(parse_target("https://example.com/two")))
    await asked.wait()
    assert guard.addresses("example.com") == ("8.8.8.8",)
    answer.set()
    assert await again is None
    assert guard.addresses("example.com") == ("8.8.4.4",)


@pytest.mark.parametrize("error", [OSError, TimeoutError, UnicodeError])
async def test_no_answer_may_be_tried_again(error):
    """A name server that is down says nothing about the host."""

    async def resolve(host: str):
        raise error

    assert await TargetGuard(resolve).check(parse_target("https://example.com")) == "no_address"


async def test_this_machine_is_not_resolved():
    """Where settings may name it, a name server cannot move it."""

    async def resolve(host: str):
        raise AssertionError

    guard = TargetGuard(resolve)
    assert await guard.check(parse_target("http://localhost:9000", allows_loopback=True)) is None
    assert guard.addresses("localhost") == ("127.0.0.1", "::1")
    assert guard.addresses("other.example.com") == ()


async def test_the_resolver_of_this_machine_answers():
    """In a thread."""
    resolver = SystemResolver()
    try:
        assert "127.0.0.1" in await resolver("localhost")
    finally:
        resolver.close()
