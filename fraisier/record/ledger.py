"""The ledger's door: connections kept for the next use, reads, and transactions that hold together what belongs together."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from re import compile as pattern
from typing import TYPE_CHECKING, Any, Self, TypeVar

from fraisier.record import encode, schema
from fraisier.record.connect import WAIT_SECONDS, connect, driver_errors
from fraisier.record.failure import ledger_error
from fraisier.record.url import POSTGRESQL, default_url, read_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fraisier.vocabulary import Target

Row = dict[str, Any]
Opened = TypeVar("Opened")
_IDLE = 4
_LOOK_SECONDS = 0.2
_NAMED = pattern(r"(?<![:\w]):([a-z_]\w*)")


class Session:
    """One open connection. Statements name their parameters ``:like_this`` on both engines; rows come back as dicts."""

    def __init__(self, engine: str, connection: Any) -> None:
        self.engine = engine
        self.driver = connection
        """sqlite3's or psycopg's own connection, for what must happen in the same transaction."""
        self.after_commit: list[Callable[[], object]] = []
        """What to call once the transaction that this session is in has been committed."""

    def execute(self, sql: str, /, **parameters: object) -> list[Row]:
        cursor = (
            self.driver.execute(_spelled(sql, self.engine), _clean(parameters))
            if parameters
            else self.driver.execute(sql)
        )
        if cursor.description is None:
            return []
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """The same statement, its parameters written ``?``, for every row. The texts must be writable already (``encode.text``)."""
        self.driver.cursor().executemany(sql.replace("?", "%s") if self.engine == POSTGRESQL else sql, rows)

    def lock(self, name: str) -> None:
        """Whoever else wants ``name`` waits for the end of this transaction. SQLite has one writer anyway."""
        if self.engine == POSTGRESQL:
            self.execute("SELECT pg_advisory_xact_lock(hashtext(:name))", name=name)

    def now(self) -> datetime:
        """The time, from one clock for everybody: the database's on PostgreSQL."""
        if self.engine == POSTGRESQL:
            at: datetime = self.execute("SELECT clock_timestamp() AS at")[0]["at"]
            return at.astimezone(UTC)
        return datetime.now(UTC)


