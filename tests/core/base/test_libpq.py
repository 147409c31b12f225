"""Problems that libpq reports late, or never, are found in the DSN alone."""

import pytest

from proofing.base.hosts import HOST_RULE
from proofing.base.libpq import libpq_problem


@pytest.fixture(autouse=True)
def _empty_home(tmp_path, monkeypatch):
    """A home without certificates, and no variables of libpq."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGSSLMODE", raising=False)
    monkeypatch.delenv("PGSSLROOTCERT", raising=False)


@pytest.fixture
def root(tmp_path):
    """A file that can be read."""
    path = tmp_path / "root.pem"
    path.write_text("synthetic")
    return str(path)


@pytest.mark.parametrize("hosts", ["a..b", "a,b..c"])
def test_hosts_are_judged(hosts):
    """Each of several."""
    assert libpq_problem({"host": hosts}) == HOST_RULE


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey"])
@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_a_missing_file_is_named(tmp_path, root, name, mode):
    """By its parameter. With `require` libpq would check no certificate, and say nothing."""
    parameters = {"host": "a", "sslmode": mode, "sslrootcert": root, name: str(tmp_path / "none.pem")}
    assert libpq_problem(parameters) == (
        f"the file that {name} names cannot be read: No such file or directory; correct its path or rights"
    )


def test_verification_needs_a_root_certificate(tmp_path, root, monkeypatch):
    """Named in the DSN or a variable, or at the place where libpq looks; over a socket there is no TLS."""
    parameters = {"host": "a", "sslmode": "verify-full"}
    rule = (
        "sslmode=verify-full needs a root certificate, and there is none: add sslrootcert=/its/file, or "
        "sslrootcert=system for the authorities that this machine trusts"
    )
    assert libpq_problem(parameters) == rule
    assert libpq_problem({**parameters, "host": "/run/postgresql"}) is None
    assert libpq_problem({**parameters, "host": "", "hostaddr": "127.0.0.1"}) == rule
    assert libpq_problem({**parameters, "sslmode": "require"}) is None
    for good in (root, "system"):
        assert libpq_problem({**parameters, "sslrootcert": good}) is None
    monkeypatch.setenv("PGSSLMODE", "verify-ca")
    assert libpq_problem({"host": "a"}) == rule.replace("full", "ca")
    monkeypatch.setenv("PGSSLROOTCERT", root)
    assert libpq_problem({"host": "a"}) is None
    monkeypatch.delenv("PGSSLROOTCERT")
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql/root.crt").write_text("synthetic")
    assert libpq_problem(parameters) is None


@pytest.mark.parametrize(
    "parameters",
    [{}, {"host": "/run/postgresql,@abstract,b.example."}, {"sslkey": "engine:key"}],
)
def test_other_parameters_are_left_to_libpq(parameters):
    """Sockets, and keys in an engine."""
    assert libpq_problem(parameters) is None
