"""What happened to newcomers with the tools before us, one test a row: each fails on the fault that was described."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import yaml

from tests.acceptance.world import World, wait_for


def test_the_shipped_example_validates_and_lists(world: World) -> None:
    """Rows 2 and 3: templates and the example failed their own validation; listing them was a traceback."""
    example = str(Path(__file__).parent.parent.parent / "fraises.example.yaml")
    assert "valid" in world.fraisier("--config", example, "config", "validate").stdout
    listed = world.fraisier("--config", example, "list").stdout
    assert "my_api" in listed
    shown = world.fraisier("--config", example, "config", "show").stdout
    assert yaml.safe_load(shown)["fraises"]


def test_misspelt_keys_types_and_values_are_refused_with_their_lines_all_at_once(world: World) -> None:
    """Row 4: `type: apii`, `brnch:`, `systemd_servce:` and `timeot:` passed seven checks."""
    wrong = [
        ("type: api\n", "type: apii\n"),
        ("branch: main", "brnch: main"),
        ("          timeout_seconds: 4\n", "          timeot_seconds: 4\n"),
    ]
    for replacement, hint in zip(wrong, ("api", "branch", "timeout_seconds"), strict=True):
        world.write_config(replacement)
        lines = world.config.read_text().splitlines()
        line = 1 + next(number for number, text in enumerate(lines) if replacement[1].strip() in text)
        found = world.fraisier("config", "validate", expect=3).stderr
        assert f"fraises.yaml:{line}:" in found
        assert f"did you mean '{hint}'?" in found
        assert found.count("fraises.yaml:") == 1, "one fault is one message"
        world.fraisier("deploy", "my_api", "production", expect=3)
    world.write_config(*wrong[1:])
    problems = world.json("config", "validate", expect=3)["error"]["problems"]
    assert [problem["line"] for problem in problems] == sorted(problem["line"] for problem in problems)
    assert len(problems) == 2


def test_first_deployment_from_a_plain_repository_url_works(world: World) -> None:
    """Row 5: a clone without fetch refspecs made every first deployment fail."""
    head = world.git("rev-parse", "HEAD")
    result = world.deploy()
    assert (result["status"], result["new_version"], result["old_version"]) == ("success", head, None)
    world.assert_serving(head, "v1", schema="0001")


@pytest.mark.deployed(1)
def test_second_push_is_deployed_without_force_and_a_third_run_does_nothing(world: World) -> None:
    """Row 6: 'already up to date' while the old version served, because nobody asked the remote."""
    second = world.release(2)
    assert world.deploy()["status"] == "success"
    world.assert_serving(second, "v2", schema="0002")
    before = world.production.service_pids()
    assert world.deploy()["status"] == "unchanged"
    assert world.production.service_pids() == before, "nothing to do must not restart anything"


@pytest.mark.deployed(1)
def test_a_dry_run_tells_the_truth_and_changes_nothing(world: World) -> None:
    second = world.release(2)
    preview = world.json("deploy", "my_api", "production", "--dry-run")["dry_run"]
    assert (preview["would_deploy"], preview["possible"], preview["commit"]) == (True, True, second)
    assert world.production.answer()["code"] == "v1"
    assert len(list((world.production.app / "releases").iterdir())) == 1
    assert len(world.history()) == 1, "trying out is not a deployment"


@pytest.mark.deployed(1)
def test_a_broken_version_is_replaced_by_the_old_code_dependencies_and_schema(world: World) -> None:
    """Row 7: the code came back and the new dependencies stayed."""
    first = world.git("rev-parse", "HEAD")
    world.release(2, status=500)
    result = world.deploy(expect=5)
    assert (result["status"], result["error"]["code"]) == ("rolled_back", "HealthCheckFailed")
    assert "500" in result["error"]["message"]
    world.assert_serving(first, "v1", schema="0001")


@pytest.mark.deployed(2)
def test_a_rollback_is_recorded_and_migrates_down(world: World) -> None:
    """Row 8: rollback was a separate path: not in the history, no lock, the schema stayed."""
    first = world.git("rev-parse", "HEAD~1")
    assert world.rollback()["status"] == "success"
    world.assert_serving(first, "v1", schema="0001")
    newest = world.history()[0]
    assert (newest["kind"], newest["status"], newest["new_version"]) == ("rollback", "success", first)
    assert world.json("stats")["stats"][0]["total"] == 3


@pytest.mark.deployed(2)
def test_rolling_back_twice_steps_further_back_and_never_forward(world: World) -> None:
    """Row 9: the second rollback went forward to the bad version."""
    first = world.git("rev-parse", "HEAD~1")
    world.release(3)
    world.deploy()
    world.rollback()
    world.rollback()
    world.assert_serving(first, "v1", schema="0001")
    refused = world.json("rollback", "my_api", "production", expect=2)
    assert "no earlier good release" in refused["error"]["message"]
    world.assert_serving(first, "v1", schema="0001")


@pytest.mark.deployed(2)
def test_a_rollback_after_a_new_deployment_skips_the_release_that_was_left_as_bad(world: World) -> None:
    first = world.git("rev-parse", "HEAD~1")
    world.rollback()
    world.release(3)
    world.deploy()
    world.rollback()
    world.assert_serving(first, "v1", schema="0001")


@pytest.mark.deployed(2)
def test_a_named_release_can_be_gone_back_to_and_an_unknown_one_is_refused(world: World) -> None:
    first = world.git("rev-parse", "HEAD~1")
    world.release(3)
    world.deploy()
    assert world.rollback("--to", first[:9])["status"] == "success"
    world.assert_serving(first, "v1", schema="0001")
    refused = world.json("rollback", "my_api", "production", "--to", "feedbeef", expect=2)
    assert "names no release" in refused["error"]["message"]


@pytest.mark.deployed(1)
def test_killing_the_controller_in_the_middle_then_deploying_again_completes(world: World) -> None:
    """Row 10: after a kill the retry said 'already up to date', the service was never restarted, the row stayed 'in progress'."""
    second = world.release(2)
    controller = world.start("deploy", "my_api", "production")
    wait_for(lambda: world.production.current().split("-")[1:2] == [second[:12]], "the new release is active", 60)
    controller.send_signal(signal.SIGKILL)
    controller.communicate()
    result = world.deploy()
    assert result["status"] == "success"
    world.assert_serving(second, "v2", schema="0002")
    assert [row["status"] for row in world.history()] == ["success", "interrupted", "success"]


LAZY_RESTART = """\
- name: Start the service once, and never again (a restart that says it worked)
  ansible.builtin.shell: |
    [ -e {flag} ] && exit 0
    touch {flag}
    cd {app}/current
    exec setsid env -i PORT={port} DATABASE_URL=sqlite:///{database} {python} service.py >/dev/null 2>&1 </dev/null &
  changed_when: true
