"""One run through Runner and Recorder in a process of its own, timed from inside: ``python -m tests.bench.recorded_run JSON``.

Importing our modules is not part of it: a deployment has done that long before, and ``start`` measures it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fraisier.plan import Plan, Template
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.recorder import Recorder
from fraisier.run import Runner
from fraisier.vocabulary import Event, Status, Target

HOSTS: Mapping[str, Mapping[str, Any]] = {
    "localhost": {
        "ansible_connection": "local",
        "ansible_python_interpreter": Template("{{ ansible_playbook_python }}"),
    }
}

PAUSE = 0.4
"""Before every measurement: a core that has just been busy is faster than one that wakes up, and a ready guardian has been waiting."""


def plan_of(playbook: str) -> Plan:
    """A plan around any playbook: one host, the local connection."""
    return Plan(Target("bench", "run"), playbook, HOSTS, {})


@dataclass(frozen=True)
class Job:
    """What to run. ``ready``: begin to count when the guardian waits for its first plan, as it does in a deployment."""

    playbook: str
    database_url: str
    ready: bool


class TimedRecorder(Recorder):
    """Notes for each event how long after its making it was committed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.latencies: list[float] = []
        super().__init__(*arguments, **options)

    def _persist(self, events: list[Event]) -> None:
        super()._persist(events)
        now = time.time()
        self.latencies += [now - event.time for event in events]


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    with Ledger(job.database_url) as ledger:
        claim = write.claim(ledger, write.request(ledger, Target("bench", "run")).id, Owner.here())
        runner = Runner(os.environ)
        if not job.ready:
            time.sleep(PAUSE)
            wall, cpu = time.perf_counter(), time.process_time()
        with runner:
            if job.ready:
                wait_until_idle(runner._guardian.pid)
                wall, cpu = time.perf_counter(), time.process_time()
            with TimedRecorder(ledger, claim) as recorder:
                for event in runner.run(plan_of(job.playbook), {}):
                    recorder.put(event)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        write.finish(ledger, claim, Status.SUCCESS)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = {
        "wall": wall,
        "cpu": cpu + children.ru_utime + children.ru_stime,
        "status": runner.outcome.status,
        "deployment": claim.pk,
        "latencies": recorder.latencies,
    }
    print(json.dumps(answer))


def wait_until_idle(pid: int, seconds: float = 30.0) -> None:
    """Until a process has imported what it needs and uses no more processor time."""
    deadline, last, since = time.monotonic() + seconds, -1, 0.0
    while time.monotonic() < deadline:
        ticks = _ticks(pid)
        if ticks != last:
            last, since = ticks, time.monotonic()
        elif ticks and _sleeps(pid) and time.monotonic() - since > PAUSE:
            return
        time.sleep(0.02)
    raise TimeoutError(f"process {pid} is still busy after {seconds} s")


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12])


def _sleeps(pid: int) -> bool:
    return _stat(pid)[0] == "S"


if __name__ == "__main__":
    main()
