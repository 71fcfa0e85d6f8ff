"""The roles, from their argument specs and defaults; and the inventories that fraises.example.yaml compiles to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig
from fraisier.fraise_types import TYPES
from fraisier.plan import Plan, Release
from fraisier.run import project
from reference.markdown import ROOT, page, table

ROLES = """\
Roles of the collection `fraisier.deploy`, in the order of the phases. A default that refers to another variable need not be given once
that one is. How to use them: [in an existing estate](../how-to/use-the-roles-in-an-existing-estate.md)."""
IN_ORDER = (
    "bootstrap",
    "preflight",
    "git",
    "release",
    "build",
    "backup",
    "restore",
    "replace",
    "migrate",
    "activate",
    "systemd",
    "supervisor",
    "docker_compose",
    "coolify",
    "health",
    "job",
    "jobs",
    "lb",
    "prune",
    "server",
)

EXAMPLE = ROOT / "inventory" / "example"
EXAMPLE_RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")


def roles_page() -> str:
    lines = [ROLES]
    for name in sorted((path.name for path in (ROOT / "roles").iterdir()), key=IN_ORDER.index):
        spec = _yaml(ROOT / "roles" / name / "meta" / "argument_specs.yml")["argument_specs"]["main"]
        defaults = _yaml(ROOT / "roles" / name / "defaults" / "main.yml")
        about = " ".join([f"{spec['short_description']}.", *spec["description"]])
        rows = [_variable(variable, option, defaults) for variable, option in spec["options"].items()]
        lines += [
            "",
            f"## fraisier.deploy.{name}",
            "",
            about,
            "",
            *table(("variable", "type", "default", "meaning"), rows),
        ]
    return page("Roles", *lines)


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def _variable(name: str, option: dict[str, Any], defaults: dict[str, Any]) -> tuple[str, str, str, str]:
    default = "required" if option.get("required") else f"`{_shown(defaults.get(name))}`"
    choices = f" One of {', '.join(f'`{each}`' for each in option['choices'])}." if "choices" in option else ""
    return f"`{name}`", option["type"], default, option["description"] + choices


def _shown(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()


def inventories() -> dict[Path, str]:
    """An inventory per target of fraises.example.yaml that can be deployed."""
    config = FraisierConfig(ROOT / "fraises.example.yaml", environ={})
    plans = [deploy_plan(resolved, EXAMPLE_RELEASE) for resolved in config.all() if TYPES[resolved.type].BUILT]
    return {EXAMPLE / f"{plan.target.fraise}-{plan.target.environment}.yml": _inventory(plan) for plan in plans}


def _inventory(plan: Plan) -> str:
    lines = [
        "---",
        f"# {plan.target} of fraises.example.yaml, for the playbook {plan.playbook}. Made by tools/docs.py.",
    ]
    lines += [
        f"# Reads the secret fraisier_secrets.{name}: {secret.template}"
        for name, secret in sorted(plan.secrets.items())
    ]
    lines += ["# yamllint disable rule:indentation", project.to_yaml(plan.inventory())]
    return "\n".join(lines)
