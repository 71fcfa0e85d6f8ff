"""Compiling: pure, deterministic, and everything from the configuration is data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fraisier.compile import Move, config_hash, deploy_plan, rollback_plan, status_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.errors import NotBuiltYet, UsageError
from fraisier.plan import Release, Template

RELEASE = Release("20261122T000000Z-0123456789ab-abc123", "0123456789ab" + "0" * 28)
OLDER = Release("20261121T000000Z-ba9876543210-321cba", "ba9876543210" + "0" * 28, "0001")
CONFIG = """\
fraises:
  my_api:
    type: api
    description: "Customers' {{ 7 * 7 }} API"
    git_repo: https://git.example.com/team/my_api.git
    environments:
      production:
        app_path: /srv/my_api
        hosts: [web1, {name: web2, address: 192.0.2.2, port: 2222, vars: {zone: "{{ a }}"}}]
        user: deploy
        environment: {LEVEL: info, TOKEN: "${TOKEN}"}
        database: {tool: alembic, url: "${DSN}"}
        service: {exec: "venv/bin/python app.py", user: app}
        health_check: {url: "http://127.0.0.1:8000/health", version_json: version, auth_token: "${TOKEN}"}
        vars: {mine: "{{ inventory_hostname }}"}
  reports:
    type: scheduled
    git_repo: https://git.example.com/team/reports.git
    environments:
      production:
        app_path: /srv/reports
        hosts: [web1]
        jobs: {nightly: {schedule: "0 3 * * *", command: "true"}}
