"""What is known by name and may come from other packages: ours are modules, theirs stand behind entry points; loaded when asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fraisier.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class Installed(Mapping[str, T]):
    """Names -> what they stand for. Looking up one that is installed and cannot be used raises ConfigError; one that is not, KeyError.

    ``kind`` is what one is called in messages, ``group`` the group of entry points. ``ours`` maps names to modules; packages may take
    neither those names nor ``reserved`` ones. ``missing`` says what a loaded one lacks, ``[]`` when it may be used.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        missing: Callable[[Any], list[str]],
        *,
        ours: Mapping[str, str] | None = None,
        reserved: Collection[str] = (),
        is_named: bool = True,
    ) -> None:
        self._kind, self._group, self._missing = kind, group, missing
        self._ours = dict(ours or {})
        self._taken = {*self._ours, *reserved}
        self._is_named = is_named

    def __getitem__(self, name: str) -> T:
        if name in self._ours:
            return cast("T", import_module(self._ours[name]))
        return self._loaded(self._theirs[name])

    def __contains__(self, name: object) -> bool:
        return name in self._ours or name in self._theirs

    def __iter__(self) -> Iterator[str]:
        yield from self._ours
        yield from self._theirs

    def __len__(self) -> int:
        return len(self._ours) + len(self._theirs)

    @cached_property
    def _theirs(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points

        found = {each.name: each for each in entry_points(group=self._group)}
        return {name: found[name] for name in sorted(found) if name not in self._taken}

    def _loaded(self, entry_point: EntryPoint) -> T:
        name, package = entry_point.name, entry_point.dist.name if entry_point.dist else entry_point.value
        place = f"the {self._kind} {name!r} of {package}"
        try:
            found = entry_point.load()
        except Exception as error:
            raise ConfigError(f"{place} cannot be loaded: {type(error).__name__}: {error}") from error
        if missing := self._missing(found):
            raise ConfigError(f"{place} has no {', '.join(missing)}")
        if self._is_named and getattr(found, "name", None) != name:
            raise ConfigError(f"{place} calls itself {getattr(found, 'name', None)!r}")
        return cast("T", found)


def without(found: object, *functions: str) -> list[str]:
    """Those of ``functions`` that ``found`` does not have."""
    return [each for each in functions if not callable(getattr(found, each, None))]
