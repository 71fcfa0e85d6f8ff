"""Fraise type ``docker_compose``: services described by a compose file in the repository."""

from typing import Annotated, Final

from pydantic import Field

from fraisier.fraise_types.database import Database
from fraisier.fraise_types.fields import RelativePath, matching
from fraisier.fraise_types.release import Release
from fraisier.fraise_types.service import HealthCheck

PLAYBOOK: Final = "fraisier.deploy.docker_compose"
BUILT: Final = False

ProjectName = Annotated[str, matching(r"[a-z0-9][a-z0-9_-]*", "expected a project name of a-z, 0-9, - and _")]


class Settings(Release):
    """Settings of a docker_compose fraise in one environment."""

    compose_file: RelativePath = Field(
        "compose.yaml", description="The compose file inside the release. Default: compose.yaml."
    )
    project_name: ProjectName | None = Field(
        None, description="Name of the compose project. Default: fraisier-<fraise>-<environment>."
    )
    pull: bool = Field(True, description="Pull images before starting. Default: true.")
    build: bool = Field(False, description="Build images on the host. Default: false.")
    database: Database | None = Field(None, description="Migrations. Default: none.")
    health_check: HealthCheck | None = Field(
        None, description="How a host proves that it serves. Default: the containers run."
    )
