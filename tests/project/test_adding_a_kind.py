"""A new kind of job is few files: a copy of the sources gets one, and a job of it runs to its end.

CONTRIBUTING.md lists the files; `KIND` are their changes for an invented kind, the check of an email address.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCES = ("core", "plugins", "server")
MOST_FILES = 7

#: File to what is put in front of a line of it, by that line; or the whole text of a new file.
KIND: dict[str, dict[str, str] | str] = {
    "core/proofing/contracts/records.py": {
        "    #: Phone vendors, in order.\n": """\
    #: Email vendors, in order.
    EMAIL = "email"
""",
        "        JobKind.PHONE: KindNames(\n": """\
        JobKind.EMAIL: KindNames(
            log_name="ProofEmail",
            queue_name="high_email_proofing",
            person_limit="proof_email",
            client_limit="client_email",
            slots=7,
        ),
""",
    },
    "core/proofing/contracts/results.py": {
        "    #: Does this phone belong to the applicant?\n": """\
    #: Does this email address belong to the applicant?
    EMAIL = "email"
""",
        "@dataclass(frozen=True, slots=True, kw_only=True)\nclass DeviceResult(": '''\
@dataclass(frozen=True, slots=True, kw_only=True)
class EmailResult(VendorResult):
    """Whether the email address belongs to the applicant."""


''',
        "    ProoferKind.DEVICE: DeviceResult,\n": "    ProoferKind.EMAIL: EmailResult,\n",
    },
    "core/proofing/plugin/__init__.py": {
        "    PhoneResult,\n": "    EmailResult,\n",
        '    "Encryption': '    "EmailResult",\n',
    },
    "core/proofing/rules/email.py": '''\
"""Email: what a vendor's answer comes to."""

from proofing.contracts.results import Check, EmailResult, Outcome


def judge_email(check: Check[EmailResult]) -> tuple[Outcome, tuple[str, ...]]:
    """Return outcome and reasons."""
    if check.result is None:
        return Outcome.UNKNOWN, ()
    return check.result.outcome, check.result.reasons
''',
    "core/proofing/jobs/email.py": '''\
"""The email job: does the email address belong to the applicant?"""

from proofing.contracts.records import EndState
from proofing.contracts.proofers import ProofingRequest
from proofing.contracts.results import Check, Outcome, ProoferKind
from proofing.jobs.arguments import JobResult, PIIArguments
from proofing.jobs.asking import ask
from proofing.jobs.kinds import JobType, Tools
from proofing.jobs.run import JobRun
from proofing.rules.email import judge_email


async def proof_email(run: JobRun, arguments: PIIArguments, tools: Tools) -> JobResult:
    """Ask the first vendor that is not out."""
    request = ProofingRequest(applicant=arguments.applicant)
    check = (await ask(run, tools, ProoferKind.EMAIL, request, step="email")).check
    outcome, reasons = judge_email(check)
    end = EndState.VENDOR_EXCEPTION if outcome is Outcome.UNKNOWN else EndState.DONE
    return JobResult(end_state=end, outcome=outcome, reasons=reasons)


JOB = JobType(arguments=PIIArguments, work=proof_email, required=("email",))
''',
    "core/proofing/settings/schema.py": {
        "    client_phone_max_attempts:": """\
    client_email_max_attempts: Count = Field(30, description="Emails from one address in one hour.")
""",
        "    fips_required:": """\
    email_vendors: Names = Field(
        ("acme:email",), description="Email vendors, in order.", json_schema_extra=_LIVE
    )
""",
        "    proof_ssn_max_attempts:": """\
    proof_email_max_attempts: Count = Field(5, description="Emails a person may submit.")
    proof_email_window_minutes: Count = Field(360, description="Minutes until the count resets.")
""",
    },
    "docs/reference/settings.md": {
        "| `fips_required` |": '| `email_vendors` | `["acme:email"]` | yes | Email vendors, in order. |\n'
    },
}

#: A plugin from outside that answers the new question, by the public names only.
VENDOR = '''\
"""A vendor of email addresses."""

from proofing.plugin import EmailResult, Maturity, Outcome, ProoferDescriptor, ProoferKind, hookimpl


