"""A plan on disk, as a project that ``ansible-playbook`` runs: the same files for our own runs and for ``fraisier render``."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from fraisier.connection import ALIVE
from fraisier.plan import Plan, Template
from fraisier.run import collection
from fraisier.run.steps import steps

EARLY = (
    "fraisier_hooks",
    "fraisier_service_manager",
    "fraisier_health_role",
    "fraisier_lb_manager",
    "fraisier_lb_tasks",
    "fraisier_blue_green",
    "fraisier_replace_by",
)
TASK_FILES = ("fraisier_hooks", "fraisier_lb_tasks")
JINJA_MARKS = ("{{", "{%", "{#")


class _Unsafe(str):
    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_Dumper.add_representer(_Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text)))


def plain(value: Any) -> Any:
    """Plan data for the dumper: templates as they are, other text that looks like a template tagged ``!unsafe``."""
    if isinstance(value, Template):
        return str(value)
    if isinstance(value, str):
        return _Unsafe(value) if any(mark in value for mark in JINJA_MARKS) else str(value)
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def to_yaml(value: Any) -> str:
    return yaml.dump(plain(value), Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=120)


def ansible_cfg(*, control_path_dir: str, collections_path: str, more: str = "") -> str:
    """Settings of every run of a deployment. Pipelining, kept connections and checked host keys (performance notes).

    That a silent peer is given up stands twice: a user's inventory may replace either of the two variables by its own.
    """
    alive = " ".join(ALIVE)
    return f"""\
[defaults]
{more}collections_path = {collections_path}
gathering = explicit
host_key_checking = True
interpreter_python = /usr/bin/python3
retry_files_enabled = False
timeout = 10

[inventory]
any_unparsed_is_failed = True

[ssh_connection]
pipelining = True
ssh_args = -o ControlMaster=auto -o ControlPersist=900s {alive}
ssh_extra_args = {alive}
control_path_dir = {control_path_dir}
"""


def forks(plan: Plan) -> int:
    """As many as there are hosts, within reason."""
    return max(1, min(len(plan.hosts), 50))


def write_inventory(plan: Plan, folder: Path) -> None:
    """Write ``inventory/hosts.yml`` below ``folder``, which exists."""
    (folder / "inventory").mkdir()
    (folder / "inventory" / "hosts.yml").write_text("---\n" + to_yaml(plan.inventory()))
    if not plan.inventories:
        return
    # Ansible reads these last of all: only here do our variables win over those of the user's host_vars
    (folder / "inventory" / "host_vars").mkdir()
    for name, variables in plan.hosts.items():
        (folder / "inventory" / "host_vars" / f"{name}.yml").write_text("---\n" + to_yaml(variables))


def early(plan: Plan) -> dict[str, Any]:
    """Variables that Ansible can use before the first task: what is not asked for then costs no task at all."""
    found = {name: plan.variables[name] for name in EARLY if name in plan.variables}
    return {**found, "fraisier_steps": steps(plan)}


def write_early(plan: Plan, path: Path, more: Mapping[str, Any]) -> None:
    """Early variables as a file of extra variables. ``more``: variables of this run alone, which win over all others."""
    path.write_text("---\n" + to_yaml({**early(plan), **plan.play_variables(), **more}))


def write_secrets(values: Mapping[str, str], path: Path) -> None:
    """Secret values for ``-e @path``: a file of mode 0600, each value unsafe so that it is never taken for a template."""
    data = {"fraisier_secrets": {name: {"__ansible_unsafe": value} for name, value in values.items()}}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(data, file)


def _with_hooks(plan: Plan, folder: Path) -> Plan:
    """Copy the user's task files into the project and point the plan at the copies."""
    # of a host that an inventory of the user's own has, inventory_dir is theirs
    here = folder.resolve() if plan.inventories else "{{ inventory_dir }}/.."
    moved: dict[str, dict[str, Template]] = {"fraisier_hooks": {}}
    for variable in TASK_FILES:
        for name, path in (plan.variables.get(variable) or {}).items():
            (folder / "hooks").mkdir(exist_ok=True)
            shutil.copy2(path, folder / "hooks" / f"{name}.yml")
            moved.setdefault(variable, {})[name] = Template(f"{here}/hooks/{name}.yml")
    return replace(plan, variables={**plan.variables, **moved})


def render(plan: Plan, folder: Path) -> None:
    """Write ``plan`` as a self-contained project: plain ``ansible-playbook`` runs it without Fraisier.

    The collection is copied in; secrets stay out: ``secrets.example.json`` names what to give with ``-e @secrets.json``.
    ``folder`` is created; it must be empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plan = _with_hooks(plan, folder)
    write_inventory(plan, folder)
    (folder / "ansible.cfg").write_text(
        ansible_cfg(
            control_path_dir="~/.ansible/cp",
            collections_path="./collections",
            more=f"inventory = {','.join([*plan.inventories, 'inventory'])}\nforks = {forks(plan)}\n",
        )
    )
    place = folder / "collections" / "ansible_collections" / "fraisier" / "deploy"
    source = collection.ours().folder
    for part in collection.PARTS:
        origin = source / part
        if origin.is_dir():
            shutil.copytree(origin, place / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, place / part)
    title = f"{plan.target}" + (f", release {plan.release.release_id}" if plan.release else "")
    # Where its task files are is known only while it runs: then every place for one is a task.
    known = {name: value for name, value in early(plan).items() if name not in TASK_FILES or not value}
    serial = {"fraisier_serial": list(plan.serial)} if plan.serial else {}
    variables = {**known, **plan.play_variables(), **serial}
    play = {"name": title, "import_playbook": plan.playbook, "vars": variables}
    (folder / "site.yml").write_text("---\n" + to_yaml([play]))
    secrets_note = ""
    if plan.secrets:
        example = {"fraisier_secrets": {name: secret.template for name, secret in plan.secrets.items()}}
        (folder / "secrets.example.json").write_text(json.dumps(example, indent=2) + "\n")
        secrets_note = " -e @secrets.json"
    (folder / "README.md").write_text(
        f"# {title}\n\nRendered by Fraisier. It needs ansible-core >= 2.19 and nothing else:\n\n"
        f"    ansible-playbook site.yml{secrets_note}\n\n"
        + ("Copy secrets.example.json to secrets.json and put the values in.\n" if plan.secrets else "")
        + "".join(f"\nIt reads your inventory where it is: `{source}`.\n" for source in plan.inventories)
    )
