"""Read the schema of the AWS provider from the published bindings of CDK for Terraform.

The provider itself, 700 MB, is not needed: the wheel of the bindings names every argument, block and result
of every resource. What it does not have are the values that an argument allows.
"""

import io
import json
import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

#: An argument or block in a function or method that writes HCL.
_ARGUMENT = re.compile(
    r"\b(\w+): \{\n +value: ([^\n]+),\n +isBlock: (true|false),\n +type: \"(\w+)\","
    r"\n +storageClassType: \"(\w+)\""
)
_FUNCTION = re.compile(r"\nfunction (\w+)ToHclTerraform\(struct\) \{(.*?)\n\}", re.DOTALL)
_RESULT = re.compile(r"this\.get(\w+)Attribute\('(\w+)'\)")
_COMPLEX_RESULT = re.compile(
    r"// (\w+) - computed: true, optional: false, required: false\s+this\._\w+ = new (\w+)List\(this, \"\w+\""
)
_TYPES: dict[str, Any] = {
    "string": "string",
    "number": "number",
    "boolean": "bool",
    "any": "dynamic",
    "stringList": ["list", "string"],
    "numberList": ["list", "number"],
    "stringMap": ["map", "string"],
    "numberMap": ["map", "number"],
    "booleanMap": ["map", "bool"],
    "stringListMap": ["map", ["list", "string"]],
}
_RESULT_TYPES: dict[str, Any] = {
    "String": "string",
    "Number": "number",
    "Boolean": "bool",
    "List": ["list", "string"],
    "NumberList": ["list", "number"],
    "StringMap": ["map", "string"],
    "NumberMap": ["map", "number"],
    "BooleanMap": ["map", "bool"],
    "AnyMap": ["map", "string"],
}


def read_schema(wheel: Path, names: Iterable[str]) -> dict[str, Any]:
    """Return the schema of the provider and of each of *names* that it has.

    Args:
        wheel: of cdktf-cdktf-provider-aws.
        names: ``resource aws_vpc`` or ``data aws_region``.

    Returns:
        For each name, and for ``provider``, a block: ``attributes`` (name to ``{type, required, computed}``),
        ``blocks`` (name to ``{nesting, required, single, block}``).
    """
    folders = {"provider": "provider"}
    for name in names:
        kind, _, type_name = name.partition(" ")
        folder = type_name.removeprefix("aws_").replace("_", "-")
        folders[f"data-aws-{folder}" if kind == "data" else folder] = name
    sources = _sources(wheel, folders.keys())
    return {folders[folder]: _Module(*texts).resource() for folder, texts in sources.items()}


def _sources(wheel: Path, folders: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return JavaScript and declarations of each folder that exists."""
    wanted = set(folders)
    texts: dict[str, list[str]] = {}
    with zipfile.ZipFile(wheel) as archive:
        (inner,) = (name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(archive.read(inner)), mode="r:gz") as members:
            for member in members:
                parts = member.name.split("/")
                if (
                    parts[:2] == ["package", "lib"]
                    and parts[2] in wanted
                    and parts[-1].endswith((".js", ".d.ts"))
                ):
                    content = members.extractfile(member)
                    pair = texts.setdefault(parts[2], ["", ""])
                    pair[parts[-1].endswith(".d.ts")] += content.read().decode() if content else ""
    return {folder: (pair[0], pair[1]) for folder, pair in texts.items()}


class _Module:
    """One resource: its JavaScript has the arguments, its declarations what is required."""

    def __init__(self, script: str, declarations: str) -> None:
        # The source map is one word of half a megabyte.
        script = script.replace("\n//# sourceMappingURL=", "\0").partition("\0")[0]
        self._script = script
        self._functions = {found[1]: found[2] for found in _FUNCTION.finditer(script)}
        self._interfaces = {
            found[1].lower(): set(re.findall(r"^    readonly (\w+):", found[2], re.MULTILINE))
            for found in re.finditer(
                r"^export interface (\w+)[^{]*\{(.*?)^\}", declarations, re.MULTILINE | re.DOTALL
            )
        }
        kind = r"^class (\w+) extends cdktf\.Terraform(?:Resource|DataSource|Provider) "
        (main,) = re.finditer(kind, script, re.MULTILINE)
        self._name = main[1]
        self._class = script[main.start() :]

    def resource(self) -> dict[str, Any]:
        """Return the block of the resource itself."""
        body = self._class.partition("synthesizeHclAttributes() {")[2]
        block = self._block(body, f"{self._name}Config")
        for kind, name in _RESULT.findall(self._class):
            block["attributes"].setdefault(name, {"type": _RESULT_TYPES[kind], "computed": True})
        for name, list_class in _COMPLEX_RESULT.findall(self._class):
            block["attributes"].setdefault(
                name, {"type": ["list", self._object(list_class)], "computed": True}
            )
        if "id" in block["attributes"]:
            block["attributes"]["id"] = {"type": "string", "optional": True, "computed": True}
        return block

    def _block(self, body: str, interface: str) -> dict[str, Any]:
        """Return arguments and nested blocks that *body* writes."""
        required = self._interfaces.get(interface.lower(), set())
        block: dict[str, Any] = {"attributes": {}, "blocks": {}}
        for name, value, is_block, kind, storage in _ARGUMENT.findall(body):
            is_required = _property(name) in required
            if is_block == "false":
                # Lists and sets of texts share a class.
                form = ["set", _TYPES[storage][1]] if kind == "set" else _TYPES[storage]
                block["attributes"][name] = {
                    "type": form,
                    "required": is_required,
                    "optional": not is_required,
                }
                continue
            (inner,) = re.findall(r"\b(\w+)ToHclTerraform\b", value)
            block["blocks"][name] = {
                "nesting": {"struct": "single"}.get(kind, kind),
                "required": is_required,
                "single": "listMapper" not in value,
                "block": self._block(self._functions[inner], inner),
            }
        return block

    def _object(self, list_class: str) -> list[Any]:
        """Return the type of one entry of a result that is a list of objects."""
        start = self._script.partition(f"class {list_class}OutputReference ")[2]
        body = start.partition("\nclass ")[0]
        return ["object", {name: _RESULT_TYPES[kind] for kind, name in _RESULT.findall(body)}]


def _property(name: str) -> str:
    """Return the name of an argument as the bindings spell it."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def write_schema(wheel: Path, names: Iterable[str], path: Path) -> None:
    """Write `read_schema` as JSON."""
    path.write_text(json.dumps(read_schema(wheel, names)))
