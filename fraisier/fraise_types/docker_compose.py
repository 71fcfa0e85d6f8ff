"""Fraise type ``docker_compose``: services described by a compose file in the repository."""

from typing import Annotated, Any, Final

from pydantic import Field

from fraisier.fraise_types import Resolved
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.fields import Command, RelativePath, Seconds, matching
from fraisier.fraise_types.health import health_variables, words
from fraisier.fraise_types.release import Release
from fraisier.fraise_types.service import HealthCheck
from fraisier.plan import Secrets
from fraisier.vocabulary import Target

PLAYBOOK: Final = "fraisier.deploy.docker_compose"
BUILT: Final = True
MANAGER: Final = "docker_compose"

ProjectName = Annotated[str, matching(r"[a-z0-9][a-z0-9_-]*", "expected a project name of a-z, 0-9, - and _")]
ServiceName = Annotated[str, matching(r"[A-Za-z0-9._-]+", "expected the name of a service of the compose file")]


class Settings(Release):
    """Settings of a docker_compose fraise in one environment."""

    compose_file: RelativePath = Field(
        "compose.yaml", description="The compose file inside the release. Default: compose.yaml."
    )
    compose_command: Command | None = Field(
        None,
        description="The front end on the hosts, without a shell: `docker compose`, `podman-compose`, or a path. Default: "
        "`docker compose`, else `podman-compose`, else `podman compose`, whichever a host has.",
    )
    project_name: ProjectName | None = Field(
        None, description="Name of the compose project. Default: fraisier-<fraise>-<environment>."
    )
    pull: bool = Field(
        True,
        description="Pull images that a host has already, too: their tags may lead elsewhere by now. Images that it does not have "
        "are always pulled. Default: true.",
    )
    build: bool = Field(
        False, description="Build the images of services that have `build`, on each host. Default: false."
    )
    one_shot: tuple[ServiceName, ...] = Field(
        (),
        description="Services that do their work once: they may end, with exit code 0. All others must keep running. Default: none.",
    )
    images_timeout_seconds: Seconds = Field(
        900, description="Longest time for pulling and building the images, in seconds. Default: 900."
    )
    start_timeout_seconds: Seconds = Field(
        120, description="Longest time for the containers to run and be healthy, in seconds. Default: 120."
    )
    stop_timeout_seconds: Seconds = Field(
        10, description="Time for a container to end before it is killed, in seconds. Default: 10."
    )
    database: Database | None = Field(None, description="Migrations. Default: none.")
    health_check: HealthCheck | None = Field(
        None,
        description="How a host proves that it serves, besides its containers: each must run the image of the release, and be "
        "healthy where the compose file says how. Default: the containers alone.",
    )

    def project(self, target: Target) -> str:
        """The compose project of a target: as configured, or derived."""
        return self.project_name or f"fraisier-{target.fraise}-{target.environment}"


def variables(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    """What runs the containers, and how they prove themselves."""
    settings = resolved.settings
    assert isinstance(settings, Settings)
    environment = {}
    if settings.database and settings.database.url is not None:
        environment[settings.database.url_variable] = secrets.value("database_url", settings.database.url)
    found = {
        "project": settings.project(resolved.target),
        "file": settings.compose_file,
        "command": words(settings.compose_command) if settings.compose_command else [],
        "pull": settings.pull,
        "build": settings.build,
        "one_shot": list(settings.one_shot),
        "environment": environment,
        "timeout_seconds": settings.images_timeout_seconds,
        "start_timeout_seconds": settings.start_timeout_seconds,
        "stop_timeout_seconds": settings.stop_timeout_seconds,
    }
    return {
        "fraisier_service_manager": MANAGER,
        "fraisier_preflight_manager": MANAGER,
        **{f"fraisier_docker_compose_{key}": value for key, value in found.items()},
        **health_variables(settings.health_check, secrets, manager=MANAGER),
    }
