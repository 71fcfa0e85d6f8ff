"""What the server says while it works: one JSON object a line on standard error, the fields of the request that it is about included.

Bodies, secrets and signatures never come here: what is logged is named field by field.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

LOGGER = logging.getLogger("fraisier.web")
CONTEXT: ContextVar[dict[str, Any] | None] = ContextVar("fraisier_request", default=None)
"""Fields of the request that is being answered; they stand on every line that is logged meanwhile."""


class JsonLines(logging.Formatter):
    """``{"time": ..., "level": ..., "message": ..., <fields of the request>, <extra fields>}``."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if about := CONTEXT.get():
            line |= about
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[0]:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        try:
            return orjson.dumps(line, default=str).decode()
        except (TypeError, ValueError):  # a lone surrogate somewhere
            return orjson.dumps({name: ascii(value) for name, value in line.items()}).decode()


class Turns(logging.StreamHandler[TextIO]):
    """Lines that are logged in one turn of the event loop are written at its end together; faults, and what other threads say, at once."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - as logging does it: what cannot be logged must not end what is being done
            self.handleError(record)
            return
        self._lines.append(line)
        if len(self._lines) > 1 and record.levelno < logging.ERROR:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if record.levelno >= logging.ERROR:
            self.flush()
        else:
            loop.call_soon(self.flush)

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            if lines:
                self.stream.write("".join(f"{line}\n" for line in lines))
            self.stream.flush()


def start_logging(level: int = logging.INFO) -> None:
    """Everything that the process logs goes to standard error in this form."""
    handler = Turns(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # A record of who logged from which line is looked for on every call, and nobody reads it.
    logging._srcfile = None  # noqa: SLF001 - the documented way, logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def say(level: int, message: str, **fields: Any) -> None:
    """One line of the journal."""
    LOGGER.log(level, message, extra={"fields": fields})