"""


def test_a_restart_that_does_not_take_is_not_a_success(world: World) -> None:
    """Row 11: the old process went on answering, and the deployment said 'success'."""
    where = world.production
    hook = LAZY_RESTART.format(flag=world.root / "started", python=sys.executable, **vars(where))
    (world.root / "restart.yml").write_text(hook)
    hooks = ("    service:\n", "    hooks: {after_activate: restart.yml}\n    service:\n")
    world.write_config(
        hooks, ("manager: supervisor", "manager: none"), (f"      exec: {sys.executable} service.py\n", "")
    )
    first = world.git("rev-parse", "HEAD")
    try:
        assert world.deploy()["status"] == "success"
        second = world.release(2, migration=False)
        result = world.deploy(expect=5)
        assert (result["status"], result["error"]["code"]) == ("rolled_back", "HealthCheckFailed")
        assert second[:12] in result["error"]["message"]
        assert first[:7] in result["error"]["message"]
        assert where.answer()["version"] == first
        assert where.current().split("-")[1] == first[:12]
    finally:
        for pid in where.service_pids():
            os.kill(pid, signal.SIGKILL)


def test_production_and_staging_of_one_fraise_do_not_stand_in_each_others_way(world: World) -> None:
    """Rows 12 and 13: one lock and one status per fraise refused or skipped the other environment."""
    staging = world.add_environment("staging", "main")
    runs = [world.start("deploy", "my_api", name, "--json") for name in ("production", "staging")]
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, out + err
    head = world.git("rev-parse", "HEAD")
    world.assert_serving(head, "v1", schema="0001")
    world.assert_serving(head, "v1", schema="0001", environment="staging")
    assert staging.current() != world.production.current(), "two targets share no release"


def test_a_second_deployment_of_a_busy_target_is_told_who_holds_it(world: World) -> None:
    world.write_config(("    install:\n", "    install:\n      - sleep 5\n"))
    running = world.start("deploy", "my_api", "production")
    wait_for(lambda: world.history() and world.history()[0]["status"] == "in_progress", "the first one runs")
    refused = world.json("deploy", "my_api", "production", "--no-wait", expect=6)
    assert refused["error"]["code"] == "TargetLocked"
    assert f"process {running.pid}" in refused["error"]["message"]
    running.communicate(timeout=120)
    assert running.returncode == 0
    assert world.history()[-1]["status"] == "success"


def test_the_record_names_the_commit_that_was_really_deployed(world: World) -> None:
    """Row 19: the branch's head was deployed and another commit recorded."""
    first = world.git("rev-parse", "HEAD")
    world.release(2)
    result = world.deploy("--commit", first)
    assert result["new_version"] == first
    world.assert_serving(first, "v1", schema="0001")
    assert world.history()[0]["new_version"] == first


