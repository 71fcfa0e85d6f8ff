"""A worker process whose deployments are a wait: everything of the engine is real, only what it carries out is not.

    python -m tests.integration.engine.stand_in '{"url": ..., "journal": ..., "seconds": 0.05, "concurrency": 4}'

Writes a line to the journal when a deployment begins and when it ends; the first deployment of each
fraise named in ``holding`` goes on until it is stopped.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fraisier.engine import carrier
from fraisier.engine.due import Limits
from fraisier.engine.worker import Rules, Worker
from fraisier.record import write
from fraisier.record.lease import Lease
from fraisier.record.ledger import Ledger
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Status, Target


class Body:
    """Carries out by waiting, and hears what a deployment hears."""

    def __init__(self, ledger: Ledger, options: dict[str, Any]) -> None:
        self.ledger = ledger
        self.journal = Path(options["journal"])
        self.seconds: float = options.get("seconds", 0.05)
        self.holding = set(options.get("holding", []))
        self.failing: list[str] = options.get("failing", [])

    def __call__(self, row: Deployment) -> None:
        stopped, lost = threading.Event(), threading.Event()
        with Lease(
            self.ledger, row, on_beat=lambda: None, on_cancel=stopped.set, on_lost=lost.set, beat_seconds=0.1
        ) as lease:
            self.note("begin", row)
            if row.target.fraise in self.failing:
                raise RuntimeError("this body is broken")
            until = time.monotonic() + (3600 if row.target.fraise in self.holding else self.seconds)
            self.holding.discard(row.target.fraise)
            while time.monotonic() < until and not stopped.wait(0.01) and lease.is_ours:
                pass
            self.note("end", row)
        status = Status.CANCELLED if stopped.is_set() else Status.SUCCESS
        with self.ledger.patient(60):
            write.finish(self.ledger, row, status, release_id="R", new_version=row.git_commit or "")

    def note(self, what: str, row: Deployment) -> None:
        line = f"{what} {time.monotonic()} {os.getpid()} {row.target} {row.id} {row.git_commit}\n"
        with self.journal.open("a") as file:
            file.write(line)


def main() -> None:
    options: dict[str, Any] = json.loads(sys.argv[1])
    logging.basicConfig(stream=sys.stderr, level=logging.DEBUG if options.get("debug") else logging.INFO)
    ledger, stop = Ledger(options["url"]), threading.Event()
    limits = Limits(options.get("total"), options.get("environments", {}))
    clocks = {
        Target(*name.split("/")): (SimpleNamespace(cron=cron, timezone="UTC"), 0)
        for name, cron in options.get("clocks", {}).items()
    }
    rules = Rules(limits, clocks)
    worker = Worker(
        ledger, Body(ledger, options), concurrency=options.get("concurrency", 4), rules=lambda: rules, stop=stop
    )
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    carrier(ledger).serve(worker)
    worker.wait()


if __name__ == "__main__":
    main()
