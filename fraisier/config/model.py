"""The sections of fraises.yaml that are not a fraise's settings; those are in ``fraisier.fraise_types``."""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, RootModel, WithJsonSchema

from fraisier.fraise_types import OURS as OUR_TYPES
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.fields import (
    NUMBER,
    HttpUrl,
    Line,
    Port,
    Seconds,
    Secret,
    Section,
    matching,
    one_or_many,
    refuse,
)
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.git import PROVIDERS
from fraisier.git.registry import OURS
from fraisier.secrets import SecretRef
from fraisier.vocabulary import NAME

PLUGIN: Final = "fraisier.deploy.fraises"
Occasion = Literal["success", "failed", "rolled_back", "rollback_failed", "recovered", "waiting", "override"]

_ONE_SECRET: Final = BeforeValidator(one_or_many(str, SecretRef))
Secrets = Annotated[tuple[Secret, ...], _ONE_SECRET]
HeaderName = Annotated[str, matching(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", "expected the name of a header")]


def _installed(name: str) -> str:
    if name not in PROVIDERS:
        raise refuse(f"expected one of {', '.join(PROVIDERS)}", hint=did_you_mean(name, PROVIDERS))
    return name


# Packages may add providers, so the schema says which there are and takes others too.
Provider = Annotated[
    str,
    AfterValidator(_installed),
    WithJsonSchema(
        {"anyOf": [{"enum": list(OURS), "type": "string"}, {"pattern": f"^{NAME.pattern}$", "type": "string"}]}
    ),
]


def _known_type(name: Any) -> Any:
    if not isinstance(name, str) or name not in TYPES:
        near = did_you_mean(name, TYPES) if isinstance(name, str) else ""
        raise refuse(f"expected one of {', '.join(TYPES)}", hint=near)
    return name


FraiseType = Annotated[str, BeforeValidator(_known_type), WithJsonSchema({"enum": list(OUR_TYPES), "type": "string"})]


class GitProvider(Section):
    """A git service: what its webhooks are signed with, and how we read from it."""

    webhook_secret: Secrets = Field(
        (),
        description="Secret that webhooks of this service are signed with, at least 24 characters, or a list while it is "
        "being changed. Default: none; webhooks are then refused.",
        json_schema_extra={"x-or-one": True},
    )
    token: Secret | None = Field(
        None,
        description="Access token of the service's API, for statuses beside commits. A secret. Default: none; no statuses.",
    )
    base_url: HttpUrl | None = Field(None, description="Address of your own server. Default: the public service.")
    repositories: tuple[Line, ...] = Field(
        (), description="Repositories, owner/name, whose webhooks this secret may sign. Default: those of the fraises."
    )


class GitProviders(Section):
    """Settings of git services, by service."""

    github: GitProvider | None = Field(None, description="GitHub, or GitHub Enterprise Server. Default: none.")
    gitlab: GitProvider | None = Field(None, description="GitLab. Default: none.")
    gitea: GitProvider | None = Field(None, description="Gitea. Default: none.")
    forgejo: GitProvider | None = Field(None, description="Forgejo. Default: none.")
    bitbucket: GitProvider | None = Field(None, description="Bitbucket, Cloud or Data Center. Default: none.")


class Webhook(Section):
    """A webhook with its own address: who signs it, and for which repositories."""

    provider: Provider = Field(description="The service that calls; packages may add others. Required.")
    secrets: Annotated[tuple[Secret, ...], Field(min_length=1), _ONE_SECRET] = Field(
        description="Secrets that calls may be signed with, each at least 24 characters: one or a list. Required.",
        json_schema_extra={"x-or-one": True},
    )
    repositories: Annotated[tuple[Line, ...], Field(min_length=1)] = Field(
        description="Repositories, owner/name, that these secrets speak for. Required."
    )


class BranchTarget(Section):
    """A fraise in an environment, as branches name it."""

    fraise: Line = Field(description="Name of the fraise. Required.")
    environment: Line = Field(description="Name of the environment. Required.")


def _branch_target(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    fraise, slash, environment = value.partition("/")
    if not (fraise and slash and environment) or "/" in environment:
        raise refuse("expected <fraise>/<environment>")
    return {"fraise": fraise, "environment": environment}


TargetEntry = Annotated[
    BranchTarget, BeforeValidator(_branch_target, json_schema_input_type=str | BranchTarget)
]  # fmt: skip


class BranchTargets(
    RootModel[Annotated[tuple[TargetEntry, ...], Field(min_length=1), BeforeValidator(one_or_many(str, dict))]]
):
    """What a push to a branch deploys: one target or a list."""

    model_config = ConfigDict(json_schema_extra={"x-or-one": True}, hide_input_in_errors=True, frozen=True)


class Notifications(Section):
    """Who is told about deployments."""

    urls: Secrets = Field(
        (),
        description="Where to send: notification addresses such as mailto:// or slack://. Secrets. Default: nowhere.",
        json_schema_extra={"x-or-one": True},
    )
    on: tuple[Occasion, ...] = Field(
        ("success", "failed", "rolled_back", "rollback_failed", "recovered", "waiting", "override"),
        description="Which ends of a deployment are told, and whether it waits for an approval or the end of a freeze, or overrides "
        "policies. Default: all of them.",
    )
    commit_status: bool = Field(
        True,
        description="Whether commits get a status in their git service, where that has a token. Default: true.",
    )


MEBIBYTE: Final = 1024 * 1024
_LEAST_PAUSE_SECONDS: Final = 10


def _pause(seconds: int) -> int:
    if 0 < seconds < _LEAST_PAUSE_SECONDS:
        raise refuse(f"expected at least {_LEAST_PAUSE_SECONDS}, or 0 for never")
    return seconds


class Server(Section):
    """The server that receives webhooks, `fraisier serve`."""

    host: Line = Field(
        "127.0.0.1",
        description="Address to listen on, behind a reverse proxy that does TLS. Default: 127.0.0.1.",
    )
    port: Port = Field(8080, description="Port to listen on. Default: 8080.")
    workers: Annotated[int, Field(ge=1, le=64), NUMBER] = Field(
        1, description="Processes that answer requests. Default: 1."
    )
    max_body_bytes: Annotated[int, Field(ge=1024), NUMBER] = Field(
        26 * MEBIBYTE,
        description="Longest body that is read, in bytes; GitHub and GitLab send up to 25 MB. Default: 27262976.",
    )
    body_timeout_seconds: Seconds = Field(
        10, description="Longest time for a whole body to arrive, in seconds. Default: 10."
    )
    reconcile_seconds: Annotated[int, Field(ge=0), NUMBER, AfterValidator(_pause)] = Field(
        300,
        description="Pause between looks at the repositories for pushes that no webhook told of, in seconds; also done at start. "
        "0: never. Default: 300.",
    )
    store_payload: Literal["none", "redacted"] = Field(
        "none",
        description="What is kept of a delivery's body beside branch, commit and sender: nothing, or up to 8 KB without secrets. "
        "Default: none.",
    )
    openapi: bool = Field(
        False, description="Serve /openapi.json and the page /docs, which describe the addresses. Default: false."
    )
    request_id_header: HeaderName | None = Field(
        None,
        description="Header in which a trusted proxy names a request; the name is used in logs and answers. "
        "Default: none, every request gets a new name.",
    )
    trusted_proxies: tuple[Line, ...] = Field(
        ("127.0.0.1", "::1"),
        description="Addresses of reverse proxies whose X-Forwarded-For and request id are believed. Default: 127.0.0.1, ::1.",
    )


Count = Annotated[int, Field(ge=1), NUMBER]


class Engine(Section):
    """Workers: who carries out what webhooks, the clock and `deploy --detach` ask for."""

    concurrency: Count = Field(4, description="Deployments that one worker carries out at once. Default: 4.")
    max_running: Count | None = Field(
        None,
        description="Deployments that run at once, those of all workers together. Those started by hand count, and never wait for "
        "it. Default: as many as the workers can.",
    )
    max_running_per_environment: dict[Line, Count] = Field(
        {}, description="The same for single environments, by environment: `production: 1`. Default: none."
    )
    stop_seconds: Annotated[int, Field(ge=0), NUMBER] = Field(
        600,
        description="How long a worker that is stopped lets its deployments finish, in seconds; the next worker goes on with those "
        "that have not. Default: 600.",
    )
    collect_seconds: Annotated[int, Field(ge=0), NUMBER] = Field(
        300,
        description="How often workers fetch from the hosts what timers have run there, in seconds; 0: only `fraisier collect` does. "
        "Default: 300.",
    )


class FraiseHead(Section):
    """What a fraise is, beside its settings."""

    type: FraiseType = Field(description="What kind of thing it is. Required.")
    description: str = Field("", description="What it is for, in a sentence. Default: empty.")
    environments: dict[str, Any] = Field({}, description="The environments that it runs in, by name. Required.")


class Top(Section):
    """The keys at the top of fraises.yaml."""

    plugin: Literal["fraisier.deploy.fraises"] = Field(
        "fraisier.deploy.fraises",
        description="Names the inventory plugin (not built yet) for ansible-inventory. Default: fraisier.deploy.fraises.",
    )
    git: dict[str, Any] = Field({}, description="Settings of git services, by service. Default: none.")
    hooks: dict[str, Any] = Field({}, description="Webhooks with an address of their own, by name. Default: none.")
    fraises: dict[str, Any] = Field({}, description="What can be deployed, by name. Required.")
    environments: dict[str, Any] = Field(
        {}, description="Defaults for every fraise in an environment, by environment: where and as whom. Default: none."
    )
    groups: dict[str, Any] = Field(
        {}, description="Hosts that several targets share, by name of the group. Default: none."
    )
    branch_mapping: dict[str, Any] = Field(
        {}, description="What a push to a branch deploys, by branch. Default: targets with that branch and repository."
    )
    notifications: dict[str, Any] = Field({}, description="Who is told about deployments. Default: nobody.")
    server: dict[str, Any] = Field({}, description="The server that receives webhooks. Default: as below.")
    engine: dict[str, Any] = Field({}, description="How workers carry deployments out. Default: four at once.")
