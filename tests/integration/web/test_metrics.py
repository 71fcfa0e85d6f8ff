"""`/metrics` of a real server with several processes: one truth, whichever of them answers, and nothing of an earlier start."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.vocabulary import Target
from tests.acceptance.world import wait_for
from tests.bench.pusher import Connection, requests
from tests.integration.web.conftest import SECRET, with_sections
from tests.integration.web.test_serving import DEADLINE_SECONDS, Served, served

GAUGES = ("fraisier_database_up", "fraisier_deployments_waiting", "fraisier_deployments_running")


@pytest.fixture(autouse=True)
def _quiet(configuration: Path) -> None:
    """Nobody writes but who is told to: a process that is halted while it does would hold up the others."""
    with_sections(configuration, "server: {reconcile_seconds: 0}")


def numbers(server: Served) -> dict[str, float]:
    """All samples, by name and labels, as in ``name{label=value}``."""
    status, text, _ = server.get("/metrics")
    assert status == 200
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            name = f"{sample.name}{{{labels}}}" if labels else sample.name
            assert name not in found, "Prometheus would refuse it all"
            found[name] = sample.value
    return found


def counted(server: Served) -> dict[str, float]:
    """What is counted, without what it took and what is measured when it is asked for."""
    return {
        name: value
        for name, value in numbers(server).items()
        if not name.startswith(GAUGES) and not name.endswith(("_created", "_sum")) and "le=" not in name
    }


def push(server: Served, first: int, count: int, *, secret: str = SECRET) -> list[int]:
    """Deliveries over a connection of their own; the answers."""
    connection = Connection(server.port)
    statuses = []
    with connection.socket:
        for request in requests("/webhook", secret, first, count):
            connection.send(request)
            while not (status := connection.status()):
                pass
            statuses.append(status)
    return statuses


@contextmanager
def alone(server: Served, pid: int) -> Iterator[None]:
    """This process answers everything: the others are halted meanwhile."""
    others = [other for other in server.children() if other != pid]
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        for other in others:
            wait_for_state(other, "T")
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


def wait_for_state(pid: int, state: str) -> None:
    until = time.monotonic() + DEADLINE_SECONDS
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != state:
        assert time.monotonic() < until
        time.sleep(0.005)


def replaced(server: Served, killed: int) -> int:
    """The process that takes the place of the killed one."""
    before = set(server.children())
    os.kill(killed, signal.SIGKILL)
    until = time.monotonic() + DEADLINE_SECONDS
    while not (found := set(server.children()) - before):
        assert time.monotonic() < until
        time.sleep(0.01)
    return found.pop()


def test_counters_add_up_whichever_process_answers_and_whoever_dies(configuration: Path, sqlite_url: str) -> None:
    with served(configuration, sqlite_url, "--workers", "2") as server:
        first, second = server.children()
        with alone(server, first):
            assert push(server, 1, 3) == [202] * 3
            wait_for(lambda: counted(server).get("fraisier_webhook_requests_total{status=202}") == 3, "it has counted")
        with alone(server, second):
            assert push(server, 10, 4) == [202] * 4
            assert push(server, 1, 2) == [200] * 2, "sent to the other one before"
            assert push(server, 20, 1, secret="not the secret that they share") == [401]
            of_second = counted(server)
        assert of_second == {
            "fraisier_webhook_requests_total{status=202}": 7,
            "fraisier_webhook_requests_total{status=200}": 2,
            "fraisier_webhook_requests_total{status=401}": 1,
            "fraisier_webhook_deliveries_total{decision=accepted,hook=git.github}": 7,
            "fraisier_webhook_deliveries_total{decision=duplicate,hook=git.github}": 2,
            "fraisier_webhook_request_seconds_count": 10,
            "fraisier_webhook_commit_seconds_count": 9,
            "fraisier_webhook_group_deliveries_count": 9,
            "fraisier_missed_pushes_total": 0,
        }
        with alone(server, first):
            assert counted(server) == of_second
        third = replaced(server, second)
        with alone(server, third):
            assert counted(server) == of_second, "neither lost with the one that died, nor counted again"
            assert push(server, 30, 5) == [202] * 5
            everything = numbers(server)
        assert everything["fraisier_webhook_requests_total{status=202}"] == 12
        assert everything["fraisier_webhook_deliveries_total{decision=accepted,hook=git.github}"] == 12
        assert everything["fraisier_webhook_group_deliveries_sum"] == 14
        assert everything["fraisier_webhook_request_seconds_bucket{le=+Inf}"] == 15
        assert everything["fraisier_webhook_group_deliveries_bucket{le=1.0}"] == 14
        with alone(server, first):
            assert numbers(server) == everything


def test_gauges_are_what_the_database_holds_whichever_process_answers(configuration: Path, sqlite_url: str) -> None:
    with served(configuration, sqlite_url, "--workers", "2") as server, Ledger(sqlite_url) as ledger:

        def gauges() -> list[tuple[float, ...]]:
            found = []
            for pid in server.children():
                with alone(server, pid):
                    told = numbers(server)
                    found.append(tuple(told[name] for name in GAUGES))
            return found

        assert gauges() == [(1, 0, 0)] * 2
        assert push(server, 1, 1) == [202]
        assert gauges() == [(1, 2, 0)] * 2, "two fraises are made of that repository"
        waiting = [read.pending(ledger, Target(fraise, "production")) for fraise in ("my_api", "worker")]
        assert waiting[0] and waiting[1]
        write.claim(ledger, waiting[0].id, Owner.here())
        assert gauges() == [(1, 1, 1)] * 2
        write.cancel(ledger, waiting[1].id)
        assert gauges() == [(1, 0, 1)] * 2


def test_one_process_counts_for_itself_whatever_folder_somebody_else_counts_in(
    configuration: Path, sqlite_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "of somebody else"
    folder.mkdir()
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(folder), "prometheus_multiproc_dir": str(folder)}
    for first in (1, 10):
        with served(configuration, sqlite_url, environ=environ) as server:
            assert push(server, first, 3) == [202] * 3
            assert counted(server)["fraisier_webhook_requests_total{status=202}"] == 3
            assert server.stop() == 0
    assert list(folder.iterdir()) == []


def test_several_begin_at_nought_and_leave_nothing(configuration: Path, sqlite_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    environ = {"TMPDIR": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with served(configuration, sqlite_url, "--workers", "2", environ=environ) as server:
        assert push(server, 1, 3) == [202] * 3
        children = server.children()
        server.process.kill()
        server.process.wait()
        for child in children:
            wait_for_end(child)
    assert list(folder.iterdir()) == [], "they clear away what the killed one could not"
    with served(configuration, sqlite_url, "--workers", "2", environ=environ) as server:
        assert not any(counted(server).values())
        assert server.stop() == 0
    assert list(folder.iterdir()) == []


def wait_for_end(pid: int) -> None:
    until = time.monotonic() + DEADLINE_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)
            assert time.monotonic() < until
            time.sleep(0.01)
