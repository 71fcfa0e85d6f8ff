"""The process that serves, and how one knows that it does."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from fraisier.fraise_types.fields import (
    NUMBER,
    AbsolutePath,
    Command,
    Credentials,
    EnvironmentVariables,
    Headers,
    HttpUrl,
    Line,
    Port,
    Seconds,
    Secret,
    Section,
    TextMap,
    UserName,
    VariableName,
    one_or_many,
    refuse,
)


def _unit(text: str) -> str:
    # systemctl adds the suffix by itself; we add it so that one unit has one name everywhere
    name = text if "." in text else f"{text}.service"
    if (
        not name.endswith(".service")
        or not all(part.isalnum() or part in ":-_.\\@" for part in name)
        or name[0] in "-."
    ):
        raise refuse("expected the name of a .service unit")
    return name


UnitName = Annotated[str, AfterValidator(_unit)]


class BlueGreen(Section):
    """Two instances of the process on each host, behind a load balancer: the one that does not serve gets the new release, and takes
    over once it is healthy."""

    blue: Port | None = Field(None, description="Port of the instance `blue`. Required.")
    green: Port | None = Field(None, description="Port of the instance `green`. Required.")
    variable: VariableName = Field(
        "PORT", description="Environment variable in which an instance is told its port. Default: PORT."
    )


class Service(Section):
    """The long-running process of a fraise."""

    exec: Line | None = Field(
        None,
        description="Command line of the process, relative to the current release, e.g. venv/bin/python app.py. "
        "Default: none; the unit named by `systemd_service` is then yours and is only restarted.",
    )
    manager: Literal["systemd", "supervisor", "none"] = Field(
        "systemd", description="What keeps the process running; `none`: Fraisier starts nothing. Default: systemd."
    )
    scope: Literal["system", "user"] = Field(
        "system", description="systemd's system units, or the units of the user we connect as. Default: system."
    )
    user: UserName | None = Field(None, description="User that the process runs as. Default: root in scope system.")
    group: UserName | None = Field(None, description="Group that the process runs as. Default: the user's own.")
    environment: EnvironmentVariables = Field(
        {}, description="Environment variables for the process only, on top of `environment`. Default: none."
    )
    credentials: Credentials = Field(
        {},
        description="Secrets that the process reads from files, by name: they are in the folder $CREDENTIALS_DIRECTORY, readable for it "
        "alone. Default: none.",
    )
    stop_timeout_seconds: Seconds = Field(
        20, description="Time to end before the process is killed, in seconds. Default: 20."
    )
    start_timeout_seconds: Seconds = Field(30, description="Longest time to start, in seconds. Default: 30.")
    options: TextMap = Field(
        {}, description="More lines for the unit's [Service] section, e.g. MemoryMax: 512M. Default: none."
    )
    blue_green: BlueGreen | None = Field(
        None,
        description="Run two instances on each host, of which one serves: a deployment then loses no request. They are "
        "named as the unit with -blue and -green. Default: one instance, which is restarted.",
    )
    home: AbsolutePath | None = Field(
        None,
        description="Folder of supervisor's configuration, socket and logs, with `manager: supervisor`. "
        "Default: supervisor/ below app_path.",
    )
    python: Line = Field(
        "python3",
        description="Python on the host that makes supervisor's virtual environment, with `manager: supervisor`. Default: python3.",
    )


HttpStatus = Annotated[int, Field(ge=100, le=599), NUMBER]


class HealthCheck(Section):
    """How a host proves that it serves, and serves the new version."""

    url: HttpUrl | None = Field(
        None,
        description="Address asked from the host itself, http or https. With `service.blue_green` an instance's own port "
        "takes the place of the address's. Required without `command`.",
    )
    status: Annotated[tuple[HttpStatus, ...], Field(min_length=1), BeforeValidator(one_or_many(int, str))] = Field(
        (200,),
        description="Status codes that mean healthy: one or a list. Default: 200.",
        json_schema_extra={"x-or-one": True},
    )
    timeout_seconds: Seconds = Field(30, description="Longest time to become healthy, in seconds. Default: 30.")
    interval_seconds: Annotated[float, Field(ge=0.1), NUMBER] = Field(
        0.5, description="Pause between questions, in seconds. Default: 0.5."
    )
    request_timeout_seconds: Seconds = Field(5, description="Longest time for one answer, in seconds. Default: 5.")
    version_json: Line | None = Field(
        None,
        description="Key (dots go deeper) of the answer's JSON that holds the running commit, which must be the new "
        "one. Default: not asked.",
    )
    version_header: Line | None = Field(
        None, description="Header of the answer that holds the running commit. Default: not asked."
    )
    headers: Headers = Field({}, description="Headers sent with the question: name to text. Default: none.")
    auth_token: Secret | None = Field(None, description="Sent as `Authorization: Bearer …`. A secret. Default: none.")
    command: Command | None = Field(
        None,
        description="Run in the release instead of, or after, asking `url`: exit code 0 means healthy. Default: none.",
    )
    verify_tls: bool = Field(True, description="Check the certificate of an https address. Default: true.")
    after_start: bool = Field(
        True, description="The process must have been started after the switch to the new release. Default: true."
    )
