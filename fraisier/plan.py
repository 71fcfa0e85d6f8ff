"""A compiled plan: what Ansible gets, as data. No behaviour beyond its own hash; imports nothing that acts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fraisier.secrets import SecretRef
from fraisier.vocabulary import Target

TARGETS = "fraisier_targets"


class Template(str):
    """Text that Ansible may evaluate. Every other text of a plan is data and crosses as ``!unsafe`` where it looks like one."""

    __slots__ = ()


@dataclass
class Secrets:
    """Collects the secrets that variables refer to; a plan holds their names and where they come from, never a value."""

    found: dict[str, SecretRef] = field(default_factory=dict)

    def value(self, name: str, given: str | SecretRef) -> str:
        """``given`` as it is when it is plain text, else the template that reads it at run time."""
        if not isinstance(given, SecretRef):
            return given
        key = re.sub(r"[^A-Za-z0-9_]", "_", name)
        while self.found.get(key, given) != given:
            key += "_"
        self.found[key] = given
        return Template(f"{{{{ fraisier_secrets.{key} }}}}")

    def mapping(self, name: str, given: Mapping[str, str | SecretRef]) -> dict[str, str]:
        return {key: self.value(f"{name}_{key}", value) for key, value in given.items()}


@dataclass(frozen=True)
class Release:
    """A release of a target: its id on the hosts, the commit it was made from, the schema revision it needs ('' if none)."""

    release_id: str
    version: str
    schema: str | None = None


@dataclass(frozen=True)
class Plan:
    """Playbook, inventory and variables of one run.

    ``hosts`` maps each host's name to its own variables; ``variables`` hold for all hosts. ``helpers`` are hosts that tasks are
    delegated to and no play addresses, such as load balancers. ``secrets`` maps the names that the
    variables use (``fraisier_secrets.<name>``) to where the values come from; values are never in a plan. ``task_files`` are
    hooks of the user, relative name -> absolute path on the controller. ``groups`` are inventory groups and their members.
    ``inventories`` are absolute paths of the user's own inventory sources, which Ansible reads before ours; ``inventory_digest`` stands
    for what they said of these hosts. ``serial``: sizes of the batches as Ansible's keyword of that name takes them, for who runs the
    whole playbook at once; () is all hosts.
    """

    target: Target
    playbook: str
    hosts: Mapping[str, Mapping[str, Any]]
    variables: Mapping[str, Any]
    helpers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: Mapping[str, SecretRef] = field(default_factory=dict)
    release: Release | None = None
    config_hash: str = ""
    timeout_seconds: int = 0
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    inventories: tuple[str, ...] = ()
    serial: tuple[int | str, ...] = ()
    inventory_digest: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of everything that Ansible gets; the same input gives the same bytes."""
        templates = {name: secret.template for name, secret in self.secrets.items()}
        theirs = [self.inventories, self.inventory_digest]
        hosts = [self.hosts, self.helpers, self.groups]
        return digest([self.playbook, hosts, self.variables, templates, theirs, self.serial])

    def limited(self, names: Sequence[str]) -> Plan:
        """The plan for some of its hosts; a load balancer among the others stays in the inventory."""
        kept = self.variables.get("fraisier_lb_hosts", ())
        helping = {name: host for name, host in self.hosts.items() if name not in names and name in kept}
        return replace(self, hosts={name: self.hosts[name] for name in names}, helpers={**self.helpers, **helping})

    def inventory(self) -> dict[str, Any]:
        """The plan as a YAML inventory: the group ``all`` with hosts and variables, and below it the groups of the hosts."""
        members = {name: [host for host in hosts if host in self.hosts] for name, hosts in self.groups.items()}
        if self.play_variables():
            members[TARGETS] = list(self.hosts)
        children = {name: {"hosts": dict.fromkeys(hosts)} for name, hosts in members.items() if hosts}
        found = {"hosts": {**self.helpers, **self.hosts}, "vars": dict(self.variables)}
        return {"all": {**found, **({"children": children} if children else {})}}

    def play_variables(self) -> dict[str, Any]:
        """What plays need besides the inventory: which of its hosts they address, where there may be others."""
        return {"fraisier_hosts": TARGETS} if self.helpers or self.inventories else {}

    def snapshot(self) -> dict[str, Any]:
        """The plan as JSON data for the ledger: secrets by name and template only."""
        return {
            "playbook": self.playbook,
            "hosts": marked(self.hosts),
            "helpers": marked(self.helpers),
            "variables": marked(self.variables),
            "groups": marked(self.groups),
            "inventories": list(self.inventories),
            "serial": list(self.serial),
            "secrets": {name: secret.template for name, secret in self.secrets.items()},
            "hash": self.hash,
        }


def marked(value: Any) -> Any:
    """``value`` as plain JSON data in which a Template can still be told from text."""
    if isinstance(value, Template):
        return {"template": str(value)}
    if isinstance(value, Mapping):
        return {str(key): marked(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [marked(item) for item in value]
    return value


def digest(value: Any) -> str:
    """SHA-256 (hex) of plan data in canonical JSON."""
    text = json.dumps(marked(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
