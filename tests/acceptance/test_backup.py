"""A copy before migrations: made, verified, pruned by what a deployment does; without a good one nothing is migrated."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.acceptance.world import World

ASKED = "database: {{tool: alembic, backup_before_deploy: true, backup: {{retention: {{keep_last: 2}}, min_tables: {least}}}, "


def asking(world: World, least: int = 0) -> None:
    world.write_config(("database: {tool: alembic, ", ASKED.format(least=least)))


def copies(world: World) -> list[Path]:
    return sorted((world.production.app / "backups" / "my_api-production").glob("2*"))


def tables(copy: Path, folder: Path) -> set[str]:
    (folder / "copy.db").write_bytes(gzip.decompress((copy / "dump.gz").read_bytes()))
    with closing(sqlite3.connect(folder / "copy.db")) as database:
        return {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_nothing_is_migrated_without_a_verified_copy(world: World, tmp_path: Path) -> None:
    asking(world)
    assert world.deploy()["status"] == "success"
    assert copies(world) == [], "there was no database yet"
    world.release(2)
    assert world.deploy()["status"] == "success"
    (copy,) = copies(world)
    assert tables(copy, tmp_path) == {"first", "alembic_version"}, "as it was before the migration"
    events = world.json("logs", str(world.history()[0]["id"]))["events"]
    done = [event["phase"] for event in events if event["event"] == "ok"]
    assert done.index("backup") < done.index("migrate")

    asking(world, least=99)
    world.release(3)
    result = world.deploy(expect=1)
    assert result["status"] == "failed"
    assert "min_tables asks for 99" in str(result["error"])
    assert world.production.schema() == "0002"
    assert copies(world) == [copy]
    asking(world)
    for _ in range(2):
        assert world.deploy("--force")["status"] == "success"
    assert len(copies(world)) == 2
    assert copy not in copies(world), "only as many as are to be kept"
    assert world.production.schema() == "0003"


def test_copy_comes_back_and_is_on_record(world: World) -> None:
    refused = world.fraisier("restore", "my_api", "production", "--yes", expect=2)
    assert "no copies are made of it" in refused.stderr
    asking(world)
    world.deploy()
    commit = world.release(2)
    world.deploy()
    (copy,) = copies(world)
    assert "2020-01-01" not in copy.name
    nothing = world.fraisier("restore", "my_api", "production", "--yes", "--at", "2020-01-01", expect=1)
    assert "there is no good copy from 20200101T235959Z or before" in nothing.stderr
    with closing(sqlite3.connect(world.production.database)) as database:
        database.execute("CREATE TABLE later (id INTEGER)")
    result = world.json("restore", "my_api", "production", "--yes")["deployment"]
    assert (result["status"], result["kind"]) == ("success", "job")
    assert f"has the copy of {copy.name} again; what was there before is kept as " in result["compensation"]
    assert world.production.schema() == "0001"
    kept = Path(result["compensation"].rpartition(" ")[2])
    with closing(sqlite3.connect(kept)) as database:
        assert database.execute("SELECT count(*) FROM later").fetchone() == (0,)
    assert [row["kind"] for row in world.history()] == ["job", "job", "deploy", "deploy"]
    assert world.deploy("--force")["status"] == "success", "what the copy lacks is migrated again"
    world.assert_serving(commit, "v2", schema="0002")
