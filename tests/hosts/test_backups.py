"""Copies under a booted systemd: the timer makes them as another user, the history knows them, and one comes back."""

from __future__ import annotations

from pathlib import Path

from tests.hosts.test_systemd import APP_PATH
from tests.hosts.waiting import wait_for
from tests.hosts.world import World

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
