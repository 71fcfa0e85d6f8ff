"""What moved between two looks at the same plan: a sentence each, and silence about everything that did not matter."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fraisier.bound import differences

LOOK: dict[str, Any] = {
    "fraisier": "0.1.0",
    "hooks": {"before_migrate": "aa"},
    "unreachable": {},
    "complete": True,
    "migration": {"host": "web1", "known": True, "at": "0001", "pending": ["0002"], "note": ""},
    "hosts": {
        name: {
            "release_id": "R1",
            "version": "a" * 40,
            "service": "running",
            "changes": [
                {"phase": "activate", "task": "Activate", "was": "11", "files": ["/srv/a/current"], "diff": "d"},
                {"phase": "restart", "task": "Restart", "was": "22", "files": ["/etc/u.service"], "diff": "d"},
            ],
        }
        for name in ("web1", "web2")
    },
}


def test_nothing_moved_is_nothing_to_say() -> None:
    now = copy.deepcopy(LOOK)
    now["hosts"]["web1"]["changes"][0]["diff"] = "the same, told in other words"
    now["drift"] = []
    assert differences(LOOK, now) == []


def move(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    *parents, last = path.split(".")

    def act(look: dict[str, Any]) -> None:
        for name in parents:
            look = look[int(name)] if isinstance(look, list) else look[name]
        look[last] = value

    return act


def lose_web2(look: dict[str, Any]) -> None:
    """As a run ends whose host is gone: nobody comes as far as the migration."""
    del look["hosts"]["web2"]
    look["unreachable"] = {"web2": "No route to host"}
    look["complete"], look["migration"] = False, None
    look["hosts"]["web1"]["changes"] = []


@pytest.mark.parametrize(
    ("act", "sentences"),
    [
        (move("fraisier", "0.2.0"), ["Fraisier: was 0.1.0, is 0.2.0"]),
        (move("hooks.before_migrate", "bb"), ["hook before_migrate: the file is not what it was"]),
        (move("hosts.web2.release_id", ""), ["web2: current release was R1, is none"]),
        (move("hosts.web2.service", "failed"), ["web2: service was running, is failed"]),
        (
            move("hosts.web1.changes.1.was", "33"),
            ["web1: restart /etc/u.service is not what it was on the host"],
        ),
        (
            move("migration.pending", ["0002", "0003"]),
            ["pending migrations: were 0002, are 0002, 0003"],
        ),
        (
            move("migration.at", "0002"),
            ["database: was at 0001, is at 0002"],
        ),
        (lose_web2, ["web2: answered, and does not now: No route to host"]),
    ],
    ids=lambda value: value[0].partition(":")[0] if isinstance(value, list) else "after",
)
def test_what_moved_is_said_from_what_to_what(act: Callable[[dict[str, Any]], None], sentences: list[str]) -> None:
    now = copy.deepcopy(LOOK)
    act(now)
    assert differences(LOOK, now) == sentences


def test_a_file_that_would_change_only_now_was_edited() -> None:
    before = copy.deepcopy(LOOK)
    del before["hosts"]["web1"]["changes"][1]
    assert differences(before, LOOK) == ["web1: restart /etc/u.service would change now, and would not have"]
    assert differences(LOOK, before) == ["web1: restart /etc/u.service would have changed, and would not now"]
