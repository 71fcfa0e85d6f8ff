"""The carrier on SQLite: the pending row is the bell. One process per database file works, others stand by."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fraisier.record.holding import LEASE_SECONDS

if TYPE_CHECKING:
    from fraisier.engine.worker import Worker
    from fraisier.record.ledger import Ledger, Session
    from fraisier.vocabulary import Target

LOG = logging.getLogger("fraisier.engine")
LOOK_SECONDS = 0.2
WAKE = threading.Event()
"""Set when something was asked for in this process."""


class Embedded:
    """Exclusivity is a lock on a file beside the database: it ends with the process that holds it, however that ends."""

    def __init__(self, ledger: Ledger) -> None:
        assert ledger.place.path is not None
        self.place = Place(ledger.place.path.with_name(f"{ledger.place.path.name}.worker"))

    def ring(self, session: Session, waiting: Mapping[Target, int]) -> None:  # noqa: ARG002 - the row is the bell
        """Workers look five times a second; one in this process is woken."""
        session.after_commit.append(WAKE.set)

    def is_served(self) -> bool:
        return self.place.is_taken()

    def serve(self, worker: Worker) -> None:
        while not worker.stop.is_set():
            with self._turn(worker) as is_ours:
                while is_ours and not worker.stop.is_set() and self.place.keep():
                    worker.sweep()
                    for each in worker.due():
                        worker.start(each.target)
                    WAKE.wait(LOOK_SECONDS)
                    WAKE.clear()

    @contextmanager
    def _turn(self, worker: Worker) -> Iterator[bool]:
        """Wait until no other process works here; False when we are to stop before that."""
        is_told = False
        while not (is_ours := self.place.take()) and not worker.stop.wait(LOOK_SECONDS):
            if not is_told:
                LOG.info("standing by: another worker is at work on this database")
                is_told = True
        try:
            yield is_ours
        finally:
            self.place.leave()  # the next one may begin at once: what our threads still carry out is theirs by its claim


class Place:
    """The place of the one worker: a locked file whose time of change says that the worker is not frozen.

    Whoever finds it locked and silent for longer than the lease puts a new file in its place; whoever held it sees that and stands by.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self) -> bool:
        with self._alone():
            self._file = _locked(self._path)
            if self._file is None and self._is_silent():
                self._path.unlink()
                self._file = _locked(self._path)
        return self._file is not None and self.keep()

    def keep(self) -> bool:
        """Say that we are at work; False, and the place is left, when somebody has taken it from us."""
        assert self._file is not None
        os.utime(self._file)
        try:
            if os.path.samestat(os.fstat(self._file), self._path.stat()):
                return True
        except FileNotFoundError:
            pass
        LOG.warning("was silent for too long: another worker has taken over")
        self.leave()
        return False

    def leave(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_taken(self) -> bool:
        """Whether a worker is there, and not frozen."""
        if not self._path.exists():
            return False
        with self._alone():
            file = _locked(self._path)
            if file is None:
                return not self._is_silent()
            os.close(file)
            return False

    def _is_silent(self) -> bool:
        return time.time() - self._path.stat().st_mtime > LEASE_SECONDS

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time looks and decides."""
        guard = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield
        finally:
            os.close(guard)


def _locked(path: Path) -> int | None:
    """An open file that holds the lock; None while another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
