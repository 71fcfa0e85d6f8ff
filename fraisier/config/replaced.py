"""1d. Databases that each deployment replaces: where that may be, and whose copies take their place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from fraisier.fraise_types import backup
from fraisier.fraise_types.database import Database
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.vocabulary import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraisier.config.resolved import ResolvedFraise
    from fraisier.config.sections import Candidate, Draft
    from fraisier.config.tree import Place
    from fraisier.fraise_types.copies import Destination

    Finding = tuple[Place, str, str]

SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\+[A-Za-z0-9_]+)?://")
KINDS: Final = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite"}


def check_replaced(draft: Draft) -> None:
    for candidate in draft.candidates:
        found = _database(candidate.resolved)
        if found is None:
            continue
        for finding in _allowed(candidate, found) if found.is_replaced else ():
            draft.report.add(*finding)
        for finding in _copies(draft, candidate, found):
            draft.report.add(*finding)


def origin(draft: Draft, candidate: Candidate) -> ResolvedFraise | None:
    """The target whose copies this one takes; None for one that takes none."""
    found = _database(candidate.resolved)
    if found is None or found.strategy != "restore_migrate":
        return None
    wanted = _wanted(candidate.resolved, found)
    return next((each.resolved for each in draft.candidates if each.resolved.target == wanted), None)


def _database(resolved: ResolvedFraise) -> Database | None:
    found = getattr(resolved.settings, "database", None)
    return found if isinstance(found, Database) else None


def _wanted(resolved: ResolvedFraise, found: Database) -> Target:
    wanted = found.restore_from
    return Target(wanted.fraise or resolved.target.fraise, wanted.environment or "")


def _allowed(candidate: Candidate, found: Database) -> Iterator[Finding]:
    here = candidate.value.place_of("database", "strategy")
    if candidate.resolved.settings.protected:
        yield (
            here,
            f"{found.strategy} loses what is in the database, and this environment is protected",
            "use strategy: apply",
        )
    if found.url is None:
        yield here, f"{found.strategy} needs database.url", "it says which database is replaced"
    elif (scheme := SCHEME.match(found.url.template)) and scheme[1].lower() not in KINDS:
        yield here, f"{found.strategy} is for PostgreSQL and SQLite, not for {scheme[1]}", "use strategy: apply"


def _copies(draft: Draft, candidate: Candidate, found: Database) -> Iterator[Finding]:
    value, wanted = candidate.value, found.restore_from
    here = value.place_of("database", "restore_from")
    if found.strategy != "restore_migrate":
        if value.get("database", "restore_from") and wanted.model_fields_set:
            yield here, "is for strategy: restore_migrate", "leave it out, or set the strategy"
        return
    if wanted.environment is None:
        yield here, "environment is missing", "say whose copies: restore_from: {environment: production}"
        return
    target = _wanted(candidate.resolved, found)
    source = next((each for each in draft.candidates if each.resolved.target == target), None)
    if source is None:
        names = [each.resolved.target.slug for each in draft.candidates]
        yield here, f"{target} is no target of this file", did_you_mean(target.slug, names)
        return
    for fault, hint in _faults_of(source.resolved, candidate.resolved, found):
        yield here, fault, hint


def _faults_of(source: ResolvedFraise, here: ResolvedFraise, found: Database) -> Iterator[tuple[str, str]]:
    """Why copies of ``source`` cannot take the place of the database of ``here``."""
    settings, database = source.settings, _database(source)
    destination: Destination | None = None
    kind = ""
    if isinstance(settings, backup.Settings):
        destination, kind = settings.destination, settings.source.kind or ""
        if kind == "files":
            yield f"{source.target} copies files", "name a target that copies the database"
            return
    elif database and database.backup_before_deploy:
        destination, kind = database.backup.destination, _kind(database)
    else:
        yield (
            f"{source.target} makes no copies",
            "it makes them with backup_before_deploy, or as a fraise of type backup",
        )
        return
    if kind and _kind(found) and kind != _kind(found):
        yield f"{source.target} copies {kind}, and this database is {_kind(found)}", ""
    is_local = not (destination.host or destination.bucket)
    if (
        is_local
        and source.target != here.target
        and _place(source) != _place(here)
        and all((_place(source), _place(here)))
    ):
        hint = "send them where this host can read them: destination.host or destination.bucket"
        yield f"the copies of {source.target} stay on its host, {_place(source)[-1]}", hint


def _kind(database: Database) -> str:
    scheme = SCHEME.match(database.url.template) if database.url else None
    return KINDS.get(scheme[1].lower(), "") if scheme else ""


def _place(resolved: ResolvedFraise) -> tuple[str, ...]:
    """The machine that copies or migrates, as far as the file knows it."""
    settings = resolved.settings
    if settings.connection == "local":
        return ("local", "this machine")
    first = next(iter(settings.hosts), None)
    return (first.address or first.name, str(first.port or settings.port), first.name) if first else ()
