"""What the configuration comes to: a fraise with its environments, every setting resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraisier.config.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fraisier.fraise_types.settings import Placement
    from fraisier.vocabulary import Target


@dataclass(frozen=True)
class Estate:
    """What inventories of the user's own say, as far as it is needed here. Made by ``fraisier.estate``.

    ``sources`` are absolute paths. For each host: ``labels`` to choose it by (its own, and its variables of one word), ``own_labels``,
    ``peers`` (how it is reached, untemplated), and the names of its ``variables``.
    """

    sources: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    labels: Mapping[str, Mapping[str, str]] = field(repr=False)
    own_labels: Mapping[str, Mapping[str, str]]
    peers: Mapping[str, Mapping[str, Any]] = field(repr=False)
    variables: Mapping[str, frozenset[str]] = field(repr=False)


@dataclass(frozen=True)
class ResolvedFraise:
    """One fraise in one environment.

    ``settings`` is the ``Settings`` of its type, inheritance and variables resolved (secrets stay references);
    ``unset`` names the settings that nobody wrote, which therefore hold their default. ``root`` is the folder of
    fraises.yaml: relative paths of the configuration start there. ``groups`` are those of fraises.yaml that have any of its
    hosts, with these members. With ``settings.inventory``, hosts are known only once ``fraisier.estate`` has
    asked: then ``estate`` is what it was told. ``notices`` says who hears of its deployments. ``origin`` is
    the target whose copies ``database.restore_from`` names.
    """

    target: Target
    type: str
    description: str
    settings: Placement
    root: Path
    unset: frozenset[str] = frozenset()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    estate: Estate | None = None
    notices: Notices = field(default_factory=Notices)
    origin: ResolvedFraise | None = None


@dataclass(frozen=True)
class Fraise:
    """One fraise with all its environments, by name and in the order of the file."""

    name: str
    type: str
    description: str
    environments: Mapping[str, ResolvedFraise]
