"""Buckets and key by hand: the commands are what AWS takes, and say what Terraform says."""

import json
import os
import re
import subprocess
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

ROOT = Path(__file__).parents[2]
BLOCK = re.search(
    r"^```sh aws\n(.*?)^```$", (ROOT / "docs/howto/aws-rights.md").read_text(), re.MULTILINE | re.DOTALL
)[1]
TERRAFORM = (ROOT / "terraform/buckets.tf").read_text()
_SERVICES = {"s3api": "s3", "kms": "kms"}
#: In the place of the AWS client: notes its arguments.
_CLIENT = """
aws() {
    python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@" >>"$NOTES"
    [ "$2" != create-key ] || echo 00000000-0000-0000-0000-000000000000
}
"""
#: Options of the client itself.
_GLOBAL = {"--query", "--output"}


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Operation and parameters of each call."""
    notes = tmp_path_factory.mktemp("aws") / "notes"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _CLIENT + BLOCK],
        env={**os.environ, "NOTES": str(notes)},
        check=True,
    )
    return [_call(json.loads(line)) for line in notes.read_text().splitlines()]


def _call(words):
    """Return the operation that the client would call, and its parameters."""
    model = botocore.session.get_session().get_service_model(_SERVICES[words[0]])
    names = {xform_name(name, "-"): name for name in model.operation_names}
    operation = model.operation_model(names[words[1]])
    members = {f"--{xform_name(name, '-')}": name for name in operation.input_shape.members}
    given = dict(zip(words[2::2], words[3::2], strict=True))
    parameters = {
        members[option]: json.loads(value) if value.startswith("{") and option != "--policy" else value
        for option, value in given.items()
        if option not in _GLOBAL
    }
    return operation, parameters


def find(calls, operation):
    """Return the parameters of each call of one operation."""
    return [parameters for called, parameters in calls if called.name == operation]


def test_aws_knows_every_parameter(calls):
    """By the models of botocore."""
    assert len(calls) == 11
    for operation, parameters in calls:
        report = ParamValidator().validate(parameters, operation.input_shape)
        assert not report.has_errors(), report.generate_report()


def test_the_policies_are_those_of_terraform(calls):
    """The same statements with the same conditions; TLS for both buckets."""
    policies = [
        json.loads(parameters["Policy"])["Statement"] for parameters in find(calls, "PutBucketPolicy")
    ]
    assert [[one["Sid"] for one in policy] for policy in policies] == [
        ["TLSOnly"],
        ["TLSOnly", "NeverReplace", "FreshSignatures"],
    ]
    written = dict(re.findall(r'Sid += "(\w+)"(.*?\n) *\},?\n', TERRAFORM, re.DOTALL))
    assert written.keys() == {one["Sid"] for one in policies[1]}
    for statement in policies[1]:
        assert statement["Effect"] == "Deny"
        ((operator, ((key, value),)),) = [
            (name, [*those.items()]) for name, those in statement["Condition"].items()
        ]
        text = written[statement["Sid"]]
        assert f'Condition = {{ {operator} = {{ "{key}" = "{value}" }} }}' in text
        assert f'Action    = "{statement["Action"]}"' in text


def test_uploads_are_what_the_page_needs_and_images_do_not_stay(calls):
    """CORS, life and versions."""
    (cors,) = find(calls, "PutBucketCors")
    (rule,) = cors["CORSConfiguration"]["CORSRules"]
    headers = re.search(r"allowed_headers = (\[.*\])", TERRAFORM)[1]
    assert rule["AllowedHeaders"] == json.loads(headers)
    assert (rule["AllowedMethods"], rule["AllowedOrigins"]) == (
        ["PUT"],
        ["https://proofing-staging.example.gov"],
    )
    (life,) = find(calls, "PutBucketLifecycleConfiguration")
    assert [rule["Expiration"] for rule in life["LifecycleConfiguration"]["Rules"]] == [{"Days": 1}]
    assert [one["Bucket"] for one in find(calls, "PutBucketVersioning")] == [
        "example-proofing-staging-secrets"
    ]
