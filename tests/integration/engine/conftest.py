"""Workers as processes of their own, on both databases."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Target
from tests.integration.record.conftest import (  # noqa: F401  # the fixtures of both databases
    database_url,
    ledger,
    postgresql_server,
    postgresql_template,
    postgresql_url,
    sqlite_url,
)

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Note:
    """A line of a worker's journal; ``at`` is seconds of the machine's clock, alike for all processes."""

    what: str
    at: float
    pid: int
    target: str
    id: str
    commit: str


@dataclass
class Workers:
    """``start()`` as many as needed; what they did is in ``notes()``."""

    url: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, **options: Any) -> subprocess.Popen[bytes]:
        journal = str(self.folder / "journal")
        command = [sys.executable, "-m", "tests.integration.engine.stand_in"]
        log = (self.folder / f"log{len(self.processes)}").open("wb")
        process = subprocess.Popen(
            [*command, json.dumps({"url": self.url, "journal": journal, **options})], cwd=ROOT, stderr=log
        )
        log.close()
        self.processes.append(process)
        return process

    def notes(self, what: str = "") -> list[Note]:
        journal = self.folder / "journal"
        lines = [line.split() for line in journal.read_text().splitlines()] if journal.exists() else []
        found = [Note(kind, float(at), int(pid), target, id_, commit) for kind, at, pid, target, id_, commit in lines]
        return [note for note in found if what in ("", note.what)]

    def logs(self) -> str:
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("log*")))

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()


@pytest.fixture
def workers(database_url: str, ledger: Ledger, tmp_path: Path) -> Iterator[Workers]:  # noqa: F811
    with ledger.transaction():
        pass  # the file is there before several processes look for it
    folder = tmp_path / "workers"
    folder.mkdir()
    found = Workers(database_url, folder)
    yield found
    found.end()


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"did not happen within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def rows_of(ledger: Ledger, target: Target) -> list[Deployment]:  # noqa: F811
    """All deployments of a target, oldest first."""
    return sorted(read.last_deployments(ledger, target, 1000), key=lambda row: row.pk)


def assert_never_two_at_once(ledger: Ledger, targets: list[Target]) -> None:  # noqa: F811
    """By the rows: of each target one deployment has ended before the next one began, and numbers grow in that order."""
    for target in targets:
        carried = sorted((row for row in rows_of(ledger, target) if row.started_at), key=lambda row: row.fencing)
        for before, after in pairwise(carried):
            assert before.completed_at and after.started_at and before.completed_at <= after.started_at, target
