"""Rules between the values of one target: what its type cannot do without, and what excludes what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from fraisier.config.sections import NAME_RULE
from fraisier.fraise_types import api, scheduled
from fraisier.fraise_types.migration_tools import THEIRS
from fraisier.fraise_types.release import FromGit, Release
from fraisier.fraise_types.service import HealthCheck
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.selection import GLOB
from fraisier.vocabulary import NAME, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fraisier.config.sections import Candidate
    from fraisier.config.tree import Place
    from fraisier.fraise_types.database import Database
    from fraisier.fraise_types.scheduled import Job
    from fraisier.fraise_types.service import Service
    from fraisier.fraise_types.settings import LoadBalancer

    Finding = tuple[Place, str, str]

COMMON_ARGUMENTS: Final = "ansible_ssh_common_args"
PATHS_START: Final = "paths start at the folder of fraises.yaml"


def _health_check(candidate: Candidate) -> Iterator[Finding]:
    value, found = candidate.value, getattr(candidate.resolved.settings, "health_check", None)
    if not isinstance(found, HealthCheck):
        return
    if found.url is None and found.command is None:
        yield value.place_of("health_check"), "has neither url nor command", "give one of them"
    if found.version_json and found.version_header:
        yield value.place_of("health_check", "version_header"), "stands beside version_json: give one of them", ""
    if found.url is None and (found.version_json or found.version_header):
        asked = "version_json" if found.version_json else "version_header"
        yield value.place_of("health_check", asked), "needs health_check.url: a command answers no version", ""


def _database(candidate: Candidate) -> Iterator[Finding]:
    found: Database | None = getattr(candidate.resolved.settings, "database", None)
    if found is None:
        return
    value = candidate.value
    if found.tool is None:
        yield value.place_of("database"), "tool is missing", "say what migrates, e.g. tool: alembic"
    elif found.tool == "command" and found.commands.up is None:
        yield value.place_of("database"), "commands.up is missing", "with tool: command it says how to migrate"
    elif found.tool != "command" and value.get("database", "commands"):
        yield value.place_of("database", "commands"), f"is for tool: command, not for {found.tool}", ""
    elif found.tool in THEIRS and (fault := THEIRS[found.tool].fault_of(found)):
        yield value.place_of("database"), fault, ""
    if found.backup_before_deploy and found.url is None:
        yield (
            value.place_of("database", "backup_before_deploy"),
            "needs database.url",
            "it says which database is copied",
        )


def _install(candidate: Candidate) -> Iterator[Finding]:
    settings = candidate.resolved.settings
    if isinstance(settings, Release) and settings.install is not None and not settings.install.commands:
        yield candidate.value.place_of("install"), "has no command", "give command or commands"


def _service(candidate: Candidate) -> Iterator[Finding]:
    found: Service | None = getattr(candidate.resolved.settings, "service", None)
    if found and found.scope == "user" and (found.user or found.group):
        key = "user" if found.user else "group"
        yield (
            candidate.value.place_of("service", key),
            "has no effect in scope: user",
            f"leave it out, or write {key}: null",
        )
    if found and found.credentials and (found.manager == "none" or not found.exec):
        place = candidate.value.place_of("service", "credentials")
        yield (
            place,
            "needs a service that Fraisier starts",
            "give service.exec; a unit of your own has its own LoadCredential=",
        )


def _blue_green(candidate: Candidate) -> Iterator[Finding]:
    settings, value = candidate.resolved.settings, candidate.value
    service: Service | None = getattr(settings, "service", None)
    if service is None or service.blue_green is None:
        return
    here, found, balancer = value.place_of("service", "blue_green"), service.blue_green, settings.load_balancer
    if not (found.blue and found.green):
        yield here, f"{'green' if found.blue else 'blue'} is missing", "each instance has a port of its own"
    elif found.blue == found.green:
        yield here, "blue and green have the same port", "each instance has a port of its own"
    if service.manager == "none":
        yield here, "needs a service that Fraisier starts", "set service.manager to systemd or supervisor"
    if balancer is None or balancer.manager not in ("haproxy", "nginx"):
        yield (
            here,
            "needs a load balancer that can be told which instance serves",
            "give load_balancer: haproxy or nginx",
        )


def _hooks(candidate: Candidate) -> Iterator[Finding]:
    settings = candidate.resolved.settings
    if not isinstance(settings, Release):
        return
    for name, file in settings.hooks.items():
        if not _is_file(candidate, file):
            yield candidate.value.place_of("hooks", name), f"there is no file {file!r}", PATHS_START


def _load_balancer(candidate: Candidate) -> Iterator[Finding]:
    settings, value = candidate.resolved.settings, candidate.value
    found = settings.load_balancer
    if found is None or not isinstance(settings, api.Settings):
        return
    here = value.place_of("load_balancer")
    if found.manager is None:
        yield here, "manager is missing", "say what balances: haproxy, nginx or tasks"
    if found.manager == "haproxy" and found.backend is None:
        yield here, "backend is missing", "say which backend of HAProxy has the hosts"
    if found.manager == "nginx":
        yield from _nginx(candidate, found, here)
    for name in ("drain", "reattach") if found.manager == "tasks" else ():
        file = getattr(found, name)
        if file is None:
            yield here, f"{name} is missing", "with manager: tasks it names a task file of yours"
        elif not _is_file(candidate, file):
            yield value.place_of("load_balancer", name), f"there is no file {file!r}", PATHS_START
    known = {host.name for host in settings.hosts}
    for name in found.servers:
        if name not in known:
            yield value.place_of("load_balancer", "servers", name), "there is no such host", did_you_mean(name, known)


def _nginx(candidate: Candidate, found: LoadBalancer, here: Place) -> Iterator[Finding]:
    if found.upstream_file is None:
        yield here, "upstream_file is missing", "say which file nginx includes for the servers of the upstream"
    named = all(host.name in found.servers for host in candidate.resolved.settings.hosts)
    settings = candidate.resolved.settings
    has_ports = isinstance(settings, api.Settings) and settings.service and settings.service.blue_green
    if found.port is None and not named and not has_ports:
        yield here, "port is missing", "say where nginx reaches the service on its hosts"


def _is_file(candidate: Candidate, file: str) -> bool:
    try:
        return (candidate.resolved.root / file).is_file()
    except OSError:
        return False


def _host_names(candidate: Candidate) -> Iterator[Finding]:
    hosts = candidate.resolved.settings.hosts
    written = candidate.value.get("hosts")
    names: set[str] = set()
    for position, host in enumerate(hosts):
        if host.name in names and written:
            yield written.data[position].place, f"host {host.name} is given twice", ""
        names.add(host.name)


def _inventory(candidate: Candidate) -> Iterator[Finding]:
    settings, value = candidate.resolved.settings, candidate.value
    for source in settings.inventory:
        if not (candidate.resolved.root / Path(source).expanduser()).exists():
            hint = "paths start at the folder of fraises.yaml"
            yield value.place_of("inventory"), f"there is no file or folder {source!r}", hint
    if settings.select and not settings.inventory and not settings.hosts:
        yield value.place_of("select"), f"{settings.select!r} chooses none of the hosts in groups", ""


def _ssh_arguments(candidate: Candidate) -> Iterator[Finding]:
    """Both would be the same variable of Ansible's: one of them would silently do nothing."""
    settings, value = candidate.resolved.settings, candidate.value
    for host in settings.hosts:
        if COMMON_ARGUMENTS not in {**settings.vars, **host.vars}:
            continue
        for key in ("bastion", "known_hosts"):
            if getattr(host, key) or getattr(settings, key):
                hint = f"give {key}, or everything in {COMMON_ARGUMENTS}"
                yield value.place_of("vars"), f"{COMMON_ARGUMENTS} of {host.name} stands beside {key}", hint


