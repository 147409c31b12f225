"""Return whether this tree may be released under a tag, for .github/workflows/release.yml.

python scripts/releasable.py vVERSION
"""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str]) -> int:
    """Print everything that is in the way."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (tag,) = arguments
    problems = find_problems(tag, project, (ROOT / "CHANGELOG.md").read_text())
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


def find_problems(tag: str, project: Mapping[str, Any], changelog: str) -> list[str]:
    """Return one sentence for each thing that must be put right first."""
    version = project["version"]
    problems = []
    if tag != f"v{version}":
        problems.append(f"The tag is {tag}, and pyproject.toml has the version {version}: they must agree.")
    if f"\n## [{version}]" not in changelog:
        problems.append(f"CHANGELOG.md has no section [{version}]: move what is unreleased below it.")
    problems += [
        f"The URL {name} in pyproject.toml is a placeholder: set the project's home."
        for name, url in project["urls"].items()
        if "example.org" in url
    ]
    return problems


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
