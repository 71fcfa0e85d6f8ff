"""Plain text for terminals: tables that never cut a word off, short ids, durations, ages. Imports the standard library alone."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime

GAP = "  "
SHORT_ID = 8
SHORT_COMMIT = 10
NARROWEST = 12
"""Columns that are no wider are wrapped last of all."""
LONGEST_WORD = 40
"""Longer ones (URLs, paths) may be broken over lines; names and statuses never are."""


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None) -> str:
    """Aligned columns. Where the terminal is too narrow the widest columns are wrapped, never truncated.

    ``width`` is the number of characters of a line; None takes the terminal's (80 where there is none), 0 never wraps.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(headers), *cells]) for i in range(len(headers))]
    limit = shutil.get_terminal_size((80, 24)).columns if width is None else width
    if limit:
        words = [max((len(word) for row in cells for word in row[i].split()), default=0) for i in range(len(headers))]
        widths = _fit(widths, [max(len(headers[i]), min(words[i], LONGEST_WORD)) for i in range(len(headers))], limit)
    lines = [_line(headers, widths).rstrip()]
    for row in cells:
        wrapped = [_wrap(cell, size) for cell, size in zip(row, widths, strict=True)]
        height = max(len(parts) for parts in wrapped)
        for i in range(height):
            lines.append(_line([parts[i] if i < len(parts) else "" for parts in wrapped], widths).rstrip())
    return "\n".join(lines)


def _fit(widths: list[int], least: list[int], limit: int) -> list[int]:
    """Take from the widest column, one character at a time, until the line fits or nothing can give: words stay whole."""
    fitted = list(widths)
    while sum(fitted) + len(GAP) * (len(fitted) - 1) > limit:
        able = [i for i, size in enumerate(fitted) if size > least[i]]
        able = [i for i in able if fitted[i] > NARROWEST] or able
        if not able:
            break
        fitted[max(able, key=lambda i: fitted[i])] -= 1
    return fitted


def _wrap(cell: str, size: int) -> list[str]:
    lines = cell.splitlines() or [""]
    return [part for line in lines for part in (textwrap.wrap(line, size, break_on_hyphens=False) or [""])]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(cell.ljust(size) for cell, size in zip(cells, widths, strict=True))


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def when(moment: datetime | str | None) -> str:
    """Local time to the second, or '-'; text is ISO 8601 as the views give it."""
    if not moment:
        return "-"
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def age(moment: datetime | str | None, now: datetime) -> str:
    if not moment:
        return "never"
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = int((now - found).total_seconds())
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return f"{max(seconds, 0)} s ago"


def counted(number: int, noun: str) -> str:
    """``1 target``, ``2 targets``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short(identifier: str | None) -> str:
    return identifier[:SHORT_ID] if identifier else "-"


def commit(version: str | None) -> str:
    return version[:SHORT_COMMIT] if version else "-"
