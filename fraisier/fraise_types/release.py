"""What is released and how it is built: settings of every fraise type that is made from a git repository."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fraisier.fraise_types.clock import ScheduleEntry
from fraisier.fraise_types.fields import (
    AS_IS,
    NUMBER,
    AbsolutePath,
    Branch,
    Command,
    EnvironmentVariables,
    Line,
    RelativePath,
    Repository,
    Seconds,
    Section,
    refuse,
    relative_path,
)
from fraisier.fraise_types.settings import Placement
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.vocabulary import Phase

HOOK_NAMES = tuple(f"{side}_{phase}" for phase in Phase for side in ("before", "after"))


def _path_pattern(text: str) -> str:
    relative_path(text.removeprefix("!"))
    if text.startswith((":", "!:")):
        raise refuse("expected a path of the repository")
    return text


PathPattern = Annotated[str, AfterValidator(_path_pattern)]


class Install(Section):
    """Commands that make a release ready to run, inside the release."""

    command: Command | None = Field(
        None, description="The command: text for `sh -c`, or a list of words. Short for `commands` with one element."
    )
    commands: tuple[Command, ...] = Field(
        (), description="The commands, run in order, the first failure ends the phase."
    )
    environment: EnvironmentVariables = Field(
        {}, description="Environment variables for these commands only, on top of `environment`. Default: none."
    )
    timeout_seconds: Seconds = Field(
        900, description="Longest time for all commands together, in seconds. Default: 900."
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Install":
        if self.command is not None:  # alone, it was moved to commands
            raise refuse("has both command and commands: give one of them", kind=AS_IS)
        return self


def _install(value: Any) -> Any:
    if isinstance(value, str):
        return {"commands": [value]}
    if isinstance(value, (list, tuple)):
        return {"commands": value}
    if isinstance(value, dict) and "command" in value and "commands" not in value:
        rest = {key: inner for key, inner in value.items() if key != "command"}
        return {**rest, "commands": [value["command"]]}
    return value


InstallEntry = Annotated[Install, BeforeValidator(_install, json_schema_input_type=str | list[Command] | Install)]


def _hook_name(text: str) -> str:
    if text not in HOOK_NAMES:
        raise refuse("expected before_<phase> or after_<phase>", hint=did_you_mean(text, HOOK_NAMES))
    return text


HookName = Annotated[str, AfterValidator(_hook_name)]


class FromGit(Placement):
    """Settings of a fraise whose version is the newest commit of a branch."""

    git_repo: Repository | None = Field(
        None, description="Repository: https://…, ssh://…, git@host:path, or an absolute path. No passwords. Required."
    )
    branch: Branch = Field("main", description="Branch that is deployed. Default: main.")
    priority: Annotated[int, Field(ge=-1000, le=1000), NUMBER] = Field(
        0,
        description="Which waiting deployment a worker takes first: the one of the highest number, then the oldest. Default: 0.",
    )
    deploy_schedule: ScheduleEntry | None = Field(
        None,
        description="When a worker deploys the branch's newest commit by itself: cron's five fields, or a mapping with `cron` and "
        "`timezone`. A moment that passed while no worker was there is made up for, once. Default: never.",
    )
    paths: tuple[PathPattern, ...] = Field(
        (),
        description="A push deploys only when it changes one of these paths of the repository, compared with what is deployed: `*`, `?` "
        "and `**` stand for parts of names, a folder for all in it, `!` in front takes out. Default: every push deploys.",
    )

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if self.git_repo is None:
            yield "git_repo is missing", "say where the code comes from"


class Release(FromGit):
    """Settings of a fraise that is released from a repository into directories below ``app_path``."""

    app_path: AbsolutePath | None = Field(
        None, description="Directory on the hosts that holds releases/, shared/ and current. Absolute. Required."
    )
    keep_releases: Annotated[int, Field(ge=1), NUMBER] = Field(
        5, description="Releases kept on each host for going back, the running one included. Default: 5."
    )
    fetch: Literal["host", "push"] = Field(
        "host",
        description="`host`: each host fetches from the repository; `push`: the controller fetches, once for all hosts, and sends "
        "an archive: hosts need no way to the repository, and no git. Default: host.",
    )
    git_submodules: bool = Field(False, description="Fetch submodules too. Default: false.")
    shared: tuple[RelativePath, ...] = Field(
        (),
        description="Paths inside a release that outlive it, linked from shared/; a trailing slash means a directory. "
        "Default: none.",
    )
    install: InstallEntry | None = Field(
        None,
        description="How a release is made ready: a command, a list of commands, or a mapping. Default: nothing to do.",
    )
    hooks: dict[HookName, Line] = Field(
        {},
        description="Ansible task files of yours, run before or after a phase: before_<phase> or after_<phase> to a "
        "file on the controller, relative to fraises.yaml. Default: none.",
        json_schema_extra={"propertyNames": {"enum": list(HOOK_NAMES)}},
    )
    min_free_mb: Annotated[int, Field(ge=0), NUMBER] = Field(
        200, description="Free space that preflight asks of the disk below app_path, in megabytes. Default: 200."
    )

    def missing(self) -> Iterator[tuple[str, str]]:
        yield from super().missing()
        if self.app_path is None:
            yield "app_path is missing", "say where on the hosts the releases go"
