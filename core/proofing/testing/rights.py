"""Web and worker of the production shape, each with no more rights than its role.

Each gets a credential of its own for S3 and a login of its own for PostgreSQL, which stands in a secrets
object of its own. The stand-in for KMS knows no rights; there the policy of the key must say it.
"""

import secrets
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import urlsplit, urlunsplit

import yaml

from proofing.testing.s3 import Credential
from proofing.testing.services import IMAGE_BUCKET, SECRET_BUCKET, SECRET_KEY, Services

#: What each role may do with the bucket of the images; the manual of the plugin ``aws`` says the same.
IMAGE_ACTIONS = {
    "web": frozenset({"PutObject"}),
    "worker": frozenset({"GetObject", "DeleteObject", "ListBucket"}),
}


def split_rights(services: Services, roles_sql: str) -> dict[str, Mapping[str, str]]:
    """Give each role its own rights and return its variables; the queue's tables must be there.

    Args:
        services: running ones.
        roles_sql: makes the roles ``proofing_web`` and ``proofing_worker``.
    """
    kept = services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY]
    values = yaml.safe_load(kept.body)
    address = urlsplit(values["postgres"]["dsn"])
    services.postgres.run_sql(roles_sql, address.path.lstrip("/"))
    return {role: _give(role, services, values) for role in IMAGE_ACTIONS}


def read_roles() -> str:
    """Return the SQL of the plugin ``postgres``."""
    return files("proofing_postgres").joinpath("roles.sql").read_text(encoding="utf-8")


def _give(role: str, services: Services, values: Mapping[str, dict[str, str]]) -> Mapping[str, str]:
    """Make one role's login and credential and return its variables."""
    login = f"{role}_{secrets.token_hex(4)}"
    services.postgres.run_sql(f"create role {login} login in role proofing_{role}")
    address = urlsplit(values["postgres"]["dsn"])
    own = address._replace(netloc=f"{login}@{address.hostname}:{address.port}")
    key = f"test/{role}.yaml"
    text = yaml.safe_dump({**values, "postgres": {"dsn": urlunsplit(own)}})
    services.s3.load(SECRET_BUCKET, key, text.encode())
    credential = Credential(
        access_key="AK" + secrets.token_hex(9).upper(),
        secret_key=secrets.token_hex(20),
        actions=frozenset({f"{IMAGE_BUCKET}/{action}" for action in IMAGE_ACTIONS[role]})
        | {f"{SECRET_BUCKET}/GetObject"},
    )
    services.s3.credentials[credential.access_key] = credential
    return {
        **services.variables,
        "AWS_ACCESS_KEY_ID": credential.access_key,
        "AWS_SECRET_ACCESS_KEY": credential.secret_key,
        "PROOFING_AWS__SECRET_OBJECT_KEY": key,
    }
