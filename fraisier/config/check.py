"""1d. Rules that hold between values. Sections with faults of their own take no part, so nothing is told twice."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from fraisier.config.replaced import check_replaced
from fraisier.config.rules import RULES
from fraisier.config.signing import check_signing
from fraisier.config.tree import WHOLE_FILE, Place, Value
from fraisier.fraise_types.release import FromGit

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from fraisier.config.model import BranchTarget
    from fraisier.config.sections import Candidate, Draft
    from fraisier.fraise_types.settings import Host, Placement


def check(draft: Draft) -> None:
    """Reports everything that is wrong between the values of a draft."""
    _something_to_deploy(draft)
    _needed(draft)
    for candidate in draft.candidates:
        for rule in RULES:
            for finding in rule(candidate):
                draft.report.add(*finding)
    check_replaced(draft)
    _not_shared(draft)
    _environment_names(draft)
    _limited_environments(draft)
    _branches(draft)
    check_signing(draft)


def _something_to_deploy(draft: Draft) -> None:
    fraises = draft.tree.get("fraises")
    if not (fraises and fraises.entries):
        if not draft.report.is_faulty():
            draft.report.add(WHOLE_FILE, "names no fraises", "'fraisier init' writes a first file")
        return
    for name, entry in fraises.entries.items():
        environments = entry.value.get("environments")
        if not (environments and environments.entries) and not draft.report.is_faulty("fraises", name):
            draft.report.add(entry.key, "has no environments", "name at least one below 'environments'")


def _needed(draft: Draft) -> None:
    """What is missing; once for the fraise when all its environments miss it."""
    found: defaultdict[tuple[str, str, str], list[Candidate]] = defaultdict(list)
    for candidate in draft.candidates:
        for message, hint in candidate.resolved.settings.missing():
            found[candidate.resolved.target.fraise, message, hint].append(candidate)
    fraises = draft.tree.get("fraises")
    for (fraise, message, hint), candidates in found.items():
        environments = fraises.get(fraise, "environments") if fraises else None
        if fraises and environments and 1 < len(environments.entries) == len(candidates):
            draft.report.add(fraises.entries[fraise].key, message, hint)
        else:
            for candidate in candidates:
                draft.report.add(candidate.place, message, hint)


def _not_shared(draft: Draft) -> None:
    """Two targets must not deploy over each other."""
    owners: dict[Hashable, Candidate] = {}
    for candidate in draft.candidates:
        for key, place, what in _occupied(candidate):
            owner = owners.setdefault(key, candidate)
            if owner is not candidate:
                draft.report.add(place, f"{what} is already taken by {owner.resolved.target}")
                break


def _occupied(candidate: Candidate) -> Iterator[tuple[Hashable, Place, str]]:
    """What a target has to itself on each of its hosts."""
    settings = candidate.resolved.settings
    for key, value in settings.elsewhere():
        yield (key, value), _written_here(candidate, key), f"{key} {value}"
    app_path: str | None = getattr(settings, "app_path", None)
    if settings.select and settings.inventory and app_path:
        chosen = f"app_path {app_path} on {settings.select}"
        yield (settings.inventory, settings.select, app_path), _written_here(candidate, "app_path"), chosen
    for host in settings.hosts:
        machine = _machine(host, settings)
        if app_path:
            yield (machine, app_path), _written_here(candidate, "app_path"), f"app_path {app_path} on {host.name}"
        for scope, unit in settings.units(candidate.resolved.target):
            place = _written_here(candidate, "systemd_service")
            yield (machine, scope, unit), place, f"the systemd unit {unit} on {host.name}"


def _machine(host: Host, settings: Placement) -> Hashable:
    if settings.connection == "local":
        return "local"
    return host.address or host.name, host.port or settings.port, host.bastion or settings.bastion


def _written_here(candidate: Candidate, key: str) -> Place:
    """Where the environment wrote the setting; the environment itself when the setting is inherited."""
    place = candidate.value.place_of(key)
    return place if place.path[: len(candidate.place.path)] == candidate.place.path else candidate.place


def _environment_names(draft: Draft) -> None:
    """Defaults for an environment that no fraise has are fine, unless the name looks like a misspelt one."""
    defaults, fraises = draft.tree.get("environments"), draft.tree.get("fraises")
    if not (defaults and fraises):
        return
    used = {name for entry in fraises.entries.values() for name in _environments_of(entry.value)}
    for name, entry in defaults.entries.items():
        hint = draft.report.suggestion(name, used - set(defaults.entries)) if name not in used else ""
        if hint:
            draft.report.add(entry.key, "no fraise has this environment", hint)


def _limited_environments(draft: Draft) -> None:
    """A limit for an environment that no fraise has would limit nothing."""
    limits, fraises = draft.tree.get("engine", "max_running_per_environment"), draft.tree.get("fraises")
    if not (limits and fraises):
        return
    used = {name for entry in fraises.entries.values() for name in _environments_of(entry.value)}
    for name, entry in limits.entries.items():
        if name not in used:
            draft.report.add(entry.key, "no fraise has this environment", draft.report.suggestion(name, used))


def _environments_of(fraise: Value) -> list[str]:
    environments = fraise.get("environments")
    return list(environments.entries) if environments else []


def _branches(draft: Draft) -> None:
    fraises, mapping = draft.tree.get("fraises"), draft.tree.get("branch_mapping")
    if not (fraises and fraises.entries and mapping):
        return
    valid = {candidate.resolved.target.slug: candidate for candidate in draft.candidates}
    for branch, targets in draft.branches.items():
        value = mapping.entries[branch].value
        places = [item.place for item in value.data] if isinstance(value.data, list) else [value.place]
        seen: set[tuple[str, str]] = set()
        for target, place in zip(targets.root, places, strict=True):
            if (target.fraise, target.environment) in seen:
                draft.report.add(place, f"{target.fraise}/{target.environment} is given twice")
            elif not _unknown_target(draft, target, place, fraises):
                _other_branch(draft, branch, place, valid.get(f"{target.fraise}/{target.environment}"))
            seen.add((target.fraise, target.environment))


def _unknown_target(draft: Draft, target: BranchTarget, place: Place, fraises: Value) -> bool:
    fraise = fraises.get(target.fraise)
    if fraise is None:
        draft.report.add(
            place, f"there is no fraise {target.fraise!r}", draft.report.suggestion(target.fraise, fraises.entries)
        )
        return True
    environments = _environments_of(fraise)
    if target.environment in environments:
        return False
    if not draft.report.is_faulty("fraises", target.fraise):
        hint = draft.report.suggestion(target.environment, environments)
        draft.report.add(place, f"{target.fraise} has no environment {target.environment!r}", hint)
    return True


def _other_branch(draft: Draft, branch: str, place: Place, candidate: Candidate | None) -> None:
    if candidate is None:  # it has faults of its own
        return
    resolved = candidate.resolved
    if not isinstance(resolved.settings, FromGit):
        draft.report.add(place, f"{resolved.target} is not deployed from a branch")
    elif resolved.settings.branch != branch:
        hint = f"set its branch to {branch}, or map {resolved.settings.branch}"
        draft.report.add(place, f"{resolved.target} deploys the branch {resolved.settings.branch}", hint)
