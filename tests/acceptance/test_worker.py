"""Deployments that a worker carries out: asked for, watched, gone on with by the next worker, tried again, due by the clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraisier import engine
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target, Trigger
from fraisier.work import Asked
from tests.acceptance.test_crash import nothing_of_a_run_is_left
from tests.acceptance.world import FRAISIER, World, wait_for
from tests.processes import command_lines


def build_behind_a_gate(world: World) -> Path:
    """From now on a build goes on once this file exists: so that what a test does meanwhile may take as long as it takes."""
    gate = world.root / "gate"
    world.write_config(("    install:\n", f"    install:\n      - while [ ! -e {gate} ]; do sleep 0.1; done\n"))
    return gate


@pytest.fixture
def work(world: World) -> Iterator[subprocess.Popen[bytes]]:
    process = start_worker(world)
    yield process
    end(process)


def start_worker(world: World) -> subprocess.Popen[bytes]:
    """A worker that writes its log to a file, so that nobody has to read it."""
    log = (world.root / "worker.log").open("ab")
    process = subprocess.Popen([FRAISIER, "work"], env=world.environ, cwd=world.root, stdout=log, stderr=log)
    log.close()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def log_of(world: World) -> str:
    return (world.root / "worker.log").read_text()


def test_asked_for_and_watched(world: World, work: subprocess.Popen[bytes]) -> None:
    wait_for(lambda: "worker is ready" in log_of(world), "it is ready")
    asked = world.json("deploy", "my_api", "production", "--detach")
    assert asked["worker"] is True and asked["deployment"]["status"] == "pending"
    watched = world.fraisier("deploy", "--follow", asked["deployment"]["id"][:8])
    assert "health" in watched.stdout and "success in" in watched.stdout
    world.assert_serving(world.git("rev-parse", "HEAD"), "v1", schema="0001")
    again = world.fraisier("deploy", "--follow", asked["deployment"]["id"])
    assert "success in" in again.stdout, "what has ended can be looked at too"
    commit = world.release(2)
    result = world.deploy("--follow")
    assert (result["status"], result["new_version"]) == ("success", commit)
    row = world.history()[0]
    assert (row["id"], row["trigger"]) == (result["id"], "manual")
    assert world.json("queue") == {"schema_version": 1, "deployments": [], "worker": True}


def test_without_a_worker_it_waits_and_says_so(world: World) -> None:
    asked = world.fraisier("deploy", "my_api", "production", "--detach")
    assert "waits for a worker" in asked.stdout and "no worker is at work" in asked.stderr
    shown = world.fraisier("queue")
    assert "waiting" in shown.stdout and "my_api/production" in shown.stdout and "fraisier work" in shown.stderr
    refused = world.fraisier("deploy", "my_api", "production", "--detach", "--commit", "abc", expect=2)
    assert "not a full commit hash" in refused.stderr
    world.fraisier("work", "--once")
    assert world.history()[0]["status"] == "success"


def test_what_fails_is_told_to_whoever_watches_and_can_be_tried_again(
    world: World, work: subprocess.Popen[bytes]
) -> None:
    first = world.git("rev-parse", "HEAD")
    assert world.deploy("--follow")["status"] == "success"
    commit = world.release(2, status=500)
    result = world.deploy("--follow", expect=5)
    assert (result["status"], result["error"]["code"]) == ("rolled_back", "HealthCheckFailed")
    world.assert_serving(first, "v1", schema="0001")
    world.release(3)
    again = world.json("retry", "my_api", "production", "--follow", expect=5)["deployment"]
    assert (again["status"], again["new_version"]) == ("rolled_back", commit), "the commit that failed, not the newest"
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger:
        rows = ledger.query("SELECT id, fk_retry_of, background FROM tb_deployment ORDER BY pk_deployment DESC LIMIT 2")
    assert rows[0]["id"] == again["id"] and rows[0]["fk_retry_of"]
    refused = world.fraisier("retry", world.history()[-1]["id"][:8], expect=2)
    assert "has not failed" in refused.stderr
    foreground = world.fraisier("retry", again["id"][:8], expect=5)
    assert "rolled_back" in foreground.stdout


def test_twelve_requests_during_a_deployment_are_one_more_of_the_last_commit(
    world: World, work: subprocess.Popen[bytes]
) -> None:
    gate = build_behind_a_gate(world)
    world.fraisier("deploy", "my_api", "production", "--detach")
    wait_for(lambda: world.history()[0]["status"] == "in_progress", "it runs")
    commits = [world.commit(f"push {number}") for number in range(12)]
    for commit in commits:
        world.fraisier("deploy", "my_api", "production", "--detach", "--commit", commit)
    gate.touch()
    wait_for(lambda: not world.json("queue")["deployments"], "everything was carried out", 60)
    rows = world.history()
    assert [row["status"] for row in rows] == ["success", *["superseded"] * 11, "success"]
    assert rows[0]["new_version"] == commits[-1]
    world.assert_serving(commits[-1], "v1", schema="0001")


@pytest.mark.xdist_group("crash")
@pytest.mark.deployed(1)
def test_a_killed_worker_s_deployment_is_gone_on_with_by_the_next(world: World) -> None:
    commit = world.release(2)
    gate = build_behind_a_gate(world)
    first = start_worker(world)
    other = start_worker(world)
    try:
        asked = world.json("deploy", "my_api", "production", "--detach")["deployment"]
        row = wait_for(lambda: running(world), "it runs")
        wait_for(lambda: "build" in world.fraisier("logs", asked["id"], "--all").stdout, "it builds")
        os.kill(row["pid"], signal.SIGKILL)
        gate.touch()
        watched = world.json("deploy", "--follow", asked["id"])["deployment"]
        assert (watched["status"], watched["new_version"]) == ("success", commit)
        rows = world.history()
        assert [row["status"] for row in rows[:2]] == ["success", "interrupted"]
        assert rows[0]["release_id"] == rows[1]["release_id"], "the same release, gone on with"
        world.assert_serving(commit, "v2", schema="0002")
    finally:
        end(first)
        end(other)
    wait_for(lambda: nothing_of_a_run_is_left(world), "nothing is left", 10)


@pytest.mark.xdist_group("crash")
def test_what_a_frozen_worker_runs_ends_before_another_one_goes_on(world: World) -> None:
    world.write_config(("    install:\n", "    install:\n      - exec sleep 317\n"))
    frozen = start_worker(world)
    asked = world.json("deploy", "my_api", "production", "--detach")["deployment"]
    wait_for(lambda: is_running(["sleep", "317"]), "it builds", 60)
    os.kill(frozen.pid, signal.SIGSTOP)
    other = start_worker(world)
    try:
        wait_for(lambda: not is_running(["sleep", "317"]), "its command has ended", 14)
        assert [row["status"] for row in world.history()] == ["in_progress"], "nobody has gone on yet"
        world.write_config()
        watched = world.json("deploy", "--follow", asked["id"])["deployment"]
        assert watched["status"] == "success" and watched["id"] != asked["id"]
        os.kill(frozen.pid, signal.SIGCONT)
        wait_for(lambda: "another worker has taken over" in log_of(world), "it has noticed")
        assert [row["status"] for row in world.history()] == ["success", "interrupted"]
    finally:
        os.kill(frozen.pid, signal.SIGCONT)
        end(frozen)
        end(other)
    world.assert_serving(world.git("rev-parse", "HEAD"), "v1", schema="0001")


def running(world: World) -> dict[str, object] | None:
    found = [row for row in world.json("queue")["deployments"] if row["state"] == "running"]
    return dict(found[0]) if found else None


@pytest.mark.xdist_group("crash")
def test_a_stopped_worker_finishes_and_a_second_signal_leaves_it_to_the_next(world: World) -> None:
    gate = build_behind_a_gate(world)
    process = start_worker(world)
    world.fraisier("deploy", "my_api", "production", "--detach")
    wait_for(lambda: running(world), "it runs")
    process.terminate()
    gate.touch()
    assert process.wait(60) == 0
    assert world.history()[0]["status"] == "success", "what had begun was finished"
    world.release(2)
    gate.unlink()
    process = start_worker(world)
    asked = world.json("deploy", "my_api", "production", "--detach")["deployment"]
    wait_for(lambda: running(world), "it runs")
    process.terminate()
    wait_for(lambda: "no new work" in log_of(world).split("deployment " + asked["id"][:8])[-1], "it winds up")
    process.terminate()
    assert process.wait(10) == 130
    gate.touch()
    wait_for(lambda: nothing_of_a_run_is_left(world), "everything of the run has ended", 10)
    world.fraisier("work", "--once")
    assert [row["status"] for row in world.history()[:2]] == ["success", "interrupted"]


def test_a_target_that_is_gone_from_the_file_fails_with_a_sentence_and_a_broken_file_changes_nothing(
    world: World, work: subprocess.Popen[bytes]
) -> None:
    world.add_environment("staging", "main")
    wait_for(lambda: "worker is ready" in log_of(world), "it is ready")
    good = world.config.read_text()
    world.config.write_text(good + "\nnonsense: 1\n")
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger:
        asked = Asked("pusher", Trigger.WEBHOOK)
        fine = engine.enqueue(ledger, Target("my_api", "production"), asked)
        gone = engine.enqueue(ledger, Target("my_api", "nowhere"), asked)
    result = json.loads(world.fraisier("deploy", "--follow", fine.id, "--json").stdout)["deployment"]
    assert result["status"] == "success"
    assert "cannot be used; going on with what it said before" in log_of(world)
    failed = world.json("deploy", "--follow", gone.id, expect=2)["deployment"]
    assert failed["status"] == "failed" and "is no longer in" in failed["error"]["message"]
    world.config.write_text(good)
    world.write_config()
    wait_for(lambda: "read again" in log_of(world), "the good one is taken again")


def test_a_push_that_does_not_concern_it_leaves_it_alone(world: World) -> None:
    world.write_config(("    install:\n", "    paths: [service.py, migrations/**, requirements.txt]\n    install:\n"))
    world.deploy()
    first = world.git("rev-parse", "HEAD")
    (world.repository / "NOTES.md").write_text("nothing that runs\n")
    notes = world.commit("notes")
    pushed(world)
    assert (world.history()[0]["status"], world.history()[0]["trigger"]) == ("unchanged", "webhook")
    said = world.fraisier("deploy", "--follow", world.history()[0]["id"]).stdout
    assert f"changed from {first[:10]} to {notes[:10]}" in " ".join(said.split())
    world.assert_serving(first, "v1", schema="0001")
    second = world.release(2)
    pushed(world)
    assert world.history()[0]["status"] == "success"
    world.assert_serving(second, "v2", schema="0002")


def pushed(world: World) -> None:
    """What a webhook leads to, carried out."""
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger:
        engine.enqueue(ledger, Target("my_api", "production"), Asked("pusher", Trigger.WEBHOOK))
    world.fraisier("work", "--once")


def is_running(command: list[str]) -> bool:
    return command in command_lines().values()


def test_due_by_the_clock(world: World) -> None:
    world.write_config(("        branch: main\n", '        branch: main\n        deploy_schedule: "0 3 * * *"\n'))
    world.fraisier("work", "--once")
    assert world.history() == [], "a new schedule counts from the first look"
    with Ledger(world.environ["FRAISIER_DATABASE_URL"]) as ledger, ledger.transaction() as session:
        session.execute("UPDATE tb_schedule_tick SET due_at = '2026-01-01T03:00:00.000000Z'")
    world.fraisier("work", "--once")
    assert [(row["status"], row["trigger"], row["actor"]) for row in world.history()] == [
        ("success", "scheduled", "schedule")
    ]
    world.fraisier("work", "--once")
    assert len(world.history()) == 1, "what was missed is made up for once"
