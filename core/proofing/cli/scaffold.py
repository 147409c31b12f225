"""`proofing new-vendor NAME`: writes a vendor plugin that installs, loads and passes its contract suite."""

import argparse
import re
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from string import Template

from proofing.cli import exits
from proofing.contracts.hooks import GROUP
from proofing.settings import Settings

_NAME = re.compile(r"(?=.{2,31}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")

_PYPROJECT = Template("""\
[build-system]
requires = ["hatchling>=1.27,<2"]
build-backend = "hatchling.build"

[project]
name = "proofing-$name"
version = "0.1.0"
description = "$title for Proofing"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["proofing"]

[project.optional-dependencies]
test = ["pytest", "pytest-asyncio"]

# The name on the left is the name in settings.yaml; on the right is the package to import.
[project.entry-points.proofing]
$name = "proofing_$name"

[tool.hatch.build.targets.wheel]
packages = ["proofing_$name"]

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
asyncio_mode = "auto"
asyncio_default_fixture_loop_scope = "function"
filterwarnings = ["error"]
""")

_README = Template("""\
# proofing-$name

$title as a vendor of Proofing. It offers the resolution proofer `$name:resolution`.

```
pip install -e '.[test]'
pytest
```

The tests pass unchanged, because vendor and answers are made up. To make it real: say in `resolution.py`
what the vendor is asked and what its answers mean, put answers that it really gave into `tests/`, list in
`__init__.py` the attributes of the applicant that it needs, and no others.

In settings.yaml, alongside the plugins that are there:

```yaml
default:
  plugins: [$name, huey, local, mock]
  resolution_vendor: $name:resolution
  $name:
    base_url: https://api.$host.example
```

The key, `$name.api_key`, belongs in the secret store; on your machine the variable
`PROOFING_${upper}__API_KEY` will do. `proofing check` says what is still missing, and
`proofing explain some-person` names the vendor and why.
""")

_INIT = Template('''\
"""$title: resolution proofing.

Settings, below ``$name:`` in settings.yaml:

* ``base_url``: scheme and host of the vendor's service.
* ``api_key``: secret; keep it in the secret store.
* ``timeout_seconds``: total time of one call, 5 by default.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proofing.plugin import (
    Maturity,
    PluginSettings,
    ProcessContext,
    ProoferDescriptor,
    ProoferKind,
    hookimpl,
)
from pydantic import Field, SecretStr

if TYPE_CHECKING:
    from proofing_$name.resolution import ${title}ResolutionProofer


class ${title}Settings(PluginSettings):
    """The section ``$name`` of settings.yaml."""

    api_key: SecretStr
    base_url: str = Field(pattern=r"^https://[a-z0-9.-]+(:\\d+)?$$")
    timeout_seconds: float = Field(default=5.0, gt=0)


def _make(settings: ${title}Settings, _process: ProcessContext) -> "${title}ResolutionProofer":
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

from typing import TYPE_CHECKING, Literal

from proofing.plugin import (
    Cause,
    Match,
    Outcome,
    ProofingContext,
    ProofingRequest,
    ResolutionResult,
    VendorError,
    VendorResponse,
)
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from proofing_$name import ${title}Settings

_NAME = "$name:resolution"
# Outcome.REVIEW, if $title can answer that it could not decide: neither a yes nor a no.
_OUTCOMES = {"match": Outcome.PASSED, "no_match": Outcome.FAILED}
_MATCHES = {"match": Match.MATCH, "mismatch": Match.MISMATCH, "unknown": Match.UNAVAILABLE}


class ${title}Answer(BaseModel):
    """What $title promises to answer; anything else is not an answer, and never a no."""

    model_config = ConfigDict(strict=True)

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$$")
    decision: Literal["match", "no_match"]
    checks: dict[
        Literal["first_name", "last_name", "dob", "ssn"], Literal["match", "mismatch", "unknown"]
    ] = Field(default_factory=dict)


class ${title}ResolutionProofer:
    """Asks $title whether the applicant is one real person."""

    def __init__(self, settings: "${title}Settings") -> None:
        """Keep the settings; there is nothing to open."""
        self._settings = settings

    async def proof(self, request: ProofingRequest, context: ProofingContext) -> ResolutionResult:
        """Ask once and read the answer strictly."""
        response = await context.http.post(
            f"{self._settings.base_url}/resolution",
            json_body=request.applicant.reveal(),
            headers={
                "authorization": f"Bearer {self._settings.api_key.get_secret_value()}",
                "idempotency-key": context.idempotency_key,
            },
        )
        answer = _read(response.require_success())
        return ResolutionResult(
            vendor_name=_NAME,
            outcome=_OUTCOMES[answer.decision],
            attributes={name: _MATCHES[said] for name, said in answer.checks.items()},
            transaction_id=answer.id,
        )


def _read(response: VendorResponse) -> ${title}Answer:
    """Return the answer. Raises `VendorError`, which holds nothing of the body."""
    try:
        return ${title}Answer.model_validate(response.json())
    except ValidationError:
        raise VendorError(Cause.NONSENSE, "the answer is not $title's", vendor_name=_NAME) from None
''')

_TEST = Template('''\
"""$title keeps the resolution contract."""

import httpx

from proofing.testing.vendors import ResolutionProoferContract


class Test${title}Resolution(ResolutionProoferContract):
    """The contract suite brings the cases; put recorded answers of $title here."""

    plugin = "proofing_$name"
    section = {"base_url": "https://api.$host.example", "api_key": "a-key"}

    def answer_yes(self, request: httpx.Request) -> httpx.Response:
        """Say that everything matches."""
        return httpx.Response(
            200, json={"id": "1", "decision": "match", "checks": {"dob": "match", "ssn": "match"}}
        )

    def answer_no(self, request: httpx.Request) -> httpx.Response:
        """Say that the SSN is another person's."""
        return httpx.Response(200, json={"id": "2", "decision": "no_match", "checks": {"ssn": "mismatch"}})
''')


def _refuse(rule: str) -> int:
    """Print what is wrong with the name, and return the exit code."""
    print(f"proofing new-vendor: name: {rule}", file=sys.stderr)
    return exits.USAGE


async def new_vendor(options: argparse.Namespace) -> int:
    """Write the skeleton; refuse to overwrite anything."""
    name: str = options.name
    if not _NAME.fullmatch(name):
        rule = "must be lower-case letters, digits and underscores, beginning with a letter"
        return _refuse(rule)
    if name in Settings.model_fields:
        return _refuse(f"{name} is a key of settings.yaml")
    if name in {entry.name for entry in entry_points(group=GROUP)} or find_spec(f"proofing_{name}"):
        return _refuse(f"a plugin {name}, or a package proofing_{name}, is installed already")
    folder = Path(options.directory) / f"proofing-{name}"
    if folder.exists():
        return _refuse(f"{folder} exists already")
    title = "".join(part.capitalize() for part in name.split("_"))
    package = folder / f"proofing_{name}"
    files = {
        folder / "pyproject.toml": _PYPROJECT,
        folder / "README.md": _README,
        package / "__init__.py": _INIT,
        package / "resolution.py": _ADAPTER,
        folder / "tests" / "test_resolution.py": _TEST,
    }
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        host = name.replace("_", "-")
        path.write_text(template.substitute(name=name, title=title, host=host, upper=name.upper()))
    (package / "py.typed").touch()
    print(f"Wrote {folder}. Its README.md says how to test it and how to switch it on.")
    return 0
