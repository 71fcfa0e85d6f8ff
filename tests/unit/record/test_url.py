"""Where the ledger is, and that its password never shows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest

from fraisier.record.failure import is_away, ledger_error
from fraisier.record.url import default_url, read_url

SECRET = "hunter2:secret/ä"
QUOTED = "hunter2%3Asecret%2F%C3%A4"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"FRAISIER_DATABASE_URL": "postgresql://db/ledger"}, "postgresql://db/ledger"),
        (
            {"FRAISIER_DATABASE_URL": " ", "XDG_STATE_HOME": "/state", "HOME": "/home/ann"},
            "sqlite:////state/fraisier/fraisier.db",
        ),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/ann"}, "sqlite:////home/ann/.local/state/fraisier/fraisier.db"),
        ({"HOME": "/home/ann"}, "sqlite:////home/ann/.local/state/fraisier/fraisier.db"),
    ],
)
def test_default_place(environ: dict[str, str], url: str) -> None:
    assert default_url(environ) == url


def test_sqlite_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_url("sqlite:////var/lib/with%20space/f.db").path == Path("/var/lib/with space/f.db")
    assert read_url("sqlite:///state/f.db").path == tmp_path / "state/f.db"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://ann:{QUOTED}@db.example.com:5433/ledger", "postgresql://ann:***@db.example.com:5433/ledger"),
        (f"postgres://ann:{QUOTED}@[::1]/ledger", "postgresql://ann:***@[::1]/ledger"),
        (f"postgresql+psycopg://:{QUOTED}@/ledger?host=/run/pg", "postgresql://:***@/ledger?host=/run/pg"),
        (f"postgresql://db/ledger?user=ann&password={QUOTED}", "postgresql://db/ledger?user=ann&password=***"),
    ],
)
def test_no_password_is_shown_and_the_driver_gets_it(url: str, shown: str) -> None:
    place = read_url(url)
    assert str(place) == shown
    assert SECRET not in repr(place) and QUOTED not in repr(place)
    options = psycopg.conninfo.conninfo_to_dict(place.reveal())
    assert options["password"] == SECRET


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(Exception, match="cannot be read") as caught:
        read_url("postgresql://ann:hunter2/secret@db:port/ledger")
    assert "hunter2" not in str(caught.value) and caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("cause", "retriable", "hint"),
    [
        (sqlite3.OperationalError("database is locked"), True, "try again"),
        (sqlite3.OperationalError("attempt to write a readonly database"), False, "writable"),
        (sqlite3.OperationalError("database or disk is full"), True, "space"),
        (
            psycopg.OperationalError('connection failed: FATAL:  password authentication failed for user "ann"'),
            False,
            "password",
        ),
        (psycopg.errors.InsufficientPrivilege("permission denied for table tb_deployment"), False, "grant"),
        (psycopg.errors.AdminShutdown("terminating connection due to administrator command"), True, "try again"),
        (psycopg.errors.DiskFull("could not extend file"), True, "space"),
        (psycopg.OperationalError("server closed the connection unexpectedly"), True, "running"),
        (psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"), False, "primary"),
    ],
)
def test_a_complaint_gets_its_next_step(cause: Exception, retriable: bool, hint: str) -> None:
    error = ledger_error(cause, read_url(f"postgresql://ann:{QUOTED}@db/ledger"))
    assert error.retriable is retriable is is_away(cause) and is_away(error) is retriable
    assert error.hint and hint in error.hint
    assert "ann:***@db" in error.message


def test_a_driver_that_repeats_the_password_is_silenced() -> None:
    error = ledger_error(
        psycopg.OperationalError(f"invalid dsn: {SECRET}"), read_url(f"postgresql://ann:{QUOTED}@db/ledger")
    )
    assert SECRET not in str(error)
