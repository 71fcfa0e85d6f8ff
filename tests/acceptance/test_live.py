"""`status --live`: what the hosts answer now, all of them, beside what the ledger says; and what is owed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Target
from tests.acceptance.fleet import Fleet
from tests.acceptance.world import World

WIDTH = 80


def live(world: World, expect: int) -> dict[str, dict[str, Any]]:
    hosts = world.json("status", "my_api", "production", "--live", expect=expect)["fraises"][0]["hosts"]
    return {host["host"]: host for host in hosts}


def shown(world: World, expect: int) -> str:
    text = world.fraisier("status", "--live", expect=expect, COLUMNS=str(WIDTH)).stdout
    assert max(map(len, text.splitlines())) <= WIDTH
    return text


def test_three_hosts_of_which_one_is_down_are_read_at_80_columns(deployed_fleet: Fleet) -> None:
    world = deployed_fleet.world
    commit = world.git("rev-parse", "HEAD")
    text = world.config.read_text()
    nowhere = '"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, '
    world.config.write_text(text.replace('{"name": "web2", "vars": {', '{"name": "web2", "vars": {' + nowhere))
    began = time.monotonic()
    lines = shown(world, expect=4).splitlines()
    assert time.monotonic() - began < 60
    table = [line.split() for line in lines[lines.index("my_api/production, asked now:") + 1 :]]
    assert table[0] == ["HOST", "STATE", "CURRENT", "RUNS", "SERVICE", "STARTED"]
    for row, name in ((table[1], "web1"), (table[3], "web3")):
        assert row[:5] == [name, "healthy", commit[:10], commit[:10], "running,"]
        assert row[-1] == "ago"
    assert table[2][:3] == ["web2", "unreachable", "-"]
    assert table[4][:2] == ["!", "web2:"]


def test_a_host_that_was_edited_by_hand_contradicts_itself_and_the_ledger(deployed_fleet: Fleet) -> None:
    """Also where the health check tells no version: the folder of the process does."""
    fleet, world = deployed_fleet, deployed_fleet.world
    world.config.write_text(world.config.read_text().replace("          version_json: version\n", ""))
    (first,) = set(fleet.currents().values())
    commit = world.git("rev-parse", "HEAD")
    world.release(2)
    second = world.deploy()["release_id"]
    hosts = live(world, expect=0)
    assert {host["runs_release_id"] for host in hosts.values()} == {second}
    assert {host["manifest"]["release_id"] for host in hosts.values()} == {second}
    assert {host["answers_as"] for host in hosts.values()} == {""}
    link = fleet.hosts["web2"].app / "current"
    link.unlink()
    link.symlink_to(f"releases/{first}")
    (fleet.hosts["web3"].app / "releases" / second / ".fraisier.json").unlink()
    (fleet.hosts["web1"].app / "releases" / second / "REVISION").write_text("f" * 40 + "\n")
    hosts = live(world, expect=5)
    assert hosts["web2"]["drift"] == [
        f"the ledger says {second}, the host has {first}",
        f"its process was started in {second}, and current is {first}: it needs a restart",
    ]
    assert hosts["web3"]["drift"] == [f"release {second} has no manifest (.fraisier.json): it is not as it was fetched"]
    assert any(sentence.startswith("REVISION says ffffffffff") for sentence in hosts["web1"]["drift"])
    text = shown(world, expect=5)
    assert f"web2  healthy  {commit[:10]}" in text and "! web2: the ledger says" in text


@pytest.mark.deployed(1)
def test_what_is_owed_is_told_with_the_command_that_settles_it(world: World) -> None:
    result = world.history()[0]
    with Ledger(f"sqlite:///{world.root / 'fraisier.db'}") as ledger:
        write.record_host_release(
            ledger,
            Target("my_api", "production"),
            "localhost",
            state="debt",
            release_id=result["release_id"],
            version=result["new_version"],
        )
    for arguments in (("status",), ("status", "--live")):
        done = world.fraisier(*arguments, expect=5, COLUMNS=str(WIDTH))
        text = " ".join(done.stdout.split())
        assert f"! localhost owes release {result['release_id']} ({result['new_version'][:10]}) since 2" in text
        assert text.endswith(": fraisier resume my_api production")
    debts = json.loads(world.fraisier("status", "--json", expect=5).stdout)["fraises"][0]["debts"]
    assert [(debt["host"], debt["release_id"]) for debt in debts] == [("localhost", result["release_id"])]