class Email:
    async def proof(self, request, context):
        is_known = request.applicant.email == "fakey@example.com"
        return EmailResult(
            vendor_name="acme:email",
            outcome=Outcome.PASSED if is_known else Outcome.FAILED,
            reasons=() if is_known else ("email_mismatch",),
        )


@hookimpl
def proofing_proofers():
    return [
        ProoferDescriptor(
            name="acme:email",
            kind=ProoferKind.EMAIL,
            make=lambda settings, process: Email(),
            attributes=frozenset({"email"}),
            maturity=Maturity.MOCK,
        )
    ]
'''

#: Two jobs of the kind through the real service, queue, and runner; prints what became of them.
PROGRAM = """\
import asyncio, json, sys
from pathlib import Path

from proofing import bootstrap
from proofing.app.service import PersonRef
from proofing.base.errors import InvalidInputError
from proofing.contracts.applicant import Applicant
from proofing.contracts.records import JobKind
from proofing.testing.memory_queue import MemoryQueue


async def main():
    queue = MemoryQueue()
    configuration = await bootstrap.configure(Path(sys.argv[1]), {"PROOFING_ENV": "test"})
    backends = bootstrap.make_backends(configuration, "run", queue=queue)
    async with bootstrap.start(configuration, "run", backends) as started:
        service, person = started.service, PersonRef(reference="person-1")
        found = {"slots": service.settings.worker_slots, "required": False, "ends": []}
        try:
            await service.submit_applicant(JobKind.EMAIL, person, Applicant())
        except InvalidInputError as error:
            found["required"] = error.fields
        for email in ("fakey@example.com", "other@example.com"):
            result_id = await service.submit_applicant(JobKind.EMAIL, person, Applicant(email=email))
            found["queue"] = queue.waiting[0].queue_name
            await queue.drain(started.runner)
            record = (await service.finished_job(person, result_id, JobKind.EMAIL)).record
            found["ends"].append([record.end_state, record.outcome, record.reasons])
        found["left"] = (await service.limit(person, "proof_email")).remaining
        found["explained"] = started.service.router.explain(JobKind.EMAIL, "x").vendor
        print(json.dumps(found))


asyncio.run(main())
"""


def add_kind(copy: Path) -> None:
    """Change the copy of the sources as `KIND` says."""
    for name, change in KIND.items():
        file = copy / name
        if isinstance(change, str):
            assert not file.exists(), name
            file.write_text(change)
            continue
        text = file.read_text()
        for line, added in change.items():
            assert line in text, f"{name} no longer has the line {line!r}"
            text = text.replace(line, added + line, 1)
        file.write_text(text)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Give a copy of the sources, with the kind and a vendor that is asked by it."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs" / "reference").mkdir(parents=True)
    shutil.copy(ROOT / "docs/reference/settings.md", tmp_path / "docs/reference/settings.md")
    add_kind(tmp_path)
    vendor = tmp_path / "vendor"
    info = vendor / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (vendor / "proofing_acme_email.py").write_text(VENDOR)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[proofing]\nacme = proofing_acme_email\n")
    (tmp_path / "settings.yaml").write_text(
        yaml.safe_dump(
            {
                "default": {
                    "plugins": ["acme", "huey", "local", "mock"],
                    "local": {"directory": str(tmp_path / "local")},
                    "huey": {"path": str(tmp_path / "local" / "huey.db")},
                    "log_directory": str(tmp_path / "log"),
                }
            }
        )
    )
    return tmp_path


def test_a_new_kind_of_job_is_few_files(copy: Path) -> None:
    """At most seven; its jobs wait in a queue of their own, run, count, and need their attribute."""
    assert len(KIND) <= MOST_FILES
    roots = [copy / "vendor", copy / "core", copy / "server", *(copy / "plugins").iterdir()]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROOFING_")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(copy / "settings.yaml")],
        env={**environment, "PYTHONPATH": os.pathsep.join(map(str, roots))},
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    output = json.loads(done.stdout.splitlines()[-1])
    assert output == {
        "slots": {"document": 100, "resolution": 100, "email": 7, "phone": 100, "code": 100},
        "required": {"email": "required"},
        "queue": "high_email_proofing",
        "ends": [["done", "passed", []], ["done", "failed", ["email_mismatch"]]],
        "left": 3,
        "explained": "acme:email",
    }
