"""What can be deployed: one module per fraise type, named in one dict.

Importing this package imports none of them, so it costs nothing at start-up: looking one up imports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

if TYPE_CHECKING:
    from fraisier.fraise_types.settings import Placement


class FraiseTypeModule(Protocol):
    """What the module of a fraise type must have."""

    @property
    def Settings(self) -> type[Placement]:  # noqa: N802 - a class of the module
        """Everything that an environment of such a fraise may set."""

    @property
    def PLAYBOOK(self) -> str:  # noqa: N802 - a constant of the module
        """Name of the recipe, with its collection."""

    @property
    def BUILT(self) -> bool:  # noqa: N802 - a constant of the module
        """False: it can be configured and validated, and nothing runs it yet."""


class _Modules(Mapping[str, FraiseTypeModule]):
    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    def __getitem__(self, name: str) -> FraiseTypeModule:
        return cast("FraiseTypeModule", import_module(self._names[name]))

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


TYPES: Final[Mapping[str, FraiseTypeModule]] = _Modules(
    {
        "api": "fraisier.fraise_types.api",
        "etl": "fraisier.fraise_types.etl",
        "scheduled": "fraisier.fraise_types.scheduled",
        "backup": "fraisier.fraise_types.backup",
        "docker_compose": "fraisier.fraise_types.docker_compose",
    }
)
