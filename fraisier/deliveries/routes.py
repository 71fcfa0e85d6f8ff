"""What a push deploys: (provider, repository, branch) -> targets, or the reason why none. Pure.

``branch_mapping`` has the say where it names targets of the pushed repository for the branch: these and no others. Where it names none,
every target is deployed whose own ``git_repo`` and ``branch`` were pushed to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraisier.deliveries.hooks import lives_elsewhere, names_of
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.release import FromGit
from fraisier.git.repository import same_repository

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig, ResolvedFraise
    from fraisier.vocabulary import Target

_REMEMBERED = 4_096


@dataclass(frozen=True)
class Route:
    """A target that is made from a repository."""

    target: Target
    url: str
    branch: str
    names: Mapping[str, tuple[str, ...]]
    """What each provider that may serve ``url`` would call it."""


@dataclass(frozen=True)
class Match:
    """``targets`` to deploy; without any, ``reason`` says why."""

    targets: tuple[Target, ...] = ()
    reason: str = ""


class Routes:
    """The targets of a configuration by what is pushed; answers are remembered, a few thousand of them."""

    def __init__(self, config: FraisierConfig, providers: Mapping[str, object]) -> None:
        self.routes = [route for each in config.all() if (route := _route(each, config, providers))]
        self._of_target = {route.target: route for route in self.routes}
        self._mapping = config.branch_mapping
        self._seen: dict[tuple[str, str, str], Match] = {}

    def match(self, provider: str, repository: str, branch: str) -> Match:
        """``branch`` is a key here and nothing else: only configured names leave this function, but for the reason's text."""
        key = (provider, repository, branch)
        found = self._seen.get(key)
        if found is None:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            found = self._seen[key] = self._match(provider, repository, branch)
        return found

    def _match(self, provider: str, repository: str, branch: str) -> Match:
        mapped = [self._of_target[target] for target in self._mapping.get(branch, ()) if target in self._of_target]
        wanted = [route for route in mapped if _is_pushed(route, provider, repository)]
        own = [route for route in self.routes if route.branch == branch and _is_pushed(route, provider, repository)]
        if chosen := wanted or own:
            return Match(tuple(route.target for route in chosen))
        if mapped:
            names = ", ".join(f"{route.target} ({route.url})" for route in mapped)
            return Match(reason=f"branch_mapping names targets of other repositories for it: {names}")
        return Match(reason="no target is deployed from this branch of this repository")


def _route(resolved: ResolvedFraise, config: FraisierConfig, providers: Mapping[str, object]) -> Route | None:
    settings = resolved.settings
    if not isinstance(settings, FromGit) or not settings.git_repo or not TYPES[resolved.type].BUILT:
        return None
    url = settings.git_repo
    names = {name: names_of(url, name) for name in providers if not lives_elsewhere(url, name, config.git)}
    return Route(resolved.target, url, settings.branch, names)


def _is_pushed(route: Route, provider: str, repository: str) -> bool:
    return any(same_repository(provider, name, repository) for name in route.names.get(provider, ()))
