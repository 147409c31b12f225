"""The rules over Terraform files hold for what is there, and find what is planted."""

import shutil
from pathlib import Path

import pytest
from scripts.terraform import rules

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "terraform"

#: File, what is replaced in it, by what, and a part of the finding.
PLANTED = [
    ("buckets.tf", "block_public_policy     = true", "block_public_policy = false", "block_public_policy"),
    ("buckets.tf", 'resource "aws_s3_bucket_policy"', 'resource "aws_other"', "aws_s3_bucket_policy"),
    (
        "buckets.tf",
        'resource "aws_s3_bucket_server_side_encryption_configuration"',
        'resource "aws_other"',
        "server_side_encryption",
    ),
    ("autoscaling.tf", "name_prefix  ", "name ", "the name is taken"),
    ("data_stores.tf", "storage_encrypted     = true", "", "storage_encrypted"),
    ("data_stores.tf", "publicly_accessible        = false", "", "publicly_accessible"),
    ("data_stores.tf", "transit_encryption_enabled = true", "", "transit_encryption_enabled"),
    ("data_stores.tf", "auth_token                 = var.redis_auth_token", "", "auth_token"),
    ("hosts.tf", "kms_key_id        = aws_kms_key.main", "other = aws_kms_key.main", "kms_key_id"),
    ("hosts.tf", "encrypted   = true", "", "a disk is not encrypted"),
    ("hosts.tf", '"required"', '"optional"', "without a token"),
    ("keys.tf", "# wildcard: AWS", "# AWS", '"kms:*" has no reason'),
    ("roles.tf", "# wildcard: these", "# these", '"*" has no reason'),
    ("roles.tf", '"s3:GetObject"', '[\n    "s3:GetObject",\n    "s3:Put*",\n  ]', '"s3:Put*" has no reason'),
    ("roles.tf", '"s3:GetObject"', '"s3:GetObject", NotAction = "iam:*"', '"iam:*" has no reason'),
    ("security_groups.tf", "from_port         = 443", "from_port = 80", "everybody may connect"),
    ("security_groups.tf", '["load-balancer"].id\n', '["web"].id\n', "everybody may connect"),
    (
        "security_groups.tf",
        'description = "Proofing ${var.environment}: ${each.key}"',
        'ingress {\n cidr_blocks = ["0.0.0.0/0"]\n from_port = 22\n }',
        "everybody may connect",
    ),
    ("load_balancer.tf", "= 443", "= 80", "not on port 443"),
    ("alarms.tf", "alarm_actions       = [aws_sns_topic.alarms.arn]", "alarm_actions = []", "no action"),
    ("alarms.tf", "/vendor-errors.md", "", "no link to the runbook"),
    ("alarms_generated.tf", "    run-time ", "    walk-time ", "no page walk-time.md"),
    ("alarms_generated.tf", "    jobs-budget-fast ", "    jobs-fast ", "no page jobs-fast.md"),
    ("alarms.tf", "kms_master_key_id = ", "other = ", "kms_master_key_id"),
]


def test_our_files_keep_the_rules():
    """Nothing is found in what is shipped."""
    assert rules.check_folder(FOLDER) == []


@pytest.mark.parametrize(("name", "old", "new", "finding"), PLANTED)
def test_a_planted_fault_is_found(tmp_path, name, old, new, finding):
    """Each rule fails for a fault of its kind, and only then."""
    folder = tmp_path / "terraform"
    shutil.copytree(FOLDER, folder)
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    assert any(finding in found for found in rules.check_folder(folder))


def test_a_file_that_ends_too_early_is_refused():
    """A rule never passes because a file was read in part."""
    with pytest.raises(ValueError, match="braces"):
        rules.parse('resource "a" "b" {\n  c = 1\n')
