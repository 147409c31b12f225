"""A mocked apply of terraform/: what hosts and roles really get, and what the played provider refuses."""

import base64
import json
import os
import re
import shutil
import string
import subprocess
from pathlib import Path

import pytest
from scripts.monitoring import table
from scripts.terraform import check

from proofing.cli import main

ROOT = Path(__file__).parent.parent.parent
POLICIES = ROOT / "plugins/stores/proofing_aws/policies"
ROLES = ("migrate", "web", "worker")
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("role", [*ROLES, "operator"])
def test_a_role_has_the_rights_that_the_product_ships(state, role):
    """The rendered policy equals the shipped one with its names filled in."""
    names = {
        "environment": "production",
        "image_bucket": "proofing-production-images-123456789012",
        "image_prefix": "",
        "kms_key_arn": KEY,
        "secret_bucket": "proofing-production-secrets-123456789012",
        "secret_object_key": f"production/{role}.yaml",
    }
    shipped = string.Template((POLICIES / f"{role}.json").read_text()).substitute(names)
    assert json.loads(state[f'aws_iam_role_policy.application["{role}"]']["policy"]) == json.loads(shipped)


def test_a_host_gets_no_other_rights_over_images_secrets_and_keys(state):
    """What the machine needs alongside the product touches neither, and a role has no third policy."""
    granted = [address for address in state if re.match(r"aws_iam_(role_policy|policy|user|group)", address)]
    hosts = [address for address in granted if ".host[" in address]
    assert len(hosts) == len(ROLES) + 1
    assert len(granted) == len(hosts) + len(ROLES) + 1
    statements = {}
    for address in hosts:
        policy = state[address]["policy"]
        statements |= {
            (address.split('"')[1], one["Sid"]): (one["Action"], one["Resource"])
            for one in json.loads(policy)["Statement"]
        }
        assert "kms:" not in policy
        assert "-images-" not in policy
        assert "-secrets-" not in policy
    artifacts = "arn:aws:s3:::proofing-production-artifacts-123456789012"
    fetching = [
        (role, *right)
        for (role, _sid), right in sorted(statements.items())
        if str(right[0]).startswith("s3:")
    ]
    assert fetching == [
        (role, action, f"{artifacts}/{path}")
        for role in ROLES
        for action, path in (
            ("s3:GetObjectVersion", "settings/settings.yaml"),
            ("s3:GetObject", "releases/*"),
        )
    ]
    groups = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:*:autoScalingGroupName/"
    health = {key: right for key, right in statements.items() if "SetInstanceHealth" in str(right[0])}
    assert health == {
        ("worker", "ReportItself"): ("autoscaling:SetInstanceHealth", f"{groups}proofing-production-worker")
    }


def test_operators_have_a_role_that_only_those_named_may_assume(state):
    """For an hour. It has the shipped policy, and no instance profile: no machine runs under it."""
    role = state['aws_iam_role.operator["operator"]']
    (trust,) = json.loads(role["assume_role_policy"])["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Principal": {"AWS": ["arn:aws:iam::123456789012:role/proofing-operators"]},
        "Action": "sts:AssumeRole",
    }
    assert role["max_session_duration"] == 3600
    assert not [address for address in state if "instance_profile" in address and "operator" in address]
    (opens,) = [
        one
        for one in json.loads(state['aws_kms_key.main["secrets"]']["policy"])["Statement"]
        if one["Sid"] == "OpenSecretsAndReleases"
    ]
    assert role["arn"] in opens["Principal"]["AWS"], "it reads its secrets object"
    for key in ("application", "data", "images"):
        assert role["arn"] not in state[f'aws_kms_key.main["{key}"]']["policy"]


def test_who_may_send_codes(state):
    """Web and worker, from what is named alone; the runs in terraform/tests have it empty, too."""
    rights = {
        role: [
            (one["Action"], one["Resource"])
            for one in json.loads(state[f'aws_iam_role_policy.host["{role}"]']["policy"])["Statement"]
            if "sms-voice" in str(one)
        ]
        for role in (*ROLES, "proxy")
    }
    actions = ["sms-voice:SendTextMessage", "sms-voice:SendVoiceMessage"]
    granted = [(actions, ["arn:aws:sms-voice:us-east-1:123456789012:pool/pool-0123"])]
    assert rights == {"web": granted, "worker": granted, "migrate": [], "proxy": []}


