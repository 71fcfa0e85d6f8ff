"""A fleet deployment commits as a whole or goes back as a whole, whatever fails in the middle."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.hosts.waiting import wait_for
from tests.hosts.world import World

ROLLING = {"strategy": "rolling", "batch_size": 1}


def test_batches_reach_the_hosts_one_after_the_other_and_migrate_once(world: World) -> None:
    world.configure(rollout={"strategy": "canary", "batch_size": 1})
    result = world.deploy()
    world.assert_serving(world.head(), "v1", schema="0001")
    assert result["hosts"] == dict.fromkeys(("h1", "h2", "h3"), result["release_id"])
    events = world.json("logs", result["id"])["events"]
    done = [(event["phase"], event["host"]) for event in events if event["event"] == "ok"]
    assert [host for phase, host in done if phase == "migrate"] == ["h1"]
    assert done.index(("health", "h1")) < min(done.index(("activate", "h2")), done.index(("activate", "h3")))
    assert [phase for phase, _ in done].count("fetch") == 3, "staged once on every host"


def test_a_bad_version_in_the_second_batch_leaves_everything_as_it_was(world: World) -> None:
    world.configure(rollout=ROLLING)
    good = world.head()
    world.deploy()
    before = world.seen()
    world.release(2, status=500, on=["h2"])
    result = world.deploy(expect=5)
    assert result["status"] == "rolled_back"
    assert "h2: health" in result["error"]["message"]
    after = world.seen()
    assert after["h3"] == before["h3"], "never touched: not even its process is another"
    world.assert_serving(good, "v1", schema="0001")
    assert world.deploy(expect=5)["status"] == "rolled_back", "and again"
    world.assert_serving(good, "v1", schema="0001")


def test_a_host_that_loses_power_in_the_middle_owes_its_release_and_pays_when_it_is_back(world: World) -> None:
    world.configure(rollout=ROLLING)
    good = world.head()
    release = world.deploy()["release_id"]
    untouched = world.seen("h3")
    world.release(2)
    held = world.hold("before_restart", "h2")
    run = world.start("deploy", "my_api", "production", "--json")
    held.wait_until_reached(run)
    world.host("h2").power_cut(silent=True)
    cut = time.monotonic()
    out, err = run.communicate(timeout=300)
    assert run.returncode == 7, out + err
    assert time.monotonic() - cut < 60, "a host that is gone is noticed in seconds"
    world.configure(hooks={})
    world.assert_serving(good, "v1", schema="0001", hosts=["h1"])
    assert world.seen("h3") == untouched

    assert json.loads(out)["deployment"]["owed"] == {"h2": release}
    assert world.json("status", expect=5)["fraises"][0]["status"] == "degraded"
    world.fraisier("resume", "my_api", "production", expect=4)
    world.host("h2").start()
    world.fraisier("resume", "my_api", "production")
    world.assert_serving(good, "v1", schema="0001")
    assert world.seen("h3") == untouched
    assert world.current("h2") == release
    world.fraisier("resume", "my_api", "production", expect=2)
    assert world.json("status")["fraises"][0]["status"] == "healthy"


def test_as_many_hosts_may_fail_as_max_failures_says_and_they_owe_the_new_release(world: World) -> None:
    world.configure(rollout={**ROLLING, "max_failures": 1})
    world.deploy()
    bad = world.release(2, status=500, on=["h2"])
    result = world.deploy()
    assert result["status"] == "success"
    assert result["owed"] == {"h2": result["release_id"]}
    assert any("h2" in warning for warning in result["warnings"])
    world.assert_serving(bad, "v2", schema="0002", hosts=["h1", "h3"])
    assert world.json("status", expect=5)["fraises"][0]["status"] == "degraded"
    good = world.release(3, migration=False)
    assert world.deploy()["status"] == "success"
    world.assert_serving(good, "v3", schema="0002")
    worse = world.release(4, migration=False, status=500, on=["h2", "h3"])
    assert world.deploy(expect=5)["status"] == "rolled_back", "two are more than one"
    assert worse not in {seen.answer and seen.answer[0] for seen in world.seen().values()}
    world.assert_serving(good, "v3", schema="0002")


def test_a_frozen_controller_is_fenced_off_on_the_hosts(world: World) -> None:
    """Controller, guardian and playbook stand still in the middle; another takes over; thawed, the first can do nothing any more."""
    world.configure(rollout=ROLLING)
    world.deploy()
    world.release(2)
    held = world.hold("before_activate", "h2")
    frozen = world.start("deploy", "my_api", "production")
    held.wait_until_reached(frozen)
    family = descendants(frozen.pid)
    for pid in family:
        signal_to(pid, signal.SIGSTOP)
    held.go_on()
    world.configure(hooks={})
    newest = world.release(3)
    assert world.deploy()["status"] == "success", "it waits until the lease is over, and then goes on"
    seen = world.seen()
    world.assert_serving(newest, "v3", schema="0003")
    for pid in family:
        signal_to(pid, signal.SIGCONT)
    out, err = frozen.communicate(timeout=120)
    assert frozen.returncode == 6, out + err
    assert world.seen() == seen, "nothing moved"
    assert [row["status"] for row in world.history()][:2] == ["success", "interrupted"]
    world.assert_serving(newest, "v3", schema="0003")


def test_cancelling_from_elsewhere_ends_the_command_on_the_host_and_puts_everything_back(world: World) -> None:
    good = world.head()
    world.deploy()
    world.release(2)
    fraise = world.settings["fraises"]["my_api"]
    fraise["install"] = ["trap '' TERM; touch /tmp/building; while :; do sleep 1; done"]
    world.write_config()
    run = world.start("deploy", "my_api", "production")
    for host in world.bed.hosts.values():
        wait_for(lambda host=host: host.run("test", "-e", "/tmp/building", check=False).returncode == 0, "it builds")
    cancelled = world.fraisier("cancel", "my_api", "production")
    assert "cancelled" in cancelled.stdout
    run.communicate(timeout=60)
    assert run.returncode == 130
    for host in world.bed.hosts.values():
        assert host.run("pgrep", "-f", "touch /tmp/building", check=False).returncode == 1, "nothing is left running"
    world.assert_serving(good, "v1", schema="0001")


def test_a_phase_that_takes_too_long_is_ended_on_the_host_too(world: World) -> None:
    good = world.head()
    world.deploy()
    world.release(2)
    world.settings["fraises"]["my_api"]["install"] = ["touch /tmp/building; exec sleep 600"]
    world.configure(phase_timeouts={"build": 3})
    result = world.deploy(expect=124)
    assert (result["status"], result["error"]["code"]) == ("failed", "DeploymentTimeout")
    assert "phase build took longer than the 3 s" in result["error"]["message"]
    for host in world.bed.hosts.values():
        assert host.run("pgrep", "-f", "sleep 600", check=False).returncode == 1
    world.assert_serving(good, "v1", schema="0001")


def descendants(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
            waiting += [int(child) for child in task.read_text().split()]
    return found


def signal_to(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
