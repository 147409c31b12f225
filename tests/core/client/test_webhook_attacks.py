"""10,000 webhooks against the client: nothing forged is taken, nothing genuine is refused."""

import time
from collections import Counter

import pytest

from proofing.client.webhooks import WebhookVerificationError, WebhookVerifier
from proofing_devtools.webhook_attacks import Attacks, new_keys


@pytest.mark.parametrize("kind", ["secret", "public", "both"])
def test_nothing_is_taken_wrongly(kind):
    """By the secret, by the public key, or by both."""
    keys, now = new_keys(), int(time.time())
    texts = {"secret": [keys.secret], "public": [keys.public], "both": [keys.secret, keys.public]}[kind]
    verifier = WebhookVerifier(texts, now=lambda: now)
    taken: Counter[tuple[str, bool]] = Counter()
    for case in Attacks(keys, now=now).stream(10_000):
        try:
            verifier.verify(case.headers, case.body)
        except WebhookVerificationError:
            taken[case.kind, False] += 1
            assert not case.is_genuine, case.kind
        else:
            taken[case.kind, True] += 1
            assert case.is_genuine, case.kind
    assert sum(taken.values()) == 10_000
    assert len(taken) == 16
    assert min(taken.values()) > 300
