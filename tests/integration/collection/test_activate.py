"""The swap: atomic, refusing what is not complete, and knowing what was there before."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from estate import Estate, Repository, Run, release_id

OLD, NEW = release_id("a" * 40, 1), release_id("b" * 40, 2)


@pytest.fixture
def two(estate: Estate) -> Estate:
    for name, commit in ((OLD, "a" * 40), (NEW, "b" * 40)):
        estate.release(name).mkdir(parents=True)
        (estate.release(name) / "REVISION").write_text(f"{commit}\n")
    return estate


def activate(estate: Estate, **variables: str) -> Run:
    return estate.role("activate", **variables)


def test_link_is_never_missing_while_releases_swap(two: Estate) -> None:
    activate(two, fraisier_release_id=OLD).ok()
    seen: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add((two.app / "current" / "REVISION").read_text()[:1])

    watcher = threading.Thread(target=watch)
    watcher.start()
    run = activate(two, fraisier_release_id=NEW)
    done.set()
    watcher.join()
    assert seen <= {"a", "b"}
    assert run.ok().result("activate")["previous_release_id"] == OLD
    assert (two.app / "current").readlink() == Path("releases") / NEW


def test_time_of_activation_is_kept_for_a_second_run(two: Estate) -> None:
    first = activate(two, fraisier_release_id=NEW).ok().result("activate")
    again = activate(two, fraisier_release_id=NEW).ok().result("activate")
    assert first["activated_at"] > 1_700_000_000
    assert again["activated_at"] == first["activated_at"]


def test_release_that_is_not_there_is_refused(two: Estate) -> None:
    (two.release(NEW) / "REVISION").unlink()
    assert "is not complete on this host" in activate(two, fraisier_release_id=NEW).message("activate")
    assert two.current == ""


def test_bad_release_is_marked_and_then_refused_unless_wanted(two: Estate) -> None:
    activate(two, fraisier_release_id=OLD, fraisier_activate_bad_release_id=NEW).ok()
    assert (two.release(NEW) / ".fraisier-bad").exists()
    assert "marked as bad" in activate(two, fraisier_release_id=NEW).message("activate")
    activate(two, fraisier_release_id=NEW, fraisier_activate_allow_bad="true").ok()
    assert not (two.release(NEW) / ".fraisier-bad").exists()
    assert two.current == NEW


def test_real_folder_in_the_links_place_is_left_alone(two: Estate) -> None:
    (two.app / "current").mkdir()
    assert "is not a symbolic link" in activate(two, fraisier_release_id=NEW).message("activate")


def test_absent_takes_the_link_away_once(two: Estate) -> None:
    activate(two, fraisier_release_id=NEW).ok()
    gone = activate(two, fraisier_activate_state="absent").ok()
    assert (gone.changed, gone.result("activate")["previous_release_id"]) == (1, NEW)
    assert two.current == ""
    assert activate(two, fraisier_activate_state="absent").ok().changed == 0


def test_diff_shows_both_ends_of_the_link(two: Estate, repository: Repository) -> None:
    activate(two, fraisier_release_id=OLD).ok()
    run = two.role("activate", "--check", "--diff", fraisier_release_id=NEW).ok()
    assert run.result("activate")["diff"]["before"] == f"releases/{OLD}\n"
    assert run.result("activate")["diff"]["after"] == f"releases/{NEW}\n"
    assert two.current == OLD
