"""The controller is killed at each event of a deployment that fails on the second host: `fraisier resume` leaves everything as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts.world import World

STEP = int(os.environ.get("SWEEP_STEP", "9"))
"""Every so many events; SWEEP_STEP=1 is the whole sweep."""
ROOT = Path(__file__).parents[2]


def controller(world: World, number: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.hosts.killed", str(number)]
    environ = world.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=world.root, env=environ, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("half", [0, 1])
def test_killed_at_each_event_everything_is_as_before(world: World, half: int) -> None:
    world.configure(rollout={"strategy": "rolling", "batch_size": 1})
    good = world.head()
    world.deploy()
    untouched = world.seen("h3")
    world.release(2, status=500, on=["h2"])
    whole = controller(world, 0)
    assert whole.stdout, whole.stderr
    events, status = whole.stdout.split()
    assert status == "rolled_back", whole.stdout + whole.stderr
    for number in range(1 + half * STEP, int(events) + 1, 2 * STEP):
        killed = controller(world, number)
        assert killed.returncode == -9, (number, killed.stdout + killed.stderr)
        resumed = world.fraisier("resume", "my_api", "production", expect=None)
        story = f"killed at event {number} of {events}\n{resumed.stdout}\n{resumed.stderr}"
        assert resumed.returncode in (1, 5), story
        assert [row["status"] for row in world.history()][:2] == ["rolled_back", "interrupted"], story
        try:
            world.assert_serving(good, "v1", schema="0001")
            assert world.seen("h3") == untouched, "h3 was touched"
        except AssertionError as error:
            raise AssertionError(story) from error
