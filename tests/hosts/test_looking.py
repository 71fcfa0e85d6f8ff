"""Looking before and after on booted hosts: plans bound to them, their truth beside the ledger, and what they lack."""

from __future__ import annotations

import time

from tests.hosts.world import UNIT, World

UNIT_FILE = f"/etc/systemd/system/{UNIT}"


def test_a_plan_is_refused_after_a_unit_was_edited_by_hand_and_holds_again_when_that_is_undone(world: World) -> None:
    world.deploy()
    second = world.release(2)
    made = world.json("plan", "my_api", "production")["plan"]
    assert made["migration"]["pending"] == ["0002"]
    before = world.seen()
    world.host("h2").run("sed", "-i.before", "s/^Restart=.*/Restart=no/", UNIT_FILE)
    refused = world.deploy("--plan", made["id"], expect=9)
    assert (refused["status"], refused["error"]["code"]) == ("failed", "PlanRefused")
    message = refused["error"]["message"]
    assert f"h2: restart {UNIT_FILE} would change now, and would not have" in message
    assert "h1" not in message and "h3" not in message
    assert world.seen() == before
    shown = world.fraisier("plan", "my_api", "production", COLUMNS="80").stdout
    assert "restart on h2:" in shown and "-Restart=no" in shown
    world.host("h2").run("mv", f"{UNIT_FILE}.before", UNIT_FILE)
    assert world.deploy("--plan", made["id"])["status"] == "success"
    world.assert_serving(second, "v2", schema="0002")


def test_a_fleet_of_which_one_host_lost_power_is_named_in_seconds(world: World) -> None:
    first = world.head()
    assert {one["state"] for one in world.json("doctor")["findings"]} <= {"ok", "warning"}
    world.deploy()
    found = [one for one in world.json("doctor")["findings"] if one["host"]]
    assert {one["state"] for one in found} == {"ok"}
    for name in ("h1", "h2", "h3"):
        assert {"ssh", "sudo", "unit", "service", "port"} <= {one["check"] for one in found if one["host"] == name}
    world.host("h2").power_cut(silent=True)
    began = time.monotonic()
    live = world.json("status", "--live", expect=4)["fraises"][0]["hosts"]
    assert time.monotonic() - began < 40
    truths = {host["host"]: host for host in live}
    assert [truths[name]["reachable"] for name in ("h1", "h2", "h3")] == [True, False, True]
    assert all(truths[name]["answers_as"] == first and not truths[name]["drift"] for name in ("h1", "h3"))
    text = world.fraisier("status", "--live", expect=4, COLUMNS="80").stdout
    assert max(map(len, text.splitlines())) <= 80
    assert f"h1    healthy      {first[:10]}  {first[:10]}  running, pid" in text and "! h2: " in text
    lost = [one for one in world.json("doctor", expect=1)["findings"] if one["state"] == "problem"]
    assert [(one["host"], one["check"]) for one in lost] == [("h2", "ssh")]


def test_a_host_whose_user_may_not_become_root_is_told_what_to_allow(world: World) -> None:
    world.host("h2").run("rm", "/etc/sudoers.d/deploy")
    lost = [one for one in world.json("doctor", expect=1)["findings"] if one["state"] == "problem"]
    assert [(one["host"], one["check"]) for one in lost] == [("h2", "sudo")]
    assert "may not become root" in lost[0]["message"] and "NOPASSWD" in lost[0]["hint"]
