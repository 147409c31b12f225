"""The processes of the production shape, each with no more rights than its role.

Each role has a credential of its own for S3 and KMS, under the policy of the plugin ``aws``, and a login of
its own for PostgreSQL, under the roles of the plugin ``postgres``; the login is in a secrets object that
only this role may read.
"""

import secrets
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import urlsplit, urlunsplit

import yaml

from proofing_devtools.services import SECRET_BUCKET, SECRET_KEY, Services, role_secret_key, signing_variables


def owner_rights(services: Services, role: str) -> dict[str, str]:
    """Return the variables of *role*, with its credential and the login of the database's owner."""
    return _variables(services, role, _owner_secrets(services))


def split_rights(services: Services) -> dict[str, Mapping[str, str]]:
    """Give web and worker rights of their own and return their variables; there must be tables already."""
    values = _owner_secrets(services)
    address = urlsplit(values["postgres"]["dsn"])
    sql = files("proofing_postgres").joinpath("roles.sql").read_text(encoding="utf-8")
    services.postgres.run_sql(sql, address.path.lstrip("/"))
    rights: dict[str, Mapping[str, str]] = {}
    for role in ("web", "worker"):
        login = f"{role}_{secrets.token_hex(4)}"
        services.postgres.run_sql(f"create role {login} login in role proofing_{role}")
        own = address._replace(netloc=f"{login}@{address.hostname}:{address.port}")
        rights[role] = _variables(services, role, {**values, "postgres": {"dsn": urlunsplit(own)}})
    return rights


def _owner_secrets(services: Services) -> dict[str, dict[str, str]]:
    """Return the secrets that hold the login of the database's owner."""
    values: dict[str, dict[str, str]] = yaml.safe_load(
        services.s3.buckets[SECRET_BUCKET].objects[SECRET_KEY].body
    )
    return values


def _variables(services: Services, role: str, values: Mapping[str, object]) -> dict[str, str]:
    """Store the secrets of *role* and return its variables."""
    key = role_secret_key(role)
    services.s3.load(SECRET_BUCKET, key, yaml.safe_dump(dict(values)).encode())
    return {
        **services.variables,
        **signing_variables(services.credentials[role]),
        "PROOFING_AWS__SECRET_OBJECT_KEY": key,
    }
