"""The carrier on SQLite: the pending row is the bell. One process per database file works, others stand by."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger, Session
    from fraisier.vocabulary import Target


class Embedded:
    """Exclusivity is a lock on a file beside the database: it ends with the process that holds it, however that ends."""

    def __init__(self, ledger: Ledger) -> None:
        assert ledger.place.path is not None
        self.path = ledger.place.path.with_name(f"{ledger.place.path.name}.worker")

    def ring(self, session: Session, waiting: Mapping[Target, int]) -> None:  # noqa: ARG002 - the row is the bell
        """Workers look five times a second; one in this process is woken."""
        session.after_commit.append(WAKE.set)

    def is_served(self) -> bool:
        if not self.path.exists():
            return False
        lock = hold(self.path)
        if lock is None:
            return True
        os.close(lock)
        return False


WAKE = threading.Event()
"""Set when something was asked for in this process."""


def hold(path: Path) -> int | None:
    """An open file that holds the lock, for whoever works; None while another process does."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
