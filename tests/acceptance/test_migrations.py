"""Each migration tool on the whole path, on PostgreSQL: what a deployment that fails leaves of its migrations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.world import World
from tests.integration.collection.migration_kits import KITS, Kit, add, with_two
from tests.integration.collection.migration_places import dbmate, new_kit, postgresql, python_tools  # noqa: F401  # fixtures

NOT_HEALTHY, REFUSED = 5, 12


def configure(world: World, kit: Kit, **more: object) -> None:
    """The application of a kit, whose service is its database alone; JSON is YAML, too."""
    names = ("bin_dir", "migrations_dir", "commands", "pending_rc")
    database = {"tool": kit.tool, "url": "${APP_SECRET}"} | {
        name: kit.arguments[name] for name in names if name in kit.arguments
    }
    fraise = {
        "type": "api",
        "git_repo": str(kit.release),
        "connection": "local",
        "service": {"manager": "none"},
        "health_check": {"command": "test ! -e broken", "timeout_seconds": 1},
        "database": database,
        "environments": {"production": {"app_path": str(world.production.app), **more}},
    }
    world.config.write_text(json.dumps({"fraises": {"my_api": fraise}}))


@pytest.mark.parametrize("tool", sorted(KITS))
def test_a_deployment_that_fails_takes_its_migrations_back(
    tool: str,
    tmp_path: Path,
    new_kit: Callable[..., Kit],  # noqa: F811
) -> None:
    kit = with_two(new_kit(tool, "postgresql"))
    world = World(tmp_path / "w", Path("/nonexistent"), secret=kit.address)
    world.repository = kit.release
    world.git("init", "--quiet", "--initial-branch=main")
    world.commit("v1")
    configure(world, kit)
    assert world.deploy()["status"] == "success"
    assert kit.tables() == {"t1", "t2"}

    add(kit, 3)
    (kit.release / "broken").touch()
    world.commit("v2")
    unhealthy = world.deploy(expect=NOT_HEALTHY)
    assert unhealthy["status"] == "rolled_back", unhealthy
    assert kit.tables() == {"t1", "t2"}
    (kit.release / "broken").unlink()

    files = kit.write(4, "CREATE TABEL t4 (id int)", "DROP TABLE t4")
    add(kit, 5)
    world.commit("v3")
    halfway = world.deploy(expect=None)
    assert halfway["status"] == "rolled_back", halfway
    assert "TABEL" in halfway["error"]["message"]
    assert kit.tables() == {"t1", "t2"}, "3 was applied, and has been taken back"

    for file in files:
        file.unlink()
    add(kit, 4, mark="the old rows are gone")
    world.commit("v4")
    configure(world, kit, risk={"irreversible": "deny"})
    releases = sorted((world.production.app / "releases").iterdir())
    denied = world.deploy(expect=REFUSED)
    assert "the old rows are gone" in denied["error"]["message"]
    assert kit.tables() == {"t1", "t2"}
    assert sorted((world.production.app / "releases").iterdir()) == releases, "not even fetched"
    configure(world, kit)
    assert world.deploy()["status"] == "success"
    assert kit.tables() == {"t1", "t2", "t3", "t4", "t5"}
