"""In which order and how many at a time hosts get a new release. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fraisier.fraise_types.settings import Rollout

Batches = tuple[tuple[str, ...], ...]


def batches(rollout: Rollout, hosts: Sequence[str]) -> Batches:
    """``hosts`` in the batches of the rollout, in their order; every host is in exactly one.

    A percentage is one of all ``hosts``, rounded down, and at least one host. The last size repeats (``rolling``); after the sizes given
    all that are left go at once (``canary``).
    """
    if rollout.strategy == "all":
        return (tuple(hosts),)
    sizes = [count(size, len(hosts)) for size in rollout.batch_size]
    found: list[tuple[str, ...]] = []
    rest = list(hosts)
    while rest:
        at_end = len(found) >= len(sizes)
        size = len(rest) if at_end and rollout.strategy == "canary" else sizes[min(len(found), len(sizes) - 1)]
        found.append(tuple(rest[:size]))
        rest = rest[size:]
    return tuple(found)


def serial(rollout: Rollout) -> tuple[int | str, ...]:
    """The same as Ansible's keyword ``serial`` takes it; () for all at once."""
    if rollout.strategy == "all":
        return ()
    return rollout.batch_size if rollout.strategy == "rolling" else (*rollout.batch_size, "100%")


def count(size: int | str, hosts: int) -> int:
    """How many of ``hosts`` a size means; a percentage is rounded down, and at least one."""
    return size if isinstance(size, int) else max(1, hosts * int(size.removesuffix("%")) // 100)
