"""Running a plan as part of a deployment: recorded, judged, stoppable, and only while the target is ours."""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraisier.compile import stop_plan
from fraisier.errors import DeploymentCancelled, FraisierError, TargetLocked
from fraisier.evidence import Evidence
from fraisier.record.lease import FEED_SECONDS
from fraisier.record.recorder import Recorder
from fraisier.run import Options

if TYPE_CHECKING:
    from fraisier.plan import Plan
    from fraisier.work import Work

LOST = "another process has taken this deployment over; nothing more is done here"


def run_plan(
    work: Work,
    plan: Plan,
    run: str,
    expect: Mapping[str, str],
    options: Options | None = None,
    *,
    evidence: Evidence | None = None,
) -> tuple[Evidence, FraisierError | None]:
    """Run a plan to its end, recording each event; what it shows is added to ``evidence``.

    Ctrl-C, `fraisier cancel` and a timeout end the run and the answer is the error that says so. Raises TargetLocked, and does nothing,
    when the target is not ours any more.
    """
    evidence = evidence or Evidence(plan.hosts)
    if work.stopped_by and not work.is_going_back:
        return evidence, work.stopped_by
    if not work.lease.holds():
        raise TargetLocked(LOST)
    work.runs += 1
    options = options or Options()
    variables = {**options.variables, "fraisier_fence": work.fence}
    options = replace(
        options, variables=variables, feed_seconds=FEED_SECONDS, timeout_seconds=_seconds_left(work, plan)
    )
    secrets = work.keyring.reveal(plan.secrets)
    work.has_run = True
    evidence.begin_run(plan.hosts)
    work.clock.begin_run({} if work.is_going_back else work.resolved.settings.phase_timeouts)
    with Recorder(work.ledger, work.claim, run) as recorder, interruptible(work):
        for event in work.runner.run(plan, secrets, options):
            evidence.see(event)
            work.clock.see(event)
            recorder.put(event)
            work.listener.event(run, event)
    work.clock.end_run()
    if not work.lease.is_ours:  # whoever holds the target now also settles it
        raise TargetLocked(LOST)
    error = evidence.judge(plan, work.runner.outcome, expect_release=expect)
    return evidence, work.stopped_by if work.stopped_by and not work.is_going_back else error


def _seconds_left(work: Work, plan: Plan) -> float:
    """Going forward has one limit for all its runs; going back has as long again, and each of its runs to itself."""
    if work.is_going_back or not plan.timeout_seconds:
        return plan.timeout_seconds
    return max(1.0, plan.timeout_seconds - (datetime.now(UTC) - work.started).total_seconds())


class interruptible:  # noqa: N801  # reads as a verb at its one use
    """While a plan runs, Ctrl-C asks the deployment to stop instead of tearing us out of the middle of the record; a second one does."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._is_asked = False

    def __enter__(self) -> None:
        self._before = None
        if threading.current_thread() is threading.main_thread():
            self._before = {
                number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)
            }

    def _on_signal(self, *_: object) -> None:
        if self._is_asked:
            raise KeyboardInterrupt
        self._is_asked = True
        if self._work.is_going_back:
            self._work.listener.note("going back already; once more, and it is left as it is")
        self._work.stop(DeploymentCancelled("the run was cancelled"))

    def __exit__(self, *_: object) -> None:
        for number, handler in (self._before or {}).items():
            signal.signal(number, handler)


def stop_on_hosts(work: Work, evidence: Evidence, *, but: Collection[str] = ()) -> dict[str, str]:
    """End the commands that a cut off run left going on hosts; returns what could not be ended, by host.

    ``but``: hosts that did not answer a moment ago; asking them again would take as long again.
    """
    names = [name for name in evidence.unanswered if name not in but]
    if not names:
        return {}
    work.listener.note(f"ending what still runs on {', '.join(names)}")
    plan = stop_plan(work.resolved)
    found, _ = run_plan(work, replace(plan, hosts={name: plan.hosts[name] for name in names}), "compensate", {})
    return {
        name: f"{name}: whether its last command ({evidence.hosts[name].last_task}) still runs is not known"
        for name in names
        if not found.hosts[name].is_stopped
    }
