"""The PostgreSQL of the tests: comes up, keeps what was committed over a crash, leaves nothing behind."""

from pathlib import Path

import pytest

from proofing_devtools.postgres import PostgresServer, running_postgres


def test_a_started_server_gives_empty_databases() -> None:
    """Each is its own, and gone when dropped."""
    with running_postgres() as server:
        first, second = server.new_database(), server.new_database()
        assert first != second
        name = first.rsplit("/", 1)[1]
        server.run_sql("create table t (x int); insert into t values (1)", name)
        assert server.run_sql("select x, x + 1 from t", name) == "1|2"
        copy = server.new_database(template=name).rsplit("/", 1)[1]
        assert server.run_sql("select count(*) from t", copy) == "1"
        server.drop_database(first)
        with pytest.raises(RuntimeError, match="does not exist"):
            server.run_sql("select 1", name)


def test_a_crashed_server_comes_back_with_what_was_committed() -> None:
    """Killed and started again, on the same port."""
    with running_postgres(durable=True) as server:
        port = server.port
        server.run_sql("create table t (x int)")
        server.kill()
        assert not server.is_ours
        server.start()
        assert server.port == port
        assert server.run_sql("select count(*) from t") == "0"


def test_a_paused_server_answers_after_resume() -> None:
    """Connections wait meanwhile."""
    with running_postgres() as server:
        server.pause()
        server.resume()
        assert server.run_sql("select 1") == "1"


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """The folder of a temporary server goes; one that was named stays and is taken up again."""
    with running_postgres() as server:
        data = server.data
        assert data.exists()
    assert not data.exists()
    server.stop()
    folder = tmp_path / "cluster"
    tmp_path.chmod(0o755)
    for _ in range(2):
        kept = PostgresServer(folder=folder)
        kept.start()
        kept.run_sql("create table if not exists t (x int); insert into t values (1)")
        count = kept.run_sql("select count(*) from t")
        kept.stop()
    assert count == "2"


def test_statements_are_not_logged() -> None:
    """Not even with the values of a failing one."""
    with running_postgres() as server:
        with pytest.raises(RuntimeError):
            server.run_sql("prepare p(text) as select $1::int; execute p('letmein-synthetic')")
        log = (server.data.parent / "log").read_text()
    assert "parameters" not in log
