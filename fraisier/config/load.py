"""1. The configuration: finds, reads, resolves and checks fraises.yaml, and answers what is in it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fraisier.config.check import check
from fraisier.config.dotenv import LARGEST_BYTES, parse_dotenv
from fraisier.config.find import find_config, shown
from fraisier.config.late import Substitution
from fraisier.config.notices import notices
from fraisier.config.read import parse, read_bytes
from fraisier.config.replaced import origin
from fraisier.config.report import Report
from fraisier.config.resolved import Fraise, ResolvedFraise
from fraisier.config.sections import Draft, read_sections, secrets_in
from fraisier.errors import UsageError
from fraisier.fraise_types.spelling import did_you_mean
from fraisier.secrets.keyring import Keyring
from fraisier.vocabulary import Target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fraisier.config.model import Engine, GitProviders, Notifications, Server, Webhook

DOTENV: Final = ".env"
KEEP_SECONDS: Final = 60.0
"""How long what a back end said is believed where a process lives for longer than one deployment."""


@dataclass(frozen=True)
class Sources:
    """What a configuration was made from: the bytes that were read, and the variables that they refer to."""

    content: bytes = field(repr=False)
    dotenv: bytes | None = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)
    variables: frozenset[str] = frozenset()
    secret_variables: frozenset[str] = frozenset()


class FraisierConfig:
    """fraises.yaml, read and checked as a whole.

    Raises ConfigError with everything that is wrong with the file, or ConfigNotFound. ``environ`` and ``cwd`` are those of
    the process unless given. ``environ`` then holds the values of all variables, those of .env included. ``keyring`` reveals the secrets of
    hooks, git services and notifications; no back end is asked before somebody needs one of them.
    """

    path: Path
    environ: Mapping[str, str]
    keyring: Keyring
    git: GitProviders
    hooks: Mapping[str, Webhook]
    notifications: Notifications
    server: Server
    engine: Engine

    def __init__(
        self, path: str | Path | None = None, *, environ: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        here = cwd or Path.cwd()
        outside = os.environ if environ is None else environ
        self.path = find_config(path, environ=outside, cwd=here)
        draft, self.sources = _read(self.path, shown(self.path, here), outside)
        self.environ = self.sources.environ
        self.keyring = Keyring(self.environ, keep_seconds=KEEP_SECONDS)
        self.git, self.hooks, self.notifications, self.server = (
            draft.git,
            draft.hooks,
            draft.notifications,
            draft.server,
        )
        self.engine = draft.engine
        self._fraises = _fraises(draft, self.environ)
        self._branches = {
            branch: [Target(each.fraise, each.environment) for each in targets.root]
            for branch, targets in draft.branches.items()
        }

    @property
    def root(self) -> Path:
        """The folder of fraises.yaml, where its relative paths start."""
        return self.path.parent

    @property
    def fraises(self) -> Mapping[str, Fraise]:
        """All fraises by name, in the order of the file."""
        return self._fraises

    @property
    def branch_mapping(self) -> Mapping[str, list[Target]]:
        """The targets of each branch that has any."""
        return self._branches

    def get_fraise(self, name: str) -> Fraise:
        """The fraise called ``name``. Raises UsageError, with the known names, when there is none."""
        fraise = self._fraises.get(name)
        if fraise is None:
            raise _unknown(f"there is no fraise {name!r}", name, self._fraises, "known fraises")
        return fraise

    def get_fraise_environment(self, name: str, environment: str) -> ResolvedFraise:
        """The fraise as it is in ``environment``. Raises UsageError for names that are not in the file."""
        environments = self.get_fraise(name).environments
        resolved = environments.get(environment)
        if resolved is None:
            fault = f"{name} has no environment {environment!r}"
            raise _unknown(fault, environment, environments, f"environments of {name}")
        return resolved

    def get_fraises_for_branch(self, branch: str) -> list[ResolvedFraise]:
        """What a push to ``branch`` deploys, in the order of the mapping; nothing for a branch without one."""
        return [
            self._fraises[target.fraise].environments[target.environment] for target in self._branches.get(branch, [])
        ]

    def get_fraise_for_branch(self, branch: str) -> ResolvedFraise | None:
        """The one target of ``branch``, or None. Raises UsageError when it has several."""
        found = self.get_fraises_for_branch(branch)
        if len(found) > 1:
            names = ", ".join(str(resolved.target) for resolved in found)
            raise UsageError(f"the branch {branch!r} has several targets: {names}", hint="name the one you mean")
        return found[0] if found else None

    def all(self) -> Iterator[ResolvedFraise]:
        """Every fraise in every environment, in the order of the file."""
        for fraise in self._fraises.values():
            yield from fraise.environments.values()

    def secret_values(self) -> frozenset[str]:
        """Every secret of the file that is known by now, and the variables that secrets are made from: what no message may hold.

        Back ends are not asked for that.
        """
        sections = [self.git, dict(self.hooks), self.notifications, *(resolved.settings for resolved in self.all())]
        revealed = {secret.filled(self.environ) for secret in secrets_in(sections) if not secret.addresses}
        revealed |= self.keyring.known()
        return frozenset(revealed | {self.environ.get(name, "") for name in self.sources.secret_variables}) - {""}

    def targets(self) -> list[Target]:
        """Everything with a state of its own, in the order of the file: what is deployed, then its jobs one by one."""
        return [target for resolved in self.all() for target in _targets(resolved)]


def _read(path: Path, name: str, environ: Mapping[str, str]) -> tuple[Draft, Sources]:
    report = Report(name)
    content = read_bytes(path, report)
    dotenv = _dotenv(path.parent / DOTENV, name)
    known = {**_parsed(dotenv, name), **environ}
    tree = parse(content, report)
    late = Substitution(known, report, path.parent.absolute())
    draft = read_sections(late.applied(tree), path.parent, report)
    check(draft)
    report.raise_if_any()
    secret = {name for place in draft.secret_places for name in late.used.get(place, ())}
    other = {name for place, names in late.used.items() if place not in draft.secret_places for name in names}
    return draft, Sources(content, dotenv, known, frozenset(other), frozenset(secret))


def _dotenv(path: Path, beside: str) -> bytes | None:
    return read_bytes(path, Report(_dotenv_name(beside)), largest=LARGEST_BYTES) if path.is_file() else None


def _parsed(dotenv: bytes | None, beside: str) -> dict[str, str]:
    return {} if dotenv is None else parse_dotenv(dotenv, _dotenv_name(beside))


def _dotenv_name(beside: str) -> str:
    return str(Path(beside).with_name(DOTENV))


def _fraises(draft: Draft, environ: Mapping[str, str]) -> dict[str, Fraise]:
    told = notices(draft.notifications, draft.git, environ)
    found: dict[str, dict[str, ResolvedFraise]] = {}
    for candidate in draft.candidates:
        target = candidate.resolved.target
        resolved = replace(candidate.resolved, notices=told, origin=origin(draft, candidate))
        found.setdefault(target.fraise, {})[target.environment] = resolved
    return {
        name: Fraise(name, first.type, first.description, environments)
        for name, environments in found.items()
        for first in list(environments.values())[:1]
    }


def _targets(resolved: ResolvedFraise) -> list[Target]:
    settings, target = resolved.settings, resolved.target
    return [target, *(Target(target.fraise, target.environment, job) for job in getattr(settings, "jobs", ()))]


def _unknown(message: str, name: str, known: Mapping[str, object], what: str) -> UsageError:
    near = did_you_mean(name, known)
    return UsageError(f"{message}, {near}" if near else message, hint=f"{what}: {', '.join(known)}")
