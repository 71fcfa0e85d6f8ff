"""Old releases: which ones go, and what is never touched."""

from __future__ import annotations

import fcntl

import pytest
from estate import Estate, Repository, release_id

NAMES = [release_id("c" * 40, number) for number in range(1, 7)]


@pytest.fixture
def six(estate: Estate) -> Estate:
    for name in NAMES:
        estate.release(name).mkdir(parents=True)
        (estate.release(name) / "REVISION").write_text("c" * 40)
    return estate


def left(estate: Estate) -> list[str]:
    return sorted(path.name for path in (estate.app / "releases").iterdir())


def test_current_and_protected_releases_stay(six: Estate) -> None:
    (six.app / "current").symlink_to(f"releases/{NAMES[0]}")
    run = six.role("prune", "--diff", fraisier_prune_keep=2, fraisier_prune_protect=[NAMES[1]]).ok()
    assert left(six) == [NAMES[0], NAMES[1], NAMES[4], NAMES[5]]
    assert sorted(run.result("prune")["removed"]) == [NAMES[2], NAMES[3]]
    assert set(run.result("prune")["diff"]["before"].split()) == {NAMES[2], NAMES[3]}


def test_bad_and_half_releases_go_first(six: Estate) -> None:
    (six.release(NAMES[5]) / ".fraisier-bad").touch()
    (six.release(NAMES[4]) / "REVISION").unlink()
    six.role("prune", fraisier_prune_keep=4).ok()
    assert left(six) == NAMES[:4]


def test_links_and_strangers_are_left_alone(six: Estate) -> None:
    outside = six.folder / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    link = release_id("d" * 40, 0)
    (six.app / "releases" / link).symlink_to(outside)
    (six.app / "releases" / "mine").mkdir()
    (six.release(NAMES[0]) / "storage").symlink_to(outside)
    six.role("prune", fraisier_prune_keep=1).ok()
    assert left(six) == sorted([link, NAMES[5], "mine"])
    assert (outside / "precious").exists()


def test_leftovers_go_unless_a_fetch_is_running(six: Estate) -> None:
    leftover = six.app / "releases" / f".staging-{NAMES[0]}"
    leftover.mkdir()
    (six.app / ".fraisier").mkdir()
    with (six.app / ".fraisier" / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        six.role("prune", fraisier_prune_keep=6).ok()
    assert leftover.exists()
    assert six.role("prune", fraisier_prune_keep=6).ok().result("prune")["removed"] == [leftover.name]
    assert not leftover.exists()


def test_mirror_forgets_the_commits_of_removed_releases(estate: Estate, repository: Repository) -> None:
    for number in (1, 2):
        commit = repository.commit({"a": str(number)})
        names = {"fraisier_release_id": release_id(commit, number), "fraisier_version": commit}
        estate.role("git", fraisier_git_repo=str(repository.path), **names).ok()
    estate.role("prune", fraisier_prune_keep=1).ok()
    refs = [path.name for path in (estate.app / "repo" / "refs" / "fraisier").iterdir()]
    assert refs == [commit]


@pytest.mark.parametrize("wrong", [{"fraisier_prune_keep": 0}, {"fraisier_prune_protect": ["../x"]}], ids=str)
def test_wrong_numbers_and_names_are_refused(wrong: dict[str, object], six: Estate) -> None:
    assert six.role("prune", **wrong).rc != 0
    assert left(six) == NAMES
