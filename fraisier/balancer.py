"""2. What role lb and the balancers' place in the inventory come from: a target's `load_balancer` settings. Pure, as compiling is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fraisier.fraise_types import api

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
            special["servers"] = [name for host in settings.hosts for name in _servers(settings, host).values()]
    common = {
        "manager": balancer.manager,
        "drain_seconds": balancer.drain_seconds,
        "up_seconds": balancer.up_timeout_seconds,
        "become": settings.connection == "ssh" if balancer.become is None else balancer.become,
    }
    return _hosts(balancer) | {f"fraisier_lb_{key}": value for key, value in {**common, **special}.items()}


def server_variables(resolved: ResolvedFraise, host: Host) -> dict[str, Any]:
    """Variables of one host: what the balancer calls it."""
    if resolved.settings.load_balancer is None:
        return {}
    servers = _servers(resolved.settings, host)
    found: dict[str, Any] = {"fraisier_lb_server": next(iter(servers.values()))}
    return found | {"fraisier_lb_colors": servers} if "blue" in servers else found


def helping_hosts(settings: Placement, taking_part: Mapping[str, Any]) -> list[Host]:
    """Load balancers that the inventory must know beside the hosts that take part."""
    known = {host.name: host for host in settings.hosts}
    found = settings.load_balancer.hosts if settings.load_balancer else ()
    return [known.get(host.name, host) for host in found if host.name not in taking_part]


def _hosts(balancer: LoadBalancer) -> dict[str, Any]:
    return {"fraisier_lb_hosts": [host.name for host in balancer.hosts]} if balancer.hosts else {}


def _servers(settings: Placement, host: Host) -> dict[str, str]:
    """What the balancer calls the host, or its two instances by their colors."""
    service = settings.service if isinstance(settings, api.Settings) else None
    two, balancer = service.blue_green if service else None, settings.load_balancer
    assert balancer
    given = balancer.servers.get(host.name)
    if balancer.manager != "nginx":
        name = given or host.name
        return {"blue": f"{name}-blue", "green": f"{name}-green"} if two else {"": name}
    if two:
        address = given or _address(settings, host)
        return {"blue": f"{address}:{two.blue}", "green": f"{address}:{two.green}"}
    return {"": given or f"{_address(settings, host)}:{balancer.port}"}


def _address(settings: Placement, host: Host) -> str:
    """Where nginx reaches the host: on the balancer itself it is this machine."""
    assert settings.load_balancer
    if not settings.load_balancer.hosts or settings.connection == "local":
        return "127.0.0.1"
    address = host.address or host.name
    return f"[{address}]" if ":" in address else address