class Ledger:
    """A database of deployments, opened when it is first used. One object serves all threads of a process.

    ``url`` is ``sqlite:////path`` or ``postgresql://...``; None takes FRAISIER_DATABASE_URL, else the file in the XDG state folder.
    A SQLite file is created and migrated by the first write; until then it reads as empty. Everything raises ``LedgerError``.
    """

    def __init__(self, url: str | None = None) -> None:
        self.place = read_url(url if url is not None else default_url(os.environ))
        self._mutex = threading.Lock()
        self._idle: list[Any] = []
        self._lost: list[Any] = []
        self._pid = os.getpid()
        self._is_current = False
        self._patience: list[float] = []
        self._joined = threading.local()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.place})"

    @property
    def engine(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.place.engine

    def query(self, sql: str, /, **parameters: object) -> list[Row]:
        """Rows of one statement that only reads; inside a transaction of this thread, as that sees them."""
        joined: Session | None = getattr(self._joined, "session", None)
        if joined is not None:
            return joined.execute(sql, **parameters)
        with self._translated():
            opened = self._patiently(lambda: self._opened(sql, parameters, is_write=False))
            if opened is None:
                return []
            session, rows = opened
            self._keep(session.driver)
            return rows

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """All or nothing. A transaction inside another one of the same thread joins it.

        ``durable=False`` does not wait for the disk: after a power cut the newest of such transactions may be missing, but never one
        that stands before a durable one.
        """
        joined: Session | None = getattr(self._joined, "session", None)
        if joined is not None:
            yield joined
            return
        with self._translated():
            begin, before = _begin(self.engine, durable), _before(self.engine, durable)
            opened = self._patiently(lambda: self._opened(begin, {}, is_write=True, before=before))
            assert opened is not None
            session, _ = opened
            self._joined.session = session
            try:
                yield session
                session.driver.execute("COMMIT")
            except BaseException:
                _roll_back(session.driver)
                raise
            finally:
                self._joined.session = None
                self._keep(session.driver)
        for call in session.after_commit:
            call()

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """For a block that has begun what must be written down to its end: wait so long for a database that is away, before each use.

        Holds for all threads, as one deployment has several; of blocks at the same time the most patient one counts.
        """
        self._patience.append(seconds)
        try:
            yield
        finally:
            self._patience.remove(seconds)

    def close(self) -> None:
        """Close what is idle. The ledger can be used again."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except driver_errors(self.place) as cause:
            raise ledger_error(cause, self.place) from cause

    def _patiently(self, open_: Callable[[], Opened]) -> Opened:
        """Nothing has been written before a transaction is open, nor by one that reads: that much may be tried again."""
        until = time.monotonic() + max(self._patience, default=0.0)
        while True:
            try:
                return open_()
            except driver_errors(self.place) as cause:
                if not ledger_error(cause, self.place).retriable or time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_SECONDS)

    def _opened(
        self, sql: str, parameters: Mapping[str, object], *, is_write: bool, before: str = ""
    ) -> tuple[Session, list[Row]] | None:
        """A connection on which ``sql`` was done; an idle one that died meanwhile is replaced, once."""
        while True:
            connection, was_idle = self._take(is_write=is_write)
            if connection is None:
                return None
            session = Session(self.engine, connection)
            try:
                if before:
                    session.execute(before)
                return session, session.execute(sql, **parameters)
            except BaseException:
                is_dead = bool(getattr(connection, "closed", False))
                self._keep(connection)
                if not (was_idle and is_dead):
                    raise
                self.close()  # its neighbours died of the same

    def _take(self, *, is_write: bool) -> tuple[Any, bool]:
        with self._mutex:
            if self._pid != os.getpid():
                # After a fork: the parent's connections are neither ours to use nor, with SQLite's file locks, to close.
                self._lost, self._idle, self._pid = self._idle, [], os.getpid()
            if self._idle:
                return self._idle.pop(), True
        if self.place.path is not None and not self.place.path.exists():
            if not is_write:
                return None, False
            self._prepare()
        return self._connect(), False

    def _prepare(self) -> None:
        try:
            schema.prepare(self.place)
        except OSError as cause:
            raise ledger_error(cause, self.place) from cause

    def _connect(self) -> Any:
        connection = connect(self.place)
        try:
            if not self._is_current:
                schema.make_current(connection, self.place)
                self._is_current = True
            if self.engine == POSTGRESQL:
                connection.execute(f"SET lock_timeout = '{WAIT_SECONDS:.0f}s'")
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep(self, connection: Any) -> None:
        with self._mutex:
            if len(self._idle) < _IDLE and not getattr(connection, "closed", False):
                self._idle.append(connection)
                return
        connection.close()


def target_lock(session: Session, target: Target) -> None:
    """First statement of every transaction that changes the deployments of ``target``."""
    session.lock(f"fraisier {target.slug}")


@lru_cache(maxsize=512)
def _spelled(sql: str, engine: str) -> str:
    return _NAMED.sub(r"%(\1)s", sql.replace("%", "%%")) if engine == POSTGRESQL else sql


def _clean(parameters: Mapping[str, object]) -> dict[str, object]:
    return {name: encode.text(value) if isinstance(value, str) else value for name, value in parameters.items()}


def _begin(engine: str, durable: bool) -> str:
    if engine == POSTGRESQL:
        return "BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit = off"
    return "BEGIN IMMEDIATE"


def _before(engine: str, durable: bool) -> str:
    return "" if engine == POSTGRESQL else f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}"


def _roll_back(connection: Any) -> None:
    # Fails when the connection is gone, and the transaction with it: what went wrong first is what counts.
    with suppress(Exception):
        connection.execute("ROLLBACK")
