"""A stand-in for the AWS provider that knows its schema and does nothing: for `validate` and mocked tests.

Run by Terraform, in an environment that has the package `tf`; PROOFING_TERRAFORM_SCHEMA names the schema that
scripts/terraform/schema.py wrote. It creates nothing: whatever would reach it is answered with an error.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import tf.provider
import tf.runner
from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

_NESTING = {
    "list": pb.Schema.NestedBlock.NestingMode.LIST,
    "set": pb.Schema.NestedBlock.NestingMode.SET,
    "single": pb.Schema.NestedBlock.NestingMode.SINGLE,
}


class Servicer(rpc.ProviderServicer):  # type: ignore[misc]  # not installed here
    """Answers what `validate` and a mocked plan ask."""

    def __init__(self, _: object) -> None:
        self._schema = json.loads(Path(os.environ["PROOFING_TERRAFORM_SCHEMA"]).read_text())

    def GetProviderSchema(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's names
        """Return the whole schema."""
        by_kind: dict[str, dict[str, Any]] = {"resource": {}, "data": {}}
        for name, block in self._schema.items():
            kind, _, type_name = name.partition(" ")
            if type_name:
                by_kind[kind][type_name] = pb.Schema(version=0, block=_block(block))
        return pb.GetProviderSchema.Response(
            provider=pb.Schema(version=0, block=_block(self._schema["provider"])),
            resource_schemas=by_kind["resource"],
            data_source_schemas=by_kind["data"],
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """Accept what fits the schema, which Terraform compares itself."""
        return pb.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """Accept what fits the schema."""
        return pb.ValidateResourceConfig.Response()

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """Accept what fits the schema."""
        return pb.ValidateDataResourceConfig.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        """Have nothing to stop."""
        return pb.StopProvider.Response()


def _block(block: dict[str, Any]) -> Any:
    """Return *block* in the protocol's form."""
    return pb.Schema.Block(
        attributes=[
            pb.Schema.Attribute(
                name=name,
                type=json.dumps(one["type"]).encode(),
                required=one.get("required", False),
                optional=one.get("optional", False),
                computed=one.get("computed", False),
            )
            for name, one in block["attributes"].items()
        ],
        block_types=[
            pb.Schema.NestedBlock(
                type_name=name,
                nesting=_NESTING[one["nesting"]],
                min_items=int(one["required"]) if one["nesting"] != "single" else 0,
                max_items=int(one["single"]) if one["nesting"] != "single" else 0,
                block=_block(one["block"]),
            )
            for name, one in block["blocks"].items()
        ],
    )


class _Provider:
    """What the runner asks for alongside the servicer."""

    def full_name(self) -> str:
        """Return the address of the provider."""
        return "registry.terraform.io/hashicorp/aws"


def main() -> None:
    """Serve Terraform until it is done."""
    with tempfile.TemporaryDirectory() as folder:
        # The runner would keep a key in the home folder.
        tf.runner._get_cert_cache_path = lambda: Path(folder) / "certificate.json"  # noqa: SLF001
        tf.provider.ProviderServicer = Servicer
        tf.runner.run_provider(_Provider(), ["provider"])


if __name__ == "__main__":
    main()
