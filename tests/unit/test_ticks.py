"""Moments by the clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from fraisier.engine.ticks import newest_moment
from fraisier.fraise_types.clock import Schedule


@pytest.mark.parametrize(
    ("cron", "zone", "now", "moment"),
    [
        ("0 3 * * *", "UTC", "2026-11-22T03:00:00", "2026-11-22T03:00:00"),
        ("0 3 * * *", "UTC", "2026-11-22T03:00:00.400000", "2026-11-22T03:00:00"),
        ("0 3 * * *", "UTC", "2026-11-22T02:59:59.999999", "2026-11-21T03:00:00"),
        ("0 3 * * *", "Europe/Paris", "2026-11-22T02:00:00", "2026-11-22T02:00:00"),
        ("0 3 * * *", "Europe/Paris", "2026-07-22T01:00:00", "2026-07-22T01:00:00"),
        ("0 3 * * mon", "UTC", "2026-11-22T12:00:00", "2026-11-16T03:00:00"),
        ("*/5 * * * *", "UTC", "2026-11-22T12:04:59", "2026-11-22T12:00:00"),
    ],
)
def test_the_newest_moment_is_the_last_one_that_has_come(cron: str, zone: str, now: str, moment: str) -> None:
    found = newest_moment(Schedule(cron=cron, timezone=zone), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert found.tzinfo is UTC
