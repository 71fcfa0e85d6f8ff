"""Several hosts of one target: one release id, one migration, and all of them back when one fails."""

from __future__ import annotations

from tests.acceptance.fleet import Fleet


def test_a_fleet_gets_one_release_id_and_migrates_once(fleet: Fleet) -> None:
    result = fleet.world.deploy()
    assert fleet.answers() == dict.fromkeys(fleet.hosts, "v1")
    assert set(fleet.currents().values()) == {result["release_id"]}
    events = fleet.world.json("logs", result["id"])["events"]
    assert [event["host"] for event in events if event["phase"] == "migrate" and event["event"] == "ok"] == ["web1"]
    assert result["hosts"] == dict.fromkeys(fleet.hosts, result["release_id"])


def test_one_host_that_fails_takes_all_of_them_back(deployed_fleet: Fleet) -> None:
    fleet = deployed_fleet
    before = fleet.currents()
    fleet.world.release(2)
    fleet.break_host("web2")
    result = fleet.world.deploy(expect=1)
    assert result["status"] == "rolled_back"
    assert "web2" in result["error"]["message"]
    assert fleet.currents() == before
    assert fleet.answers() == dict.fromkeys(fleet.hosts, "v1")
    assert fleet.world.production.schema() == "0001"


def test_a_host_that_cannot_go_back_is_named_with_what_is_true_of_it(deployed_fleet: Fleet) -> None:
    fleet = deployed_fleet
    fleet.world.release(2)
    gone = fleet.hosts["web3"].current()
    fleet.break_host("web2")
    (fleet.hosts["web3"].app / "releases" / gone / "REVISION").unlink()
    result = fleet.world.deploy(expect=7)
    assert result["status"] == "rollback_failed"
    assert result["compensation"].startswith("web3: ")
    assert "web1" not in result["compensation"], "what did go back is not complained about"
    assert fleet.answers()["web1"] == "v1"
    status = fleet.world.json("status", expect=None)["fraises"][0]
    assert status["status"] == "unknown"


def test_a_part_of_the_fleet_can_be_deployed_and_the_rest_is_then_still_due(deployed_fleet: Fleet) -> None:
    fleet = deployed_fleet
    fleet.world.release(2)
    assert fleet.world.deploy("--limit", "web1,web2")["status"] == "success"
    assert fleet.answers() == {"web1": "v2", "web2": "v2", "web3": "v1"}
    assert fleet.world.deploy()["status"] == "success", "web3 has not got it yet"
    assert fleet.answers() == dict.fromkeys(fleet.hosts, "v2")
    assert fleet.world.deploy()["status"] == "unchanged"


def test_an_unreachable_host_stops_the_deployment_before_anything_switched(deployed_fleet: Fleet) -> None:
    fleet = deployed_fleet
    text = fleet.world.config.read_text()
    nowhere = '"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9, '
    broken = text.replace('{"name": "web2", "vars": {', '{"name": "web2", "vars": {' + nowhere)
    assert broken != text
    fleet.world.config.write_text(broken)
    fleet.world.release(2)
    result = fleet.world.deploy(expect=4)
    assert (result["status"], result["error"]["code"]) == ("failed", "TargetUnreachable")
    assert "web2" in result["error"]["message"]
    assert {fleet.hosts[name].answer()["code"] for name in ("web1", "web3")} == {"v1"}
    live = fleet.world.json("status", "--live", expect=4)["fraises"][0]["hosts"]
    assert [host["reachable"] for host in live] == [True, False, True]
