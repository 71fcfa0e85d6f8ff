"""1c. The tree -> validated sections. Each level of settings is judged where it was written, before levels are merged,
so that a fault is told once and at its own place; what has a fault takes no part in what follows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from fraisier.config.explain import Model, validated
from fraisier.config.groups import RESERVED, Groups
from fraisier.config.model import BranchTargets, Engine, FraiseHead, GitProviders, Notifications, Server, Top, Webhook
from fraisier.config.resolved import ResolvedFraise
from fraisier.config.tree import WHOLE_FILE, Entry, Place, Value, mapping, merge
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.settings import Group, Host, Location, Placement
from fraisier.secrets import SecretRef
from fraisier.vocabulary import NAME, Target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from fraisier.config.report import Report

LOCALHOST: Final = "localhost"
ANYWHERE: Final = ("vars", "timeout_seconds", "phase_timeouts")
"""Settings of a place that also mean something without a host."""
HERE: Final[dict[str, Any]] = {
    name: field.default for name, field in Location.model_fields.items() if name not in ANYWHERE
} | {"connection": "local"}
"""What stands in the place of an environment's hosts for a fraise that has none."""
GROUP_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
GROUP_RULE: Final = "expected the name of a group: letters, digits and '_', no digit first; not all, not ungrouped"
NAME_RULE: Final = "expected a name: a-z, 0-9, '-' and '_', at most 63 characters, a letter or digit at both ends"


@dataclass(frozen=True)
class Candidate:
    """A fraise in an environment whose levels are all valid; it still has to pass the rules of ``check``."""

    resolved: ResolvedFraise
    value: Value
    place: Place


@dataclass
class Draft:
    """The sections of a file that could be read."""

    root: Path
    tree: Value
    report: Report
    git: GitProviders = field(default_factory=GitProviders)
    hooks: dict[str, Webhook] = field(default_factory=dict)
    notifications: Notifications = field(default_factory=Notifications)
    server: Server = field(default_factory=Server)
    engine: Engine = field(default_factory=Engine)
    branches: dict[str, BranchTargets] = field(default_factory=dict)
    groups: Groups = field(default_factory=lambda: Groups({}))
    candidates: list[Candidate] = field(default_factory=list)
    secret_places: set[str] = field(default_factory=set)
    """Places of the texts that became secrets."""


def read_sections(tree: Value, root: Path, report: Report) -> Draft:
    """Every section that is valid by itself; the others are reported."""
    draft = Draft(root, tree, report)
    validated(Top, _shallow(tree), report)
    draft.git = _section(draft, GitProviders, tree.get("git")) or draft.git
    draft.notifications = _section(draft, Notifications, tree.get("notifications")) or draft.notifications
    draft.server = _section(draft, Server, tree.get("server")) or draft.server
    draft.engine = _section(draft, Engine, tree.get("engine")) or draft.engine
    for name, entry in _named(draft, "hooks"):
        if webhook := _section(draft, Webhook, at_key(entry)):
            draft.hooks[name] = webhook
    branches = tree.get("branch_mapping")
    for name, entry in branches.entries.items() if branches else ():
        if targets := _section(draft, BranchTargets, entry.value):
            draft.branches[name] = targets
    draft.groups = _read_groups(draft)
    defaults = {name: _level(draft, Placement, at_key(entry)) for name, entry in _named(draft, "environments")}
    for name, entry in _named(draft, "fraises"):
        _read_fraise(draft, name, entry, defaults)
    return draft


def _read_groups(draft: Draft) -> Groups:
    section, found = draft.tree.get("groups"), {}
    for name, entry in section.entries.items() if section else ():
        if not GROUP_NAME.fullmatch(name) or name in RESERVED:
            draft.report.add(entry.key, GROUP_RULE)
        elif group := _section(draft, Group, at_key(entry)):
            found[name] = group
    groups = Groups(found)
    for name, message in groups.conflicts:
        draft.report.add(section.entries[name].key if section else WHOLE_FILE, message)
    return groups


def at_key(entry: Entry) -> Value:
    """The value of a named section, placed at its name; a section with nothing in it is an empty mapping."""
    return Value({} if entry.value.data is None else entry.value.data, entry.key, entry.value.size)


def _read_fraise(draft: Draft, name: str, entry: Entry, defaults: dict[str, Value | None]) -> None:
    section = at_key(entry)
    head = validated(FraiseHead, _only(section, FraiseHead, keep=True), draft.report)
    written = section.get("type")
    kind = str(written.data) if written else ""
    if kind not in TYPES:
        return
    model = TYPES[kind].Settings
    own = _level(draft, model, _only(section, FraiseHead, keep=False), also_known=FraiseHead.model_fields)
    _no_hosts(draft, model, section)
    for environment, inner in _named(draft, "fraises", name, "environments"):
        level = _level(draft, model, at_key(inner))
        _no_hosts(draft, model, at_key(inner))
        above = defaults.get(environment, mapping({}, inner.key))
        if head and own and level and above:
            merged = reduce(merge, (above, own, level), mapping({}, inner.key))
            _add_candidate(draft, Target(name, environment), head, merged, inner.key)


