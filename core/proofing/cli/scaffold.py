"""`proofing new-vendor NAME`: writes a vendor plugin that installs, loads and passes its contract suite."""

import argparse
import re
from pathlib import Path
from string import Template

from proofing.errors import ConfigurationError, Problem

_NAME = re.compile(r"[a-z][a-z0-9_]{1,30}")

_PYPROJECT = Template("""\
[build-system]
requires = ["hatchling>=1.27,<2"]
build-backend = "hatchling.build"

[project]
name = "proofing-$name"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["proofing"]

[project.entry-points.proofing]
$name = "proofing_$name"

[tool.hatch.build.targets.wheel]
packages = ["proofing_$name"]
""")

_INIT = Template('''\
"""$title: resolution proofing.

Settings, below ``$name:`` in settings.yaml:

* ``base_url``: of the vendor's service.
* ``api_key``: secret; keep it in the secret store.
* ``timeout_seconds``: total time of one call, 5 by default.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from proofing.hookspecs import PluginSettings, hookimpl
from proofing.vendors import Maturity, ProoferDescriptor, ProoferKind
from pydantic import SecretStr, field_validator


class ${title}Settings(PluginSettings):
    """The section ``$name`` of settings.yaml."""

    base_url: str
    api_key: SecretStr
    timeout_seconds: float = 5.0

    @field_validator("api_key", mode="before")
    @classmethod
    def _secret(cls, value: object) -> object:
        """Take the text of the file as a secret."""
        return SecretStr(value) if isinstance(value, str) else value


def _make(settings: ${title}Settings) -> object:
    """Import the adapter when it is first needed."""
    from proofing_$name.resolution import ${title}ResolutionProofer

    return ${title}ResolutionProofer(settings)


@hookimpl
def proofing_settings() -> type[PluginSettings]:
    """Return the schema of our section."""
    return ${title}Settings


@hookimpl
def proofing_proofers() -> Sequence[ProoferDescriptor]:
    """Offer the resolution proofer."""
    return [
        ProoferDescriptor(
            name="$name:resolution",
            kind=ProoferKind.RESOLUTION,
            make=_make,
            attributes=frozenset({"first_name", "last_name", "dob", "ssn"}),
            hosts=lambda settings: frozenset({urlsplit(settings.base_url).netloc}),
            timeout_seconds=lambda settings: settings.timeout_seconds,
            maturity=Maturity.DOCUMENTED,
        )
    ]
''')

_ADAPTER = Template('''\
"""Translates one resolution question to $title and its answer back."""

from proofing.results import Match, Outcome, ResolutionResult
from proofing.vendors import ProofingContext, ProofingRequest

_MATCHES = {"match": Match.MATCH, "mismatch": Match.MISMATCH, "unknown": Match.UNAVAILABLE}


class ${title}ResolutionProofer:
    """Asks $title whether the applicant is one real person."""

    def __init__(self, settings) -> None:
        """Keep the settings; there is nothing to open."""
        self._settings = settings

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:
        """Ask once and read the answer strictly: success is the literal true, nothing else."""
        response = await context.http.post(
            f"{self._settings.base_url}/resolution",
            json_body=request.applicant.reveal(),
            headers={
                "authorization": f"Bearer {self._settings.api_key.get_secret_value()}",
                "idempotency-key": context.idempotency_key,
            },
        )
        answer = response.require_success().json()
        checks = answer.get("checks") if isinstance(answer, dict) else None
        verified = isinstance(answer, dict) and answer.get("verified") is True
        return ResolutionResult(
            vendor_name="$name:resolution",
            outcome=Outcome.PASSED if verified else Outcome.FAILED,
            attributes={
                field: _MATCHES.get(word, Match.UNAVAILABLE)
                for field, word in (checks.items() if isinstance(checks, dict) else ())
                if isinstance(word, str)
            },
            transaction_id=answer.get("id") if isinstance(answer, dict) else None,
        )
''')


async def new_vendor(options: argparse.Namespace) -> int:
    """Write the skeleton; refuse to overwrite anything."""
    name: str = options.name
    if not _NAME.fullmatch(name):
        rule = "must be lower-case letters, digits and underscores, beginning with a letter"
        raise ConfigurationError([Problem("command line", "name", rule)])
    folder = Path(options.directory) / f"proofing-{name}"
    if folder.exists():
        raise ConfigurationError([Problem("command line", "name", f"{folder} exists already")])
    title = "".join(part.capitalize() for part in name.split("_"))
    package = folder / f"proofing_{name}"
    files = {
        folder / "pyproject.toml": _PYPROJECT,
        package / "__init__.py": _INIT,
        package / "resolution.py": _ADAPTER,
    }
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template.substitute(name=name, title=title))
    (package / "py.typed").touch()
    print(f"Wrote {folder}. Next: pip install -e {folder}, and add {name} to plugins in settings.yaml.")
    return 0
