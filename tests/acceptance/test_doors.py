"""The other doors to the same path: the rendered project, the library, `init`, `doctor`; and the ledger on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.world import FRAISIER, World


def test_plain_ansible_playbook_runs_a_rendered_plan_and_gets_the_same_release(world: World, tmp_path: Path) -> None:
    """Eject: without Fraisier, without its Python package, the same release stands on the host; Fraisier recognises it."""
    done = world.json("render", "my_api", "production", "-o", str(tmp_path / "out"))
    secrets = json.loads((tmp_path / "out/secrets.example.json").read_text())["fraisier_secrets"]
    values = {name: template.replace("${APP_SECRET}", world.secret) for name, template in secrets.items()}
    (tmp_path / "out/secrets.json").write_text(json.dumps({"fraisier_secrets": values}))
    environ = {name: value for name, value in world.environ.items() if not name.startswith("FRAISIER")}
    play = [FRAISIER.parent / "ansible-playbook", "site.yml", "-e", "@secrets.json"]
    run = subprocess.run(play, cwd=tmp_path / "out", env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    head = world.git("rev-parse", "HEAD")
    world.assert_serving(head, "v1", schema="0001")
    assert world.production.current() == done["release_id"]
    live = world.json("status", "--live", expect=None)["fraises"][0]["hosts"][0]
    assert (live["release_id"], live["healthy"], live["version"]) == (done["release_id"], True, head)
    assert live["drift"] == [f"has release {done['release_id']}, and the ledger knows of none"]
    world.release(2, status=500)
    world.deploy(expect=5)
    world.assert_serving(head, "v1", schema="0001")


def test_the_library_deploys_probes_and_rolls_back_in_the_words_of_the_seeds(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    from fraisier import Database, FraisierConfig, deployer

    target = deployer(FraisierConfig(str(world.config)), "my_api", "production")
    first = world.git("rev-parse", "HEAD")
    assert (target.get_current_version(), target.get_latest_version(), target.is_deployment_needed()) == (
        None,
        first,
        True,
    )
    result = target.execute()
    assert (result.success, result.exit_code, result.new_version) == (True, 0, first)
    assert (target.get_current_version(), target.is_deployment_needed(), target.health_check()) == (first, False, True)
    world.release(2)
    assert target.is_deployment_needed()
    assert target.execute().success
    assert target.rollback().success
    assert target.get_current_version() == first
    with Database(world.environ["FRAISIER_DATABASE_URL"]) as database:
        kinds = [(str(row.kind), str(row.trigger)) for row in database.get_recent_deployments(limit=3)]
    assert kinds == [("rollback", "api"), ("deploy", "api"), ("deploy", "api")]
    world.production.end()
    assert target.health_check() is False


def test_init_writes_a_file_that_validates_and_deploys(world: World) -> None:
    """Row 1: the template of the tool before us had no git source at all."""
    head = world.git("rev-parse", "HEAD")
    started = world.root / "fresh"
    started.mkdir()
    environ = world.environ | {"FRAISIER_CONFIG": str(started / "fraises.yaml")}
    (world.repository / "app.py").write_text(PORTABLE_APP)
    head = world.commit("an application as the starter expects it")
    init = [FRAISIER, "init", "--repository", str(world.repository)]
    assert subprocess.run(init, cwd=started, env=environ, capture_output=True, check=False).returncode == 0
    assert subprocess.run([FRAISIER, "config", "validate"], cwd=started, env=environ, check=False).returncode == 0
    text = (started / "fraises.yaml").read_text()
    port = world.production.port
    assert "8000" in text
    (started / "fraises.yaml").write_text(text.replace("8000", str(port)))
    run = subprocess.run(
        [FRAISIER, "deploy", "my_api", "production", "--json"],
        cwd=started,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    world.production.app = world.home / "fraises" / "my_api"
    assert run.returncode == 0, run.stdout + run.stderr
    assert json.loads(run.stdout)["deployment"]["new_version"] == head


PORTABLE_APP = """\
import json, os
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
VERSION = (Path(__file__).resolve().parent / "REVISION").read_text().strip()
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content = json.dumps({"version": VERSION}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)
HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_a_stale_copy_of_the_collection_is_named_by_doctor_and_not_run(world: World) -> None:
    stale = world.home / ".ansible/collections/ansible_collections/fraisier/deploy"
    (stale / "playbooks").mkdir(parents=True)
    (stale / "galaxy.yml").write_text("namespace: fraisier\nname: deploy\nversion: 0.0.1\n")
    (stale / "playbooks/api.yml").write_text("- hosts: all\n  tasks: [{ansible.builtin.fail: {msg: stale copy}}]\n")
    assert world.deploy()["status"] == "success"
    findings = world.json("doctor")["findings"]
    said = [f["message"] for f in findings if f["subject"] == "collection"]
    assert "from the checkout" in said[0] or "from the wheel" in said[0]
    assert "0.0.1" in said[1]
    assert str(stale) in said[1]