def test_migrate_alone_reads_the_password_of_the_owner(state):
    """RDS rotates it. One secret, under one key that it may use through Secrets Manager only."""
    secret = state["aws_db_instance.main"]["master_user_secret"][0]["secret_arn"]
    rights = {
        role: [
            (one["Action"], one["Resource"])
            for one in json.loads(state[f'aws_iam_role_policy.host["{role}"]']["policy"])["Statement"]
            if "secretsmanager" in str(one)
        ]
        for role in (*ROLES, "proxy")
    }
    assert rights == {
        "migrate": [("secretsmanager:GetSecretValue", secret)],
        "web": [],
        "worker": [],
        "proxy": [],
    }
    policy = json.loads(state['aws_kms_key.main["data"]']["policy"])
    (granted,) = [one for one in policy["Statement"] if one["Sid"] != "LeaveItToIAM"]
    assert granted["Principal"] == {"AWS": state['aws_iam_role.host["migrate"]']["arn"]}
    assert granted["Action"] == ["kms:Decrypt"]
    assert granted["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"},
        "StringLike": {
            "kms:EncryptionContext:SecretARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!*"
        },
    }
    assert 'aws_vpc_endpoint.service["secretsmanager"]' in state


def test_the_first_apply_makes_buckets_whole(states):
    """Secrets are uploaded next: each bucket has every part that it has in the end, but for CORS."""
    first, whole = states["first_time"], states["whole"]
    parts = {
        address
        for address in whole
        if re.match(r"aws_s3_bucket(_\w+)?\.main\[", address) and "_cors" not in address
    }
    assert {'aws_s3_bucket_versioning.main["secrets"]', 'aws_s3_bucket_policy.main["images"]'} <= parts
    assert parts - first.keys() == set()
    for bucket in ("artifacts", "secrets"):
        (rule,) = first[f'aws_s3_bucket_server_side_encryption_configuration.main["{bucket}"]']["rule"]
        (default,) = rule["apply_server_side_encryption_by_default"]
        assert default["kms_master_key_id"] == first['aws_kms_key.main["secrets"]']["arn"]


def test_the_first_apply_is_the_one_that_is_tested():
    """The README's command has the targets of terraform/tests/first_time.tftest.hcl."""
    readme = (ROOT / "terraform/README.md").read_text()
    tested = (ROOT / "terraform/tests/first_time.tftest.hcl").read_text()
    (targets,) = re.findall(r"target = \[(.+)\]", tested)
    assert re.findall(r"-target=module\.proofing\.([\w.]+)", readme) == targets.split(", ")


def test_each_stack_names_its_last_snapshot_again(states):
    """AWS keeps it after a destroy, so that one name for all would make the second destroy fail."""
    names = {one["aws_db_instance.main"]["final_snapshot_identifier"] for one in states.values()}
    assert len(names) == len(states) > 1


def test_images_cannot_be_replaced_or_signed_for_long(state):
    """The policy of the image bucket denies plain HTTP, uploads without a condition, and old signatures."""
    policy = json.loads(state['aws_s3_bucket_policy.main["images"]']["policy"])
    conditions = {one["Sid"]: one["Condition"] for one in policy["Statement"] if one["Effect"] == "Deny"}
    assert conditions == {
        "TLSOnly": {"Bool": {"aws:SecureTransport": "false"}},
        "NeverReplace": {"Null": {"s3:if-none-match": "true"}},
        "FreshSignatures": {"NumericGreaterThan": {"s3:signatureAge": "300000"}},
    }
    assert len(policy["Statement"]) == len(conditions)
    (rule,) = state['aws_s3_bucket_lifecycle_configuration.main["images"]']["rule"]
    assert [one["days"] for one in rule["expiration"]] == [1]


@pytest.mark.parametrize("role", [*ROLES, "proxy"])
def test_first_boot_is_a_script_that_bash_and_python_can_read(state, role, tmp_path):
    """User data, and the scripts inside it, have no error of syntax and no name that was not filled in."""
    script = base64.b64decode(state[f'aws_launch_template.host["{role}"]']["user_data"]).decode()
    parts = re.findall(r"<<'END'\n(.*?)\nEND\n", script, re.DOTALL)
    shells = [script, *(part for part in parts if part.startswith("#!/usr/bin/env bash"))]
    for number, shell in enumerate(shells):
        path = tmp_path / f"{number}.sh"
        path.write_text(shell)
        checked = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
    for part in parts:
        if "import asyncio" in part:
            compile(part, "grants", "exec")
        if part.startswith("{"):
            json.loads(part)
    assert "%{" not in script


