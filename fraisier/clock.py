"""How long phases may take: watched while a plan runs, from the thread that keeps the lease."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fraisier.vocabulary import Event, EventKind


@dataclass
class PhaseClock:
    """``limits`` maps phases (by name) to seconds; a phase begins with its first task in a run and ends when another one begins."""

    limits: Mapping[Any, float] = field(default_factory=dict)
    phase: str = ""
    since: float = 0.0

    def begin_run(self, limits: Mapping[Any, float]) -> None:
        self.limits, self.phase = limits, ""

    def see(self, event: Event) -> None:
        if event.kind is EventKind.TASK and event.phase and event.phase != self.phase:
            self.phase, self.since = event.phase, time.monotonic()

    def end_run(self) -> None:
        self.phase = ""

    def late(self) -> str:
        """A sentence when the phase that runs now has used up its time, '' otherwise."""
        limit = self.limits.get(self.phase, 0.0)
        if not limit or time.monotonic() - self.since <= limit:
            return ""
        return f"phase {self.phase} took longer than the {limit:g} s that phase_timeouts allows and was ended"
