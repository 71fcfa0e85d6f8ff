"""`kill -9` of the controller at any point: nothing of the run lives on, the record tells the truth, the next deployment completes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.shelf import Shelf
from tests.acceptance.world import World, wait_for
from tests.processes import environments

PHASES = ("preflight", "fetch", "build", "migrate", "activate", "restart", "health", "verify")


def kill_after(world: World, line: str) -> int:
    """Start a deployment without a terminal, kill it -9 as soon as it has printed a line that begins with ``line``."""
    run = world.start("deploy", "my_api", "production")
    assert run.stdout
    for text in run.stdout:
        if text.startswith(line):
            break
    run.send_signal(signal.SIGKILL)
    run.communicate()
    return run.pid


def nothing_of_a_run_is_left(world: World) -> bool:
    """No guardian, playbook or module of this world; its service goes on, with an environment of its own."""
    return not any(
        f"HOME={world.home}" in environment and any(variable.startswith("FRAISIER_EVENTS=") for variable in environment)
        for environment in environments().values()
    )


@pytest.mark.parametrize("phases", [PHASES[0::2], PHASES[1::2]], ids=["even", "odd"])
@pytest.mark.xdist_group("crash")
@pytest.mark.deployed(1)
def test_a_killed_deployment_is_completed_by_the_next_one(world: World, phases: tuple[str, ...]) -> None:
    for number, phase in enumerate(phases, start=2):
        commit = world.release(number if number < 4 else 3, migration=number < 4)
        kill_after(world, phase)
        wait_for(lambda: nothing_of_a_run_is_left(world), "guardian, playbook and modules have ended", 10)
        assert world.history()[0]["status"] == "in_progress", "nobody has looked yet"
        assert world.deploy()["status"] == "success"
        assert [row["status"] for row in world.history()][:2] == ["success", "interrupted"]
        answer = world.production.answer()
        assert answer is not None
        assert answer["version"] == commit, f"killed after {phase}: the service must have been restarted"
        assert world.production.current().split("-")[1] == commit[:12]
    live = world.json("status", "--live")["fraises"][0]
    assert live["hosts"][0]["drift"] == []


@pytest.mark.xdist_group("crash")
@pytest.mark.deployed(1)
def test_killed_while_it_was_going_back_the_next_deployment_still_knows_what_was_good(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.release(2, status=500)
    kill_after(world, "undo migrate")
    wait_for(lambda: nothing_of_a_run_is_left(world), "everything of the run has ended", 10)
    result = world.deploy(expect=5)
    assert result["status"] == "rolled_back"
    world.assert_serving(first, "v1", schema="0001")


@pytest.mark.xdist_group("crash")
def test_a_first_deployment_that_was_killed_leaves_no_release_to_go_back_to(world: World) -> None:
    kill_after(world, "activate")
    wait_for(lambda: nothing_of_a_run_is_left(world), "everything of the run has ended", 10)
    world.release(1, migration=False, status=500)
    result = world.deploy(expect=5)
    assert result["status"] == "rolled_back"
    assert world.production.current() == "", "the release of the killed run has never proven itself"


@pytest.mark.xdist_group("crash")
@pytest.mark.deployed(1)
def test_ctrl_c_puts_back_what_had_moved_and_says_cancelled(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.release(2, status=500)
    run = world.start("deploy", "my_api", "production")
    assert run.stdout
    for text in run.stdout:
        if text.startswith("restart"):
            break
    time.sleep(0.3)  # into the health check, which goes on asking for seconds
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, out + err
    assert world.history()[0]["status"] == "cancelled"
    world.assert_serving(first, "v1", schema="0001")


def with_a_first_version_that_may_hang(shelf: Shelf) -> World:
    """Two versions deployed, the second one serves; while the file exists, a process of the first does not begin to answer."""
    world = shelf.new_world()
    waiting = f'import time\nwhile CODE == "v1" and os.path.exists("{world.root / "hangs"}"):\n    time.sleep(0.05)\n'
    world.edit("service.py", 'print(f"service', f'{waiting}print(f"service')
    world.commit("a service that may take its time")
    world.deploy()
    world.release(2)
    world.deploy()
    return world


@pytest.fixture
def hanging(shelf: Shelf, tmp_path: Path) -> Iterator[World]:
    with shelf.lent("hanging", lambda: with_a_first_version_that_may_hang(shelf), tmp_path / "w") as world:
        (world.root / "hangs").touch()
        yield world


@pytest.mark.xdist_group("crash")
def test_ctrl_c_in_a_rollback_goes_forward_again_and_says_cancelled(hanging: World) -> None:
    world, newer = hanging, hanging.git("rev-parse", "HEAD")
    run = world.start("rollback", "my_api", "production")
    assert run.stdout
    for text in run.stdout:
        if text.startswith("restart"):
            break
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=90)
    assert run.returncode == 130, out + err
    assert world.history()[0]["status"] == "cancelled"
    world.assert_serving(newer, "v2", schema="0002")


@pytest.mark.xdist_group("crash")
def test_a_rollback_that_does_not_hold_goes_forward_again(hanging: World) -> None:
    world, newer = hanging, hanging.git("rev-parse", "HEAD")
    done = world.fraisier("rollback", "my_api", "production", expect=1)
    assert "that did not work; going forward again" in done.stdout
    assert world.history()[0]["status"] == "rolled_back"
    world.assert_serving(newer, "v2", schema="0002")
    (world.root / "hangs").unlink()
    world.fraisier("rollback", "my_api", "production")
    assert world.history()[0]["status"] == "success"


@pytest.mark.xdist_group("crash")
@pytest.mark.deployed(1)
def test_a_second_ctrl_c_stops_at_once_and_claims_nothing(world: World) -> None:
    first = world.git("rev-parse", "HEAD")
    world.release(2)
    world.write_config(("    install:\n", "    install:\n      - trap '' TERM; sleep 20\n"))
    run = world.start("deploy", "my_api", "production")
    assert run.stdout
    for text in run.stdout:
        if text.startswith("fetch"):
            break
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, out + err
    assert world.history()[0]["status"] == "interrupted", "nobody has asked the hosts"
    wait_for(lambda: nothing_of_a_run_is_left(world), "everything of the run has ended", 10)
    world.write_config()
    assert world.deploy()["status"] == "success"
    assert world.history()[0]["old_version"] == first
