"""The hook reference has one section for each hook, under its exact signature; the roles are those in use."""

import ast
import inspect
import pkgutil
import re
from pathlib import Path

from proofing import bootstrap
from proofing.contracts import hooks

ROOT = Path(__file__).parents[2]
#: The functions that take a role, and its position; `configure` takes it by name alone.
ROLE_POSITIONS = {
    "configure": None,
    "make_backends": 1,
    "open_backends": 0,
    "opened": 1,
    "start": 1,
    "_started": 0,
}
TEXT = (ROOT / "docs" / "reference" / "hooks.md").read_text()


def signatures():
    """Return the signature of every hook, as its source writes it."""
    tree = ast.parse(Path(hooks.__file__).read_text())
    return [
        f"{node.name}({ast.unparse(node.args)}) -> {ast.unparse(node.returns)}"
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any("hookspec" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


def test_each_hook_has_its_section_in_order():
    """No hook without a section, no section without a hook, and every signature as it is."""
    assert re.findall(r"^## `(.+)`$", TEXT, re.MULTILINE) == signatures()
    assert len(signatures()) >= 7


def test_each_section_says_when_and_what_goes_wrong():
    """Each says when the hook is called, what nothing means, and what errors do."""
    for section in TEXT.split("\n## ")[1:]:
        assert "**Called**" in section
        assert "no implementation" in section
        assert "**Errors.**" in section


def test_the_suites_and_contracts_that_are_named_exist():
    """Every name below `proofing` can be found."""
    names = re.findall(r"`(proofing(?:\.\w+)+)", TEXT)
    assert len(names) > 10
    for name in names:
        pkgutil.resolve_name(name)


def test_the_roles_are_those_that_commands_pass():
    """`BackendContext` names every role that the command line passes, the default, and no other."""
    passed = {inspect.signature(bootstrap.configure).parameters["role"].default}
    for path in (ROOT / "core" / "proofing" / "cli").glob("*.py"):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: ast.unparse(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if called in ROLE_POSITIONS:
                given = [keyword.value for keyword in node.keywords if keyword.arg == "role"]
                if (position := ROLE_POSITIONS[called]) is not None:
                    given += node.args[position : position + 1]
                names = [ast.unparse(value) for value in given]
                found = {constants.get(name, name) for name in names} - {"role"}
                passed |= {ast.literal_eval(one) for one in found}
    manual = inspect.getdoc(hooks.BackendContext).partition("role: ")[2].partition("public_url: ")[0]
    assert set(re.findall(r"``([a-z-]+)``", manual)) == passed
