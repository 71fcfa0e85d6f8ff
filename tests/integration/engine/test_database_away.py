"""The database restarts while workers work: they go on, nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status as JobStatus

from fraisier.engine.procrastinate import Persistent
from fraisier.errors import LedgerError
from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.vocabulary import Status, Target
from tests.integration.engine.conftest import Workers, assert_never_two_at_once, rows_of, wait_for
from tests.integration.engine.test_contract import is_quiet, push
from tests.integration.record.postgresql import PostgresServer

TARGETS = [Target(f"f{number}", "production") for number in range(8)]


def test_postgresql_restarts_under_three_workers(
    postgresql_url: str, postgresql_server: PostgresServer, tmp_path: Path
) -> None:
    folder = tmp_path / "workers"
    folder.mkdir()
    workers = Workers(postgresql_url, folder)
    try:
        with Ledger(postgresql_url) as ledger:
            for _ in range(3):
                workers.start(seconds=0.4, concurrency=2)
            for target in TARGETS:
                push(ledger, target, 1)
            wait_for(lambda: workers.notes("begin"), "they work")
            for round_ in (2, 3):
                postgresql_server.restart("immediate" if round_ == 3 else "fast")
                with ThreadPoolExecutor(4) as pool:
                    list(pool.map(lambda target, commit=round_: insist(postgresql_url, target, commit), TARGETS))
            wait_for(lambda: is_reachable_and_quiet(ledger), "everything was carried out", 90)
            for target in TARGETS:
                rows = rows_of(ledger, target)
                assert rows[-1].git_commit == f"{3:040x}" or rows[-1].details.get("continues")
                newest = max((row for row in rows if row.started_at), key=lambda row: row.fencing)
                assert newest.status is Status.SUCCESS and newest.git_commit == f"{3:040x}"
            assert_never_two_at_once(ledger, TARGETS)
            begun = [note.id for note in workers.notes("begin")]
            assert len(begun) == len(set(begun)), "no row was carried out twice"
            assert all(process.poll() is None for process in workers.processes), "nobody has given up"
            postgresql_server.stop()
            try:
                wait_for(lambda: "waiting for the database" in workers.logs(), "somebody misses the database", 60)
            finally:
                postgresql_server.start()
            wait_for(lambda: "the database is back" in workers.logs(), "it is found again", 60)
    finally:
        workers.end()


def insist(url: str, target: Target, commit: int) -> None:
    """Ask until it is on record, as the sender of a push would."""
    with Ledger(url) as ledger:

        def asked() -> bool:
            try:
                push(ledger, target, commit)
            except LedgerError:
                return False
            return True

        wait_for(asked, "it is on record")


def is_reachable_and_quiet(ledger: Ledger) -> bool:
    try:
        return is_quiet(ledger) and not read.running(ledger)
    except LedgerError:
        return False


def test_the_end_of_a_doorbell_is_written_when_postgresql_is_back(
    postgresql_url: str, postgresql_server: PostgresServer
) -> None:
    """It is cut off in the middle; a job that is not ended then keeps its target from everybody."""

    async def across_a_restart() -> None:
        app = App(connector=Persistent(conninfo=postgresql_url, min_size=1, max_size=1))
        async with app.open_async():
            job_id = await app.configure_task("x", lock="f1", allow_unknown=True).defer_async()
            worker_id = await app.job_manager.register_worker()
            assert await app.job_manager.fetch_job(queues=None, worker_id=worker_id)
            with psycopg.connect(postgresql_url) as other:
                other.execute("SELECT 1 FROM procrastinate_jobs WHERE id = %s FOR UPDATE", (job_id,))
                ending = app.job_manager.finish_job_by_id_async(job_id, JobStatus.SUCCEEDED, delete_job=True)
                said = asyncio.create_task(ending)
                await asyncio.sleep(0.3)
                assert not said.done(), "it waits in PostgreSQL"
                await asyncio.to_thread(postgresql_server.restart, "immediate")
                other.close()
            await said
            assert not await app.job_manager.list_jobs_async(lock="f1")
            with pytest.raises(ConnectorException) as caught:  # no fault of a connection: said once
                await app.job_manager.finish_job_by_id_async(job_id, JobStatus.SUCCEEDED, delete_job=True)
            assert "was not found" in str(caught.value.__cause__)

    asyncio.run(across_a_restart())
