"""The IAM policies of the roles allow exactly what the manual says, by action and purpose."""

from itertools import product

import pytest

from proofing.crypto.encryption import Purpose
from proofing_devtools.services import IMAGE_BUCKET, ROLES, SECRET_BUCKET, role_policy, role_secret_key

#: What operators' commands run as is no process that serves.
POLICIES = (*ROLES, "operator")
KEY = "arn:aws:kms:us-east-1:123456789012:key/any"
IMAGE = f"arn:aws:s3:::{IMAGE_BUCKET}/captures/one"
KMS_ACTIONS = [
    "Decrypt",
    "DescribeKey",
    "DisableKey",
    "Encrypt",
    "GenerateDataKey",
    "PutKeyPolicy",
    "ReEncrypt",
]
S3_ACTIONS = ["DeleteObject", "GetObject", "ListBucket", "PutBucketPolicy", "PutObject"]
#: Role to what it may do with keys, by purpose.
KEYS = {
    "migrate": set(),
    "operator": {("GenerateDataKey", "credential")},
    "web": {
        ("GenerateDataKey", "args"),
        ("GenerateDataKey", "notes"),
        ("GenerateDataKey", "result"),
        ("GenerateDataKey", "session"),
        ("GenerateDataKey", "verification"),
        ("Decrypt", "credential"),
        ("Decrypt", "result"),
        ("Decrypt", "session"),
        ("Decrypt", "verification"),
    },
    "worker": {
        ("GenerateDataKey", "cache"),
        ("GenerateDataKey", "parked"),
        ("GenerateDataKey", "result"),
        ("GenerateDataKey", "verification"),
        ("Decrypt", "args"),
        ("Decrypt", "cache"),
        ("Decrypt", "credential"),
        ("Decrypt", "notes"),
        ("Decrypt", "parked"),
    },
}
IMAGES = {"migrate": set(), "operator": set(), "web": {"PutObject"}, "worker": {"DeleteObject", "GetObject"}}


def may(role: str, action: str, resource: str, context: dict[str, str] | None = None) -> bool:
    """Tell what the policy of *role* says."""
    conditions = {f"kms:EncryptionContext:{name}": value for name, value in (context or {}).items()}
    return any(statement.allows(action, resource, conditions) for statement in role_policy(role))


@pytest.mark.parametrize("role", POLICIES)
def test_keys(role: str) -> None:
    """Every action with every purpose; none without the whole context or for another environment."""
    context = {"app": "proofing", "environment": "test"}
    allowed = {
        (action, purpose.value)
        for action, purpose in product(KMS_ACTIONS, Purpose)
        if may(role, f"kms:{action}", KEY, {**context, "purpose": purpose.value})
    }
    describes = {("DescribeKey", purpose.value) for purpose in Purpose} if role != "migrate" else set()
    assert allowed == KEYS[role] | describes
    for action, purpose in KEYS[role]:
        for other in (
            {"purpose": purpose},
            {**context},
            {**context, "purpose": purpose, "environment": "production"},
            {**context, "purpose": purpose, "app": "other"},
        ):
            assert not may(role, f"kms:{action}", KEY, other)


@pytest.mark.parametrize("role", POLICIES)
def test_images_and_secrets(role: str) -> None:
    """Images as the role needs them, its own secrets and nobody else's."""
    assert {action for action in S3_ACTIONS if may(role, f"s3:{action}", IMAGE)} == IMAGES[role]
    assert may(role, "s3:ListBucket", f"arn:aws:s3:::{IMAGE_BUCKET}") is (role == "worker")
    readable = {
        other
        for other in POLICIES
        if may(role, "s3:GetObject", f"arn:aws:s3:::{SECRET_BUCKET}/{role_secret_key(other)}")
    }
    assert readable == {role}
    assert not any(
        may(role, f"s3:{action}", f"arn:aws:s3:::{SECRET_BUCKET}/{role_secret_key(role)}")
        for action in S3_ACTIONS
        if action != "GetObject"
    )


def test_the_deep_check_touches_probes_only() -> None:
    """Its role writes, reads and deletes below one prefix, opens no key, and sees nobody's image."""
    probe = f"arn:aws:s3:::{IMAGE_BUCKET}/captures/probe/one"
    allowed = {action for action in S3_ACTIONS if may("check", f"s3:{action}", probe)}
    assert allowed == {"DeleteObject", "GetObject", "PutObject"}
    assert not any(may("check", f"s3:{action}", IMAGE) for action in S3_ACTIONS)
    context = {"app": "proofing", "environment": "test"}
    assert {
        action
        for action, purpose in product(KMS_ACTIONS, Purpose)
        if may("check", f"kms:{action}", KEY, {**context, "purpose": purpose.value})
    } == {"DescribeKey"}
    readable = [
        role
        for role in POLICIES
        if may("check", "s3:GetObject", f"arn:aws:s3:::{SECRET_BUCKET}/{role_secret_key(role)}")
    ]
    assert readable == []
