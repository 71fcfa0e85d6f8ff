"""How risky pending migrations are, and what an environment does about it. Pure: a look at the host in, grades and a decision out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Answer = Literal["apply", "ask", "deny"]


class Grade(StrEnum):
    """What a migration may do, the least worrying first."""

    ADDITIVE = "additive"
    """Adds something new: whoever runs now does not notice."""
    REVERSIBLE = "reversible"
    """Changes what is there, and nothing is lost on the way back."""
    LOCK_RISKY = "lock_risky"
    """Loses nothing, and may keep others out of a table for as long as it takes."""
    DESTRUCTIVE = "destructive"
    """Takes data or an object away."""
    IRREVERSIBLE = "irreversible"
    """There is no way back: by its author's word, or because what it takes away cannot be made again."""
    UNKNOWN = "unknown"
    """Could not be told, which is not safe."""


ORDER = tuple(Grade)
KNOWN = frozenset(grade.value for grade in Grade)
USUAL: Mapping[Grade, Answer] = {
    Grade.ADDITIVE: "apply",
    Grade.REVERSIBLE: "apply",
    Grade.LOCK_RISKY: "apply",
    Grade.DESTRUCTIVE: "ask",
    Grade.IRREVERSIBLE: "ask",
    Grade.UNKNOWN: "ask",
}
"""What is done about a grade where the configuration says nothing."""


@dataclass(frozen=True)
class Step:
    """One thing that a migration does, in words, and how that is graded."""

    grade: Grade
    what: str


@dataclass(frozen=True)
class Graded:
    """A pending migration: its grade is the worst of its steps."""

    name: str
    steps: tuple[Step, ...]

    @property
    def grade(self) -> Grade:
        return worst(step.grade for step in self.steps)

    @property
    def why(self) -> str:
        """What makes it as risky as it is."""
        return "; ".join(dict.fromkeys(step.what for step in self.steps if step.grade is self.grade))

    def data(self) -> dict[str, Any]:
        return {"name": self.name, "grade": self.grade.value, "why": self.why}


def worst(grades: Iterable[Grade]) -> Grade:
    """The last in the order; of none at all nothing is known."""
    return max(grades, key=ORDER.index, default=Grade.UNKNOWN)


def grade(changes: Sequence[Mapping[str, Any]], dialect: str) -> list[Graded]:
    """Grades what a host says of its pending migrations (``changes`` of `fraisier.deploy.migrate`), in their order.

    A tool that grades by itself is believed as far as its words are known; the SQL of others is read as ``dialect`` has it.
    """
    return [Graded(str(change["name"]), tuple(_steps(change, dialect))) for change in changes]


def _steps(change: Mapping[str, Any], dialect: str) -> list[Step]:
    steps: list[Step] = []
    if change.get("stuck"):
        steps.append(Step(Grade.IRREVERSIBLE, str(change["stuck"])))
    if change.get("grades"):
        return steps + [_told(*pair) for pair in change["grades"]]
    if change.get("sql") is None:
        return steps or [Step(Grade.UNKNOWN, "its tool cannot show what it would do")]
    from fraisier.risk.statements import read  # takes its time to import, and most deployments have nothing pending

    return steps + read(str(change["sql"]), dialect)


def _told(word: str, what: str) -> Step:
    return Step(Grade(word) if word in KNOWN else Grade.UNKNOWN, what)


def answer(grade: Grade, wishes: Mapping[Grade, Answer]) -> Answer:
    """What is done about a migration of this grade: as ``wishes`` say, else as usual."""
    return wishes.get(grade, USUAL[grade])
