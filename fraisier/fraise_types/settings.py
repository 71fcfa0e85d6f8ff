"""Where a fraise runs and how its hosts are reached: settings of every fraise type, and of ``environments``."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from fraisier.errors import UsageError
from fraisier.fraise_types.fields import (
    NUMBER,
    AbsolutePath,
    Batch,
    Command,
    EnvironmentVariables,
    HostName,
    Line,
    Port,
    Seconds,
    Section,
    SshFile,
    TextMap,
    UserName,
    VariableName,
    Variables,
    matching,
    one_or_many,
    refuse,
)
from fraisier.fraise_types.policies import Policies
from fraisier.selection import terms
from fraisier.vocabulary import Phase, Target

# Ansible takes a list of them apart at commas, and one with a comma for a list of hosts.
InventoryPath = Annotated[Line, matching(r"[^-,][^,]*", "expected a path without commas")]
Bastion = Annotated[
    str,
    matching(r"(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9_\[][\w.:%\]-]*", "expected a jump host, [user@]host[:port]"),
]


class Host(Section):
    """One host of an environment. What is not given here is taken from the environment's settings of the same name."""

    name: HostName = Field(description="Name of the host in the inventory, in events and in the database.")
    address: HostName | None = Field(None, description="Name or address to connect to. Default: the host's name.")
    port: Port | None = Field(None, description="Port of the ssh server. Default: the environment's `port`.")
    user: UserName | None = Field(None, description="User to connect as. Default: the environment's `user`.")
    ssh_key: SshFile | None = Field(
        None, description="Private key file on the controller. Default: as the environment."
    )
    known_hosts: SshFile | None = Field(None, description="File of known host keys. Default: as the environment.")
    bastion: Bastion | None = Field(None, description="Jump host, [user@]host[:port]. Default: as the environment.")
    labels: TextMap = Field(
        {},
        description="Labels of the host, name to text: for `select` and `--limit`, in its variable `fraisier_labels`, and as "
        "inventory groups `<label>_<text>`. Default: none.",
    )
    vars: Variables = Field({}, description="Variables of the host, passed to Ansible as they are (templates allowed).")


