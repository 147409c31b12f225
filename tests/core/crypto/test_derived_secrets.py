"""The secrets that plugins get are derived from the application's key."""

from proofing.crypto.derived_secrets import secret_reader


def test_derived_secrets_differ_by_label_user_and_key():
    """Each label has bytes of its own, the same each time."""
    read = secret_reader(lambda: b"\x01" * 32, "backend")
    assert read("a") == read("a") != read("b")
    assert secret_reader(lambda: b"\x01" * 32, "proofer/acme")("a") != read("a")
    assert len(read("a")) == 32
    assert secret_reader(lambda: b"\x02" * 32, "backend")("a") != read("a")
