"""What can be deployed: one module per fraise type. Ours by literal names, those of other packages by entry points.

Importing this package imports none of them, so it costs nothing at start-up: looking one up imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from fraisier.installed import Installed, without

if TYPE_CHECKING:
    from fraisier.fraise_types import api, backup, coolify, etl, scheduled
    from fraisier.fraise_types.settings import Placement
    from fraisier.plan import Secrets
    from fraisier.vocabulary import Target

    _TYPES_FIT: tuple[FraiseTypeModule, ...] = (api, backup, etl, scheduled)
    _JOBS_FIT: tuple[RunsJobs, ...] = (backup, etl, scheduled)
    _OTHERS_FIT: tuple[HasPlaybooks, ...] = (coolify,)

ENTRY_POINTS: Final = "fraisier.fraise_types"

OURS: Final[Mapping[str, str]] = {
    "api": "fraisier.fraise_types.api",
    "etl": "fraisier.fraise_types.etl",
    "scheduled": "fraisier.fraise_types.scheduled",
    "backup": "fraisier.fraise_types.backup",
    "docker_compose": "fraisier.fraise_types.docker_compose",
    "coolify": "fraisier.fraise_types.coolify",
}


class Resolved(Protocol):
    """The part of a resolved fraise that a type may build its variables from."""

    @property
    def target(self) -> Target:
        """Which fraise, in which environment."""

    @property
    def description(self) -> str:
        """What it is for, in a sentence; '' when nobody said."""

    @property
    def settings(self) -> Placement:
        """The ``Settings`` of its type."""


@dataclass(frozen=True)
class JobRun:
    """How a job is run now: the playbook, and the variables that it reads besides those of the target."""

    playbook: str
    variables: Mapping[str, Any]


class RunsJobs(Protocol):
    """What the module of a type has whose ``Settings.jobs_to_run`` names jobs, for `fraisier run`."""

    def job(self, resolved: Resolved, params: Mapping[str, str], secrets: Secrets) -> JobRun:
        """How ``resolved.target.job`` is run. Raises UsageError for parameters that it cannot be given."""


class HasPlaybooks(Protocol):
    """What the module of a type has beside ``PLAYBOOK`` whose releases are no folders on hosts."""

    @property
    def PLAYBOOKS(self) -> Mapping[str, str]:  # noqa: N802 - a constant of the module
        """Its own playbooks in the place of `fraisier.deploy.rollback`, `status`, `doctor` and `stop`, by these words."""


class FraiseTypeModule(Protocol):
    """What the module of a fraise type must have."""

    @property
    def Settings(self) -> type[Placement]:  # noqa: N802 - a class of the module
        """Everything that an environment of such a fraise may set: ``Release`` for what is made from a repository, with more fields.

        What its playbook needs to know of fields that every release has is written for it; so are migrations for a field ``database``.
        Its methods ``missing``, ``units`` and ``jobs_to_run`` say what a target cannot do without, which systemd units it has to itself,
        and what `fraisier run` may run (then the module is one of ``RunsJobs``).
        """

    @property
    def PLAYBOOK(self) -> str:  # noqa: N802 - a constant of the module
        """The recipe: the name of a playbook with its collection, or the absolute path of a file."""

    @property
    def BUILT(self) -> bool:  # noqa: N802 - a constant of the module
        """False: it can be configured and validated, and nothing runs it yet."""

    def variables(self, resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
        """What the playbook reads besides: pure, the same settings give the same variables. Text is data, save a ``Template``."""


def _missing(module: object) -> list[str]:
    from fraisier.fraise_types.settings import Placement

    kinds = {"PLAYBOOK": str, "BUILT": bool}
    missing = [each for each, kind in kinds.items() if not isinstance(getattr(module, each, None), kind)]
    settings = getattr(module, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, Placement)):
        missing.append("Settings that are a Placement or a Release")
    return missing + without(module, "variables")


TYPES: Final[Mapping[str, FraiseTypeModule]] = Installed(
    "fraise type", ENTRY_POINTS, _missing, ours=OURS, is_named=False
)
