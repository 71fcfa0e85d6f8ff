"""Programs and jobs: what they compile to, what cannot be run, and runs of timers in the ledger, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fraisier.collect import _record, _since
from fraisier.compile import collect_plan, deploy_plan, job_plan, stop_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import ConfigError, UsageError
from fraisier.jobs import deployed, of_job
from fraisier.plan import Release, Template
from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Kind, Status, Target, Trigger

RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")
CONFIG = """\
fraises:
  orders:
    type: etl
    git_repo: /srv/git/orders.git
    script: bin/import.py
    args: [--quiet]
    environments:
      production:
        hosts: [one, two]
        app_path: /srv/orders
        run: {{user: orders, options: {{MemoryMax: 1G}}, timeout_seconds: 60}}
        database: {{tool: alembic, url: "${{DATABASE_URL}}"}}
        {more}
  reports:
    type: scheduled
    git_repo: /srv/git/reports.git
    jobs:
      collect: {{schedule: "0 3 13 * 5", timezone: Europe/Paris, command: [./collect.sh], environment: {{TOKEN: "${{TOKEN}}"}}}}
      report: {{calendar: hourly, command: "./report.sh | wc", depends_on: [collect], jitter_seconds: 9}}
    environments:
      production: {{hosts: [one], app_path: /srv/reports, run: {{scope: user}}}}
