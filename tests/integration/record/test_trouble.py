"""A database that cannot be used says where, what and the next step; and never its password."""

from __future__ import annotations

import os
import pwd
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from fraisier.errors import LedgerError
from fraisier.record import connect, migrate, read, recorder, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.recorder import Recorder
from fraisier.vocabulary import Event, EventKind, Target
from tests.integration.record.postgresql import PostgresServer


def test_a_locked_file_is_named_and_trying_again_helps(
    sqlite_url: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.1)
    with Ledger(sqlite_url) as ledger, Ledger(sqlite_url) as other, Ledger(sqlite_url) as third:
        write.request(ledger, target)
        with other.transaction(), pytest.raises(LedgerError, match=r"fraisier\.db: database is locked") as caught:
            write.request(third, target)
        assert caught.value.retriable and caught.value.hint and "try again" in caught.value.hint
        assert len(read.history(ledger)) == 1


def test_what_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path, target: Target) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my dear diary\n" * 500)
    for act in (read.history, lambda ledger: write.request(ledger, target)):
        with (
            Ledger(f"sqlite:///{path}") as ledger,
            pytest.raises(LedgerError, match=r"notes\.txt: file is not a database") as caught,
        ):
            act(ledger)
        assert not caught.value.retriable
    assert path.read_text().startswith("my dear diary")


def test_a_folder_that_cannot_be_made_is_an_answer(tmp_path: Path, target: Target) -> None:
    (tmp_path / "file").write_text("")
    with (
        Ledger(f"sqlite:///{tmp_path}/file/fraisier.db") as ledger,
        pytest.raises(LedgerError, match=r"file exists: .*/file"),
    ):
        write.request(ledger, target)
    with pytest.raises(LedgerError, match=r"file exists: .*/file"):
        migrate.migrate(f"sqlite:///{tmp_path}/file/fraisier.db")


def test_a_folder_instead_of_a_file(tmp_path: Path) -> None:
    with Ledger(f"sqlite:///{tmp_path}") as ledger, pytest.raises(LedgerError, match="unable to open"):
        read.history(ledger)


@contextmanager
def not_allowed_to_write(path: Path) -> Iterator[None]:
    """Nobody may write there, and if we are root then we are somebody else for a while."""
    modes = {place: place.stat().st_mode for place in (path, path.parent)}
    path.chmod(0o444)
    path.parent.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        for place, mode in modes.items():
            place.chmod(mode)


def test_a_read_only_ledger_says_so(target: Target) -> None:
    with tempfile.TemporaryDirectory() as folder:  # not under tmp_path, whose parents are closed to others
        Path(folder).chmod(0o755)
        url = f"sqlite:///{folder}/state/fraisier.db"
        with Ledger(url) as ledger:
            write.request(ledger, target)
        with not_allowed_to_write(Path(folder) / "state/fraisier.db"):
            with Ledger(url) as ledger, pytest.raises(LedgerError, match=r"readonly|unable to open") as caught:
                write.request(ledger, target)
            assert not caught.value.retriable and caught.value.hint
        with Ledger(url) as ledger:
            assert len(read.history(ledger)) == 1


def test_a_full_disk(sqlite_url: str, target: Target) -> None:
    with Ledger(sqlite_url) as ledger:
        write.request(ledger, target)
        with ledger.transaction() as session:
            connection = session.driver
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match="disk is full") as caught:
            for _ in range(1_000):
                write.audit(ledger, "a" * 1_000, actor="ann")
        assert caught.value.retriable
        connection.execute("PRAGMA max_page_count = 1000000")
        write.audit(ledger, "room again", actor="ann")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://ann:hunter2secret@127.0.0.1:1/ledger", "127.0.0.1"),
        ("postgresql://ann:hunter2secret@no-such-host.invalid/ledger", "no-such-host.invalid"),
        ("postgresql://ann@127.0.0.1:1/ledger?password=hunter2secret", "password=***"),
    ],
)
def test_an_unreachable_server_is_named_without_the_password(url: str, said: str) -> None:
    ledger = Ledger(url)
    with pytest.raises(LedgerError) as caught:
        read.history(ledger)
    everything = f"{caught.value} {caught.value!r} {caught.value.hint} {ledger!r} {ledger.place!r} {vars(ledger)}"
    assert said in str(caught.value) and "hunter2secret" not in everything
    assert caught.value.retriable


def test_a_migration_that_cannot_begin_lets_go_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.05)
    path = tmp_path / "fraisier.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE somebodys (x)")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked") as caught:
            migrate.migrate(f"sqlite:///{path}")
        other.execute("ROLLBACK")  # as long as it holds the file, SQLite puts off closing any descriptor of it
        opened = [link for link in descriptors() if link == str(path)]
    assert caught.value.retriable and len(opened) == 1, "the other one's"


def descriptors() -> list[str]:
    """What this process has open."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            found.append(str(descriptor.readlink()))
    return found


def test_a_missing_database_says_how_to_make_it(postgresql_server: PostgresServer) -> None:
    with pytest.raises(LedgerError, match="does not exist") as caught:
        read.history(Ledger(postgresql_server.url("nothing_here")))
    assert caught.value.hint and "fraisier db migrate" in caught.value.hint and not caught.value.retriable


def test_a_restarted_server_is_found_again(
    postgresql_url: str, postgresql_server: PostgresServer, target: Target
) -> None:
    with Ledger(postgresql_url) as ledger:
        deployment = write.claim(ledger, write.request(ledger, target).id, Owner.here())
        with Recorder(ledger, deployment) as recording:
            for number in range(3_000):
                if number == 1_000:
                    postgresql_server.restart()
                recording.put(Event(EventKind.OK, 1.0, task=str(number)))
            assert read.running(ledger, target)[0].id == deployment.id
        assert write.heartbeat(ledger, deployment)
        assert [row.task for row in read.events(ledger, deployment, limit=5_000)] == [
            str(number) for number in range(3_000)
        ]


def test_a_recorder_gives_up_after_its_time(sqlite_url: str, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(recorder, "BATCH_SECONDS", 0.01)
    with Ledger(sqlite_url) as ledger, Ledger(sqlite_url) as other:
        deployment = write.claim(ledger, write.request(ledger, target).id, Owner.here())
        ledger.close()
        with other.transaction():
            recording = Recorder(ledger, deployment, give_up_seconds=0.3)
            recording.put(Event(EventKind.FAILED, 1.0))
            with pytest.raises(LedgerError, match=r"only 0 events of the run were recorded.*locked"):
                recording.close()


def test_a_database_by_another_name_is_kept_out_of_memory() -> None:
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://host/db", "nonsense", "postgresql://host:port/db"):
        with pytest.raises(LedgerError) as caught:
            Ledger(url)
        assert not caught.value.retriable and caught.value.hint


def test_a_damaged_file_is_said_to_be_damaged(sqlite_url: str, target: Target) -> None:
    with Ledger(sqlite_url) as ledger:
        for _ in range(50):
            write.request(ledger, target)
        ledger.query("PRAGMA wal_checkpoint(TRUNCATE)")
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    raw = bytearray(path.read_bytes())
    raw[4_096 * 2 :] = b"\xff" * (len(raw) - 4_096 * 2)
    path.write_bytes(raw)
    with Ledger(sqlite_url) as ledger, pytest.raises(LedgerError, match=r"malformed|not a database") as caught:
        read.history(ledger)
    assert isinstance(caught.value.__cause__, sqlite3.Error) and not caught.value.retriable