def _jobs(candidate: Candidate) -> Iterator[Finding]:
    settings = candidate.resolved.settings
    if not isinstance(settings, scheduled.Settings):
        return
    for name, job in settings.jobs.items():
        place = candidate.value.place_of("jobs", name)
        for message, hint in _job_faults(name, job, settings.jobs):
            yield place, message, hint


def _job_faults(name: str, job: Job, jobs: dict[str, Job]) -> Iterator[tuple[str, str]]:
    if not NAME.fullmatch(name):
        yield NAME_RULE, ""
    if job.command is None:
        yield "command is missing", "say what runs"
    if bool(job.schedule) == bool(job.calendar):
        yield "expected schedule or calendar, one of them", ""
    for needed in job.depends_on:
        if needed not in jobs:
            yield f"depends_on names no job: {needed!r}", did_you_mean(needed, jobs)
    if _leads_back(name, jobs):
        yield "depends_on leads back to the job itself", ""


def _leads_back(name: str, jobs: dict[str, Job]) -> bool:
    waiting, seen = list(jobs[name].depends_on), set[str]()
    while waiting:
        each = waiting.pop()
        if each == name:
            return True
        if each in jobs and each not in seen:
            seen.add(each)
            waiting += jobs[each].depends_on
    return False


def _policies(candidate: Candidate) -> Iterator[Finding]:
    settings, value = candidate.resolved.settings, candidate.value
    named, required = settings.approvals.by, settings.approvals.required or 0
    if named and not any(GLOB & set(name) for name in named) and required > len(set(named)):
        message = f"asks for {required}, and `by` names {len(set(named))}"
        yield value.place_of("approvals", "required"), message, "name more people, or ask for fewer"
    if not isinstance(settings, FromGit):
        return
    if settings.required_branch not in (None, settings.branch):
        message = f"branch is {settings.branch}, and required_branch says {settings.required_branch}"
        yield value.place_of("branch"), message, ""
    actors = settings.allowed_actors
    if settings.deploy_schedule and actors and not any(name.startswith(f"{Trigger.SCHEDULED}:") for name in actors):
        message = "nobody allows the clock to deploy here"
        yield value.place_of("deploy_schedule"), message, "add scheduled:* to allowed_actors"


RULES: Final[tuple[Callable[[Candidate], Iterator[Finding]], ...]] = (
    _health_check, _database, _install, _service, _blue_green, _hooks, _load_balancer, _host_names, _inventory, _ssh_arguments, _jobs,
    _policies,
)  # fmt: skip
