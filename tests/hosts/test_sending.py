"""`fetch: push`: the repository is a folder that only the controller has, and the hosts are sent what they need."""

from __future__ import annotations

import json
import shutil

from tests.hosts.world import APP_PATH, World


def test_hosts_that_do_not_see_the_repository_are_deployed_to_looked_at_and_taken_back(world: World) -> None:
    own = world.root / "repository"
    shutil.move(world.repository, own)
    world.repository = own
    world.settings["fraises"]["my_api"] |= {"git_repo": str(own), "fetch": "push"}
    world.write_config()
    first = world.head()
    assert world.host("h1").run("test", "-e", str(own), check=False).returncode != 0
    assert world.deploy()["status"] == "success"
    world.assert_serving(first, "v1", schema="0001")
    second = world.release(2)
    plan = world.fraisier("plan", "my_api", "production").stdout
    assert "0002" in plan
    assert world.deploy()["status"] == "success"
    world.assert_serving(second, "v2", schema="0002")
    world.release(3, status=500, on=["h2"])
    assert world.deploy(expect=5)["status"] == "rolled_back"
    world.assert_serving(second, "v2", schema="0002")
    world.fraisier("rollback", "my_api", "production")
    world.assert_serving(first, "v1", schema="0001")
    found = json.loads(world.fraisier("doctor", "--json", expect=None).stdout)
    assert "git" in json.dumps(found)
    for name in world.bed.hosts:
        names = world.host(name).run("ls", "-A", APP_PATH, f"{APP_PATH}/releases").stdout.split()
        assert "repo" not in names
        assert not [each for each in names if each.startswith((".sent", ".staging"))]
