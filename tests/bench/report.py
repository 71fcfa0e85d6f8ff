"""Figures with their goals: as a table for people, as JSON for comparing runs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fraisier.show.text import table


@dataclass(frozen=True)
class Figure:
    """One measured quantity: the median of its samples. ``goal`` is a limit from above, or from below with ``at_least``."""

    name: str
    unit: str
    samples: Sequence[float]
    goal: float | None = None
    at_least: bool = False

    @property
    def value(self) -> float:
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def line(self) -> tuple[str, ...]:
        spread = f"{shown(min(self.samples))} to {shown(max(self.samples))}" if len(self.samples) > 1 else ""
        goal = "" if self.goal is None else f"{'>=' if self.at_least else '<='} {shown(self.goal)}"
        met = {None: "", True: "yes", False: "NO"}[self.is_met]
        return (self.name, shown(self.value), self.unit, spread, str(len(self.samples)), goal, met)

    def data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "value": self.value,
            "samples": list(self.samples),
            "goal": self.goal,
            "goal_is_at_least": self.at_least if self.goal is not None else None,
            "is_met": self.is_met,
        }


@dataclass(frozen=True)
class Section:
    """The figures of one benchmark and a sentence on what was compared."""

    name: str
    compared: str
    figures: Sequence[Figure]
    seconds: float = 0.0

    def text(self) -> str:
        headers = ("FIGURE", "MEDIAN", "UNIT", "LOWEST TO HIGHEST", "N", "GOAL", "MET")
        return f"\n{self.name}: {self.compared}\n" + table(headers, [figure.line() for figure in self.figures], width=0)

    def data(self) -> dict[str, Any]:
        figures = [figure.data() for figure in self.figures]
        return {"name": self.name, "compared": self.compared, "seconds": round(self.seconds, 1), "figures": figures}


def shown(value: float) -> str:
    """Three significant digits; whole numbers from a hundred on, with separators."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """What a figure must be read with; nothing that identifies the machine."""
    versions = {name: importlib.metadata.version(name) for name in ("ansible-core", "ansible-runner", "click")}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
        "load_before": [round(load, 1) for load in os.getloadavg()],
    }
