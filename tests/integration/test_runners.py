"""Runners that serve one deployment after the other."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from fraisier.engine import runners as module
from fraisier.engine.runners import Runners
from fraisier.run import Outcome, Runner


@pytest.fixture
def runners() -> Iterator[Runners]:
    found = Runners()
    yield found
    found.close()


ENVIRON = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}


def used(runners: Runners, status: str = "successful", environ: dict[str, str] = ENVIRON) -> Runner:
    """One deployment whose last run ended so."""
    with runners.one(environ, ()) as runner:
        runner.outcome = Outcome(status, 0)
    return runner


def test_one_that_has_served_well_serves_the_next(runners: Runners) -> None:
    first = used(runners)
    with runners.one(ENVIRON, ()) as again, runners.one(ENVIRON, ()) as beside:
        assert again is first and beside is not first
        again.outcome = beside.outcome = Outcome("successful", 0)
    assert first.is_running and beside.is_running


def test_one_that_has_not_is_ended(runners: Runners) -> None:
    first = used(runners, "canceled")
    assert not first.is_running
    with pytest.raises(RuntimeError, match="broken"), runners.one(ENVIRON, ()) as second:
        raise RuntimeError("broken")
    assert not second.is_running


def test_one_of_another_environment_or_that_has_died_is_not_used(runners: Runners) -> None:
    first = used(runners)
    other = used(runners, environ={**ENVIRON, "LANG": "C"})
    assert other is not first and not first.is_running
    os.kill(other._guardian.pid, signal.SIGKILL)
    other._guardian.wait()
    assert used(runners, environ={**ENVIRON, "LANG": "C"}) is not other


def test_of_those_that_nobody_uses_one_is_kept(runners: Runners, monkeypatch: pytest.MonkeyPatch) -> None:
    with runners.one(ENVIRON, ()) as first, runners.one(ENVIRON, ()) as second:
        first.outcome = second.outcome = Outcome("successful", 0)
    runners.trim()
    assert first.is_running and second.is_running
    monkeypatch.setattr(module, "IDLE_SECONDS", -1.0)
    runners.trim()
    assert [first.is_running, second.is_running].count(True) == 1
