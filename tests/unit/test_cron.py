"""Cron's five fields as systemd calendar expressions: the same moments, by the opinion of a cron library and of systemd itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime

import pytest
from croniter import croniter

from fraisier.fraise_types.cron import calendar_of

CASES = {
    "15 4 * * *": ("*-*-* 04:15:00",),
    "*/20 * * * *": ("*-*-* *:00,20,40:00",),
    "0 9-17/4 * * mon-fri": ("Mon,Tue,Wed,Thu,Fri *-*-* 09,13,17:00:00",),
    "0 0 1,15 jan,jul *": ("*-01,07-01,15 00:00:00",),
    "30 6 * * 0": ("Sun *-*-* 06:30:00",),
    "30 6 * * 5-7": ("Sun,Fri,Sat *-*-* 06:30:00",),
    "5/30 0 29 2 *": ("*-02-29 00:05,35:00",),
    "0 3 13 * 5": ("*-*-13 03:00:00", "Fri *-*-* 03:00:00"),
    "* * * * *": ("*-*-* *:*:00",),
}
BEGIN = datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("cron", CASES)
def test_the_expression_is_the_expected_one(cron: str) -> None:
    assert calendar_of(cron) == CASES[cron]


def elapses(expressions: tuple[str, ...], count: int) -> list[datetime]:
    """What systemd says are the next moments, merged over the expressions."""
    found: set[datetime] = set()
    for expression in expressions:
        argv = ["systemd-analyze", "calendar", f"--iterations={count}", f"--base-time={BEGIN:%Y-%m-%d %H:%M:%S UTC}"]
        done = subprocess.run(
            [*argv, f"{expression} UTC"], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "TZ": "UTC"}
        )
        assert done.returncode == 0, done.stderr
        texts = re.findall(r"(?:Next elapse|Iter\S* #\d+): \w+ ([0-9-]+ [0-9:]+) UTC", done.stdout)
        found |= {datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) for text in texts}
    return sorted(found)[:count]


@pytest.mark.parametrize("cron", CASES)
def test_systemd_and_cron_mean_the_same_moments(cron: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed on this machine")
    wanted, step = [], croniter(cron, BEGIN)
    for _ in range(6):
        wanted.append(step.get_next(datetime))
    assert elapses(calendar_of(cron), 6) == wanted


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *",
             "5-1 * * * *", "a * * * *", "1,, * * * *", "* * L * *", "@daily", "1-2-3 * * * *", "² * * * *"],
)  # fmt: skip
def test_what_is_no_cron_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(ValueError, match=r"five fields|expected numbers from"):
        calendar_of(text)
