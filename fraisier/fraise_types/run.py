"""How programs that end are run: as whom, within which limits, for how long; and what role jobs reads of those that run by the clock."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from fraisier.fraise_types import Resolved
from fraisier.fraise_types.fields import Seconds, Section, TextMap, UserName
from fraisier.vocabulary import Target


class Units(Section):
    """What the units of a fraise's programs have in common."""

    scope: Literal["system", "user"] = Field(
        "system", description="systemd's system units, or those of the user we connect as. Default: system."
    )
    user: UserName | None = Field(
        None, description="User that the programs run as, in scope system. Default: the one that owns the releases."
    )
    group: UserName | None = Field(None, description="Group that they run as. Default: the user's own.")
    options: TextMap = Field(
        {}, description="More settings of the unit's [Service] section, e.g. MemoryMax: 512M. Default: none."
    )


class Run(Units):
    """How the program of an etl is run."""

    manager: Literal["systemd", "none"] = Field(
        "systemd",
        description="`systemd`: in a transient unit, with a user and limits of its own; `none`: as a child of the connection, "
        "for hosts without systemd. Default: systemd.",
    )
    timeout_seconds: Seconds = Field(3600, description="Longest time for one run, in seconds. Default: 3600.")


def unit_prefix(target: Target) -> str:
    """How the names of a target's units begin."""
    return f"fraisier-{target.fraise}-{target.environment}"


def needs_root(resolved: Resolved, run: Units) -> bool:
    """Whether the units are the system's, on a host that is reached as somebody else."""
    return resolved.settings.connection == "ssh" and run.scope == "system"


def clock_variables(resolved: Resolved, run: Units, by_name: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Jobs by the clock in the place of a service: timers that wait for their next moment are the proof of a deployment."""
    found: dict[str, Any] = {
        "prefix": unit_prefix(resolved.target),
        "description": resolved.description or resolved.target.fraise,
        "by_name": by_name,
        "scope": run.scope,
        "user": run.user or "",
        "group": run.group or "",
        "options": dict(run.options),
        "become": needs_root(resolved, run),
    }
    return {
        "fraisier_service_manager": "jobs",
        "fraisier_health_role": "jobs",
        "fraisier_preflight_manager": "systemd",
        "fraisier_preflight_scope": run.scope,
        **{f"fraisier_jobs_{name}": value for name, value in found.items()},
    }
