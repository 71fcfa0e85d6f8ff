"""Windows of time as people write them: once, every week or every day, by the clock on the wall of a time zone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY, WEEK = timedelta(days=1), timedelta(days=7)
FORMS: Final = (
    "a date (2026-12-24), a day of the week (fri), each perhaps with a time (fri 16:00), or a time alone (22:00)"
)
_MONDAY: Final = datetime(2024, 1, 1)  # noqa: DTZ001 - a clock on a wall has no zone
_END: Final = re.compile(
    rf"(?:(?P<date>(?:19|20|21)\d\d-\d\d-\d\d)|(?P<day>{'|'.join(DAYS)}))?(?P<space>[ T])?(?P<time>(?:[01]\d|2[0-3]):[0-5]\d)?"
)
_MOST_STEPS: Final = 100


@dataclass(frozen=True)
class End:
    """One end of a window: its form, the time on the wall, and whether a day stands there without a time."""

    form: Literal["once", "weekly", "daily"]
    at: datetime
    is_whole_day: bool = False


def end(text: str) -> End:
    """What is written as ``begins`` or ``ends``. Raises ValueError for what is none of ``FORMS``."""
    found = _END.fullmatch(text)
    if not text or found is None or bool(found["space"]) != bool((found["date"] or found["day"]) and found["time"]):
        raise ValueError(text)
    hours, minutes = map(int, (found["time"] or "00:00").split(":"))
    time = timedelta(hours=hours, minutes=minutes)
    if found["date"]:
        day = date.fromisoformat(found["date"])
        return End("once", datetime(day.year, day.month, day.day) + time, not found["time"])  # noqa: DTZ001 - as above
    if found["day"]:
        return End("weekly", _MONDAY + DAYS.index(found["day"]) * DAY + time, not found["time"])
    return End("daily", _MONDAY + time)


@dataclass(frozen=True)
class Window:
    """From ``begins`` up to ``begins + length``, again after each ``period`` (None: once), as the clock shows it in ``timezone``.

    ``length`` is at most ``period``. Where the clock shows a time twice, the window has both; where it leaves one out, the window still
    begins no later, and ends no earlier, than it would by either reading.
    """

    begins: datetime
    length: timedelta
    period: timedelta | None
    timezone: str

    def around(self, now: datetime) -> tuple[datetime, datetime] | None:
        """The occurrence that ``now`` falls into, as moments in UTC: from the first, up to and without the second."""
        zone = ZoneInfo(self.timezone)
        for begins in self._near(now.astimezone(zone).replace(tzinfo=None)):
            first, last = _moments(begins, zone)[0], _moments(begins + self.length, zone)[1]
            if first <= now < last:
                return first, last
        return None

    def _near(self, wall: datetime) -> Iterable[datetime]:
        if self.period is None:
            return (self.begins,)
        number = (wall - self.begins) // self.period
        return (self.begins + (number + step) * self.period for step in (-1, 0, 1))


def window(begins: str, ends: str, timezone: str) -> Window:
    """The window between two ends of one form. Raises ValueError, with what is wrong, when they make none.

    A day without a time is whole: a window that ends on it has all of it.
    """
    first, last = end(begins), end(ends)
    if first.form != last.form:
        raise ValueError("begins and ends are not of one kind")
    length = last.at + (DAY if last.is_whole_day else timedelta()) - first.at
    if first.form == "once":
        if length <= timedelta():
            raise ValueError("ends before it begins")
        return Window(first.at, length, None, timezone)
    period = WEEK if first.form == "weekly" else DAY
    if length % period == timedelta() and not last.is_whole_day:
        raise ValueError("begins and ends at the same time")
    return Window(first.at, length % period or period, period, timezone)


def open_at(windows: Iterable[Window], now: datetime) -> datetime:
    """The first moment from ``now`` on that is in none of ``windows``, in UTC; after a hundred of them, one that is not looked beyond."""
    known, at = list(windows), now.astimezone(UTC)
    for _ in range(_MOST_STEPS):
        ends = [found[1] for each in known if (found := each.around(at))]
        if not ends:
            break
        at = max(ends)
    return at


def _moments(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last moment that the time on the wall may mean: one, unless the clock is set forward or back there."""
    either = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return either[0], either[1]
