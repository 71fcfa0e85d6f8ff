"""A file as a tree of values that know where they were written, and how two levels of settings become one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


LONGEST_KEY: Final = 63


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: dotted path in the document, 1-based line and column."""

    path: tuple[str | int, ...] = ()
    line: int = 1
    column: int = 1

    @property
    def dotted(self) -> str:
        """``fraises.my_api.hosts[1].port``."""
        parts = [f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in self.path]
        return "".join(parts).removeprefix(".")


def _shown(key: str) -> str:
    """A key as a message shows it: short, and without characters that a terminal would obey."""
    printable = key if key.isprintable() else ascii(key)[1:-1]
    return printable if len(printable) <= LONGEST_KEY else f"{printable[:LONGEST_KEY]}…"


WHOLE_FILE = Place((), 0, 0)
"""For what is wrong with a file rather than with a line of it."""


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar, a list of values, or a mapping of entries. ``size`` counts it and all below it, aliases expanded."""

    data: Any
    place: Place = field(default_factory=Place)
    size: int = 1

    @property
    def entries(self) -> dict[str, Entry]:
        """The entries of a mapping; none for anything else."""
        return self.data if isinstance(self.data, dict) else {}

    def get(self, *path: str) -> Value | None:
        """The value below, or None."""
        found = self
        for key in path:
            entry = found.entries.get(key)
            if entry is None:
                return None
            found = entry.value
        return found

    def place_of(self, *path: str) -> Place:
        """Where the value at ``path`` was written, or the nearest value above it that was."""
        found = self
        for key in path:
            entry = found.entries.get(key)
            if entry is None:
                break
            found = entry.value
        return found.place


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping, where it was written, and its value."""

    key: Place
    value: Value


def mapping(entries: dict[str, Entry], place: Place) -> Value:
    """A mapping value of these entries."""
    return Value(entries, place, 1 + sum(entry.value.size for entry in entries.values()))


def without_nulls(value: Value) -> Value:
    """The value with every key left out whose value is null, at any depth of mappings; lists stay as they are."""
    if not isinstance(value.data, dict):
        return value
    kept = {
        key: Entry(entry.key, without_nulls(entry.value))
        for key, entry in value.data.items()
        if entry.value.data is not None
    }
    return mapping(kept, value.place)


def merge(base: Value, over: Value) -> Value:
    """``over`` laid on ``base``: mappings merge deeply, everything else replaces, and null takes the key away.

    The rules of JSON Merge Patch (RFC 7396). Every value keeps the place that it was written at.
    """
    if not isinstance(base.data, dict) or not isinstance(over.data, dict):
        return without_nulls(over)
    merged = dict(base.data)
    for key, entry in over.data.items():
        if entry.value.data is None:
            merged.pop(key, None)
        elif key in merged:
            merged[key] = Entry(entry.key, merge(merged[key].value, entry.value))
        else:
            merged[key] = Entry(entry.key, without_nulls(entry.value))
    return mapping(merged, over.place)


def plain(value: Value) -> Any:
    """The value as ordinary data."""
    if isinstance(value.data, dict):
        return {key: plain(entry.value) for key, entry in value.data.items()}
    if isinstance(value.data, list):
        return [plain(item) for item in value.data]
    return value.data


def leaves(value: Value) -> Iterator[Value]:
    """Every scalar below, in the order of the file."""
    if isinstance(value.data, dict):
        for entry in value.data.values():
            yield from leaves(entry.value)
    elif isinstance(value.data, list):
        for item in value.data:
            yield from leaves(item)
    else:
        yield value
