"""Policies are read as far as ours go, and nothing else in them is taken for allowed or denied."""

import json
from typing import Any

import pytest

from proofing_devtools.aws_rights import Credential, allowing, read_credentials, read_policy, write_credential

STATEMENT: dict[str, Any] = {
    "Sid": "One",
    "Effect": "Allow",
    "Action": ["s3:GetObject"],
    "Resource": "arn:aws:s3:::${bucket}/images/*",
    "Condition": {"StringEquals": {"kms:EncryptionContext:purpose": ["args", "result"]}},
}
ARGUMENTS = {"kms:EncryptionContext:purpose": "args"}


def policy_text(**values: Any) -> str:
    """Return a policy with one statement, with *values* on top."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{**STATEMENT, **values}]})


def test_action_resource_and_condition_must_all_fit() -> None:
    """Each of the three is compared exactly, but for the rest behind a trailing asterisk."""
    signer = Credential(access_key="a", secret_key="s", policy=read_policy(policy_text(), bucket="images"))
    assert signer.may("s3:GetObject", "arn:aws:s3:::images/images/one", ARGUMENTS)
    assert not signer.may("s3:PutObject", "arn:aws:s3:::images/images/one", ARGUMENTS)
    assert not signer.may("s3:GetObject", "arn:aws:s3:::images/other", ARGUMENTS)
    assert not signer.may("s3:GetObject", "arn:aws:s3:::images/images/one")
    session = {"kms:EncryptionContext:purpose": "session"}
    assert not signer.may("s3:GetObject", "arn:aws:s3:::images/images/one", session)


def test_no_policy_allows_everything_and_an_empty_one_nothing() -> None:
    """The owner of the account needs no policy."""
    assert Credential(access_key="a", secret_key="s").may("s3:GetObject", "*")
    assert not Credential(access_key="a", secret_key="s", policy=()).may("s3:GetObject", "*")


@pytest.mark.parametrize(
    "values",
    [
        {"Effect": "Deny"},
        {"NotAction": "s3:GetObject"},
        {"Principal": "*"},
        {"Action": "*"},
        {"Action": "s3:*"},
        {"Action": "s3:Get*"},
        {"Action": "GetObject"},
        {"Resource": "arn:*:images/x"},
        {"Resource": "arn:aws:s3:::image?/x"},
        {"Condition": {"StringLike": {"kms:EncryptionContext:purpose": "*"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    ],
)
def test_what_is_not_understood_is_refused(values: dict[str, Any]) -> None:
    """A statement that the stand-ins cannot judge does not pass for one that they can."""
    with pytest.raises(ValueError, match=r"statement|action|resource"):
        read_policy(policy_text(**values), bucket="images")


def test_a_name_without_a_value_is_refused() -> None:
    """No placeholder is taken literally, and other versions of the language are not read."""
    with pytest.raises(KeyError):
        read_policy(policy_text())
    with pytest.raises(ValueError, match="version"):
        read_policy(json.dumps({"Version": "2008-10-17", "Statement": []}))


def test_credentials_go_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written for a process is what it reads; without it AWS's variables name one."""
    given = [
        Credential(access_key="a", secret_key="s"),
        Credential(access_key="b", secret_key="s", session_token="t", policy=allowing("s3:GetObject")),
        Credential(access_key="c", secret_key="s", policy=read_policy(policy_text(), bucket="images")),
    ]
    monkeypatch.setenv("SOME", json.dumps([write_credential(one) for one in given]))
    assert read_credentials("SOME") == given
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "d")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert read_credentials("OTHER") == [Credential(access_key="d", secret_key="s")]
