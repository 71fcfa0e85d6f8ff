"""A plan on disk: what comes from configuration is data, what we or `vars:` mean as a template stays one."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import yaml

from fraisier.plan import Plan, Release, Template
from fraisier.run import project
from fraisier.run.steps import steps
from fraisier.secrets import SecretRef
from fraisier.vocabulary import Target

HOSTILE = "{{ lookup('ansible.builtin.pipe', 'touch /tmp/owned') }}"


def plan(**variables: object) -> Plan:
    return Plan(
        target=Target("my_api", "production"),
        playbook="fraisier.deploy.api",
        hosts={"web1": {"ansible_host": "192.0.2.1"}},
        variables=variables,
        secrets={"token": SecretRef("${TOKEN}", "fraises.yaml:1:1")},
        release=Release("20261122T000000Z-0123456789ab-abc123", "0" * 40),
    )


def test_text_that_looks_like_a_template_is_tagged_unsafe() -> None:
    text = project.to_yaml(plan(name=HOSTILE, ours=Template("{{ fraisier_secrets.token }}"), plain="text").inventory())
    assert f'name: !unsafe "{HOSTILE}"' in text or "name: !unsafe '" in text
    assert "ours: '{{ fraisier_secrets.token }}'" in text
    assert "plain: text" in text


def test_hostile_text_is_tagged_inside_lists_and_mappings_too() -> None:
    text = project.to_yaml({"list": [HOSTILE], "map": {"key": {"deep": HOSTILE}}})
    assert text.count("!unsafe") == 2


def test_secret_values_go_to_a_private_file_as_unsafe_text(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    project.write_secrets({"token": "{{ 1 + 1 }}"}, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"fraisier_secrets": {"token": {"__ansible_unsafe": "{{ 1 + 1 }}"}}}


def test_a_rendered_project_names_secrets_and_holds_none(tmp_path: Path) -> None:
    project.render(plan(name="x"), tmp_path / "out")
    files = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"ansible.cfg", "site.yml", "inventory/hosts.yml", "README.md", "secrets.example.json"} <= files
    assert "collections/ansible_collections/fraisier/deploy/galaxy.yml" in files
    assert json.loads((tmp_path / "out/secrets.example.json").read_text()) == {
        "fraisier_secrets": {"token": "${TOKEN}"}
    }
    site = yaml.safe_load((tmp_path / "out/site.yml").read_text())
    assert site == [
        {
            "name": "my_api/production, release 20261122T000000Z-0123456789ab-abc123",
            "import_playbook": "fraisier.deploy.api",
            "vars": {"fraisier_hooks": {}, "fraisier_steps": steps(plan(name="x"))},
        }
    ]


def test_the_hash_of_a_plan_tells_templates_from_text_and_ignores_order() -> None:
    assert plan(a="{{ x }}").hash != plan(a=Template("{{ x }}")).hash
    assert plan(a=1, b=2).hash == plan(b=2, a=1).hash
    assert plan(a=1).hash != plan(a=2).hash


def test_a_phase_is_left_out_only_when_no_host_has_anything_to_do() -> None:
    idle = project.early(plan(fraisier_build_commands=[], fraisier_migrate_tool=""))["fraisier_steps"]
    assert (idle["build"], idle["migrate"], idle["fetch"]) == ("hooks/none.yml", "hooks/none.yml", "work/fetch.yml")
    assert (idle["backup"], project.early(plan(fraisier_backup_source={}))["fraisier_steps"]["backup"]) == (
        "hooks/none.yml",
    ) * 2
    asked = plan(fraisier_backup_source={"url": "sqlite:////srv/x"})
    assert project.early(asked)["fraisier_steps"]["backup"] == "work/backup.yml"
    assert project.early(plan(fraisier_migrate_tool="alembic"))["fraisier_steps"]["migrate"] == "work/migrate.yml"
    one = plan(fraisier_build_commands=[])
    one = replace(one, hosts={"web1": {"fraisier_build_commands": Template("{{ make_it }}")}})
    assert project.early(one)["fraisier_steps"]["build"] == "work/build.yml"


def test_a_phase_with_a_hook_or_a_load_balancer_is_taken_whole() -> None:
    hooked = project.early(plan(fraisier_hooks={"before_fetch": "/x.yml"}, fraisier_service_manager="systemd"))[
        "fraisier_steps"
    ]
    assert "fetch" not in hooked
    assert hooked["restart"] == "restart/systemd.yml"
    balanced = project.early(plan(fraisier_lb_manager="nginx"))["fraisier_steps"]
    assert not {"preflight", "drain", "reattach"} & set(balanced)
