"""Collects everything that is wrong with a file, so that it can be told in one go and in the order of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from fraisier.errors import ConfigError, Problem
from fraisier.fraise_types.spelling import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fraisier.config.tree import Place


MOST_SUGGESTIONS: Final = 100


class Report:
    """The problems of one file. ``file`` is its name as people should see it."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[Place, str], str] = {}
        self._faulty: set[tuple[str | int, ...]] = set()
        self._above_faulty: set[tuple[str | int, ...]] = set()

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """One problem. The same message for the same place counts once, however many environments inherit the value."""
        self._found.setdefault((place, message), hint)
        self._faulty.add(place.path)
        self._above_faulty.update(place.path[:length] for length in range(len(place.path) + 1))

    def is_faulty(self, *path: str | int) -> bool:
        """True when something is wrong at ``path``, below it, or with what contains it."""
        above = (path[:length] for length in range(len(path)))
        return path in self._above_faulty or any(prefix in self._faulty for prefix in above)

    def suggestion(self, word: str, known: Iterable[str]) -> str:
        """``did you mean 'branch'?``, or ''. None for a file that is wrong all over, where looking for them takes long."""
        return did_you_mean(word, known) if len(self._found) < MOST_SUGGESTIONS else ""

    def fail(self, place: Place, message: str, hint: str = "") -> NoReturn:
        """For what makes the rest of the file unreadable."""
        self.add(place, message, hint)
        raise self.error()

    def error(self) -> ConfigError:
        """Everything found so far as one error."""
        ordered = sorted(self._found.items(), key=lambda item: (item[0][0].line, item[0][0].column))
        return ConfigError([self._problem(place, message, hint) for (place, message), hint in ordered])

    def raise_if_any(self) -> None:
        if self._found:
            raise self.error()

    def _problem(self, place: Place, message: str, hint: str) -> Problem:
        return Problem(message, place.dotted, self.file, place.line, place.column, hint or None)
