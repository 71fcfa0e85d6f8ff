"""Choosing among hosts by names, groups and labels: one small language for ``select`` in fraises.yaml and for ``--limit``. Pure.

Terms are separated by commas. ``web1`` or ``web*``: hosts and groups of that name; ``@web``: the group alone; ``region=eu``: hosts with
that label; ``all``: every host. ``!term`` takes away and ``&term`` keeps only what it matches, wherever they stand, as in Ansible:
first everything that plain terms name (all hosts where there are none), then what ``&`` keeps, less what ``!`` takes away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from fraisier.errors import UsageError

Labels = Mapping[str, str]
GLOB = frozenset("*?[")


@dataclass(frozen=True)
class Choice:
    """What there is to choose from: hosts in their order, each with its labels, and the members of each group."""

    hosts: Mapping[str, Labels]
    groups: Mapping[str, Collection[str]]

    def matching(self, pattern: str) -> tuple[str, ...]:
        """Names of the hosts that ``pattern`` chooses, in their order; none is an answer. Raises UsageError for what is no pattern."""
        plain, kept, taken = self._sorted(pattern)
        chosen = set().union(*plain) if plain else set(self.hosts)
        for each in kept:
            chosen &= each
        for each in taken:
            chosen -= each
        return tuple(name for name in self.hosts if name in chosen)

    def unknown(self, pattern: str) -> list[str]:
        """Names in ``pattern`` that no host and no group has: misspelt ones, most likely."""
        words = [term.lstrip("!&").removeprefix("@") for term in terms(pattern)]
        names = [word for word in words if word != "all" and "=" not in word and not GLOB & set(word)]
        return [name for name in names if name not in self.hosts and name not in self.groups]

    def _sorted(self, pattern: str) -> tuple[list[set[str]], list[set[str]], list[set[str]]]:
        found: tuple[list[set[str]], list[set[str]], list[set[str]]] = ([], [], [])
        for term in terms(pattern):
            place = {"&": 1, "!": 2}.get(term[0], 0)
            found[place].append(self._matched(term[1:] if place else term))
        return found

    def _matched(self, term: str) -> set[str]:
        if term in ("all", "*"):
            return set(self.hosts)
        label, is_label, value = term.partition("=")
        if is_label:
            return {
                name for name, labels in self.hosts.items() if label in labels and fnmatchcase(labels[label], value)
            }
        name = term.removeprefix("@")
        members = {each for group, hosts in self.groups.items() if fnmatchcase(group, name) for each in hosts}
        return members if term != name else members | {host for host in self.hosts if fnmatchcase(host, name)}


def terms(pattern: str) -> list[str]:
    """The terms of a pattern. Raises UsageError when one of them is none."""
    found = [term.strip() for term in pattern.split(",")]
    for term in found:
        rest = term[1:] if term[:1] in ("!", "&") else term
        if not rest.removeprefix("@") or rest[0] in "!&~=" or " " in rest:
            hint = "expected names, @groups or label=value, each perhaps after ! or &, separated by commas"
            raise UsageError(f"'{pattern}' does not choose hosts", hint=hint)
    return found