def _host(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


HostEntry = Annotated[Host, BeforeValidator(_host, json_schema_input_type=str | Host)]


class Group(Section):
    """Hosts that several targets share. What stands beside them holds for those that do not say it themselves."""

    hosts: Annotated[tuple[HostEntry, ...], Field(min_length=1)] = Field(
        description="The hosts: names, or mappings as in `hosts` of an environment. Required."
    )
    labels: TextMap = Field({}, description="Labels of all of them, such as `region: eu`. Default: none.")
    port: Port | None = Field(None, description="Port of their ssh servers. Default: as the environment.")
    user: UserName | None = Field(None, description="User to connect as. Default: as the environment.")
    ssh_key: SshFile | None = Field(
        None, description="Private key file on the controller. Default: as the environment."
    )
    known_hosts: SshFile | None = Field(None, description="File of known host keys. Default: as the environment.")
    bastion: Bastion | None = Field(None, description="Jump host, [user@]host[:port]. Default: as the environment.")
    vars: Variables = Field({}, description="Variables of all of them, passed to Ansible as they are. Default: none.")


def _pattern(text: str) -> str:
    try:
        terms(text)
    except UsageError as error:
        raise refuse("expected a pattern of hosts", hint=error.hint or "") from None
    return text


Pattern = Annotated[Line, AfterValidator(_pattern)]


BackendName = Annotated[str, matching(r"[A-Za-z0-9_.:-]+", "expected the name of a HAProxy backend")]
ServerOptions = Annotated[
    str, matching(r"[A-Za-z0-9_.:= -]+", "expected parameters of an nginx server, such as max_fails=2")
]


class LoadBalancer(Section):
    """The load balancer: each host leaves it before the switch to a new release, and comes back after its health check."""

    manager: Literal["haproxy", "nginx", "tasks"] | None = Field(
        None,
        description="What balances: `haproxy`, through its admin socket; `nginx`, through a file with the servers of an "
        "upstream; `tasks`: task files of yours. Required.",
    )
    hosts: tuple[HostEntry, ...] = Field(
        (),
        description="Hosts that the load balancers run on, written as the `hosts` of an environment. "
        "Default: each host has its own.",
    )
    servers: TextMap = Field(
        {},
        description="What the balancer calls a host, host to text. For haproxy the server's name in the backend, which "
        "else is the host's name; for nginx its address and port, else the host's address and `port`. With "
        "`service.blue_green` for nginx the address alone; haproxy's servers end in -blue and -green. Default: none.",
    )
    drain_seconds: Annotated[float, Field(ge=0), NUMBER] = Field(
        10, description="Longest wait for open requests to end before the switch, in seconds. Default: 10."
    )
    up_timeout_seconds: Seconds = Field(
        30, description="Longest wait until the balancer uses a host again, in seconds. Default: 30."
    )
    backend: BackendName | None = Field(None, description="HAProxy's backend with the hosts. Required for haproxy.")
    socket: AbsolutePath = Field(
        "/run/haproxy/admin.sock", description="HAProxy's socket, with level admin. Default: /run/haproxy/admin.sock."
    )
    upstream_file: AbsolutePath | None = Field(
        None,
        description="File that Fraisier writes the servers of an nginx upstream to; nginx includes it inside "
        "`upstream … { }`. Required for nginx.",
    )
    port: Port | None = Field(
        None, description="Port of the service on the hosts, as nginx reaches it. Required for nginx without `servers`."
    )
    server_options: ServerOptions | None = Field(
        None, description="Parameters of each server of the nginx upstream, e.g. max_fails=2. Default: none."
    )
    command: Command = Field(
        "nginx", description="How nginx is called on the balancer; -T, -V and -s reload are added. Default: nginx."
    )
    become: bool | None = Field(
        None, description="Work on the balancers as root, through sudo. Default: true over ssh, else false."
    )
    drain: Line | None = Field(
        None,
        description="Task file of yours that takes a host out, relative to fraises.yaml. Required for tasks.",
    )
    reattach: Line | None = Field(
        None,
        description="Task file of yours that puts a host back in, relative to fraises.yaml. Required for tasks.",
    )


class Rollout(Section):
    """How a new release reaches several hosts."""

    strategy: Literal["all", "rolling", "canary"] = Field(
        "all",
        description="`all`: every host at once; `rolling`: batch after batch; `canary`: the batches given first, then all "
        "the rest at once. Default: all.",
    )
    batch_size: Annotated[tuple[Batch, ...], Field(min_length=1), BeforeValidator(one_or_many(str, int))] = Field(
        (1,),
        description="Hosts per batch: a number, a percentage of the hosts ('25%'), or a list of both for growing "
        "batches. Not used by strategy `all`. Default: 1.",
        json_schema_extra={"x-or-one": True},
    )
    pause_seconds: Annotated[float, Field(ge=0), NUMBER] = Field(
        0,
        description="Pause after a batch, in seconds; then the hosts that have moved must still be healthy before the next "
        "batch begins. Default: 0.",
    )
    max_failures: Annotated[int, Field(ge=0), NUMBER] = Field(
        0,
        description="Hosts that may fail before the rollout is stopped and undone. A host that failed within this number is "
        "left out of the load balancer, owes the new release, and is named in the result. Default: 0.",
    )


class Location(Section):
    """Where a fraise runs, how its hosts are reached, and how a release gets to them."""

    ON_CONTROLLER: ClassVar[bool] = False
    """True: it has no hosts of its own; what there is to do for it is done by the machine that Fraisier runs on."""

    hosts: tuple[HostEntry, ...] = Field(
        (),
        description="Hosts to deploy to: names, or mappings with `name` and connection settings. "
        "Default: none; [localhost] with `connection: local`.",
    )
    select: Pattern | None = Field(
        None,
        description="Instead of `hosts`: a pattern that chooses among the hosts of all `groups`, or of `inventory`, as --limit "
        "does: `web*,!web3`. Default: none.",
    )
    inventory: Annotated[tuple[InventoryPath, ...], BeforeValidator(one_or_many(str))] = Field(
        (),
        description="Ansible inventories of your own: files, folders, scripts or plugin configurations, one or a list, relative "
        "to fraises.yaml. `select` or `hosts` says which of their hosts are meant. Default: none.",
        json_schema_extra={"x-or-one": True},
    )
    inventory_environment: tuple[VariableName, ...] = Field(
        (),
        description="Names of environment variables that your inventories read, such as the credentials of a cloud. "
        "Default: none.",
    )
    server: HostName | None = Field(
        None, description="One host: short for a `hosts` list with one name. Default: none."
    )
    connection: Literal["ssh", "local"] = Field(
        "ssh",
        description="How hosts are reached: `ssh`, or `local` for the machine that Fraisier runs on. Default: ssh.",
    )
    user: UserName | None = Field(None, description="User to connect as. Default: what ssh chooses.")
    port: Port | None = Field(None, description="Port of the ssh server. Default: what ssh chooses, 22.")
    ssh_key: SshFile | None = Field(
        None,
        description="Private key file on the controller, for hosts and bastion; relative to fraises.yaml. "
        "Default: what ssh chooses.",
    )
    known_hosts: SshFile | None = Field(
        None,
        description="File that holds the keys of hosts and bastion, on the controller; relative to fraises.yaml. "
        "Default: what ssh chooses, ~/.ssh/known_hosts.",
    )
    bastion: Bastion | None = Field(None, description="Jump host to go through, [user@]host[:port]. Default: none.")
    become: bool = Field(
        False, description="Work on the hosts as another user, through sudo (systemd units aside). Default: false."
    )
    become_user: UserName | None = Field(None, description="That other user, with `become: true`. Default: root.")
    python_interpreter: AbsolutePath | None = Field(
        None, description="Python on the hosts, for the few steps that need one. Default: found by Ansible."
    )
    environment: EnvironmentVariables = Field(
        {}, description="Environment variables for install, migrations and the service: name to text. Default: none."
    )
    vars: Variables = Field(
        {},
        description="Variables passed to Ansible as they are: the only place where text is a template. Default: none.",
    )
    rollout: Rollout = Field(Rollout(), description="How a release reaches several hosts. Default: all at once.")
    load_balancer: LoadBalancer | None = Field(
        None, description="What stands before the hosts, and how a host leaves it during the switch. Default: none."
    )
    timeout_seconds: Seconds = Field(
        3600,
        description="Longest time for a whole deployment, in seconds; going back gets as long again. Default: 3600.",
    )
    phase_timeouts: dict[Phase, Seconds] = Field(
        {}, description="Longest time for single phases on a batch of hosts: phase to seconds. Default: none."
    )

    def missing(self) -> Iterator[tuple[str, str]]:
        """What a target cannot do without, and the next step: asked once all levels of settings are merged."""
        if not self.hosts and not self.select:
            way = "select: all, or a pattern" if self.inventory else "hosts, server, or connection: local"
            yield "hosts is missing", f"say where to deploy: {way}"

    def jobs_to_run(self) -> tuple[str, ...]:
        """Names of what `fraisier run` may run, without a deployment."""
        return ()

    def has_timers(self) -> bool:
        """Whether its hosts run jobs that nobody asks for: workers then fetch what those have done."""
        return False

    def units(self, target: Target) -> Iterable[tuple[str, str]]:  # noqa: ARG002 - types that have some derive them from it
        """Scope (``system`` or ``user``) and name of each systemd unit that the target has to itself on its hosts."""
        return ()

    def elsewhere(self) -> Iterable[tuple[str, str]]:
        """What the target has to itself that is on none of its hosts: the setting that says so, and what it is."""
        return ()


class Placement(Policies, Location):
    """Settings that say where, as whom, and who may; also the base of every fraise type's settings."""
