"""1c. Hosts that several targets share: the groups of fraises.yaml, and the hosts that a target takes from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fraisier.fraise_types.settings import Host
from fraisier.selection import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fraisier.fraise_types.settings import Group, Placement

RESERVED = ("all", "ungrouped")
"""Groups that Ansible has of its own."""


class Groups:
    """All groups of a file. Every host is known once, with what its groups and its own entries say of it."""

    def __init__(self, groups: Mapping[str, Group]) -> None:
        self.members = {name: tuple(host.name for host in group.hosts) for name, group in groups.items()}
        self.hosts: dict[str, Host] = {}
        self.conflicts: list[tuple[str, str]] = []
        for name, group in groups.items():
            for entry in group.hosts:
                self._add(name, _completed(entry, group))
        self.conflicts += [(name, "is the name of a host, too") for name in groups if name in self.hosts]

    def _add(self, group: str, host: Host) -> None:
        known = self.hosts.get(host.name)
        if known is None:
            self.hosts[host.name] = host
            return
        for field in _differing(known, host):
            self.conflicts.append((group, f"host {host.name} has another {field} here than in an earlier group"))
        self.hosts[host.name] = _completed(known, host)

    def applied(self, settings: Placement) -> Placement:
        """The settings with the hosts that ``select`` chooses, and with what groups say of hosts that are named."""
        named = tuple(
            _completed(host, self.hosts[host.name]) if host.name in self.hosts else host for host in settings.hosts
        )
        if settings.select and not settings.inventory:
            named = tuple(self.hosts[name] for name in self.choice().matching(settings.select))
        return settings.model_copy(update={"hosts": named})

    def choice(self) -> Choice:
        return Choice({name: host.labels for name, host in self.hosts.items()}, self.members)

    def of(self, hosts: tuple[Host, ...]) -> dict[str, tuple[str, ...]]:
        """The groups that have any of these hosts, and those members."""
        names = {host.name for host in hosts}
        found = {group: tuple(name for name in members if name in names) for group, members in self.members.items()}
        return {group: members for group, members in found.items() if members}


def _completed(host: Host, defaults: Host | Group) -> Host:
    """The host with what it does not say itself; labels and variables merge."""
    given: dict[str, Any] = {name: value for name, value in _given(defaults) if name not in host.model_fields_set}
    for name in ("labels", "vars"):
        if merged := {**getattr(defaults, name), **getattr(host, name)}:
            given[name] = merged
    return host.model_copy(update=given)


def _given(settings: Host | Group) -> Iterator[tuple[str, Any]]:
    for name in settings.model_fields_set & set(Host.model_fields) - {"name", "labels", "vars"}:
        yield name, getattr(settings, name)


def _differing(one: Host, other: Host) -> list[str]:
    found = [name for name, value in _given(other) if name in one.model_fields_set and getattr(one, name) != value]
    for name in ("labels", "vars"):
        ours, theirs = getattr(one, name), getattr(other, name)
        found += [f"{name}.{key}" for key, value in theirs.items() if ours.get(key, value) != value]
    return sorted(found)
