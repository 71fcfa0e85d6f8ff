"""What each phase of a plan comes down to, known before the run: then Ansible loads no place for a hook that is not there, no idle task."""

from __future__ import annotations

from fraisier.plan import Plan

WORK = ("preflight", "fetch", "build", "backup", "migrate", "activate", "health", "verify", "prune")
IDLE_WITHOUT = {
    "build": ("fraisier_build_commands", "fraisier_docker_compose_project"),
    "backup": ("fraisier_backup_source",),
    "migrate": ("fraisier_migrate_tool",),
}
"""Phases that need not have anything to do, and the variables that say what."""
BALANCED = ("preflight", "drain", "activate", "restart", "reattach")
"""Phases that do something about a load balancer too, where there is one."""
NOTHING = "hooks/none.yml"


def steps(plan: Plan) -> dict[str, str]:
    """Task file by phase, relative to the playbook. A phase that is missing here has a hook, or is known only while it runs."""
    if plan.inventories:  # of the user's own: they may say anything about any host
        return {}
    variables, hooks = plan.variables, plan.variables.get("fraisier_hooks") or {}
    found = {phase: f"work/{phase}.yml" for phase in WORK}
    if manager := variables.get("fraisier_service_manager"):
        found["restart"] = f"restart/{manager}.yml"
    everywhere = (variables, *plan.hosts.values())
    for phase, names in IDLE_WITHOUT.items():
        if not any(each.get(name) for each in everywhere for name in names):
            found[phase] = NOTHING
    if variables.get("fraisier_lb_manager", "none") == "none" and not variables.get("fraisier_blue_green"):
        found |= {"drain": NOTHING, "reattach": NOTHING}
    else:
        found = {phase: file for phase, file in found.items() if phase not in BALANCED}
    hooked = {name.partition("_")[2] for name in hooks}
    return {phase: file for phase, file in found.items() if phase not in hooked}
