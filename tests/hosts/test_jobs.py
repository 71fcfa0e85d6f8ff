"""Jobs under a booted systemd: timers really fire, runs leave their records, programs run as whom and within what they may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hosts.bed import Bed
from tests.hosts.host import Host
from tests.hosts.test_systemd import APP_PATH
from tests.hosts.test_systemd import estate as estate
from tests.hosts.waiting import wait_for
from tests.hosts.world import World
from tests.integration.collection.estate import Estate

RUNS = f"{APP_PATH}/.fraisier/runs"
JOBS: dict[str, Any] = {
    "tick": {"command": "echo ticked as $(id -un) with $TOKEN", "on_calendar": ["*-*-* *:*:0/2"]},
    "report": {"command": ["echo", "100 % $HOME"], "on_calendar": ["*-*-* *:*:0/3"], "depends_on": ["broken"]},
    "broken": {"command": "echo nothing works >&2; exit 5"},
    "slow": {"command": "sleep 600", "timeout_seconds": 1},
}


def runs(estate: Estate) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = estate.task("runs", {"app_path": APP_PATH}).ok().result("runs")["runs"]
    return found


@pytest.mark.parametrize("scope", ["system", "user"])
def test_timers_fire_and_their_runs_are_known(scope: str, estate: Estate, bed: Bed) -> None:
    host, user = bed.host("h1"), "deploy" if scope == "user" else ""
    if user:
        host.run("loginctl", "enable-linger", user)
    estate.variables |= {"fraisier_jobs_prefix": "reports", "fraisier_jobs_scope": scope}
    installed = estate.role("jobs", fraisier_jobs_by_name=JOBS).ok().result("jobs")
    assert installed["healthy"] is True, installed
    assert estate.role("jobs", fraisier_jobs_by_name=JOBS).ok().changed == 0
    wait_for(
        lambda: host.run("sh", "-c", f"ls {RUNS} | grep -c ^tick@", check=False).stdout.strip() not in ("", "0"),
        "it ticks",
    )
    wait_for(
        lambda: host.run("sh", "-c", f"ls {RUNS} | grep -c ^report@", check=False).stdout.strip() not in ("", "0"),
        "it is left out",
    )

    common = {"fraisier_job_scope": scope, "fraisier_job_manager": "unit"}
    for name, said in (("broken", "ended with 5"), ("slow", "did not end within 1 s")):
        variables = {
            "fraisier_job_name": name,
            "fraisier_job_unit": f"reports-{name}.service",
            "fraisier_job_timeout_seconds": 1,
        }
        failed = estate.role("job", **common, **variables)
        assert said in failed.message("job"), failed.text
        assert host.run("sh", "-c", f"ls {RUNS} | grep -c ^{name}@", check=False).stdout.strip() == "0", "told already"

    known = runs(estate)
    ticks = [run for run in known if run["job"] == "tick"]
    assert {run["result"] for run in ticks} == {"success"}
    assert {run["result"] for run in known if run["job"] == "report"} == {"exec-condition"}
    if scope == "system":
        assert "ticked as deploy with s3cret" in ticks[0]["log"]
    assert ticks[0]["version"] == estate.variables["fraisier_version"]

    removed = estate.role("jobs", fraisier_jobs_by_name={"broken": JOBS["broken"]}).ok().result("jobs")
    assert "reports-tick.timer" in removed["removed"]
    assert units(host, user) == ["reports-broken.service"]
    estate.role("jobs", fraisier_jobs_state="absent").ok()
    assert units(host, user) == []


def units(host: Host, user: str) -> list[str]:
    folder = f"/home/{user}/.config/systemd/user" if user else "/etc/systemd/system"
    found = host.run("find", folder, "-name", "*reports-*").stdout.splitlines()
    return sorted({Path(line).name for line in found})  # a timer that is enabled has a link, too


def test_a_program_runs_in_a_unit_of_its_own(estate: Estate, bed: Bed) -> None:
    host = bed.host("h1")
    estate.variables |= {"fraisier_job_name": "import", "fraisier_job_unit": "import.service"}
    look = "id -un; pwd -P; echo $TOKEN | wc -c; ulimit -n; exit $CODE"
    limits = {"fraisier_job_options": {"LimitNOFILE": "77"}}
    good = estate.role("job", fraisier_job_command=look, fraisier_job_environment={"CODE": "0"}, **limits)
    release = f"{APP_PATH}/releases/{estate.variables['fraisier_release_id']}"
    assert good.ok().result("job")["log"][:4] == ["deploy", release, "7", "77"]
    as_it_is = estate.role("job", fraisier_job_command=["echo", "5 % of $TOKEN, $$ and ${TOKEN}"]).ok().result("job")
    assert as_it_is["log"][0] == "5 % of $TOKEN, $$ and ${TOKEN}"
    bad = estate.role("job", fraisier_job_command=look, fraisier_job_environment={"CODE": "3"}, **limits).result("job")
    assert (bad["outcome"], bad["rc"]) == ("failed", 3)
    late = estate.role("job", fraisier_job_command="sleep 600", fraisier_job_timeout_seconds=1)
    assert "did not end within 1 s" in late.message("job")
    assert host.run("pgrep", "-f", "sleep 600", check=False).stdout == ""


def test_from_the_file_to_the_history_and_back(world: World) -> None:
    """Two hosts: deployed, fired, run by hand, collected once, a job taken away, a release broken, and gone back from."""
    tick = {
        "calendar": "*-*-* *:*:0/2",
        "command": "echo ticked $APP_SECRET",
        "environment": {"APP_SECRET": "${APP_SECRET}"},
    }
    jobs = {"tick": tick, "by_hand": {"schedule": "0 3 13 * 5", "command": ["cat", "REVISION"]}}
    place = {"app_path": APP_PATH, "hosts": [world.host_entry(world.host(name)) for name in ("h1", "h2")]}
    reports = {
        "type": "scheduled",
        "git_repo": str(world.repository),
        "jobs": jobs,
        "environments": {"production": place},
    }
    world.settings = {"fraises": {"reports": reports}}
    world.write_config()
    names = ("reports", "production")
    first = world.json("deploy", *names)["deployment"]
    assert first["status"] == "success"

    ran = world.json("run", *names, "by_hand")["deployment"]
    assert ran["runs"]["h2"]["log"] == [first["new_version"]]
    for name in ("h1", "h2"):
        ticks = f"ls {RUNS} | grep -c ^tick@"
        wait_for(
            lambda name=name, ticks=ticks: int(world.host(name).run("sh", "-c", ticks, check=False).stdout or 0),
            "it ticks",
        )
    collected = world.json("collect", *names)["targets"][0]["runs"]
    assert {(run["job"], run["host"], run["status"]) for run in collected} == {
        ("tick", "h1", "success"),
        ("tick", "h2", "success"),
    }
    del jobs["tick"]
    world.write_config()
    assert world.json("deploy", *names)["deployment"]["status"] == "success", "no new commit, another configuration"
    assert units(world.host("h1"), "") == [
        f"fraisier-reports-production-by_hand.{kind}" for kind in ("service", "timer")
    ]
    last = world.json("collect", *names)["targets"][0]["runs"]
    assert not {run["id"] for run in last} & {run["id"] for run in collected}
    assert world.json("collect", *names)["targets"][0]["runs"] == []
    kinds = [(row["job"], row["kind"], row["trigger"]) for row in world.history()]
    assert kinds.count(("tick", "job", "scheduled")) == min(
        len(collected) + len(last), 20 - kinds.count(("", "deploy", "manual")) - 1
    )
    assert world.secret.encode() not in (world.root / "fraisier.db").read_bytes()

    jobs["wrong"] = {"calendar": "every other tuesday", "command": "true"}
    world.write_config()
    broken = world.json("deploy", *names, expect=None)["deployment"]
    assert broken["status"] == "rolled_back", broken
    assert "every other tuesday" in broken["error"]["message"]
    assert len(units(world.host("h2"), "")) == 2

    back = world.json("rollback", *names)["deployment"]
    assert back["status"] == "success"
    assert "fraisier-reports-production-tick.timer" in units(world.host("h1"), "")
    assert world.host("h1").show("fraisier-reports-production-tick.timer", "ActiveState")["ActiveState"] == "active"
