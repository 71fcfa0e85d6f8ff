"""Hosts that an existing estate already knows: one ``ansible-inventory --list`` of the user's own sources, before anything is compiled.

The only place that starts it. The sources themselves go to Ansible unchanged in every run; what is read here is who is meant, and what is
needed to tell hosts and their connections apart. Variables of hosts, which may be secrets, stay in memory and are never recorded.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from fraisier.config.resolved import Estate, ResolvedFraise
from fraisier.connection import PEERS
from fraisier.errors import ConfigError, InventoryFailed, UsageError
from fraisier.fraise_types.settings import Host
from fraisier.run import passed_on
from fraisier.selection import Choice

if TYPE_CHECKING:
    from fraisier.fraise_types.settings import Placement

TIMEOUT_SECONDS = 120
REASON = "[WARNING]: Failed to parse inventory with "
SCRIPT_SAID = "Standard error from inventory script:"
Listing = Mapping[str, Any]


def located(resolved: ResolvedFraise, environ: Mapping[str, str]) -> ResolvedFraise:
    """The target with the hosts that its inventories have now; as it is when it has no inventories, or is located already.

    Raises InventoryFailed when a source cannot be read, ConfigError when it has none of the hosts that are meant.
    """
    settings = resolved.settings
    if not settings.inventory or resolved.estate is not None:
        return resolved
    sources = tuple(str(resolved.root / Path(source).expanduser()) for source in settings.inventory)
    estate = _estate(sources, _listing(sources, passed_on(environ, settings.inventory_environment)))
    hosts = tuple(_chosen(settings, estate) if settings.select else _named(settings, estate))
    if not hosts:
        known = f"it has {len(estate.labels)} hosts and the groups {', '.join(estate.groups) or '(none)'}"
        raise ConfigError(f"{resolved.target}: no host of the inventory matches select '{settings.select}'", hint=known)
    return replace(resolved, settings=settings.model_copy(update={"hosts": hosts}), estate=estate)


def selected(resolved: ResolvedFraise, limit: str | None) -> tuple[str, ...]:
    """Names of the hosts that take part. None matching, or a name that nobody has, is an error."""
    estate = resolved.estate
    labels = {
        host.name: {**(estate.labels.get(host.name, {}) if estate else {}), **host.labels}
        for host in resolved.settings.hosts
    }
    choice = Choice(labels, {**(estate.groups if estate else {}), **resolved.groups})
    names = choice.matching(limit or "all")
    unknown = choice.unknown(limit or "all")
    if unknown or not names:
        fault = f"knows no {unknown[0]!r}" if unknown else "matches no host"
        known = ", ".join([*choice.hosts, *(f"@{name}" for name in choice.groups if choice.matching(f"@{name}"))])
        raise UsageError(f"{resolved.target}: --limit '{limit}' {fault}", hint=f"hosts: {known}")
    return names


def _chosen(settings: Placement, estate: Estate) -> Iterator[Host]:
    for name in Choice(estate.labels, estate.groups).matching(settings.select or "all"):
        yield _host(name, estate)


def _named(settings: Placement, estate: Estate) -> Iterator[Host]:
    for host in settings.hosts:
        if host.name not in estate.labels and not host.address:
            raise ConfigError(
                f"the inventory has no host {host.name!r}", hint="give its address, if it is one of your own"
            )
        yield host


def _host(name: str, estate: Estate) -> Host:
    try:
        return Host(name=name, labels=dict(estate.own_labels.get(name, {})))
    except ValidationError:
        raise ConfigError(f"the inventory has a host {name!r}, and Fraisier takes only plain host names") from None


def _listing(sources: Sequence[str], environ: Mapping[str, str]) -> Listing:
    with tempfile.TemporaryDirectory(prefix="fraisier-") as folder:
        # As in a run, which has an ansible.cfg of its own: nobody else's may make a difference between the two.
        config = Path(folder) / "ansible.cfg"
        config.write_text("[inventory]\nany_unparsed_is_failed = True\n")
        command = [str(Path(sys.executable).with_name("ansible-inventory")), "--list"]
        command += [word for source in sources for word in ("-i", source)]
        env = {**environ, "ANSIBLE_CONFIG": str(config), "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_NOCOLOR": "1"}
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=env,
                capture_output=True,
                timeout=TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise InventoryFailed(
                f"no answer from the inventory within {TIMEOUT_SECONDS} s: {', '.join(sources)}"
            ) from None
    if done.returncode:
        by_hand = f"try it by hand: ansible-inventory --list {' '.join(f'-i {source}' for source in sources)}"
        raise InventoryFailed(
            f"cannot read the inventory: {_reason(done.stderr.decode('utf-8', 'replace'))}", hint=by_hand
        )
    found: Listing = json.loads(done.stdout, object_hook=_untagged)
    return found


def _untagged(value: dict[str, Any]) -> Any:
    """Text of a plugin, such as that of a cloud, is marked as unsafe to template. It is text to us, and never a template."""
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value


def _reason(stderr: str) -> str:
    """The one sentence that matters: why the first plugin that tried gave up, and what a script said; Ansible tells it three times."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    reasons = [line.removeprefix(REASON).partition(": ")[2] for line in lines if line.startswith(REASON)]
    said = lines[lines.index(SCRIPT_SAID) + 1 :][:1] if SCRIPT_SAID in lines else []
    errors = [line.removeprefix("[ERROR]: ") for line in lines if line.startswith("[ERROR]: ")]
    return ": ".join([*errors[:1], *reasons[:1], *said]) or (lines[-1] if lines else "ansible-inventory said nothing")


def _estate(sources: tuple[str, ...], listing: Listing) -> Estate:
    variables: Mapping[str, Mapping[str, Any]] = listing.get("_meta", {}).get("hostvars", {})
    groups = {name: tuple(dict.fromkeys(_members(listing, name))) for name in listing if name != "_meta"}
    names = list(dict.fromkeys([*groups.pop("all", ()), *variables]))
    of = {name: variables.get(name, {}) for name in names}
    return Estate(
        sources=sources,
        groups={name: members for name, members in groups.items() if members},
        labels={name: {**_plain(known), **_own_labels(known)} for name, known in of.items()},
        own_labels={name: _own_labels(known) for name, known in of.items()},
        peers={name: {each: known[each] for each in PEERS if each in known} for name, known in of.items()},
        variables={name: frozenset(known) for name, known in of.items()},
    )


def _members(listing: Listing, group: str) -> Iterator[str]:
    """Hosts of a group and of the groups below it; Ansible has refused loops."""
    found = listing.get(group, {})
    yield from found.get("hosts", ())
    for child in found.get("children", ()):
        yield from _members(listing, child)


def _own_labels(variables: Mapping[str, Any]) -> dict[str, str]:
    labels = variables.get("fraisier_labels")
    return _plain(labels) if isinstance(labels, Mapping) else {}


def _plain(variables: Mapping[str, Any]) -> dict[str, str]:
    """Variables that are one word or number: those that somebody may choose hosts by."""
    return {
        name: str(value) for name, value in variables.items() if isinstance(value, str | int) and "{{" not in str(value)
    }
