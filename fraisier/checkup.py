"""`doctor`: every host of every target looked at, all at once; what is wrong is a finding that says what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.compile import doctor_plan
from fraisier.connection import advice, said
from fraisier.errors import FraisierError
from fraisier.estate import located
from fraisier.run import Runner
from fraisier.secrets.keyring import Keyring
from fraisier.vocabulary import Event, EventKind, Target

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.plan import Plan

AT_ONCE = 4
"""Targets; the hosts of each are looked at all at once."""

LOGIN = (
    (
        re.compile(r"identification has changed|offending", re.IGNORECASE),
        "the host has another key than before",
        "find out why before you accept another: {ssh}",
    ),
    (
        re.compile(r"host key verification failed|no matching host key", re.IGNORECASE),
        "its host key is not known",
        "compare and accept it once: {ssh}",
    ),
    (
        re.compile(r"permission denied|too many authentication", re.IGNORECASE),
        "the login is refused",
        "give {user} your public key: ssh-copy-id -p {port} {user}@{address}; or set user, ssh_key",
    ),
    (
        re.compile(r"could not resolve|name or service not known", re.IGNORECASE),
        "its name is not known",
        "look at address: in fraises.yaml, and at DNS",
    ),
    (re.compile(r"", re.IGNORECASE), "it does not answer", "is it up, and does port {port} let you in? {ssh}"),
)
BECOME = re.compile(r"sudo|become|a password is required|doas|privilege", re.IGNORECASE)


@dataclass(frozen=True)
class Finding:
    """One thing looked at on one host: ``state`` is ok, warning or problem; ``hint`` says what to do next."""

    host: str
    check: str
    state: str
    message: str
    hint: str = ""


@dataclass
class _Host:
    variables: Mapping[str, Any]
    findings: list[Finding] = field(default_factory=list)
    has_answered: bool = False


def examine_all(
    targets: Sequence[ResolvedFraise], environ: Mapping[str, str]
) -> dict[Target, list[Finding] | FraisierError]:
    """Look at the hosts of several targets at once; what cannot be looked at is its error."""

    def look(resolved: ResolvedFraise) -> list[Finding] | FraisierError:
        try:
            return examine(resolved, environ)
        except FraisierError as error:
            return error

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return dict(zip([one.target for one in targets], pool.map(look, targets), strict=True))


def examine(resolved: ResolvedFraise, environ: Mapping[str, str]) -> list[Finding]:
    """Everything found on the hosts of a target, host by host. One Ansible run; nothing is changed."""
    resolved = located(resolved, environ)
    plan = doctor_plan(resolved)
    hosts = {name: _Host(variables) for name, variables in plan.hosts.items()}
    secrets = Keyring(environ).reveal(plan.secrets)
    with Runner(environ, resolved.settings.inventory_environment) as runner:
        for event in runner.run(plan, secrets):
            if event.host in hosts:
                _see(plan, event.host, hosts[event.host], event)
        words = " ".join(runner.outcome.output[-5:]) or f"the run ended with {runner.outcome.status}"
    for name, host in hosts.items():
        if not host.findings:
            host.findings.append(Finding(name, "host", "problem", f"it was not looked at: {words}"))
    return [finding for host in hosts.values() for finding in host.findings]


def _see(plan: Plan, name: str, host: _Host, event: Event) -> None:
    if event.kind is EventKind.UNREACHABLE:
        host.findings.append(_login(name, host.variables, event.message))
    elif event.kind in (EventKind.OK, EventKind.FAILED):
        match event.own:
            case "doctor" | "coolify":
                host.findings += _looked(plan, name, host, event)
            case "health":
                host.findings.append(_health(name, event))
            case "migrate":
                host.findings.append(_database(plan, name, event))
            case "lb" if not event.item:
                host.findings.append(_balancer(name, event))


def _looked(plan: Plan, name: str, host: _Host, event: Event) -> list[Finding]:
    found = []
    if not host.has_answered and host.variables.get("ansible_connection") != "local":
        found.append(Finding(name, "ssh", "ok", f"{_ssh(host.variables, name)} gets in, its key is known"))
    host.has_answered = True
    is_unit = "unit" in event.task
    if event.kind is EventKind.FAILED:
        return [*found, _failed(plan, name, event, is_unit=is_unit)]
    if plan.variables.get("fraisier_systemd_become" if is_unit else "fraisier_become"):
        found.append(Finding(name, "sudo", "ok", f"works as {event.result.get('user')}"))
    return found + [
        Finding(name, **{key: str(value) for key, value in one.items()}) for one in event.result["findings"]
    ]


def _failed(plan: Plan, name: str, event: Event, *, is_unit: bool) -> Finding:
    message = " ".join(event.message.split())
    if not BECOME.search(message):
        return Finding(name, "host", "problem", message, "try the same by hand, or with fraisier -v")
    whom = "root" if is_unit else plan.variables.get("fraisier_become_user") or "root"
    hint = f"allow it without a password (visudo: USER ALL=({whom}) NOPASSWD: ALL), or give ansible_become_password in vars"
    return Finding(name, "sudo", "problem", f"may not become {whom}: {message}", hint)


def _health(name: str, event: Event) -> Finding:
    if event.result.get("healthy"):
        return Finding(name, "health", "ok", "the service answers")
    message = " ".join(event.message.split()) or "the service does not answer as healthy"
    return Finding(name, "health", "problem", message, "what it said last: fraisier status --live")


def _database(plan: Plan, name: str, event: Event) -> Finding:
    if event.kind is EventKind.FAILED:
        hint = "look at database.url in fraises.yaml, and whether the host reaches the server"
        return Finding(name, "database", "problem", " ".join(event.message.split()), hint)
    at, tool = event.result.get("before"), plan.variables.get("fraisier_migrate_tool")
    if at is None and not event.result.get("known"):
        words = "the migration tool can only go up, and that was not tried"
        return Finding(name, "database", "warning", words, "database.commands.current or pending lets it be asked")
    return Finding(
        name, "database", "ok", f"{tool} reaches it" + (f", it is at {at or 'base'}" if at is not None else "")
    )


def _balancer(name: str, event: Event) -> Finding:
    if event.kind is EventKind.OK:
        return Finding(name, "balancer", "ok", "every load balancer knows the host")
    hint = "look at load_balancer in fraises.yaml, and whether you reach the balancer as its user"
    return Finding(name, "balancer", "problem", " ".join(event.message.split()), hint)


def _login(name: str, variables: Mapping[str, Any], message: str) -> Finding:
    words, hint = next((words, hint) for pattern, words, hint in LOGIN if pattern.search(message))
    facts = {
        "ssh": _ssh(variables, name),
        "user": variables.get("ansible_user") or "the user",
        "address": variables.get("ansible_host") or name,
        "port": variables.get("ansible_port") or 22,
    }
    reason = " ".join(said(message).split())[-200:]
    hint = advice(message, variables, name) or hint.format(**facts)
    return Finding(name, "ssh", "problem", f"{words} ({reason})" if reason else words, hint)


def _ssh(variables: Mapping[str, Any], name: str) -> str:
    port, user = variables.get("ansible_port"), variables.get("ansible_user")
    address = variables.get("ansible_host") or name
    return f"ssh {f'-p {port} ' if port and port != 22 else ''}{f'{user}@' if user else ''}{address}"
