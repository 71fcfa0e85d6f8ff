"""2. Target + who prepares it -> the Plan that makes its bare servers ready. Pure, as compiling is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fraisier.connection import connection_variables, inventory_groups
from fraisier.errors import UsageError
from fraisier.fraise_types import backup
from fraisier.plan import Plan, Secrets, Template
from fraisier.secrets import SecretRef
from fraisier.variables import module_of
from fraisier.vocabulary import COLLECTION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fraisier.config import ResolvedFraise
    from fraisier.fraise_types.run import Units
    from fraisier.fraise_types.service import Service
    from fraisier.fraise_types.settings import Host, Placement

TOOLS = ("git", "tar", "python3")
TIMEOUT_SECONDS = 1800
PASSWORDS = {"password": "connection_password", "become_password": "become_password"}


@dataclass(frozen=True)
class Preparing:
    """How it is done: the user that already gets in, the public keys of the one that will, and which passwords will be given."""

    connect_as: str
    keys: tuple[str, ...]
    install: bool = False
    passwords: frozenset[str] = frozenset()


def bootstrap_plan(resolved: ResolvedFraise, preparing: Preparing) -> Plan:
    """The plan that makes users, keys, folder, and the sudo rule or lingering that the configuration needs: never both without need."""
    module_of(resolved)
    settings = resolved.settings
    if settings.connection == "local":
        raise UsageError(
            f"{resolved.target}: this machine is deployed to as it is (connection: local); there is nothing to prepare"
        )
    secrets, admin = Secrets(), _connecting_as(resolved, preparing.connect_as)
    users = {host.name: _user(resolved, host) for host in settings.hosts}
    hosts = {
        host.name: {**connection_variables(admin, host, secrets), "fraisier_bootstrap_user": users[host.name]}
        for host in admin.settings.hosts
    }
    for name in sorted(preparing.passwords):
        secrets.found[PASSWORDS[name]] = SecretRef(f"${{{PASSWORDS[name].upper()}}}")
    return Plan(
        target=resolved.target,
        playbook=f"{COLLECTION}.bootstrap",
        hosts=hosts,
        variables={
            **_variables(settings, set(users.values())),
            "fraisier_bootstrap_authorized_keys": list(preparing.keys),
            "fraisier_bootstrap_install": preparing.install,
            "fraisier_bootstrap_become": preparing.connect_as != "root",
            **{
                f"ansible_{name}": Template(f"{{{{ fraisier_secrets.{PASSWORDS[name]} }}}}")
                for name in preparing.passwords
            },
        },
        secrets=secrets.found,
        timeout_seconds=TIMEOUT_SECONDS,
        groups=inventory_groups(resolved),
        inventories=resolved.estate.sources if resolved.estate else (),
    )


def _variables(settings: Placement, users: set[str]) -> dict[str, Any]:
    service: Service | Units | None = getattr(settings, "service", None) or getattr(settings, "run", None)
    is_systemd = getattr(service, "manager", "systemd") == "systemd"
    is_system = is_systemd and (service is None or service.scope == "system")
    other = (settings.become_user or "root") if settings.become else None
    accounts = _accounts([other, service.user if service and is_system else None], users)
    restores = service.user if service and is_system and isinstance(settings, backup.Settings) else None
    sudo_users = [*(["root"] if is_system else []), *(name for name in (other, restores) if name)]
    app_path: str | None = getattr(settings, "app_path", None)
    return {
        **({"fraisier_app_path": app_path} if app_path else {}),
        "fraisier_bootstrap_accounts": accounts,
        **({"fraisier_bootstrap_owner": other} if other else {}),
        "fraisier_bootstrap_sudo_users": list(dict.fromkeys(sudo_users)),
        "fraisier_bootstrap_linger": is_systemd and not is_system,
        "fraisier_bootstrap_tools": list(TOOLS),
    }


def _accounts(names: Iterable[str | None], users: set[str]) -> list[str]:
    return sorted({name for name in names if name and name != "root"} - users)


def _connecting_as(resolved: ResolvedFraise, user: str) -> ResolvedFraise:
    hosts = tuple(host.model_copy(update={"user": user}) for host in resolved.settings.hosts)
    return replace(resolved, settings=resolved.settings.model_copy(update={"hosts": hosts}))


def _user(resolved: ResolvedFraise, host: Host) -> str:
    theirs = resolved.estate.peers.get(host.name, {}).get("ansible_user") if resolved.estate else None
    user = host.user or resolved.settings.user or theirs
    if not isinstance(user, str) or "{" in user or user == "root":
        found = "is root" if user == "root" else "is not given"
        raise UsageError(
            f"{resolved.target} on {host.name}: the user that deploys {found}", hint="say who: user: deploy"
        )
    return user