def test_a_hostile_branch_name_runs_nothing_anywhere(world: World) -> None:
    """A branch name, a commit message and a description are data for Ansible, git and every shell."""
    canary = world.root / "canary"
    branch = "x{{lookup('pipe','touch$IFS" + str(canary) + "')}}"
    world.git("branch", branch)
    described = f"\"{{{{ lookup('pipe', 'touch {canary}') }}}} $(touch {canary})\""
    world.write_config(("branch: main", f'branch: "{branch}"'), ("What the tests deploy", described))
    result = world.deploy(expect=None)
    assert result["status"] == "success", result
    assert not canary.exists()


def test_limit_must_match_a_host(world: World) -> None:
    refused = world.json("deploy", "my_api", "production", "--limit", "web*", expect=2)
    assert "matches no host" in refused["error"]["message"]
    assert "localhost" in refused["error"]["hint"]


@pytest.mark.deployed(1)
def test_a_changed_configuration_is_a_reason_to_deploy(world: World) -> None:
    world.write_config(("PORT:", "EXTRA: new, PORT:"))
    assert world.deploy()["status"] == "success"
    assert world.deploy()["status"] == "unchanged"


@pytest.mark.deployed(1)
def test_force_deploys_the_same_commit_again_as_a_new_release(world: World) -> None:
    before = world.production.current()
    assert world.deploy("--force")["status"] == "success"
    assert world.production.current() != before


@pytest.mark.deployed(1)
def test_list_imports_nothing_heavy(world: World) -> None:
    """Row 23: start-up. Kept by what is imported, not by a clock."""
    world.fraisier("list")
    script = (
        "import sys, fraisier.cli\n"
        "code = fraisier.cli.run(sys.argv[1:])\n"
        "heavy = {'pydantic', 'sqlalchemy', 'sqlmodel', 'rich', 'fastapi', 'strawberry'}\n"
        "heavy |= {'ansible_runner', 'ansible', 'jinja2', 'alembic', 'psycopg'}\n"
        "found = sorted(heavy & set(sys.modules))\n"
        "sys.exit(f'imported {found}' if found or code else 0)\n"
    )
    for command in (["list"], ["status"], ["history"], ["stats"], ["--help"], ["--version"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *command],
            env=world.environ,
            cwd=world.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"


def test_errors_are_one_sentence_and_never_a_traceback(world: World) -> None:
    for arguments, code, words in (
        (["deploy", "my_apy", "production"], 2, "my_api"),
        (["deploy", "my_api", "prod"], 2, "production"),
        (["depoly", "my_api", "production"], 2, "deploy"),
        (["rollback", "my_api", "production"], 2, "nothing has been deployed yet"),
        (["logs", "nosuch"], 2, "nosuch"),
    ):
        done = world.fraisier(*arguments, expect=code)
        assert words in done.stderr, done.stderr
        assert "Traceback" not in done.stderr + done.stdout
    broken = os.fspath(world.root / "broken.yaml")
    Path(broken).write_text("fraises:\n  a:\n    type: apii\n    brnch: x\n")
    done = world.fraisier("--config", broken, "config", "validate", expect=3)
    assert "broken.yaml:3:" in done.stderr
    assert "api" in done.stderr
