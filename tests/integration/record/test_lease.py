"""The lease: it beats while the work goes on, hears that somebody wants it to stop, and knows when it has lost the target."""

from __future__ import annotations

import threading

import pytest

from fraisier.record import read, write
from fraisier.record.lease import Lease
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Target


@pytest.fixture
def deployment(ledger: Ledger, target: Target) -> Deployment:
    return write.claim(ledger, write.request(ledger, target).id, Owner.here())


class Heard:
    """What a lease told its holder."""

    def __init__(self) -> None:
        self.beats = 0
        self.cancels = 0
        self.lost = threading.Event()
        self.beaten = threading.Event()
        self.cancelled = threading.Event()

    def on_beat(self) -> None:
        self.beats += 1
        self.beaten.set()

    def on_cancel(self) -> None:
        self.cancels += 1
        self.cancelled.set()

    def lease(self, ledger: Ledger, deployment: Deployment) -> Lease:
        on_lost = self.lost.set
        return Lease(
            ledger, deployment, on_beat=self.on_beat, on_cancel=self.on_cancel, on_lost=on_lost, beat_seconds=0.02
        )


def test_the_heart_beats_until_somebody_else_holds_the_target(ledger: Ledger, deployment: Deployment) -> None:
    heard = Heard()
    with heard.lease(ledger, deployment) as lease:
        assert heard.beaten.wait(10)
        row = read.deployment(ledger, deployment.id)
        assert row is not None and row.heartbeat_at is not None and deployment.heartbeat_at is not None
        assert row.heartbeat_at > deployment.heartbeat_at
        assert lease.holds()
        write.interrupt_orphans(ledger, is_alive=lambda _: False)
        assert heard.lost.wait(10)
        assert not lease.holds()


def test_a_wish_to_cancel_is_heard_once(ledger: Ledger, deployment: Deployment) -> None:
    heard = Heard()
    with heard.lease(ledger, deployment) as lease:
        write.cancel(ledger, deployment.id, actor="somebody")
        assert heard.cancelled.wait(10)
        for _ in range(3):
            assert lease.holds(), "who was asked to stop still has to put things back"
    assert heard.cancels == 1
    assert heard.beats > 3


def test_a_target_that_was_lost_before_the_first_beat_is_noticed_when_asked(
    ledger: Ledger, deployment: Deployment
) -> None:
    write.interrupt_orphans(ledger, is_alive=lambda _: False)
    heard = Heard()
    with heard.lease(ledger, deployment) as lease:
        assert not lease.holds()
    assert heard.lost.is_set() and heard.beats == 0
