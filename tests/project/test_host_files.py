"""What a public code host reads: workflows, forms, and the small files for editors and hooks.

Nothing of it can run here: forms are held to the published schemas, and what is called must exist.
"""

import configparser
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from scripts import releasable

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = [
    path for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) if path.name != "config.yml"
]
#: Rights that a job may have beyond reading, by workflow and job.
MAY_WRITE = {("release", "publish"): {"id-token"}}


def jobs():
    """Yield workflow, name and content of every job."""
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            yield path.stem, name, job


def steps():
    """Return every step of every job."""
    return [step for _workflow, _name, job in jobs() for step in job["steps"]]


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [ROOT / ".github/ISSUE_TEMPLATE/config.yml"]),
        ("vendor.dependabot", [ROOT / ".github/dependabot.yml"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_files_keep_the_published_schema(schema, files):
    """Those that come with check-jsonschema."""
    assert files
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_rights_are_the_least():
    """Each workflow begins with no right but to read, and one job may do one thing more."""
    for path in WORKFLOWS:
        rights = yaml.safe_load(path.read_text())["permissions"]
        assert set(rights.values()) <= {"read"}, path.name
    for workflow, name, job in jobs():
        written = {right for right, level in job.get("permissions", {}).items() if level == "write"}
        assert written == MAY_WRITE.get((workflow, name), set()), f"{workflow}: {name}"


def test_no_secret_is_stored_and_no_credential_left_behind():
    """Publishing is trusted by who runs it; a checkout keeps no token for later steps."""
    for path in WORKFLOWS:
        assert "secrets." not in path.read_text()
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_actions_have_a_version():
    """A major version or a release branch, or better a commit; never a moving default."""
    used = {step["uses"] for step in steps() if "uses" in step}
    assert used
    assert not [name for name in used if not re.fullmatch(r"[\w./-]+@(v\d+|release/v\d+|[0-9a-f]{40})", name)]


def test_what_is_run_exists():
    """The targets are those of the Makefile, the scripts are there, and CI runs .ci/run."""
    text = "\n".join(str(step.get("run", "")) for step in steps())
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert targets == {"test-versions", "docs", "check"}
    assert all(re.search(rf"^{target}: ## ", makefile, re.MULTILINE) for target in targets)
    scripts = re.findall(r"(?<![\w/])(scripts/\w+\.py|\.ci/\w+)", text)
    assert ".ci/run" in scripts
    named = re.findall(r"\.ci/run (\w+)", text)
    assert named == ["coverage"]
    assert all((ROOT / script).exists() for script in [*scripts, *(f".ci/{name}" for name in named)])


def test_every_supported_python_is_in_the_matrix():
    """Classifiers, matrix and .ci/run name the same versions, and .ci/run the same targets."""
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["project"]["classifiers"]))
    matrices = {name: job["strategy"]["matrix"]["python"] for _w, name, job in jobs() if "strategy" in job}
    assert matrices["versions"] == versions
    assert matrices["everything"] == versions[-1:]
    minors = re.search(r"for minor in ([\d ]+);", (ROOT / ".ci/run").read_text())
    assert minors is not None
    assert [f"3.{minor}" for minor in minors[1].split()] == versions
    called = (ROOT / ".ci/steps").read_text()
    targets = ("coverage-versions", "test-versions", "docs", "check")
    assert all(re.search(rf"[ =]{target}[ \n]", called) for target in targets)


def test_hooks_before_a_commit_are_those_of_the_check():
    """They run what uv.lock installs, not versions of their own."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    assert repository["repo"] == "local"
    check = (ROOT / "scripts/dev.py").read_text()
    for hook in repository["hooks"]:
        program, *arguments = hook["entry"].split()
        assert hook["language"] == "system"
        assert program.startswith(".venv/bin/")
        name = Path(program).name
        assert f'"{name}"' in check
        assert all((ROOT / argument).exists() for argument in arguments if argument.endswith(".py"))


def test_editors_and_ruff_agree():
    """On the length of a line."""
    parser = configparser.ConfigParser()
    parser.read_string((ROOT / ".editorconfig").read_text().removeprefix("root = true\n"))
    assert int(parser["*"]["max_line_length"]) == PROJECT["tool"]["ruff"]["line-length"]
    assert parser["Makefile"]["indent_style"] == "tab"


CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0]\n"


def test_a_release_of_a_ready_tree():
    """Tag, version and changelog agree, and the home is known."""
    project = {"version": "1.2.0", "urls": {"Source": "https://code.example.com/proofing"}}
    assert releasable.find_problems("v1.2.0", project, CHANGELOG) == []


@pytest.mark.parametrize(
    ("tag", "url", "changelog", "word"),
    [
        ("v1.2.1", "https://code.example.com", CHANGELOG, "must agree"),
        ("1.2.0", "https://code.example.com", CHANGELOG, "must agree"),
        ("v1.2.0", "https://proofing.example.org/source", CHANGELOG, "placeholder"),
        ("v1.2.0", "https://code.example.com", "## [Unreleased]\n", "no section"),
    ],
)
def test_what_keeps_a_release_back(tag, url, changelog, word):
    """One thing at a time."""
    problems = releasable.find_problems(tag, {"version": "1.2.0", "urls": {"Source": url}}, changelog)
    assert [word in problem for problem in problems] == [True]


def test_placeholders_are_explained_where_they_are():
    """As long as there are some, a reader learns that they must be set."""
    text = (ROOT / "pyproject.toml").read_text()
    if "example.org" in "".join(PROJECT["project"]["urls"].values()):
        assert "set these before publishing" in text
        assert "example.org" in (ROOT / "CONTRIBUTING.md").read_text()
