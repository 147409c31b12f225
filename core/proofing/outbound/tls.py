"""TLS contexts of vendors: public or private authorities, with or without a client certificate."""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from proofing.base.errors import PluginError
from proofing.contracts.plugin_settings import TLSSettings

_PEM_MARK = "-----BEGIN "


def make_ssl_context(
    tls: TLSSettings | None, public: Callable[[], ssl.SSLContext] = ssl.create_default_context
) -> ssl.SSLContext:
    """Return a context for connections to a vendor.

    Args:
        tls: None for the public authorities and no client certificate. Private authorities replace the
        public.
        public: makes a context that trusts the public authorities.

    Raises:
        PluginError: a file cannot be read, or what it holds does not fit; names the setting, never the value.
    """
    if tls is None:
        return public()
    try:
        context = (
            public() if tls.ca is None else ssl.create_default_context(cadata=_pem(tls.ca).decode("ascii"))
        )
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise PluginError("tls.ca must be a file, or PEM text, with certificates of authorities") from None
    if tls.certificate is not None and tls.key is not None:
        password = tls.key_password.get_secret_value() if tls.key_password else ""
        try:
            with _handed(_pem(tls.certificate)) as chain, _handed(_pem(tls.key.get_secret_value())) as key:
                context.load_cert_chain(chain, key, password=password)
        except (OSError, ValueError):
            rule = "tls.certificate and tls.key must be files, or PEM text, that belong together"
            raise PluginError(rule) from None
    return context


def check_tls(tls: TLSSettings | None) -> None:
    """Raise what `make_ssl_context` would; without the public authorities, which take 40 ms to load."""
    make_ssl_context(tls, partial(ssl.SSLContext, ssl.PROTOCOL_TLS_CLIENT))


def _pem(value: str) -> bytes:
    return value.encode("ascii") if value.startswith(_PEM_MARK) else Path(value).read_bytes()


@contextlib.contextmanager
def _handed(pem: bytes) -> Iterator[str]:
    """Give a path for *pem*, because OpenSSL reads files only; the file has no name in any folder."""
    if hasattr(os, "memfd_create"):
        file = os.fdopen(os.memfd_create("pem"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    with file:
        file.write(pem)
        file.flush()
        file.seek(0)
        yield f"/dev/fd/{file.fileno()}"
