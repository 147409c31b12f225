"""Host names are judged by what Python's resolver takes, and found in URLs of every kind."""

import socket

import pytest

from proofing.base.hosts import HOST_RULE, check_hosts, hosts_of, is_host

GOOD = ["a", "a.example", "a.example.", "127.0.0.1", "::1", "db_1", "münchen.example", "x" * 63 + ".example"]
BAD = ["", ".", "a..b", ".a", "a.b..", "x" * 64, ".".join(["x" * 63] * 4)]


@pytest.mark.parametrize("name", GOOD)
def test_names_and_addresses_are_taken(name):
    """Also absolute names, those of containers, and those with letters beyond ASCII."""
    assert is_host(name)


@pytest.mark.parametrize("name", BAD)
def test_names_that_cannot_exist_are_refused(name):
    """Empty and long parts, and names that are too long as a whole."""
    assert not is_host(name)


@pytest.mark.parametrize("name", ["a..b", ".a", "x" * 64])
def test_the_resolver_raises_no_error_of_the_network(name):
    """Why the form is judged before: nobody expects this error."""
    with pytest.raises(UnicodeError):
        socket.getaddrinfo(name, 80)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://a.example/b@c?d", ["a.example"]),
        ("http://user:p:w@a.example:80", ["a.example"]),
        ("http://user@x:p@a.example", ["a.example"]),
        ("rediss+sentinel://:p@one:1,two,[::1]:3/results/0", ["one", "two", "::1"]),
        ("https://a..b\\c", ["a..b"]),
        ("http://", [""]),
        ("/path", [""]),
    ],
)
def test_hosts_of_a_url(url, hosts):
    """Without user, password, port and path."""
    assert hosts_of(url) == hosts


def test_a_refused_host_is_not_shown():
    """A wrong URL may have its password where the host should be."""
    check_hosts(["", "a"])
    with pytest.raises(ValueError, match="two dots in a row") as caught:
        check_hosts(["a", "canary..secret"])
    assert str(caught.value) == HOST_RULE
