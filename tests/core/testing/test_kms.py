"""The KMS stand-in: a process with a key, aliases that can move, and a state file."""

import stat
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from proofing.testing.kms import KMSServer, running_kms


def make_client(server: KMSServer) -> Any:
    """Return a boto3 client."""
    return boto3.client(
        "kms",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="AKIASYNTHETIC0000000",
        aws_secret_access_key="synthetic",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )


def test_keys_wrap_in_their_context_and_survive_with_a_state_file(tmp_path: Path) -> None:
    """A data key opens in its context only, also after a restart; the state file is private."""
    state = tmp_path / "kms.json"
    with running_kms(state=state) as server:
        client = make_client(server)
        made = client.generate_data_key(
            KeyId=server.alias, KeySpec="AES_256", EncryptionContext={"purpose": "args"}
        )
        with pytest.raises(ClientError):
            client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"purpose": "image"})
        client.close()
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    with running_kms(state=state) as server:
        client = make_client(server)
        opened = client.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"purpose": "args"})
        assert opened["Plaintext"] == made["Plaintext"]
        assert opened["KeyId"] == made["KeyId"]
        client.close()


def test_a_program_that_does_not_come_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without moto the message says what to install."""
    monkeypatch.setattr("proofing.testing.kms.sys.executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"moto\[kms\]"):
        KMSServer().start()