"""


def resolved(folder: Path, fraise: str, more: str = "keep_releases: 5") -> ResolvedFraise:
    (folder / "fraises.yaml").write_text(CONFIG.format(more=more))
    environ = {"DATABASE_URL": "postgresql:///orders", "TOKEN": "s3cret"}
    return FraisierConfig(folder / "fraises.yaml", environ=environ).get_fraise_environment(fraise, "production")


def job_variables(found: ResolvedFraise, job: str | None, params: dict[str, str]) -> dict[str, Any]:
    variables = job_plan(of_job(found, job), params).variables
    return {name.removeprefix("fraisier_job_"): text for name, text in variables.items() if "_job_" in name}


def test_a_program_is_deployed_without_being_run_and_run_with_its_parameters(tmp_path: Path) -> None:
    orders = resolved(tmp_path, "orders")
    plan = deploy_plan(orders, RELEASE)
    assert plan.playbook == "fraisier.deploy.etl"
    assert plan.variables["fraisier_health_command"] == ["test", "-x", "bin/import.py"]
    assert not any(name.startswith("fraisier_job_") for name in plan.variables)
    found = job_variables(orders, None, {"since": "{{ 7*7 }}"})
    assert found["command"] == ["./bin/import.py", "--quiet", "--since={{ 7*7 }}"]
    assert not any(isinstance(word, Template) for word in found["command"])
    assert (found["unit"], found["user"], found["become"]) == ("fraisier-orders-production-run.service", "orders", True)
    assert isinstance(found["environment"]["DATABASE_URL"], Template)
    assert "postgresql" not in str(job_plan(of_job(orders, None), {}).snapshot())


def test_a_program_by_the_clock_is_a_unit_that_a_run_starts(tmp_path: Path) -> None:
    orders = resolved(tmp_path, "orders", 'schedule: "15 4 * * *"')
    jobs = deploy_plan(orders, RELEASE).variables["fraisier_jobs_by_name"]
    assert jobs["run"]["on_calendar"] == ["*-*-* 04:15:00"]
    assert job_variables(orders, None, {})["manager"] == "unit"
    with_parameter = job_variables(orders, None, {"since": "x"})
    assert with_parameter["unit"] == "fraisier-orders-production-run-once.service"
    assert with_parameter["besides"] == ["fraisier-orders-production-run.service"]


def test_jobs_compile_to_what_their_role_reads(tmp_path: Path) -> None:
    variables = deploy_plan(resolved(tmp_path, "reports"), RELEASE).variables
    jobs = variables["fraisier_jobs_by_name"]
    assert jobs["collect"]["on_calendar"] == ["*-*-13 03:00:00 Europe/Paris", "Fri *-*-* 03:00:00 Europe/Paris"]
    assert isinstance(jobs["collect"]["environment"]["TOKEN"], Template)
    assert (jobs["report"]["on_calendar"], jobs["report"]["depends_on"]) == (["hourly"], ["collect"])
    assert variables["fraisier_jobs_become"] is False
    assert (variables["fraisier_service_manager"], variables["fraisier_health_role"]) == ("jobs", "jobs")
    assert (
        job_variables(resolved(tmp_path, "reports"), "report", {})["unit"]
        == "fraisier-reports-production-report.service"
    )


def test_what_cannot_be_run_is_refused_with_what_can(tmp_path: Path) -> None:
    reports = resolved(tmp_path, "reports")
    with pytest.raises(UsageError, match=r"several jobs\n.*collect\|report"):
        of_job(reports, None)
    with pytest.raises(UsageError, match=r"no job 'weekly'\n  jobs: collect, report"):
        of_job(reports, "weekly")
    with pytest.raises(UsageError, match="takes no parameters"):
        job_plan(of_job(reports, "report"), {"since": "x"})
    assert stop_plan(of_job(reports, "report")).variables["fraisier_job_name"] == "report"


@pytest.mark.parametrize(
    ("run", "schedule", "said"),
    [
        ("{user: orders}", "61 4 * * *", "minute '61': expected numbers from 0 to 59"),
        ("{manager: none}", "daily", "schedule needs systemd"),
    ],
)
def test_a_schedule_that_cannot_be_is_an_error_of_the_file(tmp_path: Path, run: str, schedule: str, said: str) -> None:
    text = CONFIG.replace("{{user: orders, options: {{MemoryMax: 1G}}, timeout_seconds: 60}}", run)
    (tmp_path / "fraises.yaml").write_text(
        text.replace("{more}", f'schedule: "{schedule}"').replace("{{", "{").replace("}}", "}")
    )
    with pytest.raises(ConfigError, match=said):
        FraisierConfig(tmp_path / "fraises.yaml", environ={"DATABASE_URL": "x", "TOKEN": "y"})


def test_runs_of_timers_are_written_down_once_and_asked_for_from_there(tmp_path: Path) -> None:
    reports = resolved(tmp_path, "reports")
    run = {
        "job": "collect",
        "invocation": "a1",
        "begun": 1000.5,
        "ended": 1010.75,
        "result": "success",
        "log": ["fine"],
    }
    run |= {"version": RELEASE.version, "release_id": RELEASE.release_id, "status": "0"}
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        assert _since(ledger, reports) == {"one": 0}
        row = _record(ledger, reports, "one", run)
        assert row is not None
        assert (row.target.job, row.kind, row.status, row.trigger) == (
            "collect",
            Kind.JOB,
            Status.SUCCESS,
            Trigger.SCHEDULED,
        )
        assert (row.new_version, row.duration_seconds) == (RELEASE.version, 10.25)
        assert _record(ledger, reports, "one", run) is None
        failed = _record(
            ledger, reports, "one", run | {"invocation": "b2", "result": "exit-code", "status": "3", "ended": 2000.0}
        )
        assert failed is not None
        assert failed.error_message == "one: the job collect ended with 3; its last line: fine"
        skipped = _record(
            ledger, reports, "one", run | {"invocation": "c3", "job": "report", "result": "exec-condition"}
        )
        assert skipped is not None
        assert skipped.status is Status.CANCELLED
        assert _record(ledger, reports, "one", run | {"job": "../x"}) is None
        assert _since(ledger, reports) == {"one": 1999}
        assert collect_plan(reports, {"one": 1999}).hosts["one"]["fraisier_runs_since"] == 1999
        assert [row.status for row in read.history(ledger, fraise="reports", job="collect")] == [
            Status.FAILED,
            Status.SUCCESS,
        ]
        with pytest.raises(UsageError, match="nothing has been deployed yet"):
            deployed(ledger, Target("reports", "production", "collect"))
