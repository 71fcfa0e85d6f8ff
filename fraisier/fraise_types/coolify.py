"""Fraise type ``coolify``: an application that a Coolify server builds and runs. The controller asks that server's API for each
deployment and follows it to its end; no host of Fraisier's takes part."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from fraisier.fraise_types import Resolved
from fraisier.fraise_types.fields import NUMBER, HttpUrl, Seconds, Secret, matching, refuse
from fraisier.fraise_types.health import health_variables
from fraisier.fraise_types.release import FromGit
from fraisier.fraise_types.service import HealthCheck
from fraisier.plan import Secrets

PLAYBOOK: Final = "fraisier.deploy.coolify"
PLAYBOOKS: Final[Mapping[str, str]] = {word: f"{PLAYBOOK}_{word}" for word in ("rollback", "status", "doctor", "stop")}
BUILT: Final = True


def _server(url: str) -> str:
    if "@" in url or "?" in url or "#" in url or url.rstrip("/").endswith("/api/v1"):
        raise refuse("expected the address of the server alone, e.g. https://coolify.example.com")
    return url.rstrip("/")


ApplicationId = Annotated[
    str,
    matching(r"[A-Za-z0-9][A-Za-z0-9-]{7,63}", "expected the uuid of an application, as its address in Coolify has it"),
]


class Settings(FromGit):
    """Settings of a coolify fraise in one environment."""

    ON_CONTROLLER: ClassVar[bool] = True

    url: Annotated[HttpUrl, AfterValidator(_server)] | None = Field(
        None, description="Address of the Coolify server, e.g. https://coolify.example.com. Required."
    )
    token: Secret | None = Field(
        None,
        description="Token of its API that may read, write and deploy; with read:sensitive its logs are told, too. A secret. Required.",
    )
    application: ApplicationId | None = Field(
        None, description="Uuid of the application there, which is of the same repository and branch. Required."
    )
    force_rebuild: bool = Field(
        False, description="Build without Coolify's cache, also a commit that was built before. Default: false."
    )
    poll_seconds: Annotated[float, Field(ge=0.1), NUMBER] = Field(
        3, description="Pause between questions to the API, in seconds. Default: 3."
    )
    deploy_timeout_seconds: Seconds = Field(
        1800,
        description="Longest time for one deployment in Coolify, waiting in its queue included, in seconds; then it is cancelled "
        "there. Default: 1800.",
    )
    health_check: HealthCheck | None = Field(
        None,
        description="How the application proves that it serves, asked by the controller, besides what Coolify says of the deployment. "
        "Default: Coolify's word alone.",
    )

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if self.url is None:
            yield "url is missing", "say where the Coolify server is"
        if self.token is None:
            yield "token is missing", "make one in Coolify at Keys & Tokens, and give a reference to it"
        if self.application is None:
            yield "application is missing", "give its uuid, the last part of its address in Coolify"
        if self.health_check and self.health_check.command is not None:
            yield "health_check.command has no host to run on", "give health_check.url"

    def elsewhere(self) -> Iterator[tuple[str, str]]:
        if self.url and self.application:
            yield "application", f"{self.application} of {self.url}"


def variables(resolved: Resolved, secrets: Secrets) -> dict[str, Any]:
    """What the API is asked for, and how the application proves itself."""
    settings = resolved.settings
    assert isinstance(settings, Settings)
    found = {
        "url": settings.url or "",
        "token": secrets.value("coolify_token", settings.token) if settings.token else "",
        "application": settings.application or "",
        "force_rebuild": settings.force_rebuild,
        "poll_seconds": settings.poll_seconds,
        "timeout_seconds": settings.deploy_timeout_seconds,
    }
    health = health_variables(settings.health_check, secrets, manager="none")
    return {**{f"fraisier_coolify_{key}": value for key, value in found.items()}, **health}
