"""The fence on a host: whoever lost the target does nothing there, and what a cut off run left going is ended by the next."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from estate import Estate, release_id

# Of this process alone: a run ends what carries its target's mark wherever it is on the machine, also for a test in the next process.
TARGET = str(uuid4())
OLD, NEW = release_id("a" * 40, 1), release_id("b" * 40, 2)


@pytest.fixture
def two(estate: Estate) -> Estate:
    for name, commit in ((OLD, "a" * 40), (NEW, "b" * 40)):
        estate.release(name).mkdir(parents=True)
        (estate.release(name) / "REVISION").write_text(f"{commit}\n")
    return estate


def activate(estate: Estate, release: str, fence: str) -> dict[str, object]:
    arguments = {"app_path": str(estate.app), "release_id": release, "state": "present"}
    return estate.task("activate", arguments, "-e", f'{{"fraisier_fence": "{fence}"}}').result("activate")


def test_who_was_overtaken_does_nothing_more(two: Estate) -> None:
    assert activate(two, OLD, f"{TARGET} 7 1")["changed"]
    for fence in (f"{TARGET} 6 9", f"{TARGET} 7 0"):
        refused = activate(two, NEW, fence)
        assert refused["outcome"] == "failed" and refused["fenced"]
        assert refused["msg"] == (
            f"another run has taken this target over on this host (7 1; this one is {fence.partition(' ')[2]}): nothing was done"
        )
        assert two.current == OLD
    assert activate(two, NEW, f"{TARGET} 7 2")["changed"]
    assert activate(two, OLD, f"{TARGET} 10 1")["changed"], "numbers, not texts"
    assert two.current == OLD


def test_numbers_of_another_ledger_say_nothing(two: Estate) -> None:
    activate(two, OLD, f"{TARGET} 700 1")
    assert activate(two, NEW, "11111111-8c8c-4a44-9d1c-2f6f3ad1e0aa 1 1")["changed"]
    assert two.current == NEW


def test_without_a_fence_everything_works_as_with_plain_ansible(two: Estate) -> None:
    activate(two, OLD, f"{TARGET} 700 1")
    run = two.task("activate", {"app_path": str(two.app), "release_id": NEW, "state": "present"})
    assert run.ok().result("activate")["changed"]


def test_a_fence_of_another_form_is_refused(two: Estate) -> None:
    run = two.task("activate", {"app_path": str(two.app), "release_id": NEW}, "-e", '{"fraisier_fence": "x; true"}')
    assert "fraisier_fence must be" in run.text
    assert two.current == ""


@pytest.fixture
def cut_off(two: Estate, request: pytest.FixtureRequest) -> Iterator[int]:
    """A build whose ansible-playbook was killed in the middle of a command; the command's pid."""
    note = two.folder / "pid"
    (two.release(NEW) / ".fraisier").mkdir()
    (two.release(NEW) / ".fraisier" / "building").touch()
    command = f"{request.param}echo $$ >{note}.new; mv {note}.new {note}; while :; do sleep 1; done"
    argv, environment = two.command(_play(two, command), fraisier_fence=f"{TARGET} 3 1")
    run = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(note.exists, "the command runs")
    finally:
        run.kill()
        run.wait()
    pid = int(note.read_text())
    assert _is_alive(pid), "a killed controller leaves the command going: that is what this is about"
    yield pid
    if _is_alive(pid):
        os.kill(pid, signal.SIGKILL)


def _play(estate: Estate, command: str) -> Path:
    path = estate.folder / "build.json"
    arguments = {"app_path": str(estate.app), "release_id": NEW, "version": "b" * 40, "commands": [command]}
    task = {"name": "Build", "fraisier.deploy.build": arguments}
    path.write_text(json.dumps([{"name": "Build", "hosts": "all", "gather_facts": False, "tasks": [task]}]))
    return path


@pytest.mark.parametrize("cut_off", ["", "trap '' TERM; "], ids=["ends when asked", "ends when told"], indirect=True)
def test_what_a_cut_off_run_still_does_is_ended_by_the_next(two: Estate, cut_off: int) -> None:
    run = two.play("stop", fraisier_fence=f"{TARGET} 3 2").ok()
    assert cut_off in run.result("stop")["stopped"]
    _wait(lambda: not _is_alive(cut_off), "the command has ended")
    again = two.play("stop", fraisier_fence=f"{TARGET} 3 3").ok().result("stop")
    assert again["stopped"] == [] and not again["changed"]


@pytest.mark.parametrize("cut_off", [""], ids=["ends when asked"], indirect=True)
def test_a_take_over_ends_it_too_and_then_goes_on(two: Estate, cut_off: int) -> None:
    assert activate(two, OLD, f"{TARGET} 4 1")["changed"]
    assert not _is_alive(cut_off)
    assert two.current == OLD


def test_nothing_is_made_on_a_host_that_has_nothing(estate: Estate) -> None:
    assert estate.play("stop", fraisier_fence=f"{TARGET} 1 1").ok().result("stop")["stopped"] == []
    assert not estate.app.exists()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
