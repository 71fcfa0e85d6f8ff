"""Fraise type ``api``: a web service or any process that keeps running."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import Field

from fraisier.fraise_types import Resolved
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.health import health_variables
from fraisier.fraise_types.release import Release
from fraisier.fraise_types.service import HealthCheck, Service, UnitName
from fraisier.plan import Secrets
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

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        service = self.service
        if self.health_check is None:
            yield "health_check is missing", "say how one knows that it works: health_check.url or health_check.command"
        if service and service.manager == "supervisor" and not service.exec:
            yield "service.exec is missing", "supervisor must be told what to run"
        elif not (service and (service.exec or service.manager == "none")) and not self.systemd_service:
            yield "nothing says what runs", "give service.exec, or systemd_service, or service.manager: none"

    def units(self, target: Target) -> Iterator[tuple[str, str]]:
        if self.service is None or self.service.manager == "systemd":
            yield self.service.scope if self.service else "system", self.unit_name(target)

    def unit_name(self, target: Target) -> str:
        """The systemd unit of a target: as configured, or derived. The only place where the name is made."""
        return self.systemd_service or f"fraisier-{target.fraise}-{target.environment}.service"


def variables(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    """What keeps the process running, and how it proves itself."""
    settings = resolved.settings
    assert isinstance(settings, Settings)
    found = _service_variables(resolved, settings, secrets)
    manager = found["fraisier_service_manager"]
    return found | health_variables(
        settings.health_check,
        secrets,
        manager=manager,
        unit=found.get("fraisier_systemd_unit", ""),
        scope=found.get("fraisier_systemd_scope", "system"),
        program=found.get("fraisier_supervisor_program", ""),
        home=found.get("fraisier_supervisor_home", ""),
    )


def _service_variables(resolved: Resolved, settings: Settings, secrets: Secrets) -> dict[str, Any]:
    service = settings.service
    manager = service.manager if service else "systemd"
    database = {}
    if settings.database and settings.database.url is not None:
        database[settings.database.url_variable] = secrets.value("database_url", settings.database.url)
    environment = {**database, **(secrets.mapping("service", service.environment) if service else {})}
    found: dict[str, Any] = {"fraisier_service_manager": manager, "fraisier_preflight_manager": manager}
    if service and service.blue_green:
        found["fraisier_blue_green"] = service.blue_green.model_dump()
    if manager == "none":
        return found
    common: dict[str, Any] = {"exec": "", "environment": environment}
    if service:
        common |= {
            "exec": service.exec or "",
            "stop_timeout_seconds": service.stop_timeout_seconds,
            "start_timeout_seconds": service.start_timeout_seconds,
        }
    unit = settings.unit_name(resolved.target)
    if manager == "supervisor":
        assert service
        special = {"program": unit.removesuffix(".service"), "home": service.home or ""}
        special["python"] = service.python or "python3"
    else:
        special = _unit_variables(resolved, settings, unit)
    return found | {f"fraisier_{manager}_{key}": value for key, value in {**common, **special}.items()}


def _unit_variables(resolved: Resolved, settings: Settings, unit: str) -> dict[str, Any]:
    service = settings.service
    found: dict[str, Any] = {"unit": unit, "description": resolved.description or resolved.target.slug}
    found["become"] = settings.connection == "ssh"
    if service is None:
        return found
    return found | {
        "scope": service.scope,
        "user": service.user or "",
        "group": service.group or "",
        "options": dict(service.options),
        "become": found["become"] and service.scope == "system",
    }
