"""Queries keep their speed: each is served by an index, and it is the planner that says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from fraisier.record import read, write
from fraisier.record.ledger import Ledger, Row
from fraisier.record.owner import Owner
from fraisier.vocabulary import Status, Target
from tests.integration.record.big import add_deployments

TARGET = Target("fraise_1", "production")


class Explained(Ledger):
    """A ledger that also asks how each query will be done."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.plans: list[str] = []

    def query(self, sql: str, /, **parameters: object) -> list[Row]:
        plan = super().query(f"EXPLAIN QUERY PLAN {sql}", **parameters)
        self.plans += [row["detail"] for row in plan]
        return super().query(sql, **parameters)

    def take_plans(self) -> list[str]:
        plans, self.plans = self.plans, []
        return plans


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explained]:
    with Explained(f"sqlite:///{tmp_path_factory.mktemp('scale')}/fraisier.db") as ledger:
        with ledger.transaction():
            pass
        add_deployments(ledger, 2_000)
        yield ledger


FILTERS = [
    {
        name: value
        for name, value in zip(("fraise", "environment", "status", "since"), chosen, strict=True)
        if value is not None
    }
    for chosen in product(
        ("fraise_1", None), ("production", None), (Status.FAILED, None), (datetime.now(UTC) - timedelta(days=1), None)
    )
]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda filters: "+".join(filters) or "all")
def test_history_walks_an_index_by_every_filter_and_sorts_nothing(
    filters: dict[str, object], ledger: Explained
) -> None:
    assert read.history(ledger, **filters)  # type: ignore[arg-type]
    (plan,) = ledger.take_plans()
    assert "INDEX ix_deployment_" in plan
    equal = set(filters) - {"since"}
    assert set(re.findall(r"(\w+)=\?", plan)) == equal
    assert ("requested_at>?" in plan) is ("since" in filters)


def test_everything_else_searches_by_index(ledger: Explained) -> None:
    some = read.last_deployments(ledger, TARGET)[3]
    assert read.deployment(ledger, some.id[:13]) == some
    assert read.current_release(ledger, TARGET) and read.previous_good(ledger, TARGET)
    read.good_releases(ledger, TARGET)
    read.is_bad(ledger, TARGET, "R1")
    read.running(ledger)
    read.running(ledger, TARGET)
    read.pending(ledger, TARGET)
    read.events(ledger, some)
    read.phase_timing(ledger, some)
    read.host_releases(ledger, TARGET)
    read.recent_webhooks(ledger)
    read.stats(ledger, days=7)
    read.fraise_status(ledger, TARGET)
    plans = ledger.take_plans()
    # `e`, `n`, `hosts` and the nameless are what a subquery found by index already.
    scans = [
        plan
        for plan in plans
        if re.match(r"SCAN (?!e$|n$|hosts|\(subquery|CONSTANT ROW)", plan) and "INDEX" not in plan
    ]
    assert scans == []
    assert [plan for plan in plans if "AUTOMATIC" in plan] == []


def test_statistics_of_a_window_read_the_index_alone(ledger: Explained) -> None:
    assert read.stats(ledger, days=7, fraise="fraise_1").total > 0
    assert any("COVERING INDEX ix_deployment_day (requested_on>?)" in plan for plan in ledger.take_plans())


def test_the_commands_of_a_deployment_scan_nothing(ledger: Explained) -> None:
    deployment = write.claim(ledger, write.request(ledger, TARGET).id, Owner.here())
    assert write.finish(ledger, deployment, Status.FAILED)
    assert [plan for plan in ledger.take_plans() if plan.startswith("SCAN")] == []
