"""The log of a process that works for long: lines for people, or one JSON object a line."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TextIO

TEXT = "%(asctime)s %(levelname)-7s %(message)s"


class JsonLines(logging.Formatter):
    """``{"time": ..., "level": ..., "message": ...}``, and ``traceback`` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start_logging(stream: TextIO, *, as_json: bool, is_verbose: bool) -> None:
    """From here on what Fraisier says goes to ``stream``; of other libraries only warnings do."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("fraisier").setLevel(logging.DEBUG if is_verbose else logging.INFO)
    # They speak of every attempt to reach a database that is away, which we say once.
    for name in ("procrastinate", "psycopg"):
        logging.getLogger(name).setLevel(logging.WARNING if is_verbose else logging.CRITICAL)
