"""How values are written: times, JSON of bounded size, text that both databases accept; and read back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

TAIL_CHARACTERS = 4_000
DATA_BYTES = 8_192
_DEPTH = 12
_LONG_SEQUENCE = 40
# PostgreSQL refuses NUL in text; neither database's UTF-8 has lone surrogates (bytes that were not text).
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


def text(value: str) -> str:
    """``value`` without the characters that a database refuses."""
    return value if is_writable(value) else _UNWRITABLE.sub("", value)


def is_writable(value: str) -> bool:
    # Not by the pattern: these three look at a kilobyte in a fraction of the time, and every text passes here.
    if "\x00" in value:
        return False
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def tail(value: object, characters: int = TAIL_CHARACTERS) -> str:
    """The last characters: where programs say why they stopped."""
    whole = value if isinstance(value, str) else "" if value is None else str(value)
    return text(whole[-characters:])


def moment(value: datetime | float) -> str:
    """A time as both databases take it; in SQLite the text itself, whose order is that of time: ``2026-11-22T01:56:00.000000Z``."""
    if not isinstance(value, datetime):
        seconds, rest = divmod(round(value * 1_000_000), 1_000_000)
        return f"{_second(seconds)}.{rest:06d}Z"
    if value.tzinfo is None:
        raise ValueError(f"time without a zone: {value!r}")
    return value.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


@lru_cache(maxsize=64)  # thousands of events come in one second
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def now() -> str:
    return moment(datetime.now(UTC))


def read_moment(value: str | datetime | None) -> datetime | None:
    """What came back of ``moment``: aware and in UTC, from either driver."""
    if value is None:
        return None
    return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


def document(value: object) -> str:
    """``value`` as JSON. What JSON cannot say is written as text; what a database refuses is left out."""
    try:
        written = _ENCODER.encode(value)
    except (TypeError, ValueError, RecursionError):
        written = ""
    if written and "\\u0000" not in written and is_writable(written):
        return written
    return _ENCODER.encode(_plain(value))


def read_document(value: object) -> Any:
    """What came back of ``document``: psycopg has parsed it already, sqlite3 has not."""
    return json.loads(value) if isinstance(value, str) else value


def bounded(value: Mapping[str, Any], limit: int = DATA_BYTES) -> str:
    """``value`` as JSON of at most ``limit`` bytes; the same input always gives the same text.

    Too long: strings keep their tails and lists their heads, ever shorter; at last only the names of the keys are left.
    ``_trimmed`` says so.
    """
    written = document(value)
    if _fits(written, limit):
        return written
    plain = _plain(value)
    for size in (1_000, 200, 40):
        written = document({**_shortened(plain, size), "_trimmed": True})
        if _fits(written, limit):
            return written
    names = [key[:40] for key in plain][:_LONG_SEQUENCE]
    return document({"_trimmed": True, "keys": names})


def _fits(written: str, limit: int) -> bool:
    return len(written) <= limit and (len(written) * 4 <= limit or len(written.encode()) <= limit)


def _plain(value: object, depth: int = _DEPTH) -> Any:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, datetime) and value.tzinfo:
        return moment(value)
    if depth and isinstance(value, Mapping):
        return {text(str(key)): _plain(inner, depth - 1) for key, inner in value.items()}
    if depth and isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(inner, depth - 1) for inner in value]
    return "..." if isinstance(value, (Mapping, list, tuple)) else text(str(value))


def _shortened(value: Any, size: int) -> Any:
    if isinstance(value, str):
        return value[-size:]
    if isinstance(value, dict):
        return {key[:size]: _shortened(inner, size) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner, size) for inner in value[:_LONG_SEQUENCE]]
    return value