def _add_candidate(draft: Draft, target: Target, head: FraiseHead, merged: Value, place: Place) -> None:
    model = TYPES[head.type].Settings
    settings = validated(model, merged, draft.report)
    if settings is None:
        return
    unset = frozenset(model.model_fields) - settings.model_fields_set
    settings = draft.groups.applied(settings.model_copy(update=HERE) if model.ON_CONTROLLER else settings)
    if not (settings.hosts or settings.select) and settings.connection == "local":
        settings = settings.model_copy(update={"hosts": (Host(name=LOCALHOST),)})
    groups = draft.groups.of(settings.hosts)
    resolved = ResolvedFraise(target, head.type, head.description, settings, draft.root, unset, groups)
    draft.candidates.append(Candidate(resolved, merged, place))


def _no_hosts(draft: Draft, model: type[Placement], section: Value) -> None:
    """Hosts that the environments of all fraises have do not concern a fraise without any; its own would do nothing."""
    for name, entry in section.entries.items() if model.ON_CONTROLLER else ():
        if name in HERE:
            draft.report.add(entry.key, "has no effect: this type of fraise has no hosts of its own", "leave it out")


def _level(draft: Draft, model: type[Placement], value: Value, *, also_known: Iterable[str] = ()) -> Value | None:
    """One level of settings with its short forms written out, or None when it has a fault."""
    settings = validated(model, value, draft.report, also_known=also_known)
    if settings is None or any(draft.report.is_faulty(*entry.key.path) for entry in value.entries.values()):
        return None
    draft.secret_places |= secret_places(settings)
    entries = dict(value.entries)
    server, hosts = entries.pop("server", None), entries.get("hosts")
    if server and hosts and server.value.data is not None and hosts.value.data is not None:
        draft.report.add(server.key, "stands beside hosts: give one of them")
        return None
    if server and not hosts:
        entries["hosts"] = hosts = _listed(server)
    if not _one_of_two(draft, entries, hosts, entries.get("select")):
        return None
    install = entries.get("install")
    if install and (command := install.value.entries.get("command")):
        rest = {key: inner for key, inner in install.value.entries.items() if key != "command"}
        entries["install"] = Entry(install.key, mapping({**rest, "commands": _listed(command)}, install.value.place))
    return mapping(entries, value.place)


def _one_of_two(draft: Draft, entries: dict[str, Entry], hosts: Entry | None, select: Entry | None) -> bool:
    """``hosts`` and ``select`` answer one question: a level that gives one of them takes away the other from the levels above."""
    if hosts and select and hosts.value.data is not None and select.value.data is not None:
        draft.report.add(select.key, "stands beside hosts: give one of them")
        return False
    if hosts and not select:
        entries["select"] = Entry(hosts.key, Value(None, hosts.key))
    if select and not hosts:
        entries["hosts"] = Entry(select.key, Value(None, select.key))
    return True


def _listed(entry: Entry) -> Entry:
    """A list of one, from its short form; null stays null."""
    if entry.value.data is None:
        return entry
    return Entry(entry.key, Value([entry.value], entry.value.place, 1 + entry.value.size))


def _section(draft: Draft, model: type[Model], value: Value | None) -> Model | None:
    if value is None or value.data is None:
        return None
    section = validated(model, value, draft.report)
    draft.secret_places |= secret_places(section)
    return section


def _named(draft: Draft, *path: str) -> list[tuple[str, Entry]]:
    """The entries at ``path``, whose keys are names that become parts of units, paths and addresses."""
    section = draft.tree.get(*path)
    entries = section.entries if section else {}
    for name, entry in entries.items():
        if not NAME.fullmatch(name):
            draft.report.add(entry.key, NAME_RULE)
    return [(name, entry) for name, entry in entries.items() if NAME.fullmatch(name)]


def _only(section: Value, model: type[BaseModel], *, keep: bool) -> Value:
    """The keys of a section that are the model's own, or the others."""
    if not isinstance(section.data, dict):
        return section if keep else mapping({}, section.place)
    kept = {key: entry for key, entry in section.data.items() if (key in model.model_fields) is keep}
    return mapping(kept, section.place)


def _shallow(tree: Value) -> Value:
    """The top of the document without what is below it, which is judged section by section."""
    entries = {
        key: Entry(entry.key, mapping({}, entry.value.place) if entry.value.entries else entry.value)
        for key, entry in tree.entries.items()
    }
    return mapping(entries, tree.place)


def secret_places(value: Any) -> set[str]:
    """Places of all secrets in a model, at any depth."""
    return {secret.place for secret in secrets_in(value)}


def secrets_in(value: Any) -> Iterator[SecretRef]:
    """All secrets in a model, at any depth."""
    if isinstance(value, SecretRef):
        yield value
    elif isinstance(value, BaseModel):
        yield from secrets_in([inner for _, inner in value])
    elif isinstance(value, dict):
        yield from secrets_in(list(value.values()))
    elif isinstance(value, (list, tuple)):
        yield from (secret for inner in value for secret in secrets_in(inner))
