"""Where the package of an installed plugin is, and where its tests are."""

from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from proofing.contracts.hooks import GROUP


class ProjectNotFoundError(Exception):
    """There is no such plugin, or it has no tests. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class Project:
    """A plugin as its author has it.

    Attributes:
        name: of the plugin.
        module: what its entry point names.
        package: the folder of that module.
        root: the folder of its pyproject.toml.
        tests: the folder or file of its tests.
    """

    name: str
    module: str
    package: Path
    root: Path
    tests: Path

    @classmethod
    def new(cls, name: str, root: Path) -> "Project":
        """Return the project that `proofing new-vendor` wrote into *root*, which is not installed yet."""
        module = f"proofing_{name}"
        return cls(name, module, root / module, root, root / "tests")


def find_project(name: str, tests: str | None = None) -> Project:
    """Return the project of the installed plugin *name*.

    Args:
        name: as in settings.yaml.
        tests: folder or file of its tests; None for ``tests`` next to its pyproject.toml, or what in there
            mirrors the package.

    Raises:
        ProjectNotFoundError: see there.
    """
    found = [entry.module for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise ProjectNotFoundError(
            f"no plugin {name} is installed; `pip install -e .` in its folder installs it"
        )
    module = found[0].partition(".")[0]
    spec = find_spec(module)
    if spec is None or spec.origin is None or Path(spec.origin).name != "__init__.py":
        raise ProjectNotFoundError(
            f"{module}, which the plugin {name} names, is not a package with an __init__.py"
        )
    package = Path(spec.origin).resolve().parent
    root = next((folder for folder in package.parents if (folder / "pyproject.toml").is_file()), None)
    if root is None:
        raise ProjectNotFoundError(
            f"no folder above {package} has a pyproject.toml; install it with `pip install -e .`"
        )
    where = _tests_of(package, root, name) if tests is None else Path(tests).resolve()
    if not where.exists():
        raise ProjectNotFoundError(f"{where} does not exist; --tests says where the tests are")
    return Project(name, module, package, root, where)


def _tests_of(package: Path, root: Path, name: str) -> Path:
    """Return the folder of tests that mirrors *package*, if there is one, or else that of all tests."""
    mirrored = root / "tests" / package.parent.relative_to(root) / name
    return mirrored if mirrored.is_dir() else root / "tests"
