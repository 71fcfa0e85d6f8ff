"""Roles job and jobs: a program run for real; units installed, restored and removed against a stand-in for systemctl."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from databases import fill_sqlite
from estate import Estate, Repository, release_id

SYSTEMCTL = """\
#!/bin/sh
# Stands in for the user's manager: which units are enabled and active is written down in a folder.
state={state}
[ "$1" = --user ] && shift
verb=$1; shift
echo "$verb $*" >>"$state/calls"
for unit; do case $unit in *.timer | *.service) break ;; esac; done
case $verb in
  enable | restart) : >"$state/$unit" ;;
  disable | stop) rm -f "$state/$unit" ;;
  is-enabled | is-active) [ -e "$state/$unit" ] ;;
  show) if [ -e "$state/$unit" ]; then echo ActiveState=active; else echo ActiveState=inactive; fi ;;
esac
"""
COLLECT = {"command": ["./collect.sh"], "on_calendar": ["*-*-* 02:00:00"], "environment": {"TOKEN": "s3cret"}}
REPORT = {"command": "echo 5 % of $TOKEN", "on_calendar": ["Mon..Fri 06:00"], "depends_on": ["collect"]}


class Clock:
    """An estate with a release, and a manager of timers that only notes what it is told."""

    def __init__(self, estate: Estate, repository: Repository) -> None:
        self.estate, self.state = estate, estate.folder / "state"
        self.units = estate.folder / ".config" / "systemd" / "user"
        self.state.mkdir()
        (estate.folder / "bin").mkdir()
        program = estate.folder / "bin" / "systemctl"
        program.write_text(SYSTEMCTL.format(state=self.state))
        program.chmod(0o755)
        estate.path = f"{program.parent}:{estate.path}"
        self.commits = [repository.commit({"collect.sh": "#!/bin/sh\necho collected\n", "n": str(n)}) for n in (1, 2)]
        estate.variables |= {"fraisier_git_repo": str(repository.path), "fraisier_jobs_prefix": "reports"}
        estate.variables |= {"fraisier_jobs_scope": "user", "fraisier_environment": {"ALL": "yes"}}

    def activate(self, number: int) -> None:
        version = self.commits[number]
        self.estate.variables |= {"fraisier_release_id": release_id(version, number + 1), "fraisier_version": version}
        self.estate.role("git,activate").ok()

    def have(self) -> list[str]:
        return sorted(path.name for path in self.units.glob("*")) if self.units.exists() else []

    def active(self) -> list[str]:
        return sorted(path.name for path in self.state.glob("*.timer"))


@pytest.fixture
def clock(estate: Estate, repository: Repository) -> Clock:
    found = Clock(estate, repository)
    found.activate(0)
    return found


def test_units_follow_the_jobs_and_the_release(clock: Clock) -> None:
    estate, both = clock.estate, {"fraisier_jobs_by_name": {"collect": COLLECT, "report": REPORT}}
    check = estate.role("jobs", "--check", **both).ok()
    assert check.changed == 1
    assert (clock.have(), clock.active()) == ([], [])

    first = estate.role("jobs", **both).ok().result("jobs")
    names = [f"reports-{job}.{kind}" for job in ("collect", "report") for kind in ("service", "timer")]
    assert clock.have() == names
    assert clock.active() == ["reports-collect.timer", "reports-report.timer"]
    assert first["healthy"] is True
    assert estate.role("jobs", **both).ok().changed == 0
    secret = estate.app / "current" / ".fraisier" / "jobs" / "collect.env"
    assert 'TOKEN="s3cret"' in secret.read_text()
    assert secret.stat().st_mode & 0o777 == 0o600
    assert not any("s3cret" in (clock.units / name).read_text() for name in names)
    before = {name: (clock.units / name).read_text() for name in names}

    clock.activate(1)
    changed = {"fraisier_jobs_by_name": {"collect": COLLECT | {"on_calendar": ["hourly"]}}}
    second = estate.role("jobs", **changed).ok().result("jobs")
    assert sorted(second["removed"]) == ["reports-report.service", "reports-report.timer"]
    assert clock.have() == names[:2]
    assert clock.active() == ["reports-collect.timer"]
    assert "OnCalendar=hourly" in (clock.units / "reports-collect.timer").read_text()

    clock.activate(0)
    restored = estate.role("jobs", fraisier_jobs_state="restored", **changed).ok()
    assert restored.result("jobs")["healthy"] is True
    assert {name: (clock.units / name).read_text() for name in clock.have()} == before
    (clock.state / "reports-report.timer").unlink()
    looked = estate.role("jobs", fraisier_jobs_state="checked", **changed)
    assert looked.rc != 0
    assert "reports-report.timer inactive" in looked.message("jobs")
    estate.role("jobs", fraisier_jobs_state="absent", **changed).ok()
    assert (clock.have(), clock.active()) == ([], [])


def test_a_calendar_that_systemd_does_not_know_changes_nothing(clock: Clock) -> None:
    jobs = {"collect": COLLECT | {"on_calendar": ["every other tuesday"]}}
    done = clock.estate.role("jobs", fraisier_jobs_by_name=jobs)
    assert done.rc != 0
    assert "every other tuesday" in done.message("jobs")
    assert clock.have() == []


def test_program_that_makes_copies_stands_beside_its_unit_without_secrets(clock: Clock) -> None:
    estate, database = clock.estate, clock.estate.folder / "shop.db"
    fill_sqlite(database)
    copying = {
        "name": "shop",
        "source": {"kind": "sqlite", "path": str(database), "min_tables": 2},
        "destination": {"path": str(estate.folder / "copies")},
        "environment": {"PGPASSWORD": "s3cret"},
    }
    done = estate.role("jobs", fraisier_jobs_by_name={"copy": {"backup": copying, "on_calendar": ["daily"]}}).ok()
    assert done.result("jobs")["healthy"] is True
    assert clock.have() == ["reports-copy.service", "reports-copy.timer"]
    store = estate.app / "current" / ".fraisier" / "jobs"
    program, secrets = store / "copy.sh", store / "copy.env"
    assert f'ExecStart="/bin/sh" "{program}"' in (clock.units / "reports-copy.service").read_text()
    assert 'PGPASSWORD="s3cret"' in secrets.read_text()
    assert "s3cret" not in program.read_text()
    assert (estate.app / "work").stat().st_mode & 0o777 == 0o700

    made = subprocess.run(["sh", program], capture_output=True, text=True, timeout=60)
    (copy,) = (estate.folder / "copies" / "shop").iterdir()
    assert (made.returncode, made.stdout.splitlines()[0]) == (0, f"kept {copy.name}"), made.stderr
    assert made.stdout.splitlines()[-1].startswith(f"copy {copy.name} verified, tables 2, bytes ")
    database.rename(estate.folder / "gone.db")
    failed = subprocess.run(["sh", program], capture_output=True, text=True, timeout=60)
    assert failed.returncode == 1
    assert "shop.db is not there" in failed.stderr


RECORD = """\
job collect
invocation {invocation}
begun {begun}
ended {ended}
release {release}
result {result}
status 3
log one
log two
"""


def record(estate: Estate, end: float, **facts: Any) -> None:
    folder = estate.app / ".fraisier" / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    text = RECORD.format(begun=end - 2.5, ended=end, release=estate.current, **facts)
    Path(folder, f"collect@{int(end)}@{facts['invocation']}.run").write_text(text)


def test_records_of_runs_are_brought_back(clock: Clock) -> None:
    estate = clock.estate
    record(estate, 1000.25, invocation="a1", result="success")
    record(estate, 2000.5, invocation="b2", result="exit-code")
    (estate.app / ".fraisier" / "runs" / "x@3000@c3.run").write_text(
        "job ../evil\ninvocation c3\nbegun 1\nended 2\nresult success\n"
    )
    runs = (
        estate.task("runs", {"app_path": str(estate.app), "since": 0, "keep_days": 1000000}).ok().result("runs")["runs"]
    )
    assert [(run["invocation"], run["result"], run["log"]) for run in runs] == [
        ("a1", "success", ["one", "two"]),
        ("b2", "exit-code", ["one", "two"]),
    ]
    assert runs[0]["version"] == clock.commits[0]
    later = estate.task("runs", {"app_path": str(estate.app), "since": 1500, "keep_days": 1000000}).ok()
    assert [run["invocation"] for run in later.result("runs")["runs"]] == ["b2"]


def test_a_program_is_run_to_its_end(clock: Clock) -> None:
    program = {
        "fraisier_job_name": "run",
        "fraisier_job_manager": "none",
        "fraisier_job_environment": {"TOKEN": "s3cret"},
    }
    check = clock.estate.role("job", "--check", fraisier_job_command=["touch", "ran"], **program).ok()
    assert check.changed == 1
    good = (
        clock.estate.role("job", fraisier_job_command="echo $ALL $TOKEN | wc -c; pwd -P", **program).ok().result("job")
    )
    assert good["log"][:2] == ["11", str(clock.estate.release(clock.estate.current))]
    assert (good["rc"], good["version"]) == (0, clock.commits[0])
    bad = clock.estate.role("job", fraisier_job_command="echo why >&2; exit 7", **program).result("job")
    assert (bad["outcome"], bad["rc"], bad["log"]) == ("failed", 7, ["why"])
    late = clock.estate.role("job", fraisier_job_command="sleep 60", fraisier_job_timeout_seconds=1, **program)
    assert "did not end within 1 s" in late.message("job")
