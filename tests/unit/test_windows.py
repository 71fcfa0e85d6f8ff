"""Windows of time by the clock on the wall: once, weekly, daily; over the hours that a zone has twice, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraisier.fraise_types.windows import DAYS, Window, end, open_at, window

PARIS = "Europe/Paris"
ZONES = ("UTC", PARIS, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia")
moments = st.datetimes(
    datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2035-01-01"), timezones=st.just(UTC)
)
times = st.times().map(lambda each: f"{each:%H:%M}")
zones = st.sampled_from(ZONES)


def at(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


@pytest.mark.parametrize(
    ("begins", "ends", "inside", "outside"),
    [
        (
            "2026-12-24",
            "2027-01-02",
            ["2026-12-24 00:00", "2027-01-02 23:59"],
            ["2026-12-23 23:59", "2027-01-03 00:00"],
        ),
        ("2026-12-24 18:00", "2026-12-24 20:00", ["2026-12-24 18:00"], ["2026-12-24 17:59", "2026-12-24 20:00"]),
        ("fri 16:00", "mon 08:00", ["2026-11-20 16:00", "2026-11-22 03:00"], ["2026-11-20 15:59", "2026-11-23 08:00"]),
        ("mon 08:00", "fri 16:00", ["2026-11-23 08:00", "2026-11-25 12:00"], ["2026-11-22 12:00", "2026-11-20 16:00"]),
        ("sat", "sun", ["2026-11-21 00:00", "2026-11-22 23:59"], ["2026-11-20 23:59", "2026-11-23 00:00"]),
        ("mon", "sun", ["2026-11-23 00:00", "2026-11-22 23:59"], []),
        ("22:00", "06:00", ["2026-11-22 22:00", "2026-11-22 05:59"], ["2026-11-22 06:00", "2026-11-22 21:59"]),
        ("12:00", "13:00", ["2026-11-22 12:30"], ["2026-11-22 13:00", "2026-11-22 00:00"]),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", PARIS])
def test_a_window_has_its_beginning_and_not_its_end(
    begins: str, ends: str, inside: list[str], outside: list[str], zone: str
) -> None:
    found = window(begins, ends, zone)
    assert all(found.around(at(moment, zone)) for moment in inside)
    assert not any(found.around(at(moment, zone)) for moment in outside)


@pytest.mark.parametrize(
    "text", ["", "24:00", "fri16:00", "friday", "2026-02-30", "2026-12-24 ", " 10:00", "3000-01-01"]
)
def test_what_is_no_end_of_a_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        end(text)


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        ("fri", "2026-12-01", "not of one kind"),
        ("2026-12-02", "2026-12-01", "before it begins"),
        ("22:00", "22:00", "same time"),
        ("fri 22:00", "fri 22:00", "same time"),
    ],
)
def test_two_ends_that_make_no_window_are_refused(begins: str, ends: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        window(begins, ends, "UTC")


def test_an_hour_that_the_clock_shows_twice_is_in_the_window_both_times() -> None:
    found = window("2026-10-25 01:00", "2026-10-25 02:30", PARIS)
    assert found.around(at("2026-10-25 02:15", PARIS, fold=0))
    assert found.around(at("2026-10-25 02:15", PARIS, fold=1))
    assert not found.around(at("2026-10-25 02:30", PARIS, fold=1))
    assert window("02:30", "04:00", PARIS).around(at("2026-10-25 02:30", PARIS, fold=0))


def test_an_end_in_an_hour_that_is_left_out_is_taken_the_careful_way() -> None:
    """At 02:00 the clock goes to 03:00: a window until 02:30 has half an hour of the new time, one from 02:30 of the old."""
    assert window("01:00", "02:30", PARIS).around(at("2026-03-29 03:15", PARIS))
    assert window("02:30", "05:00", PARIS).around(at("2026-03-29 01:45", PARIS))
    assert not window("02:30", "05:00", PARIS).around(at("2026-03-29 01:15", PARIS))


def test_the_freeze_of_a_weekend_in_which_the_clock_moves_ends_by_the_clock() -> None:
    found = window("fri 16:00", "mon 08:00", PARIS).around(at("2026-10-25 12:00", PARIS))
    assert found == (at("2026-10-23 14:00"), at("2026-10-26 07:00"))
    assert found[1] - found[0] == timedelta(hours=65)


@given(moments, times, times, zones)
def test_daily_windows_say_what_the_clock_says(now: datetime, begins: str, ends: str, zone: str) -> None:
    if begins == ends:
        return
    wall = f"{now.astimezone(ZoneInfo(zone)):%H:%M}"
    is_inside = begins <= wall < ends if begins < ends else wall >= begins or wall < ends
    found = window(begins, ends, zone).around(now)
    if is_inside:
        assert found, "never less than the clock says"
    elif found:
        assert moves(found[0], zone) or moves(found[1], zone), "more only where the clock is set"


@given(moments, st.sampled_from(DAYS), times, st.sampled_from(DAYS), times, zones)
def test_weekly_windows_come_every_week(
    now: datetime, first: str, begins: str, last: str, ends: str, zone: str
) -> None:
    if (first, begins) == (last, ends):
        return
    one, rest = window(f"{first} {begins}", f"{last} {ends}", zone), window(f"{last} {ends}", f"{first} {begins}", zone)
    assert one.around(now) or rest.around(now), "a week has no hole"
    if one.around(now) and rest.around(now):
        assert any(moves(moment, zone) for found in (one.around(now), rest.around(now)) if found for moment in found)
    found = one.around(now) or rest.around(now)
    assert found and found[0] <= now < found[1] and found[1] - found[0] <= timedelta(days=8)


@given(moments, moments, zones)
def test_a_window_once_holds_exactly_between_its_ends(one: datetime, other: datetime, zone: str) -> None:
    first, last = sorted([one.replace(second=0, microsecond=0), other.replace(second=0, microsecond=0)])
    if first == last:
        return
    found = window(f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}", "UTC")
    assert found.around(first) == (first, last) == found.around(last - timedelta(microseconds=1))
    assert not found.around(last) and not found.around(first - timedelta(microseconds=1))
    assert window(f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}", zone).around(
        first.replace(tzinfo=ZoneInfo(zone))
    )


@given(moments, st.lists(st.tuples(times, times, zones), min_size=1, max_size=3))
def test_the_moment_from_which_on_all_is_open_is_in_no_window(
    now: datetime, given_windows: list[tuple[str, str, str]]
) -> None:
    windows: list[Window] = [window(*each) for each in given_windows if each[0] != each[1]]
    until = open_at(windows, now)
    if any(each.around(until) for each in windows):
        assert until > now + timedelta(days=1), "they leave nothing open"
    else:
        assert until >= now
        assert (until == now) is not any(each.around(now) for each in windows)


def moves(moment: datetime, zone: str) -> bool:
    """Whether the clock of ``zone`` is set within a few hours of ``moment``."""
    near = [moment + timedelta(hours=hours) for hours in (-25, 25)]
    return len({each.astimezone(ZoneInfo(zone)).utcoffset() for each in near}) > 1
