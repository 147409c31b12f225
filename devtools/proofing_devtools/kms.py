"""A strict stand-in for AWS KMS in a process of its own: moto, behind a guard that believes nothing.

Moto checks encryption contexts and has aliases; `proofing_devtools.kms_guard` verifies each signature, judges
the caller's policy, and refuses keys that are not enabled. Its keys die with the process, unless a state file
keeps them: never pair short-lived keys with a database that lives longer.

    with running_kms() as kms:
        client = boto3.client("kms", endpoint_url=kms.url, ...)
        client.generate_data_key(KeyId=kms.alias, KeySpec="AES_256")

As a process: ``python -m proofing_devtools.kms --port 9001 --state .local/kms.json``, with
``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` in the environment as the one credential it knows, or
several in ``KMS_CREDENTIALS``, see `proofing_devtools.aws_rights.read_credentials`.
"""

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from proofing.testing.processes import end_process, free_port, start_process
from proofing_devtools.aws_rights import DEFAULT_CREDENTIAL, Credential, read_credentials, write_credential
from proofing_devtools.aws_signature import SignedRequest, sign
from proofing_devtools.kms_guard import KMSGuard

DEFAULT_ALIAS = "alias/proofing"

ACCOUNT = "123456789012"

_VARIABLE = "KMS_CREDENTIALS"
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0


class KMSServer:
    """One KMS on loopback.

    Args:
        alias: of the key that it has from the start.
        region: of the key.
        state: file that keeps id and material of the key over restarts; None keeps nothing.
        credentials: who may sign; the first one must be allowed everything.

    Attributes:
        url: the endpoint URL, the same over restarts.
    """

    def __init__(
        self,
        *,
        alias: str = DEFAULT_ALIAS,
        region: str = "us-east-1",
        state: Path | None = None,
        credentials: Sequence[Credential] = (DEFAULT_CREDENTIAL,),
    ) -> None:
        self.alias = alias
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._region = region
        self._state = state
        self._credentials = credentials
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return when it answers.

        Raises:
            RuntimeError: it does not come up; is moto installed?
        """
        words = ["--port", str(self.port), "--alias", self.alias, "--region", self._region]
        if self._state is not None:
            words += ["--state", str(self._state)]
        self._process = start_process(
            [sys.executable, "-m", "proofing_devtools.kms", *words],
            env={**os.environ, _VARIABLE: json.dumps([write_credential(one) for one in self._credentials])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.02)
        self.stop()
        raise RuntimeError("the KMS stand-in does not come up; is moto[kms] installed?")

    def stop(self) -> None:
        """End the process. Harmless when not running."""
        process, self._process = self._process, None
        if process is not None:
            end_process(process, signal.SIGTERM, patience_seconds=_STOP_SECONDS)

    def create_key(self, alias: str) -> str:
        """Make another key with *alias* and return its ARN."""
        arn = str(self._ask("CreateKey", {})["KeyMetadata"]["Arn"])
        self._ask("CreateAlias", {"AliasName": alias, "TargetKeyId": arn})
        return arn

    def point_alias(self, alias: str, key_id: str) -> None:
        """Let *alias* mean another key, as a rotation by hand does."""
        self._ask("UpdateAlias", {"AliasName": alias, "TargetKeyId": key_id})

    def _answers(self) -> bool:
        """Return whether it serves requests."""
        try:
            self._ask("ListAliases", {})
        except (OSError, http.client.HTTPException):
            return False
        return True

    def _ask(self, action: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send one request as the owner of the account."""
        owner, content = self._credentials[0], json.dumps(body).encode()
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": f"127.0.0.1:{self.port}",
            "x-amz-date": date,
            "x-amz-target": f"TrentService.{action}",
        }
        scope, signed = f"{date[:8]}/{self._region}/kms/aws4_request", ";".join(headers)
        signature = sign(
            SignedRequest("POST", "/", "", list(headers.items()), content),
            owner.secret_key,
            scope=scope,
            date=date,
            signed=signed,
            payload=hashlib.sha256(content).hexdigest(),
        )
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={owner.access_key}/{scope}, SignedHeaders={signed},"
            f" Signature={signature}"
        )
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_STOP_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", "/", content, headers)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != http.client.OK:
            raise http.client.HTTPException(f"{action}: {answer.status}")
        parsed: dict[str, Any] = json.loads(text or b"{}")
        return parsed


@contextlib.contextmanager
def running_kms(
    *,
    alias: str = DEFAULT_ALIAS,
    region: str = "us-east-1",
    state: Path | None = None,
    credentials: Sequence[Credential] = (DEFAULT_CREDENTIAL,),
) -> Iterator[KMSServer]:
    """Run a KMS for the length of the ``with`` block; the arguments are those of `KMSServer`."""
    server = KMSServer(alias=alias, region=region, state=state, credentials=credentials)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT."""
    from moto.kms.models import kms_backends  # noqa: PLC0415 - only in the process that serves
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m proofing_devtools.kms", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--alias", default=DEFAULT_ALIAS)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--state", type=Path)
    options = parser.parse_args(arguments)
    _add_key(options.alias, options.region, options.state)
    application = KMSGuard(
        DomainDispatcherApplication(create_backend_app),
        kms_backends[ACCOUNT][options.region],
        read_credentials(_VARIABLE),
        region=options.region,
        account=ACCOUNT,
    )
    server = make_server("127.0.0.1", options.port, application, threaded=True)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    server.serve_forever()


def _add_key(alias: str, region: str, state: Path | None) -> None:
    """Make the first key, with the id and material of the state file when there is one."""
    from moto.kms.models import kms_backends  # noqa: PLC0415 - only in the process that serves

    backend = kms_backends[ACCOUNT][region]
    key = backend.create_key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", None)
    if state is not None:
        if state.exists():
            kept = json.loads(state.read_text("utf-8"))
            del backend.keys[key.id]
            key.arn = key.arn.replace(key.id, kept["id"])
            key.id = kept["id"]
            key.key_material = bytes.fromhex(kept["material"])
            backend.keys[key.id] = key
        else:
            text = json.dumps({"id": key.id, "material": key.key_material.hex()})
            descriptor = os.open(state, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
    backend.create_alias(key.id, alias)


if __name__ == "__main__":
    main()