@pytest.mark.deployed(1)
def test_exit_codes_say_when_a_service_is_down(world: World) -> None:
    """Row 20: health checks ended with 0 while everything was down."""
    world.fraisier("status", "--live", expect=0)
    world.fraisier("doctor", expect=0)
    for pid in world.production.supervisor_pids():
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: world.production.answer() is None, "the service is gone")
    down = world.fraisier("status", "--live", expect=5)
    assert "down" in down.stdout
    world.fraisier("doctor", expect=1)


@pytest.mark.deployed(1)
def test_history_fits_a_narrow_terminal_and_cuts_nothing_off(world: World) -> None:
    """Row 22: 'succe…'."""
    world.release(2, status=500)
    world.deploy(expect=5)
    for command in (["history"], ["stats"], ["status"], ["list"]):
        out = world.fraisier(*command, COLUMNS="80").stdout
        assert "…" not in out
        assert max(len(line) for line in out.splitlines() if "why " not in line) <= 80, out
    out = world.fraisier("history", COLUMNS="80").stdout
    for word in ("rolled_back", "success", "my_api/production"):
        assert word in out


@pytest.mark.deployed(1)
def test_names_are_made_in_one_place(world: World) -> None:
    """Row 21: hints named units that did not exist."""
    plan = yaml.safe_load(world.fraisier("render", "my_api", "production").stdout)["all"]["vars"]
    program = plan["fraisier_supervisor_program"]
    assert program == plan["fraisier_health_program"] == "fraisier-my_api-production"
    configured = [path.stem for path in (world.production.app / "supervisor").rglob("*.ini")]
    assert program in configured


@pytest.mark.deployed(2)
def test_a_long_history_of_releases_keeps_only_what_was_asked_for(world: World) -> None:
    world.write_config(("        health_check:\n", "        keep_releases: 2\n        health_check:\n"))
    world.release(3)
    world.deploy()
    kept = sorted(path.name for path in (world.production.app / "releases").iterdir())
    assert len(kept) == 2
    assert world.production.current() == kept[-1]