"""


@pytest.fixture
def config(tmp_path: Path) -> FraisierConfig:
    (tmp_path / "fraises.yaml").write_text(CONFIG)
    return FraisierConfig(tmp_path / "fraises.yaml", environ={"TOKEN": "token-canary", "DSN": "dsn-canary"})


@pytest.fixture
def resolved(config: FraisierConfig) -> ResolvedFraise:
    return config.get_fraise_environment("my_api", "production")


def test_the_same_input_gives_the_same_plan(resolved: ResolvedFraise) -> None:
    first, second = deploy_plan(resolved, RELEASE), deploy_plan(resolved, RELEASE)
    assert first == second
    assert first.hash == second.hash
    assert first.config_hash == config_hash(resolved)


def test_the_configuration_hash_ignores_the_release_and_the_plan_hash_does_not(resolved: ResolvedFraise) -> None:
    one, other = deploy_plan(resolved, RELEASE), deploy_plan(resolved, OLDER)
    assert one.config_hash == other.config_hash
    assert one.hash != other.hash


def test_secrets_are_names_in_the_plan_and_never_values(resolved: ResolvedFraise) -> None:
    plan = deploy_plan(resolved, RELEASE)
    assert "canary" not in repr(plan.snapshot()) + repr(plan)
    assert plan.secrets["environment_TOKEN"].template == "${TOKEN}"
    assert plan.variables["fraisier_environment"] == {
        "LEVEL": "info",
        "TOKEN": "{{ fraisier_secrets.environment_TOKEN }}",
    }
    assert isinstance(plan.variables["fraisier_environment"]["TOKEN"], Template)
    assert (
        plan.variables["fraisier_health_headers"]["Authorization"] == "Bearer {{ fraisier_secrets.health_auth_token }}"
    )


def test_only_vars_are_templates(resolved: ResolvedFraise) -> None:
    plan = deploy_plan(resolved, RELEASE)
    assert isinstance(plan.variables["mine"], Template)
    assert isinstance(plan.hosts["web2"]["zone"], Template)
    assert not isinstance(plan.variables["fraisier_systemd_description"], Template)


def test_hosts_take_from_the_environment_what_they_do_not_say_themselves(resolved: ResolvedFraise) -> None:
    hosts = deploy_plan(resolved, RELEASE).hosts
    assert hosts["web1"] == {"ansible_host": "web1", "ansible_user": "deploy"}
    assert hosts["web2"]["ansible_host"] == "192.0.2.2"
    assert hosts["web2"]["ansible_port"] == 2222


def test_a_rollback_names_a_release_per_host_and_the_way_of_the_schema(resolved: ResolvedFraise) -> None:
    move = Move({"web1": OLDER, "web2": None}, RELEASE.release_id, schema="0001", schema_release=RELEASE)
    plan = rollback_plan(resolved, move)
    assert plan.playbook == "fraisier.deploy.rollback"
    assert plan.hosts["web1"]["fraisier_release_id"] == OLDER.release_id
    assert plan.hosts["web1"]["fraisier_health_expected_version"] == OLDER.version
    assert plan.hosts["web2"]["fraisier_release_id"] == ""
    assert plan.variables["fraisier_rollback_migrate_target"] == "0001"
    assert plan.variables["fraisier_migrate_directory"] == f"{{{{ fraisier_app_path }}}}/releases/{RELEASE.release_id}"


def test_a_status_plan_works_without_any_release(resolved: ResolvedFraise) -> None:
    assert status_plan(resolved, None).variables["fraisier_health_expected_version"] == ""


@pytest.mark.parametrize(
    "release",
    [
        Release("../../etc", "0" * 40),
        Release(RELEASE.release_id + "\n", "0" * 40),
        Release(RELEASE.release_id, "main"),
        Release(RELEASE.release_id, "{{ lookup('pipe', 'id') }}"),
        Release(RELEASE.release_id, "0" * 40 + "\n"),
    ],
)
def test_what_does_not_look_like_a_release_is_refused(resolved: ResolvedFraise, release: Release) -> None:
    with pytest.raises(UsageError):
        deploy_plan(resolved, release)


def test_a_type_without_an_engine_says_so(config: FraisierConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraisier.fraise_types.scheduled.BUILT", False)
    with pytest.raises(NotBuiltYet, match="type 'scheduled'"):
        deploy_plan(config.get_fraise_environment("reports", "production"), RELEASE)


AUDIT = """
import sys
from pathlib import Path
from fraisier.config import FraisierConfig
from fraisier.compile import deploy_plan, rollback_plan, status_plan, config_hash, Move
from fraisier.plan import Release
config = FraisierConfig(sys.argv[1], environ={"TOKEN": "t-value", "DSN": "d-value"})
resolved = config.get_fraise_environment("my_api", "production")
release = Release("20261122T000000Z-0123456789ab-abc123", "0" * 40)
import fraisier.fraise_types.api
seen = []
sys.addaudithook(lambda name, arguments: seen.append((name, arguments)) if watching else None)
watching = True
plan = deploy_plan(resolved, release)
plan.hash, plan.snapshot(), plan.inventory()
rollback_plan(resolved, Move({"web1": release}))
status_plan(resolved, release)
watching = False
# object.__getattr__ and the like are the interpreter's own; everything that reaches outside has an event of its own
outside = [name for name, _ in seen if name.split(".")[0] in ("open", "os", "socket", "subprocess", "import", "time", "sqlite3", "shutil")]
assert not outside, outside
"""


def test_compiling_touches_no_disk_network_process_or_module(tmp_path: Path) -> None:
    (tmp_path / "fraises.yaml").write_text(CONFIG)
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(tmp_path / "fraises.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_compiling_reads_no_clock_and_no_environment(resolved: ResolvedFraise) -> None:
    """The modules have no name by which they could: nothing of os, time, datetime or random is in their reach."""
    import fraisier.compile
    import fraisier.plan
    import fraisier.variables

    for module in (fraisier.compile, fraisier.plan, fraisier.variables):
        reachable = {getattr(value, "__module__", getattr(value, "__name__", "")) for value in vars(module).values()}
        assert not reachable & {"os", "time", "datetime", "random", "pathlib", "subprocess", "socket", "posix"}
