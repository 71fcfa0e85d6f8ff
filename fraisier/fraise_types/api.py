"""Fraise type ``api``: a web service or any process that keeps running."""

from typing import Final, Protocol

from pydantic import Field

from fraisier.fraise_types.database import Database
from fraisier.fraise_types.release import Release
from fraisier.fraise_types.service import HealthCheck, Service, UnitName
from fraisier.fraise_types.settings import Placement
from fraisier.vocabulary import Target

PLAYBOOK: Final = "fraisier.deploy.api"
BUILT: Final = True


class Settings(Release):
    """Settings of an api in one environment."""

    database: Database | None = Field(None, description="Migrations. Default: none.")
    systemd_service: UnitName | None = Field(
        None, description="Name of the systemd unit. Default: fraisier-<fraise>-<environment>.service."
    )
    service: Service | None = Field(
        None, description="The process and what keeps it running. Default: the unit is yours."
    )
    health_check: HealthCheck | None = Field(None, description="How a host proves that it serves. Required.")


class Resolved(Protocol):
    """The part of a resolved fraise that names are derived from."""

    @property
    def target(self) -> Target:
        """Which fraise, in which environment."""

    @property
    def settings(self) -> Placement:
        """The settings of its type."""


def unit_name(resolved: Resolved) -> str:
    """The systemd unit of a target: as configured, or derived. The only place where the name is made."""
    given = resolved.settings.systemd_service if isinstance(resolved.settings, Settings) else None
    return given or f"fraisier-{resolved.target.fraise}-{resolved.target.environment}.service"