def test_alarms_read_lines_that_the_product_writes(state):
    """Every event and field of a metric filter is in the register of log lines."""
    page = (ROOT / "docs/reference/logs.md").read_text()
    filters = [values for address, values in state.items() if "aws_cloudwatch_log_metric_filter" in address]
    assert filters
    for values in filters:
        events = re.findall(r'\$\.name = "(\w+)"', values["pattern"])
        assert events
        assert all(f"`{event}`" in page for event in events)
        for name in re.findall(r"\$\.(\w+)", json.dumps(values)):
            assert name == "name" or re.search(rf"\b{name}\b", page), name


def test_alarms_are_those_of_the_table(state):
    """By name, each with its page of the runbook; those of vendors one for each vendor."""
    kind = "aws_cloudwatch_metric_alarm."
    alarms = [values for address, values in state.items() if address.startswith(kind)]
    pages = [re.search(r"/([\w-]+)\.md$", values["alarm_description"])[1] for values in alarms]
    wanted = {name for name, alarm in table.load().alarms.items() if not isinstance(alarm.cloudwatch, str)}
    assert wanted == set(pages)
    for page, values in zip(pages, alarms, strict=True):
        name = values["alarm_name"].removeprefix("proofing-production-")
        assert name.startswith(page) or name in {"scale-out", "scale-in"}


def percent(state, alarm, counts):
    """Return what the alarm's expression comes to; *counts* are by metric, and one without has no data."""
    values = state[f'aws_cloudwatch_metric_alarm.percent["{alarm}"]']
    queries = {one["id"]: one for one in values["metric_query"]}
    expression = queries.pop("percent")["expression"]
    numbers = {}
    for key, query in queries.items():
        (metric,) = query["metric"]
        is_of_balancer = metric["namespace"] == "AWS/ApplicationELB"
        assert bool(metric["dimensions"]) == is_of_balancer
        assert is_of_balancer or any(
            one["metric_transformation"][0]["name"] == metric["metric_name"]
            for address, one in state.items()
            if address.startswith("aws_cloudwatch_log_metric_filter.")
        )
        numbers[key] = counts.get(metric["metric_name"])
    assert "bad" not in re.sub(r"FILL\(bad\d+, 0\)", "", expression)
    text = re.sub(r"FILL\((\w+), 0\)", lambda found: str(numbers[found[1]] or 0), expression)
    condition, bad, otherwise = re.fullmatch(r"IF\((.+), (.+), (.+)\)", text).groups()
    return eval(bad) if eval(condition) else eval(otherwise)  # noqa: S307 - numbers and signs


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        # Switched off for an hour: every answer is a 503, on purpose.
        ({"RequestCount": 1000, "HTTPCode_Target_5XX_Count": 1000}, 0),
        ({"RequestCount": 1000, "RequestsFailed": 10, "HTTPCode_Target_5XX_Count": 10}, 1),
        ({"RequestCount": 1000, "PeopleRefused": 15, "RequestsFailed": 5}, 2),
        # No healthy host: the balancer answers, and counts no request.
        ({"HTTPCode_ELB_5XX_Count": 500}, 100),
        ({"RequestCount": 900, "HTTPCode_ELB_5XX_Count": 100}, 10),
        ({"RequestCount": 10, "RequestsFailed": 4}, 0),
    ],
)
@pytest.mark.parametrize("alarm", ["http-budget-fast", "http-budget-slow"])
def test_requests_that_fail_are_ours_and_those_of_the_balancer(state, alarm, counts, wanted):
    """What a switch refuses on purpose does not count (docs/runbook), in no period of the log lines."""
    assert percent(state, alarm, counts) == wanted
    patterns = {
        values["metric_transformation"][0]["name"]: values["pattern"]
        for address, values in state.items()
        if address.startswith("aws_cloudwatch_log_metric_filter.")
    }
    assert '$.reason != "switched_off"' in patterns["PeopleRefused"]


