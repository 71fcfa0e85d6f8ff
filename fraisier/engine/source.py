"""fraises.yaml while a worker works: read again when it has changed; one that is broken changes nothing but the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

from fraisier.config import FraisierConfig
from fraisier.config.load import DOTENV
from fraisier.errors import ConfigError

LOG = logging.getLogger("fraisier.engine")
Stamp = tuple[tuple[int, int, int] | None, ...]


class Source:
    """The configuration as it is now. Raises ConfigError only when it is made: from then on there is a good one."""

    def __init__(self, path: str | Path | None, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._mutex = threading.Lock()
        self._config = FraisierConfig(path, environ=environ)
        self._stamp = self._look()

    def config(self) -> FraisierConfig:
        """The newest one that is good."""
        with self._mutex:
            stamp = self._look()
            if stamp != self._stamp:
                self._stamp = stamp
                self._read()
            return self._config

    def _read(self) -> None:
        try:
            self._config = FraisierConfig(self._config.path, environ=self._environ)
        except ConfigError as error:
            LOG.warning(
                "%s has changed and cannot be used; going on with what it said before\n%s", self._config.path, error
            )
        else:
            LOG.info("%s has changed: read again", self._config.path)

    def _look(self) -> Stamp:
        path = self._config.path
        return tuple(_stamp(each) for each in (path, path.parent / DOTENV))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
