"""2. What role lb and the balancers' place in the inventory come from: a target's `load_balancer` settings. Pure, as compiling is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraisier.config import ResolvedFraise
    from fraisier.fraise_types.settings import Host, LoadBalancer, Placement


def balancer_variables(resolved: ResolvedFraise) -> dict[str, Any]:
    """Variables of the target: what balances, and where it is told."""
    settings = resolved.settings
    balancer = settings.load_balancer
    if balancer is None:
        return {"fraisier_lb_manager": "none"}
    if balancer.manager == "tasks":
        files = {"drain": balancer.drain, "reattach": balancer.reattach}
        tasks = {phase: str(resolved.root / file) for phase, file in files.items() if file}
        return {"fraisier_lb_manager": "tasks", "fraisier_lb_tasks": tasks, **_hosts(balancer)}
    command = balancer.command
    special: dict[str, Any] = {"backend": balancer.backend or "", "socket": balancer.socket}
    if balancer.manager == "nginx":
        special = {
            "upstream_file": balancer.upstream_file or "",
            "server_options": balancer.server_options or "",
            "command": command if isinstance(command, str) else list(command),
        }
        if balancer.hosts:
            special["servers"] = [_server(settings, host) for host in settings.hosts]
    common = {
        "manager": balancer.manager,
        "drain_seconds": balancer.drain_seconds,
        "up_seconds": balancer.up_timeout_seconds,
        "become": settings.connection == "ssh" if balancer.become is None else balancer.become,
    }
    return _hosts(balancer) | {f"fraisier_lb_{key}": value for key, value in {**common, **special}.items()}


def server_variables(resolved: ResolvedFraise, host: Host) -> dict[str, Any]:
    """Variables of one host: what the balancer calls it."""
    balancer = resolved.settings.load_balancer
    return {"fraisier_lb_server": _server(resolved.settings, host)} if balancer else {}


def helping_hosts(settings: Placement, taking_part: Mapping[str, Any]) -> list[Host]:
    """Load balancers that the inventory must know beside the hosts that take part."""
    known = {host.name: host for host in settings.hosts}
    found = settings.load_balancer.hosts if settings.load_balancer else ()
    return [known.get(host.name, host) for host in found if host.name not in taking_part]


def _hosts(balancer: LoadBalancer) -> dict[str, Any]:
    return {"fraisier_lb_hosts": [host.name for host in balancer.hosts]} if balancer.hosts else {}


def _server(settings: Placement, host: Host) -> str:
    balancer = settings.load_balancer
    assert balancer
    if host.name in balancer.servers or balancer.manager != "nginx":
        return balancer.servers.get(host.name, host.name)
    address = (host.address or host.name) if balancer.hosts and settings.connection == "ssh" else "127.0.0.1"
    return f"[{address}]:{balancer.port}" if ":" in address else f"{address}:{balancer.port}"
