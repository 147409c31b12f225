"""Kinds of trouble are told apart through whatever a client library wraps around the system's error."""

import errno
import socket
import ssl

import pytest

from proofing.base.errors import (
    ConfigurationError,
    EncryptionError,
    PluginError,
    QueueUnavailableError,
    StoreUnavailableError,
    Trouble,
)
from proofing.base.troubles import WORDS, trouble_of, trouble_of_postgres


def wrapped(error, *, hidden=False):
    """Return *error* as libraries pass it on: inside two of their own, with the texts alone."""
    try:
        try:
            raise error
        except Exception as inner:
            if hidden:
                raise RuntimeError("library") from None
            raise RuntimeError("library") from inner
    except RuntimeError as middle:
        try:
            raise KeyError("facade") from middle
        except KeyError as outer:
            return outer


SYSTEM = [
    (socket.gaierror(-2, "Name or service not known"), Trouble.UNKNOWN_HOST),
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Trouble.CONNECTION_REFUSED),
    (OSError(errno.EHOSTUNREACH, "no route"), Trouble.UNREACHABLE),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Trouble.UNREACHABLE),
    (OSError(errno.ETIMEDOUT, "timed out"), Trouble.TIMEOUT),
    (TimeoutError(), Trouble.TIMEOUT),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), Trouble.TLS),
    (PermissionError(errno.EACCES, "denied"), Trouble.PERMISSION),
    # What asyncio raises for a name with two addresses.
    (
        OSError("Multiple exceptions: [Errno 111] Connect call failed, [Errno 101] Network is unreachable"),
        Trouble.CONNECTION_REFUSED,
    ),
    (ValueError("?"), Trouble.UNAVAILABLE),
]


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(("error", "trouble"), SYSTEM, ids=lambda value: str(value)[:40])
def test_the_system_s_errors_are_found_inside_others(error, trouble, hidden):
    """Also where a library hides them with ``from None``, and inside groups."""
    assert trouble_of(wrapped(error, hidden=hidden)) is trouble
    assert trouble_of(ExceptionGroup("several", [ValueError(), wrapped(error)])) is trouble


def test_a_chain_that_leads_back_to_itself_ends():
    """Some libraries raise one error again and again."""
    first, second = KeyError(), ValueError()
    first.__context__, second.__context__ = second, first
    assert trouble_of(first) is Trouble.UNAVAILABLE


def test_our_own_errors_know_their_trouble():
    """Each as it was raised; settings and plugins are kinds of their own."""
    for kind in (StoreUnavailableError, QueueUnavailableError):
        assert trouble_of(kind("x", trouble=Trouble.TLS)) is Trouble.TLS
        assert trouble_of(kind("x")) is Trouble.UNAVAILABLE
    assert trouble_of(ConfigurationError([])) is Trouble.CONFIGURATION
    assert trouble_of(PluginError("x")) is Trouble.PLUGIN
    assert trouble_of(EncryptionError()) is Trouble.UNAVAILABLE


def test_every_trouble_of_a_connection_has_words():
    """So that no message ends in a bare code."""
    assert set(WORDS) == set(Trouble) - {Trouble.CONFIGURATION, Trouble.PLUGIN}


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        ('FATAL:  password authentication failed for user "timeout"', Trouble.CREDENTIALS),
        ('FATAL:  role "no such database" does not exist', Trouble.CREDENTIALS),
        ('FATAL:  database "SSL" does not exist', Trouble.NOT_FOUND),
        ("fe_sendauth: no password supplied", Trouble.CREDENTIALS),
        ('no pg_hba.conf entry for host "10.0.0.1", user "x", database "y", SSL off', Trouble.CREDENTIALS),
        ("server does not support SSL, but SSL was required", Trouble.TLS),
        ("SSL error: certificate verify failed", Trouble.TLS),
        ("[Errno -2] Name or service not known", Trouble.UNKNOWN_HOST),
        ("Connection refused\n\tIs the server running on that host", Trouble.CONNECTION_REFUSED),
        ("connection timeout expired", Trouble.TIMEOUT),
        ("FATAL:  sorry, too many clients already", Trouble.UNAVAILABLE),
        ("FATAL:  the database system is starting up", Trouble.UNAVAILABLE),
        ("session is read-only", Trouble.UNAVAILABLE),
        ("server closed the connection unexpectedly", Trouble.UNREACHABLE),
    ],
)
def test_what_libpq_says_while_connecting(text, trouble):
    """Names that the server repeats do not mislead."""

    class OperationalError(Exception):
        sqlstate = None

    assert trouble_of_postgres(OperationalError(text)) is trouble
