"""Cron's five fields as systemd calendar expressions. Pure: the text alone decides.

Cron and systemd differ in one point that matters: with both days given, cron runs on either, systemd only where both fall together. Such a
schedule becomes two expressions.
"""

from __future__ import annotations

from typing import Final

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS: Final = ("minute", "hour", "day of month", "month", "day of week")
_BOUNDS: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES: Final[tuple[dict[str, int], ...]] = (
    {},
    {},
    {},
    {name: number for number, name in enumerate(MONTHS, start=1)},
    {name: number for number, name in enumerate(DAYS)},
)


def calendar_of(cron: str) -> tuple[str, ...]:
    """One or two expressions that together name the moments of ``cron``. Raises ValueError, with the field, for what is no such text."""
    texts = cron.split()
    if len(texts) != len(FIELDS):
        raise ValueError("expected cron's five fields: minute, hour, day of month, month, day of week")
    minutes, hours, days, months, weekdays = (_field(position, text) for position, text in enumerate(texts))
    weekdays = sorted({day % 7 for day in weekdays})
    time = f"{_part(hours, 0, 23)}:{_part(minutes, 0, 59)}:00"
    either = not texts[2].startswith("*") and not texts[4].startswith("*")
    by_date = f"*-{_part(months, 1, 12)}-{_part(days, 1, 31)} {time}"
    by_weekday = f"{_weekdays(weekdays)}*-{_part(months, 1, 12)}-* {time}"
    if either:
        return (by_date, by_weekday)
    return (f"{_weekdays(weekdays)}{by_date}",)


def on_calendar(text: str) -> list[str]:
    """The expressions for ``text``: cron's five fields, or an expression of systemd's already, which is left to its host to judge."""
    return list(calendar_of(text)) if len(text.split()) == len(FIELDS) else [text]


def _field(position: int, text: str) -> list[int]:
    low, high = _BOUNDS[position]
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isascii() and step.isdecimal() and int(step) > 0):
            raise _wrong(position, text)
        first, last = _span(position, span, text, is_open=bool(slash))
        found |= set(range(first, last + 1, int(step) if slash else 1))
    if not found or min(found) < low or max(found) > high:
        raise _wrong(position, text)
    return sorted(found)


def _span(position: int, span: str, text: str, *, is_open: bool) -> tuple[int, int]:
    """First and last number of ``*``, ``5``, ``5-9`` or, with a step, ``5`` for 5 to the end."""
    low, high = _BOUNDS[position]
    if span == "*":
        return low, 6 if position == 4 else high
    first, dash, last = span.partition("-")
    begin = _number(position, first, text)
    end = _number(position, last, text) if dash else (high if is_open else begin)
    if end < begin:
        raise _wrong(position, text)
    return begin, end


def _number(position: int, word: str, text: str) -> int:
    named = _NAMES[position].get(word.lower())
    if named is not None:
        return named
    if not (word.isascii() and word.isdecimal()):
        raise _wrong(position, text)
    return int(word)


def _wrong(position: int, text: str) -> ValueError:
    low, high = _BOUNDS[position]
    return ValueError(f"{FIELDS[position]} {text!r}: expected numbers from {low} to {high}, ranges, lists and steps")


def _part(numbers: list[int], low: int, high: int) -> str:
    return "*" if numbers == list(range(low, high + 1)) else ",".join(f"{number:02}" for number in numbers)


def _weekdays(days: list[int]) -> str:
    return "" if len(days) == len(DAYS) else f"{','.join(DAYS[day].title() for day in days)} "
