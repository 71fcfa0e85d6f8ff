"""A configuration that follows its file: read again when fraises.yaml or .env changes, kept as it was while the new one is faulty."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

from fraisier.config.find import find_config
from fraisier.config.load import DOTENV, FraisierConfig
from fraisier.errors import FraisierError

Made = TypeVar("Made")
Signature = tuple[tuple[int, int, int] | None, ...]


class Live(Generic[Made]):
    """What ``make`` makes of the configuration, for as long as the process lives.

    The first reading raises what is wrong with it. Afterwards ``current`` is always of the last good one, and ``fault`` says, in the words
    of the error, why a newer one is not in force ('' when it is).
    """

    def __init__(
        self,
        path: str | Path | None,
        make: Callable[[FraisierConfig], Made],
        *,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._environ, self._make = environ, make
        self.path = find_config(path, environ=os.environ if environ is None else environ, cwd=cwd or Path.cwd())
        self._seen = self._signature()  # before it is read: what changes meanwhile is seen at the next look
        self._mutex = threading.Lock()
        self.fault = ""
        self.current = make(FraisierConfig(self.path, environ=environ, cwd=cwd))

    def look(self) -> bool:
        """Read again what has changed since; True when another configuration is in force, or ``fault`` is another one."""
        with self._mutex:
            now = self._signature()
            if now == self._seen:
                return False
            self._seen = now
            before = self.fault
            try:
                self.current = self._make(FraisierConfig(self.path, environ=self._environ))
            except FraisierError as error:
                self.fault = str(error)
                if error.retriable:  # the file is good: what it needs did not answer
                    self._seen = ()
                return self.fault != before
            self.fault = ""
            return True

    def _signature(self) -> Signature:
        return tuple(_state(path) for path in (self.path, self.path.parent / DOTENV))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
