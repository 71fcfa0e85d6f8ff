"""Numbers for Prometheus, in a registry of their own. Labels hold configured names and our own words alone, never text of a request."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector

from fraisier.errors import LedgerError

if TYPE_CHECKING:
    from fraisier.record.ledger import Ledger

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MULTIPROCESS_FOLDERS = (MULTIPROCESS_FOLDER, MULTIPROCESS_FOLDER.lower())
"""The older spelling still counts."""
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """What this process counts; with several server processes, ``text`` adds up those of all."""

    def __init__(self, ledger: Ledger) -> None:
        self._is_shared = MULTIPROCESS_FOLDER in os.environ
        self._queue = _Queue(ledger)
        self._own = CollectorRegistry()
        about: dict[str, Any] = {"registry": None if self._is_shared else self._own}
        self._answers = Counter("fraisier_webhook_requests", "Answers, by HTTP status.", ["status"], **about)
        self._deliveries = Counter(
            "fraisier_webhook_deliveries",
            "Verified deliveries, by hook and what became of them.",
            ["hook", "decision"],
            **about,
        )
        self._seconds = Histogram(
            "fraisier_webhook_request_seconds", "From the request to its answer.", buckets=_SECONDS, **about
        )
        self._commit_seconds = Histogram(
            "fraisier_webhook_commit_seconds", "One durable transaction.", buckets=_SECONDS, **about
        )
        self._group = Histogram(
            "fraisier_webhook_group_deliveries", "Deliveries written in one transaction.", buckets=_ROWS, **about
        )
        self._missed = Counter("fraisier_missed_pushes", "Pushes found by looking at the repositories.", **about)
        self._of_answer: dict[int, Counter] = {}
        self._of_delivery: dict[tuple[str, str], Counter] = {}

    def answered(self, status: int, seconds: float) -> None:
        counter = self._of_answer.get(status)
        if counter is None:
            counter = self._of_answer[status] = self._answers.labels(str(status))
        counter.inc()
        self._seconds.observe(seconds)

    def decided(self, hook: str, decision: str) -> None:
        counter = self._of_delivery.get((hook, decision))
        if counter is None:
            counter = self._of_delivery[hook, decision] = self._deliveries.labels(hook, decision)
        counter.inc()

    def committed(self, deliveries: int, seconds: float) -> None:
        self._group.observe(deliveries)
        self._commit_seconds.observe(seconds)

    def missed(self, pushes: int) -> None:
        self._missed.inc(pushes)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format. The queue is read from the database; without one its gauges are left out."""
        asked = CollectorRegistry()
        asked.register(self._queue)
        if self._is_shared:
            MultiProcessCollector(asked)  # type: ignore[no-untyped-call]
            return generate_latest(asked)
        return generate_latest(self._own) + generate_latest(asked)


class _Queue:
    """Gauges of the queue, read when they are asked for: they are the same from every process."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            rows = self._ledger.query(_STATUSES)
        except LedgerError:
            yield GaugeMetricFamily("fraisier_database_up", "1 when the database answers.", 0)
            return
        found = {row["status"]: row["number"] for row in rows}
        yield GaugeMetricFamily("fraisier_database_up", "1 when the database answers.", 1)
        yield GaugeMetricFamily("fraisier_deployments_waiting", "Deployments that wait.", found.get("pending", 0))
        yield GaugeMetricFamily("fraisier_deployments_running", "Deployments that run.", found.get("in_progress", 0))


_STATUSES = (
    "SELECT status, count(*) AS number FROM tb_deployment WHERE status IN ('pending', 'in_progress') GROUP BY status"
)
