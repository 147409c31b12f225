"""`proofing switch`: what it writes, and what it refuses to write."""

import os
import stat

import pytest
import yaml

from proofing.cli import main


@pytest.fixture(autouse=True)
def file(bare_environment, settings_file, monkeypatch):
    """A settings file with a comment, for which the command is meant."""
    written = settings_file(idv_available=True)
    # In a directory of its own: a test takes away the right to write there, and only there.
    path = written.parent / "etc" / written.name
    path.parent.mkdir()
    path.write_text(written.read_text() + "# ours\n")
    path.chmod(0o640)
    monkeypatch.setenv("PROOFING_ENV", "test")
    monkeypatch.setenv("PROOFING_SETTINGS", str(path))
    return path


def default(file):
    """Return the default block."""
    return yaml.safe_load(file.read_text())["default"]


def test_a_switch_is_written_with_its_author(file, capsys):
    """One replacement of the file, which keeps its mode and its comments."""
    before = file.stat().st_ino
    assert main(["switch", "idv_available", "false", "--by", "Sam Doe, OPS-12"]) == 0
    assert default(file)["idv_available"] is False
    assert default(file)["settings_changed_by"].startswith("Sam Doe, OPS-12, 20")
    assert file.read_text().endswith("# ours\n")
    assert (file.stat().st_ino != before, stat.S_IMODE(file.stat().st_mode)) == (True, 0o640)
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(f".{file.name}")] == []
    assert "idv_available is changed" in capsys.readouterr().out


def test_an_entry_of_a_map(file):
    """The other entries stay."""
    for vendor in ("mock", "mock:polling"):
        assert main(["switch", f"vendor_status.{vendor}", "full_outage", "--by", "Sam"]) == 0
    assert default(file)["vendor_status"] == {"mock": "full_outage", "mock:polling": "full_outage"}


@pytest.mark.parametrize("key", ["vendor_status.mock", "vendor_status_mock"])
@pytest.mark.parametrize("block", ["default", "test"])
def test_an_outage_that_the_file_spells_flat(file, key, block):
    """It is replaced where it is, in either spelling of the command: two of them would be refused."""
    blocks = yaml.safe_load(file.read_text())
    blocks[block] = {**blocks.get(block, {}), "vendor_status_mock": "operational"}
    file.write_text(yaml.safe_dump(blocks))
    assert main(["switch", key, "full_outage", "--by", "Sam"]) == 0
    written = yaml.safe_load(file.read_text())
    assert written[block]["vendor_status_mock"] == "full_outage"
    assert not any("vendor_status" in values for values in written.values())


def test_an_outage_that_nobody_has_spelled(file):
    """The command takes both spellings, as the settings do."""
    assert main(["switch", "vendor_status_mock", "full_outage", "--by", "Sam"]) == 0
    assert default(file)["vendor_status"] == {"mock": "full_outage"}


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("idv_available", "maybe", "idv_available: must be true or false"),
        ("document_vendor", "ghost", "document_vendor: no enabled plugin offers ghost"),
        ("vendor_status.ghost", "full_outage", "vendor_status.ghost: no enabled plugin offers"),
        ("queue", "postgres", "queue: needs a restart"),
        ("idv_availabel", "false", "idv_availabel: unknown key; did you mean idv_available? `proof"),
        ("partner_name", "a: b: c", "VALUE: line 1: is not valid YAML"),
    ],
)
def test_what_a_start_would_refuse_is_not_written(file, capsys, key, value, rule):
    """The file stays as it was, byte for byte."""
    before = file.read_bytes()
    assert main(["switch", key, value, "--by", "Sam"]) == 78
    assert rule in capsys.readouterr().err
    assert file.read_bytes() == before


def test_a_key_that_another_source_sets_is_not_written(file, capsys, monkeypatch):
    """The edit would have no effect, and nobody would notice."""
    monkeypatch.setenv("PROOFING_IDV_AVAILABLE", "true")
    assert main(["switch", "idv_available", "false", "--by", "Sam"]) == 78
    assert "is set by environment variable, which wins over the file" in capsys.readouterr().err
    assert default(file)["idv_available"] is True


def test_the_block_of_the_environment_is_edited_where_it_has_the_key(file):
    """That one is in effect."""
    blocks = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(blocks | {"test": {"idv_available": True}}))
    assert main(["switch", "idv_available", "false", "--by", "Sam"]) == 0
    blocks = yaml.safe_load(file.read_text())
    assert (blocks["default"]["idv_available"], blocks["test"]["idv_available"]) == (True, False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_is_not_ours(file, capsys):
    """Such as a mounted ConfigMap."""
    file.parent.chmod(0o500)
    assert main(["switch", "idv_available", "false", "--by", "Sam"]) == 69
    assert "cannot be replaced" in capsys.readouterr().err
    file.parent.chmod(0o700)
