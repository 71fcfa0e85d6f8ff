"""Deployments that a worker ends without carrying them out are told of, too."""

from __future__ import annotations

import dataclasses

from fraisier import notify
from fraisier.config import FraisierConfig
from fraisier.engine.body import carry_out
from fraisier.engine.runners import Runners
from fraisier.engine.worker import Worker
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.vocabulary import Target
from tests.receiver import Receiver


def worker(ledger: Ledger, config: FraisierConfig) -> Worker:
    def carry(row: Deployment) -> None:
        raise RuntimeError("a fault of our own")

    return Worker(ledger, carry, concurrency=1, on_end=notify.announcer(ledger, config))


def title(receiver: Receiver) -> str:
    return str(receiver.received[0].json["title"])


def test_one_whose_worker_was_lost(ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver) -> None:
    gone = dataclasses.replace(Owner.here(), started="1")
    write.claim(ledger, write.request(ledger, target, background=True).id, gone)
    worker(ledger, config).sweep()
    notify.deliver_due(ledger, config)
    assert title(receiver) == "my_api/production: interrupted"


def test_one_that_ran_into_a_fault_of_ours(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    write.request(ledger, target, background=True)
    looking = worker(ledger, config).start(target)
    assert looking is not None and looking.result(30)
    notify.deliver_due(ledger, config)
    assert title(receiver) == "my_api/production: interrupted"
    assert "a fault of our own" in receiver.received[0].json["message"]


def test_one_that_cannot_even_begin(ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver) -> None:
    asked = write.request(ledger, target, background=True, details={"limit": "nobody"})
    carry_out(ledger, config, Runners(), write.claim(ledger, asked.id, Owner.here()))
    notify.deliver_due(ledger, config)
    assert title(receiver) == "my_api/production: failed, nothing was switched"
    assert "nobody" in receiver.received[0].json["message"]
