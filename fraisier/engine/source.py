"""fraises.yaml while a worker works: one that is broken changes nothing but the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from fraisier.config import FraisierConfig
from fraisier.config.live import Live

LOG = logging.getLogger("fraisier.engine")


class Source(Live[FraisierConfig]):
    """The configuration as it is now, looked at whenever somebody asks. Raises ConfigError only when it is made."""

    def __init__(self, path: str | Path | None, environ: Mapping[str, str]) -> None:
        super().__init__(path, lambda config: config, environ=environ)

    def config(self) -> FraisierConfig:
        """The newest one that is good."""
        if self.look():
            if self.fault:
                LOG.warning(
                    "%s has changed and cannot be used; going on with what it said before\n%s", self.path, self.fault
                )
            else:
                LOG.info("%s has changed: read again", self.path)
        return self.current
