"""A deployment to three booted hosts: real units under a real systemd, PostgreSQL, ssh, one of them failing."""

from __future__ import annotations

from tests.hosts.world import UNIT, World


def test_first_deployment_upgrade_and_a_bad_version_that_goes_back_everywhere(world: World) -> None:
    first = world.head()
    assert world.deploy()["status"] == "success"
    world.assert_serving(first, "v1", schema="0001")
    second = world.release(2)
    assert world.deploy()["status"] == "success"
    world.assert_serving(second, "v2", schema="0002")
    before = world.seen()
    world.release(3, status=500, on=["h2"])
    result = world.deploy(expect=5)
    assert result["status"] == "rolled_back"
    assert "h2" in result["error"]["message"]
    world.assert_serving(second, "v2", schema="0002")
    after = world.seen()
    assert {name: seen.current for name, seen in after.items()} == {name: seen.current for name, seen in before.items()}
    assert [row["status"] for row in world.ledger("select status from tb_deployment order by pk_deployment")] == [
        "success",
        "success",
        "rolled_back",
    ]


def test_a_service_that_fails_shows_its_journal(world: World) -> None:
    world.release(2, status=503)
    result = world.deploy(expect=5)
    assert "service v2 starts" in world.fraisier("logs", result["id"]).stdout
    assert "service v2 starts" in world.host("h1").journal(UNIT)
