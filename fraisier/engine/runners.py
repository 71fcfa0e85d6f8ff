"""Runners that are used again: a warm Ansible process that has served one deployment serves the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fraisier.run import Runner

IDLE_SECONDS = 600.0
"""After so long a warm process that nobody has used is ended; one is kept for the next push."""


@dataclass(frozen=True)
class _Idle:
    environ: Mapping[str, str]
    passing: tuple[str, ...]
    runner: Runner
    since: float


class Runners:
    """As many as there are deployments at once. One that has not ended well, or is of another environment, is not used again."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._idle: list[_Idle] = []

    @contextmanager
    def one(self, environ: Mapping[str, str], passing: Sequence[str]) -> Iterator[Runner]:
        """A runner for one deployment: ``environ`` and ``passing`` as ``Runner`` takes them."""
        runner = self._taken(environ, tuple(passing)) or Runner(environ, passing).__enter__()
        try:
            yield runner
        except BaseException:
            runner.__exit__(None, None, None)
            raise
        if runner.is_running and runner.outcome.status == "successful":
            self._keep(_Idle(dict(environ), tuple(passing), runner, time.monotonic()))
        else:
            runner.__exit__(None, None, None)

    def trim(self) -> None:
        """End those that have been idle for long, all but one."""
        with self._mutex:
            old = [idle for idle in self._idle[:-1] if time.monotonic() - idle.since > IDLE_SECONDS]
            self._idle = [idle for idle in self._idle if idle not in old]
        _end(old)

    def close(self) -> None:
        with self._mutex:
            idle, self._idle = self._idle, []
        _end(idle)

    def _taken(self, environ: Mapping[str, str], passing: tuple[str, ...]) -> Runner | None:
        with self._mutex:
            fit = [idle for idle in self._idle if (idle.environ, idle.passing) == (dict(environ), passing)]
            found = next((idle for idle in reversed(fit) if idle.runner.is_running), None)
            # What was made for a configuration that is no longer, or has died meanwhile, only takes up memory.
            rest = [
                idle for idle in self._idle if idle is not found and (idle not in fit or not idle.runner.is_running)
            ]
            self._idle = [idle for idle in self._idle if idle is not found and idle not in rest]
        _end(rest)
        return found.runner if found else None

    def _keep(self, idle: _Idle) -> None:
        with self._mutex:
            self._idle.append(idle)


def _end(idle: Sequence[_Idle]) -> None:
    for each in idle:
        each.runner.__exit__(None, None, None)
