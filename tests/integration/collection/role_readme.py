"""Writes the README of each role from its argument specs: `python tests/integration/collection/role_readme.py` after a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).parents[3] / "roles"
PLAIN = ("server",)
"""Roles that are no part of a deployment: they have tasks as other collections' roles do."""


def specs(role: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())[
        "argument_specs"
    ]["main"]
    return found


def defaults(role: str) -> dict[str, Any]:
    return yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text()) or {}


def readme(role: str) -> str:
    spec, given = specs(role), defaults(role)
    rows = [_row(name, option, given) for name, option in spec["options"].items()]
    example = "\n".join(
        f"        {name}: {_example(name)}" for name, option in spec["options"].items() if option.get("required")
    )
    return "\n".join([
        f"# fraisier.deploy.{role}",
        "",
        f"{spec['short_description']}.",
        "",
        *spec["description"],
        "",
        "| variable | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        "```yaml",
        f"- hosts: {'localhost' if role == 'coolify' else 'web'}",
        "  gather_facts: false",
        "  roles:",
        f"    - role: fraisier.deploy.{role}",
        "      vars:",
        example,
        "```",
        "",
        _how(role),
        "",
    ])  # fmt: skip


def _how(role: str) -> str:
    if role in PLAIN:
        return "Plain builtin modules: the machine needs Python, as Fraisier on it does."
    if role == "coolify":
        return "One task, done on the controller by questions to the API: no host takes part."
    return "One task, one POSIX shell script over the connection: the host needs no Python for it, and no facts are gathered."


def _row(name: str, option: dict[str, Any], given: dict[str, Any]) -> str:
    default = "required" if option.get("required") else f"`{_plain(given[name])}`"
    choices = f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}." if "choices" in option else ""
    meaning = f"{option['description']}{choices}".replace("|", "\\|")
    return f"| `{name}` | {option['type']} | {default.replace('|', chr(92) + '|')} | {meaning} |"


def _plain(value: Any) -> str:
    return (
        {True: "true", False: "false", "": '""'}.get(value, str(value))
        if isinstance(value, (bool, str))
        else str(value)
    )


def _example(name: str) -> str:
    return {
        "fraisier_jobs_prefix": "reports",
        "fraisier_job_name": "import",
        "fraisier_app_path": "/srv/my_api",
        "fraisier_release_id": "20261122T015600Z-0123456789ab-k3f9qa",
        "fraisier_version": "0123456789abcdef0123456789abcdef01234567",
        "fraisier_git_repo": "https://git.example.com/team/my_api.git",
        "fraisier_systemd_unit": "my_api.service",
        "fraisier_supervisor_program": "my_api",
        "fraisier_docker_compose_project": "my_api",
        "fraisier_lb_manager": "haproxy",
        "fraisier_lb_state": "drained",
        "fraisier_bootstrap_user": "deploy",
        "fraisier_server_config": "fraises.yaml",
        "fraisier_backup_name": "my_api-production",
        "fraisier_coolify_url": "https://coolify.example.com",
        "fraisier_coolify_token": '"{{ coolify_token }}"',
        "fraisier_coolify_application": "wk8c4g0oscg8wsks4ggw0w8k",
    }[name]


def write() -> None:
    for folder in ROLES.iterdir():
        (folder / "README.md").write_text(readme(folder.name))


if __name__ == "__main__":
    write()
