"""Who may sign requests to the stand-ins for S3 and KMS, and what their IAM policies allow them.

Policies are read as far as ours go: statements that allow named actions on named resources, a trailing ``*``
being the only wildcard, under the condition ``StringEquals``. Anything else in one is refused, since
what is not understood would be allowed or denied by chance. Source: IAM User Guide, "Policies and
permissions"; KMS Developer Guide, "Condition keys for AWS KMS".
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

_STATEMENT_KEYS = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement of a policy allows.

    Attributes:
        actions: such as ``s3:GetObject``; no wildcards.
        resources: ARNs; a trailing ``*`` stands for any rest.
        equals: condition key to the values that it may have; a request without the key is not allowed.
    """

    actions: frozenset[str]
    resources: tuple[str, ...] = ("*",)
    equals: Mapping[str, frozenset[str]]

    def allows(self, action: str, resource: str, conditions: Mapping[str, str]) -> bool:
        """Return whether *action* on *resource* is allowed under *conditions*."""
        return (
            action in self.actions
            and any(_covers(pattern, resource) for pattern in self.resources)
            and all(conditions.get(key) in values for key, values in self.equals.items())
        )


Policy = tuple[Statement, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Credential:
    """Who may sign.

    Attributes:
        session_token: of temporary credentials; must come with each request.
        policy: what the signer may do; None for everything, as the owner of the account may.
    """

    access_key: str
    secret_key: str
    session_token: str | None = None
    policy: Policy | None = None

    def may(self, action: str, resource: str, conditions: Mapping[str, str] | None = None) -> bool:
        """Return whether the policy allows *action* on *resource*."""
        if self.policy is None:
            return True
        return any(statement.allows(action, resource, conditions or {}) for statement in self.policy)


#: The one that stand-ins know when nothing else is said.
DEFAULT_CREDENTIAL = Credential(access_key="AKIASYNTHETIC0000000", secret_key="synthetic/secret/key")  # noqa: S106


def allowing(*actions: str) -> Policy:
    """Return the policy that allows *actions* on everything."""
    return (Statement(actions=frozenset(actions), equals={}),)


def read_policy(text: str, **values: str) -> Policy:
    """Return what a policy document allows.

    Args:
        text: JSON; ``${name}`` in it is replaced by the value of that name.
        values: must have every name in *text*.

    Raises:
        ValueError: something in the document is not understood.
    """
    document = json.loads(Template(text).substitute(values))
    if set(document) != {"Version", "Statement"} or document["Version"] != "2012-10-17":
        raise ValueError("a policy has a version, 2012-10-17, and statements")
    return tuple(_read_statement(item) for item in document["Statement"])


def read_credentials(variable: str) -> list[Credential]:
    """Return the credentials that a process is given: arguments are for all to see, its environment is not.

    Several are JSON in *variable*: ``[{"access_key": …, "secret_key": …, "policy": {…}}, …]``; otherwise
    AWS's own variables name one.
    """
    several = os.environ.get(variable)
    if several is None:
        return [
            Credential(
                access_key=os.environ.get("AWS_ACCESS_KEY_ID", DEFAULT_CREDENTIAL.access_key),
                secret_key=os.environ.get("AWS_SECRET_ACCESS_KEY", DEFAULT_CREDENTIAL.secret_key),
            )
        ]
    return [
        Credential(
            access_key=item["access_key"],
            secret_key=item["secret_key"],
            session_token=item.get("session_token"),
            policy=read_policy(json.dumps(item["policy"])) if "policy" in item else None,
        )
        for item in json.loads(several)
    ]


def write_credential(credential: Credential) -> dict[str, Any]:
    """Return *credential* as `read_credentials` reads it."""
    item: dict[str, Any] = {"access_key": credential.access_key, "secret_key": credential.secret_key}
    if credential.session_token is not None:
        item["session_token"] = credential.session_token
    if credential.policy is not None:
        item["policy"] = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": sorted(statement.actions),
                    "Resource": list(statement.resources),
                    "Condition": {
                        "StringEquals": {key: sorted(value) for key, value in statement.equals.items()}
                    },
                }
                for statement in credential.policy
            ],
        }
    return item


def _read_statement(item: Mapping[str, Any]) -> Statement:
    """Return one statement."""
    conditions = item.get("Condition", {})
    if set(item) - _STATEMENT_KEYS or item["Effect"] != "Allow" or set(conditions) - {"StringEquals"}:
        raise ValueError("a statement allows actions on resources, under StringEquals")
    actions, resources = frozenset(_texts(item["Action"])), tuple(_texts(item["Resource"]))
    if any("*" in action or "?" in action or ":" not in action for action in actions):
        raise ValueError("an action is named in full, with its service")
    if any("?" in resource or "*" in resource[:-1] for resource in resources):
        raise ValueError("a resource has no wildcard but a trailing asterisk")
    equals = {key: frozenset(_texts(value)) for key, value in conditions.get("StringEquals", {}).items()}
    return Statement(actions=actions, resources=resources, equals=equals)


def _texts(value: str | list[str]) -> list[str]:
    """Return one text or several as a list."""
    return [value] if isinstance(value, str) else value


def _covers(pattern: str, resource: str) -> bool:
    """Return whether *resource* is what *pattern* names."""
    return resource.startswith(pattern[:-1]) if pattern.endswith("*") else resource == pattern
