"""Copies under a booted systemd: the timer makes them as another user, the history knows them, and one comes back."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import psycopg

from tests.hosts.database import PROGRAMS
from tests.hosts.test_systemd import APP_PATH
from tests.hosts.waiting import wait_for
from tests.hosts.world import World
from tests.integration.collection.databases import TABLES, fill, rows

COPIES = "/srv/copies/shop-production"
NAMES = ("shop", "production")


def test_copies_by_the_clock_from_the_file_to_the_history_and_back(world: World) -> None:
    host = world.host("h1")
    host.run("useradd", "--system", "keeper")
    host.run("install", "-d", "-o", "keeper", "-m", "700", "/srv/copies", "/srv/data")
    host.run(
        "runuser", "-u", "keeper", "--", "sqlite3", "/srv/data/shop.db", "CREATE TABLE t (x); INSERT INTO t VALUES (7)"
    )
    place = {"app_path": APP_PATH, "hosts": [world.host_entry(host)]}
    shop = {
        "type": "backup",
        "source": {"kind": "sqlite", "path": "/srv/data/shop.db", "min_tables": 1},
        "destination": {"path": "/srv/copies"},
        "retention": {"keep_last": 2},
        "schedule": "*-*-* *:*:0/2",
        "run": {"user": "keeper"},
        "environments": {"production": place},
    }
    world.settings = {"fraises": {"shop": shop}}
    world.write_config()
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    timer = "fraisier-shop-production-copy.timer"
    assert host.show(timer, "ActiveState")["ActiveState"] == "active"

    def count() -> int:
        return int(host.run("sh", "-c", f"ls {COPIES} 2>/dev/null | grep -c ^2", check=False).stdout or 0)

    wait_for(lambda: count() == 2, "the timer has made two copies")
    assert host.run("stat", "-c", "%U", COPIES).stdout.strip() == "keeper"
    runs = world.json("collect", *NAMES)["targets"][0]["runs"]
    assert {(run["job"], run["status"]) for run in runs} == {("copy", "success")}

    del shop["schedule"]
    world.write_config()
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    units = host.run("find", "/etc/systemd/system", "-name", "fraisier-shop-*").stdout.splitlines()
    assert [Path(line).name for line in units] == ["fraisier-shop-production-copy.service"], "the timer is gone"
    made = world.json("run", *NAMES)["deployment"]
    assert made["status"] == "success", made
    told = made["runs"]["h1"]["log"]
    assert any(line.startswith("copy ") and "verified, tables 1" in line for line in told), told
    assert count() == 2

    host.run("runuser", "-u", "keeper", "--", "sqlite3", "/srv/data/shop.db", "DROP TABLE t")
    back = world.json("restore", *NAMES, "--yes")["deployment"]
    assert back["status"] == "success", back
    assert host.run("sqlite3", "/srv/data/shop.db", "SELECT x FROM t").stdout.strip() == "7"
    host.run("chmod", "000", "/srv/data")
    host.run("mv", "/srv/data/shop.db", "/srv/data/elsewhere.db")
    bad = world.json("run", *NAMES, expect=None)["deployment"]
    assert bad["status"] == "failed"
    assert "shop.db" in bad["error"]["message"]
    assert count() == 2, "what is good stays"


def tools(world: World) -> str:
    """What copies PostgreSQL, of the server's version, in a folder that the hosts see: the programs and the libraries that they load."""
    package, inside = PROGRAMS.parents[1], world.share / "postgresql"
    libraries = package.with_name(f"{package.name}.libs")
    folder = inside / PROGRAMS.relative_to(package.parent)
    folder.mkdir(parents=True)
    shutil.copytree(libraries, inside / libraries.name)
    for name in ("pg_dump", "pg_restore", "psql"):
        shutil.copy(PROGRAMS / name, folder)
    return str(folder)


def test_a_database_of_another_host_by_the_clock_and_back_row_by_row(world: World) -> None:
    """PostgreSQL: copied by a timer, upgraded, broken, as it was before; what comes back is a new database, the same row by row."""
    host, url = world.host("h1"), world.app_database
    fill(url)
    before = rows(url)
    host.run("useradd", "--system", "keeper")
    host.run("install", "-d", "-o", "keeper", "-m", "700", "/srv/copies")
    source = {"kind": "postgresql", "url": "${APP_SECRET}", "min_tables": TABLES, "bin_dir": tools(world)}
    shop: dict[str, Any] = {
        "type": "backup",
        "source": source,
        "destination": {"path": "/srv/copies"},
        "retention": {"keep_last": 3},
        "schedule": "*-*-* *:*:0/2",
        "run": {"user": "keeper"},
        "environments": {"production": {"app_path": APP_PATH, "hosts": [world.host_entry(host)]}},
    }
    world.settings, world.secret = {"fraises": {"shop": shop}}, url
    world.write_config()

    def copies() -> list[str]:
        listed = host.run("ls", COPIES, check=False).stdout.split()
        return sorted(name for name in listed if name.startswith("2"))

    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    wait_for(lambda: len(copies()) == 3, "the timer has made three copies")
    oldest = copies()[0]
    wait_for(lambda: oldest not in copies(), "the oldest has gone")
    assert len(copies()) <= 4, "one may be new before the oldest goes"
    runs = world.json("collect", *NAMES)["targets"][0]["runs"]
    assert {(run["job"], run["status"]) for run in runs} == {("copy", "success")}
    assert url.encode() not in (world.root / "fraisier.db").read_bytes()

    del shop["schedule"]
    shop["retention"] = {"keep_last": 1}
    world.write_config()
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    assert world.json("run", *NAMES)["deployment"]["status"] == "success"
    (good,) = copies()

    source["min_tables"] = TABLES + 1
    world.write_config()
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success"
    bad = world.json("run", *NAMES, expect=None)["deployment"]
    assert (bad["status"], copies()) == ("failed", [good])
    assert f"it has {TABLES} tables, and min_tables asks for {TABLES + 1}" in bad["error"]["message"]
    assert "take them back in fraises.yaml" in world.json("rollback", *NAMES, expect=2)["error"]["hint"]
    source["min_tables"] = TABLES
    world.write_config()
    world.secret = f"{url}_elsewhere"
    assert world.json("deploy", *NAMES)["deployment"]["status"] == "success", "only its user may know what is wrong"
    assert world.json("run", *NAMES, expect=None)["deployment"]["status"] == "failed"
    assert copies() == [good]
    world.secret = url
    assert world.json("deploy", *NAMES, "--force")["deployment"]["status"] == "success"
    assert world.json("run", *NAMES)["deployment"]["status"] == "success"
    (good,) = copies()

    with psycopg.connect(url) as database:
        database.execute("DELETE FROM event; DROP TABLE parcel CASCADE; UPDATE customer SET name = 'nobody'")
        (served,) = database.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or (
            0,
        )
    assert rows(url) != before
    back = world.json("restore", *NAMES, "--yes", "--at", good)["deployment"]
    assert back["status"] == "success", back
    assert rows(url) == before
    with psycopg.connect(url) as database:
        (serves,) = database.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone() or (
            0,
        )
    assert serves != served, "another database, which has taken the name"