def test_jobs_that_end_badly_are_a_share_of_all(state):
    """As before, by log lines alone."""
    assert percent(state, "jobs-budget-fast", {"JobsEnded": 50, "JobsEndedBadly": 10}) == 20
    assert percent(state, "jobs-budget-slow", {"JobsEnded": 50}) == 0


def test_the_agent_collects_what_alarms_read(state):
    """A metric of /metrics is in CloudWatch only when the agent's configuration names it."""
    script = base64.b64decode(state['aws_launch_template.host["worker"]']["user_data"]).decode()
    read = {
        values["metric_name"]
        for address, values in state.items()
        if address.startswith("aws_cloudwatch_metric_alarm.") and (values.get("metric_name") or "").islower()
    }
    assert len(read) > 5
    assert all(f'"^{name}$"' in script for name in read)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("enable_dns_support", "enable_dns_supports", "Unsupported argument"),
        ("cidr_block           = var.vpc_cidr", "cidr_block = [1]", "Incorrect attribute value type"),
        ('resource "aws_vpc" "main"', 'resource "aws_vpcs" "main"', "Invalid resource type"),
        ("aws_internet_gateway.main.id", "aws_internet_gateway.main.identity", "Unsupported attribute"),
    ],
)
def test_the_stand_in_knows_the_schema(prepared, terraform, tmp_path, old, new, complaint):  # noqa: PLR0917
    """A planted mistake in an argument, a type, a resource or a result ends validate."""
    folder, environment = prepared
    planted = tmp_path / "tree" / "terraform"
    shutil.copytree(folder.parent, planted.parent, symlinks=True)
    text = (planted / "network.tf").read_text()
    assert old in text
    (planted / "network.tf").write_text(text.replace(old, new, 1))
    run = terraform(planted, environment, "validate", "-no-color")
    assert run.returncode == 1
    assert complaint in run.stderr + run.stdout


def test_the_example_lets_through_what_its_settings_name(monkeypatch, capsys):
    """The file that Terraform reads is what the command prints for the settings alongside it."""
    folder = ROOT / "terraform/examples/staging"
    for name in [name for name in os.environ if name.startswith("PROOFING_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PROOFING_ENV", "staging")
    monkeypatch.setenv("PROOFING_SETTINGS", str(folder / "settings.yaml"))
    for words, name in (([], "vendor_hosts"), (["--endpoints"], "endpoint_hosts")):
        assert main(["hosts", "--json", *words]) == 0
        assert capsys.readouterr().out == (folder / f"{name}.json").read_text()


def test_the_proxy_takes_the_list_that_the_command_prints(prepared, evaluated, tmp_path):
    """By vendor and relying party, some shared; the format is that of `proofing hosts --json`."""
    _folder, environment = prepared
    text = (ROOT / "terraform/examples/staging/main.tf").read_text()
    (tmp_path / "main.tf").write_text(re.search(r"^locals \{\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)[0])
    hosts = {"acme:phone": ["a.example", "b.example"], "acme:resolution": ["a.example"]}
    (tmp_path / "vendor_hosts.json").write_text(json.dumps(hosts))
    endpoints = {"agency": ["c.example", "d.example:8443"], "bureau": ["c.example"]}
    (tmp_path / "endpoint_hosts.json").write_text(json.dumps(endpoints))
    module = text.partition('module "proofing"')[2]
    names = ("vendor_hosts", "vendors", "endpoint_hosts")
    read = [re.search(rf"^  {name} += (.+)$", module, re.MULTILINE)[1] for name in names]
    lists = [["a.example", "b.example"], sorted(hosts), ["c.example", "d.example:8443"]]
    assert evaluated(f"[{', '.join(read)}]", tmp_path, environment) == lists


def test_without_terraform_the_rules_still_run(capsys, monkeypatch):
    """The check says what it skipped, and fails when terraform is required."""
    monkeypatch.setattr(check.shutil, "which", lambda _: None)
    monkeypatch.delenv("REQUIRE_TERRAFORM", raising=False)
    assert check.main([]) == 0
    assert "skipped" in capsys.readouterr().out
    monkeypatch.setenv("REQUIRE_TERRAFORM", "1")
    assert check.main([]) == 1
