"""Whether the cryptography of this process runs in FIPS mode; asked when `fips_required` is on.

Three things can bring an OpenSSL: Python itself (``ssl``, ``hashlib``, ``hmac``), the library cryptography
(AES-GCM, HKDF), and any other package with one in its wheel.
docs/explanation/fips.md has every primitive and its place.
"""

import ssl
from importlib.metadata import distributions

from proofing.base.errors import Problem

_KEY = "fips_required"
#: Not approved, so that an OpenSSL in FIPS mode does not offer it.
_NOT_APPROVED = "CHACHA20"


def fips_problems() -> list[Problem]:
    """Return everything that keeps this process from FIPS mode, and what to do about it."""
    rules = []
    if not is_python_in_fips_mode():
        rules.append(
            f"is on, but {ssl.OPENSSL_VERSION} of Python's ssl and hashlib does not run in FIPS mode: make a "
            "FIPS provider its default"
        )
    if not is_cryptography_in_fips_mode():
        rules.append(
            f"is on, but {_openssl_of_cryptography()} of the library cryptography does not run in FIPS mode: "
            "install it with --no-binary cryptography, so that it uses the system's OpenSSL"
        )
    if packages := packages_with_openssl():
        rules.append(
            f"is on, but these packages bring an OpenSSL of their own: {', '.join(packages)}; install builds "
            "that use the system's (of psycopg: psycopg[c])"
        )
    return [Problem("settings", _KEY, f"{rule}, or turn fips_required off") for rule in rules]


def is_python_in_fips_mode() -> bool:
    """Return whether the OpenSSL of Python offers approved algorithms only, for hashes and for TLS."""
    try:
        from _hashlib import get_fips_mode  # noqa: PLC0415 - what hashlib is made of; missing without OpenSSL
    except ImportError:
        return False
    ciphers = ssl.create_default_context().get_ciphers()
    return get_fips_mode() == 1 and not any(_NOT_APPROVED in cipher["name"] for cipher in ciphers)


def is_cryptography_in_fips_mode() -> bool:
    """Return whether the OpenSSL of the library cryptography offers approved algorithms only."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only asked where it is required
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415

    try:
        ChaCha20Poly1305(bytes(32))
    except UnsupportedAlgorithm:
        return True
    return False


def packages_with_openssl() -> list[str]:
    """Return the installed packages that bring a shared OpenSSL in their wheel."""
    return sorted(
        {
            distribution.name
            for distribution in distributions()
            if any(path.name.startswith("libcrypto") for path in distribution.files or ())
        }
    )


def _openssl_of_cryptography() -> str:
    from cryptography.hazmat.backends.openssl import backend  # noqa: PLC0415 - see above

    return backend.openssl_version_text()
