"""The settings nest, the plugin is light to import, and verdicts are spelled as records spell themselves."""

import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

import proofing_postgres
from proofing.base.errors import ConfigurationError
from proofing.contracts.records import EndState, JobKind, StatusRecord
from proofing.contracts.results import Outcome
from proofing.testing.queues import make_message, make_record
from proofing_postgres.messages import final_status_text
from proofing_postgres.queue import PostgresQueue
from proofing_postgres.settings import PostgresSettings


@pytest.mark.parametrize(
    "values",
    [
        {"renew_seconds": 4.0},
        {"fence_seconds": 10.0},
        {"fence_seconds": 3.0},
        {"statement_seconds": 6.0},
        {"listen": "maybe"},
        {"unknown": 1},
        {"global_limits": {"q": 0}},
    ],
)
def test_times_that_do_not_nest_are_refused(values: dict[str, Any]) -> None:
    """Two workers could own one job."""
    with pytest.raises(ValidationError):
        PostgresSettings.model_validate(values)


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        " ",
        "postgresql://h:99999/d",
        "postgresql://u:p@h:abc/d",
        "postgresql://h1:5432,h2:0/d",
        "postgresql://[::1]:65536/d",
        "postgresql:///d?host=h&port=x",
        "host=h port=99999",
    ],
)
def test_a_dsn_without_a_server_is_refused(dsn: str) -> None:
    """Else libpq takes its own defaults, and the network is blamed."""
    with pytest.raises(ValidationError, match="must be"):
        PostgresSettings.model_validate({"dsn": dsn})


@pytest.mark.parametrize(
    ("dsn", "output"),
    [
        ("postgresql://u:letmein@h,a..b/d", "two dots in a row"),
        ("host=a..b password=letmein", "two dots in a row"),
        (
            "postgresql://u:letmein@h/d?sslmode=verify-full&sslrootcert=/none/root.pem",
            "that sslrootcert names",
        ),
    ],
)
def test_a_dsn_that_leads_to_no_connection_stops_the_start(dsn: str, output: str) -> None:
    """Before one is tried, and without its values."""
    with pytest.raises(ConfigurationError, match=f"postgres.dsn: .*{output}") as caught:
        PostgresQueue(PostgresSettings.model_validate({"dsn": dsn}))
    assert "letmein" not in str(caught.value)
    assert "none" not in str(caught.value)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:p%3A99999@h/d",
        "postgresql://u:99999@h:5432/d",
        "postgresql://[::1]:5432/d",
        "postgresql://h1:5432,h2/d?sslmode=verify-full",
        "host=h port=5432,5433 password='port=x'",
        "postgresql://",
        "service=proofing",
    ],
)
def test_other_forms_of_a_dsn_are_taken(dsn: str) -> None:
    """Passwords that look like ports, several hosts, IPv6, and what the environment adds."""
    assert PostgresSettings.model_validate({"dsn": dsn}).dsn.get_secret_value() == dsn


def test_every_setting_is_explained_and_the_secret_is_hidden() -> None:
    """Each key is in the manual; the DSN is not printed."""
    for name in PostgresSettings.model_fields:
        assert f"``{name}``" in (proofing_postgres.__doc__ or ""), name
    assert "letmein" not in repr(PostgresSettings.model_validate({"dsn": "postgresql://u:letmein@h/d"}))


def test_listing_the_plugin_imports_no_driver() -> None:
    """The package's own import stays light."""
    code = "import sys, proofing_postgres; assert 'psycopg' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_verdicts_are_spelled_as_records_spell_themselves() -> None:
    """The fast spelling and the record's own agree to the letter, whatever the fields hold."""
    plain = make_record(make_message(), EndState.DONE)
    records = [
        plain,
        make_record(make_message(JobKind.DOCUMENT), EndState.STALE),
        StatusRecord(result_id="x", kind=JobKind.PHONE, owner='"\\é\x1f,', submitted_at=0),
        replace(
            plain,
            fields={"front": "gläre", "back": 'a"b'},
            reasons=("a", 'b"c', "d\n"),
            timed_out=True,
            mac="ff",
            outcome=Outcome.REVIEW,
        ),
        replace(plain, fields={}, reasons=()),
        replace(plain, pending_until=1.5, vendor_page="ab", returned_at=2.25),
    ]
    for record in records:
        assert final_status_text(record) == record.to_json()
        assert StatusRecord.from_json(final_status_text(record)) == record
