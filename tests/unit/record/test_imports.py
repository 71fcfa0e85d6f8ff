"""What the ledger may import: reading and writing must not cost a command the second that SQLModel takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("sqlalchemy", "sqlmodel", "pydantic", "alembic", "psycopg", "ansible_runner", "fastapi", "jinja2")

DEPLOY = """
from fraisier.record import read, write
from fraisier.record.database import Database
from fraisier.record.owner import Owner
from fraisier.record.recorder import Recorder
from fraisier.vocabulary import Event, EventKind, Status, Target
database = Database(sys.argv[1])
target = Target("my_api", "production")
deployment = write.claim(database, write.request(database, target).id, Owner.here())
with Recorder(database, deployment) as recorder:
    recorder.put(Event(EventKind.OK, 1.0))
assert write.finish(database, deployment, Status.SUCCESS)
assert read.stats(database).successful == 1 and read.fraise_status(database) and read.phase_timing(database, deployment) == []
"""


@pytest.mark.parametrize("code", ["from fraisier.record import read, ledger, write, recorder, database", DEPLOY])
def test_reading_and_writing_a_current_sqlite_ledger_import_nothing_heavy(code: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state/fraisier.db"
    run = [sys.executable, "-c"]
    subprocess.run(
        [*run, "import sys; from fraisier.record.migrate import migrate; migrate(sys.argv[1])", url], check=True
    )
    report = f"\nprint(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([*run, f"import sys\n{code}{report}", url], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
