"""What is written when a deployment ends is sent: after it, to everybody, each message once, as often as it takes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from fraisier import notify
from fraisier.config import FraisierConfig
from fraisier.errors import DeploymentFailed, HealthCheckFailed
from fraisier.notify.deliver import PAUSES_SECONDS, STALE_HOURS
from fraisier.record import write
from fraisier.record.ledger import Ledger
from fraisier.record.outbox import CLAIM_SECONDS
from fraisier.vocabulary import Status, Target
from tests.integration.notify.conftest import Configured
from tests.integration.notify.ending import claimed, end
from tests.receiver import Receiver


def events(ledger: Ledger) -> list[str]:
    rows = ledger.query("SELECT event FROM tb_notification WHERE channel = 'json #1' ORDER BY pk_notification")
    return [row["event"] for row in rows]


def state(ledger: Ledger) -> list[tuple[str, str, int]]:
    rows = ledger.query("SELECT channel, status, attempts FROM tb_notification ORDER BY pk_notification")
    return [(row["channel"], row["status"], row["attempts"]) for row in rows]


def test_every_place_hears_of_the_end_once(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    end(ledger, config, target, Status.SUCCESS)
    assert notify.deliver_due(ledger, config) == 2
    assert sorted(request.path for request in receiver.received) == ["/one", "/two"]
    message = receiver.received[0].json
    assert message["title"] == "my_api/production: deployed c0ffee0000"
    assert "commit c0ffee0000 of main, was aaaaaaaaaa" in message["message"]
    assert "asked for by ann (webhook)" in message["message"]
    assert notify.deliver_due(ledger, config) == 0
    assert state(ledger) == [("json #1", "sent", 1), ("json #2", "sent", 1)]


def test_what_went_wrong_and_what_to_type_next_is_in_the_message(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    error = HealthCheckFailed("web1: health: answered 500 instead of 200\nand much more")
    details = {"compensation": "every host is back on what it had before", "owed": {"web2": ""}}
    row = end(ledger, config, target, Status.ROLLED_BACK, error=error, details=details)
    notify.deliver_due(ledger, config)
    message = receiver.received[0].json
    assert (message["title"], message["type"]) == ("my_api/production: rolled back to aaaaaaaaaa", "warning")
    assert message["message"].splitlines()[2:] == [
        "web1: health: answered 500 instead of 200",
        "every host is back on what it had before",
        "not reached: web2",
        "next: fraisier resume my_api production",
        f"next: fraisier logs {row.id[:8]}",
    ]


def test_no_secret_is_written_or_sent(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    leak = "cannot read https://robot:letmein@git.example.com/x: refused hunter2-hunter2"
    end(ledger, config, target, Status.FAILED, error=DeploymentFailed(leak))
    rows = str(ledger.query("SELECT channel, payload FROM tb_notification"))
    assert "hunter2" not in rows.replace("refused hunter2-hunter2", "")
    assert "letmein" not in rows
    notify.deliver_due(ledger, config)
    for request in receiver.received:
        assert b"hunter2" not in request.body and b"letmein" not in request.body
        assert b"https://***@git.example.com/x: refused ***" in request.body


def test_what_did_not_arrive_is_tried_again_ever_later_and_then_given_up(
    ledger: Ledger, configured: Configured, target: Target, receiver: Receiver
) -> None:
    config = configured(urls=["json://robot:${PASSWORD}@" + f"{receiver.place}/T0PS3CR3T/x"])
    end(ledger, config, target, Status.FAILED)
    receiver.answers = [500] * 20
    now = datetime.now(UTC) + timedelta(seconds=1)
    for number, pause in enumerate(PAUSES_SECONDS, start=1):
        assert notify.deliver_due(ledger, config, now=now) == 0
        assert len(receiver.received) == number
        assert notify.deliver_due(ledger, config, now=now + timedelta(seconds=pause - 0.01)) == 0
        assert len(receiver.received) == number, "not before its time"
        now += timedelta(seconds=pause)
    notify.deliver_due(ledger, config, now=now)
    assert state(ledger) == [("json #1", "failed", len(PAUSES_SECONDS) + 1)]
    (row,) = ledger.query("SELECT error_message FROM tb_notification")
    assert "500" in row["error_message"]
    assert "hunter2" not in row["error_message"] and "T0PS3CR3T" not in row["error_message"]
    assert notify.deliver_due(ledger, config, now=now + timedelta(days=1)) == 0


def test_one_place_that_is_away_does_not_keep_the_other(
    ledger: Ledger, configured: Configured, target: Target, receiver: Receiver
) -> None:
    config = configured(urls=["json://127.0.0.1:1/", f"json://{receiver.place}/two"])
    end(ledger, config, target, Status.FAILED)
    assert notify.deliver_due(ledger, config) == 1
    assert [request.path for request in receiver.received] == ["/two"]
    assert state(ledger) == [("json #1", "pending", 1), ("json #2", "sent", 1)]


def test_three_senders_send_each_message_once(
    ledger: Ledger, database_url: str, configured: Configured, target: Target, receiver: Receiver
) -> None:
    config = configured(on=["success", "recovered"])
    for _ in range(10):
        end(ledger, config, target, Status.SUCCESS)
    ledgers = [Ledger(database_url) for _ in range(3)]
    start = threading.Barrier(3)

    def send(own: Ledger) -> int:
        start.wait()
        return notify.deliver_due(own, config)

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(send, ledgers)) == 20
    assert len(receiver.received) == 20
    assert {row[1:] for row in state(ledger)} == {("sent", 1)}
    for own in ledgers:
        own.close()


def test_a_message_whose_sender_died_is_sent_by_another_when_its_time_is_over(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    end(ledger, config, target, Status.FAILED)
    now = datetime.now(UTC) + timedelta(seconds=1)
    lost = write.claim_notification(ledger, now=now)
    assert lost is not None
    assert notify.deliver_due(ledger, config, now=now + timedelta(seconds=CLAIM_SECONDS - 1)) == 1
    assert notify.deliver_due(ledger, config, now=now + timedelta(seconds=CLAIM_SECONDS + 1)) == 1
    assert len(receiver.received) == 2
    assert not write.settle_notification(ledger, lost, error="too late"), "it is not the dead one's any more"
    assert {row[1] for row in state(ledger)} == {"sent"}


def test_old_news_is_not_sent(ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver) -> None:
    end(ledger, config, target, Status.FAILED)
    assert notify.deliver_due(ledger, config, now=datetime.now(UTC) + timedelta(hours=STALE_HOURS, minutes=1)) == 0
    assert receiver.received == []
    assert {row[1] for row in state(ledger)} == {"failed"}


def test_messages_are_written_with_the_end_or_not_at_all(
    ledger: Ledger, config: FraisierConfig, target: Target
) -> None:
    resolved = config.get_fraise_environment(target.fraise, target.environment)
    deployment = claimed(ledger, target)
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        write.finish(ledger, deployment, Status.SUCCESS)
        notify.ended(ledger, resolved, deployment)
        raise ZeroDivisionError
    assert state(ledger) == []
    for _ in range(2):  # the answer to the first was lost, say
        with ledger.transaction():
            assert write.finish(ledger, deployment, Status.SUCCESS)
            notify.ended(ledger, resolved, deployment)
    assert len(state(ledger)) == 2


@pytest.mark.parametrize(
    ("ends", "heard"),
    [
        ([Status.SUCCESS, Status.SUCCESS], ["success", "success"]),
        ([Status.FAILED, Status.SUCCESS, Status.SUCCESS], ["failed", "recovered", "success"]),
        ([Status.ROLLED_BACK, Status.UNCHANGED, Status.SUCCESS], ["rolled_back", "recovered"]),
        ([Status.ROLLBACK_FAILED, Status.CANCELLED, Status.SUCCESS], ["rollback_failed", "recovered"]),
        ([Status.INTERRUPTED, Status.FAILED], ["failed", "failed"]),
    ],
)
def test_occasions(
    ledger: Ledger, config: FraisierConfig, target: Target, ends: list[Status], heard: list[str]
) -> None:
    for status in ends:
        end(ledger, config, target, status)
    assert events(ledger) == heard


@pytest.mark.parametrize(
    ("on", "heard"),
    [
        (["success"], ["success", "success"]),
        (["recovered"], ["recovered"]),
        (["failed", "recovered"], ["failed", "recovered"]),
        ([], []),
    ],
)
def test_only_the_wanted_occasions_are_told(
    ledger: Ledger, configured: Configured, target: Target, on: list[str], heard: list[str]
) -> None:
    config = configured(on=on)
    for status in (Status.FAILED, Status.SUCCESS, Status.SUCCESS):
        end(ledger, config, target, status)
    assert events(ledger) == heard


def test_a_deployment_whose_process_is_gone_is_told(
    ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver
) -> None:
    claimed(ledger, target)
    write.interrupt_orphans(ledger, is_alive=lambda _: False, on_lost=notify.announcer(ledger, config))
    notify.deliver_due(ledger, config)
    message = receiver.received[0].json
    assert (message["title"], message["type"]) == ("my_api/production: interrupted", "failure")
    assert "next: fraisier resume my_api production" in message["message"]


def test_a_target_that_is_not_configured_any_more_is_told_to_nobody(ledger: Ledger, config: FraisierConfig) -> None:
    claimed(ledger, Target("gone", "production"))
    assert write.interrupt_orphans(ledger, is_alive=lambda _: False, on_lost=notify.announcer(ledger, config))
    assert state(ledger) == []


def test_places_that_are_gone_or_no_addresses_are_given_up_at_once(
    ledger: Ledger, configured: Configured, target: Target
) -> None:
    config = configured(urls=["json://127.0.0.1:1/", "nonsense-s3cr3t"])
    end(ledger, config, target, Status.FAILED)
    notify.deliver_due(ledger, configured(urls=["xml://127.0.0.1:1/", "nonsense-s3cr3t"]))
    rows = ledger.query("SELECT channel, status, error_message FROM tb_notification ORDER BY pk_notification")
    assert [(row["channel"], row["status"]) for row in rows] == [("json #1", "failed"), ("address #2", "failed")]
    assert "not in notifications.urls any more" in rows[0]["error_message"]
    assert rows[1]["error_message"] == "not an address that Apprise knows"


def test_sending_stops_in_time(ledger: Ledger, config: FraisierConfig, target: Target, receiver: Receiver) -> None:
    end(ledger, config, target, Status.FAILED)
    assert notify.deliver_due(ledger, config, limit=1) == 1
    assert notify.deliver_due(ledger, config, seconds=0) == 0
    receiver.gate.clear()
    assert notify.deliver_due(ledger, config, timeout_seconds=0.2) == 0
    assert {row[1] for row in state(ledger)} == {"sent", "pending"}
