"""An etl on booted hosts: run by people and by the clock, upgraded, broken, gone back from."""

from __future__ import annotations

from typing import Any

from tests.hosts.test_jobs import RUNS, units
from tests.hosts.test_systemd import APP_PATH
from tests.hosts.waiting import wait_for
from tests.hosts.world import World

NAMES = ("loading", "production")
HOSTS = ("h1", "h2")


def write(world: World, what: str, *, mode: int = 0o755) -> str:
    program = world.repository / "load.sh"
    program.write_text(f'#!/bin/sh\n{what} "$(id -un)" "$@"\n')
    program.chmod(mode)
    return world.commit(what)


def ran(world: World, *words: str, expect: int | None = 0) -> dict[str, Any]:
    found: dict[str, Any] = world.json("run", *NAMES, *words, expect=expect)["deployment"]
    return found


def test_a_program_from_the_file_to_the_history_and_back(world: World) -> None:
    for name in HOSTS:
        world.host(name).run("useradd", "--system", "loader")
    place = {"app_path": APP_PATH, "hosts": [world.host_entry(world.host(name)) for name in HOSTS]}
    loading: dict[str, Any] = {
        "type": "etl",
        "git_repo": str(world.repository),
        "script": "load.sh",
        "schedule": "*-*-* *:*:0/2",
        "run": {"user": "loader"},
        "environments": {"production": place},
    }
    world.settings = {"fraises": {"loading": loading}}
    world.write_config()
    write(world, "echo one")
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    for name in HOSTS:
        count = f"ls {RUNS} | grep -c ^run@"
        wait_for(
            lambda name=name, count=count: int(world.host(name).run("sh", "-c", count, check=False).stdout or 0),
            "its timer has fired",
        )
    collected = world.json("collect", *NAMES)["targets"][0]["runs"]
    assert {(run["job"], run["host"], run["status"]) for run in collected} == {
        ("run", name, "success") for name in HOSTS
    }
    by_clock = [row for row in world.history() if row["trigger"] == "scheduled"]
    assert by_clock and {row["kind"] for row in by_clock} == {"job"}

    del loading["schedule"]
    world.write_config()
    second = write(world, "echo two")
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    assert [units(world.host(name), "") for name in HOSTS] == [[], []], "no clock, no units"
    told = ran(world, "--param", "since=last week")
    assert [told["runs"][name]["log"] for name in HOSTS] == [["two loader --since=last week"]] * 2

    write(world, "echo three", mode=0o644)
    broken = world.json("deploy", *NAMES, expect=5)["deployment"]
    assert broken["status"] == "rolled_back", broken
    assert ran(world)["runs"]["h2"]["log"] == ["two loader"]
    assert {world.current(name).split("-")[1] for name in HOSTS} == {second[:12]}

    write(world, "echo four; exit 3;")
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    failed = ran(world, expect=None)
    assert (failed["status"], failed["runs"]["h1"]["rc"], failed["runs"]["h1"]["log"]) == ("failed", 3, ["four"])

    back = world.json("rollback", *NAMES, "--to", second)["deployment"]
    assert back["status"] == "success"
    assert ran(world)["runs"]["h1"]["log"] == ["two loader"]
