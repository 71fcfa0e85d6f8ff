"""Which copies go: the rule itself, whatever copies there are and however many are to be kept."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.backup import retention
from hypothesis import example, given, settings
from hypothesis import strategies as st

FORM = "%Y%m%dT%H%M%SZ"
NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
Copies = dict[datetime, bool]
"""Moment of each copy, and whether it is good."""
AWKS = [name for name in ("mawk", "gawk", "busybox") if shutil.which(name)]


def going(copies: Copies, keep: dict[str, int], awk: str = "awk") -> list[datetime]:
    """What the program of the host removes."""
    program = [awk, "awk"] if awk == "busybox" else [awk]
    argv = [*program, "-v", f"now={NOW:{FORM}}", *retention(keep).split(), shell.program("retention.awk")]
    lines = "".join(f"{moment:{FORM}} {'good' if is_good else 'bad'}\n" for moment, is_good in copies.items())
    said = subprocess.run(argv, input=lines, capture_output=True, text=True, check=True).stdout.split()
    return [datetime.strptime(stamp, FORM).replace(tzinfo=UTC) for stamp in said]


def kept_by_the_rule(copies: Copies, keep: dict[str, int]) -> set[datetime]:
    """The same in other words: the last of each of the newest periods that have a copy, and no old ones, and always the newest."""
    good = sorted((moment for moment, is_good in copies.items() if is_good), reverse=True)
    kept = set(good[: keep["keep_last"]])
    for name, form in (("keep_daily", "%Y-%m-%d"), ("keep_weekly", "%G-%V"), ("keep_monthly", "%Y-%m")):
        last = {moment.strftime(form): moment for moment in reversed(good)}
        kept |= set(sorted(last.values(), reverse=True)[: keep[name]])
    if days := keep["max_age_days"]:
        kept = {moment for moment in kept if NOW - moment <= timedelta(days=days)}
    return kept | set(good[:1])


MOMENTS = st.integers(min_value=-3 * 86400, max_value=3 * 365 * 86400).map(
    lambda seconds: NOW - timedelta(seconds=seconds)
)
CLOSE = st.integers(min_value=0, max_value=40 * 4).map(lambda quarters: NOW - timedelta(hours=6 * quarters))
COPIES = st.dictionaries(MOMENTS | CLOSE, st.booleans() | st.just(True), max_size=60)
KEEP = st.fixed_dictionaries({
    name: st.integers(min_value=0, max_value=most)
    for name, most in {"keep_last": 20, "keep_daily": 20, "keep_weekly": 8, "keep_monthly": 12, "max_age_days": 400}.items()
})  # fmt: skip
NOTHING_KEPT = {"keep_last": 0, "keep_daily": 0, "keep_weekly": 0, "keep_monthly": 0, "max_age_days": 0}


@settings(max_examples=60)
@given(COPIES, KEEP)
@example({NOW - timedelta(days=900): True}, {**NOTHING_KEPT, "max_age_days": 1})
@example({NOW: False, NOW - timedelta(days=1): True, NOW - timedelta(days=2): False}, NOTHING_KEPT)
def test_what_goes_is_what_the_rule_says_and_never_the_last_good_copy(copies: Copies, keep: dict[str, int]) -> None:
    gone = going(copies, keep)
    good = {moment for moment, is_good in copies.items() if is_good}
    assert gone == sorted(gone), "oldest first: who is killed half way has lost the oldest"
    assert set(gone) & good == good - kept_by_the_rule(copies, keep)
    assert not good or max(good) not in gone
    bad = set(copies) - good
    assert set(gone) & bad == {moment for moment in bad if good and moment < max(good)}
    rest = {moment: is_good for moment, is_good in copies.items() if moment not in gone}
    assert going(rest, keep) == [], "what stays, stays"


@pytest.mark.parametrize("awk", AWKS)
def test_every_awk_says_the_same(awk: str) -> None:
    copies = {NOW - timedelta(hours=7 * n): n % 11 != 0 for n in range(400)}
    keep = {"keep_last": 3, "keep_daily": 5, "keep_weekly": 4, "keep_monthly": 3, "max_age_days": 70}
    kept = {moment for moment, is_good in copies.items() if is_good} - set(going(copies, keep, awk))
    assert kept == kept_by_the_rule(copies, keep)
