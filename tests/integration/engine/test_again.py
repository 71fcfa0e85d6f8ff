"""Trying again what did not hold, and looking at it afterwards."""

from __future__ import annotations

import pytest

from fraisier.engine.again import again, newest_of
from fraisier.errors import HealthCheckFailed, UsageError
from fraisier.record import read, write
from fraisier.record.ledger import Ledger
from fraisier.record.owner import Owner
from fraisier.record.rows import Deployment
from fraisier.show.following import follow, result_of
from fraisier.vocabulary import Event, Kind, Status, Target
from fraisier.work import Asked

TARGET = Target("my_api", "production")


class Heard:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def event(self, run: str, event: Event) -> None:
        pass


def ended(ledger: Ledger, status: Status, kind: Kind = Kind.DEPLOY, **facts: str) -> Deployment:
    details = {"limit": "web1", "compensation": "back", "hosts": {"web1": "R0"}, "owed": {}, "warnings": ["slow"]}
    row = write.claim(ledger, write.request(ledger, TARGET, kind=kind, details=details).id, Owner.here())
    error = None if status.is_good else HealthCheckFailed("web1: no answer", hint="look")
    assert write.finish(ledger, row, status, error=error, details=details, **facts)
    found = read.deployment(ledger, row.id)
    assert found
    return found


def test_the_commit_and_the_hosts_that_were_tried(ledger: Ledger) -> None:
    failed = ended(ledger, Status.ROLLED_BACK, new_version="b" * 40)
    assert newest_of(ledger, TARGET) == failed
    kind, asked = again(failed, "ann")
    assert (kind, asked) == (Kind.DEPLOY, Asked("ann", commit="b" * 40, force=True, limit="web1", retries=failed.id))
    back = ended(ledger, Status.FAILED, Kind.ROLLBACK, release_id="R0")
    assert again(back, "ann") == (Kind.ROLLBACK, Asked("ann", to="R0", retries=back.id))


def test_what_has_not_failed_is_not_tried_again(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="nothing has been deployed"):
        newest_of(ledger, TARGET)
    with pytest.raises(UsageError, match=r"has not failed[\s\S]*--force"):
        again(ended(ledger, Status.SUCCESS), "ann")
    older, waiting = write.request(ledger, TARGET), write.request(ledger, TARGET)
    with pytest.raises(UsageError, match="has not ended"):
        again(waiting, "ann")
    with pytest.raises(UsageError, match="superseded"):
        again(write.known(ledger, older.id), "ann")


def test_how_it_ended_is_told_from_its_row(ledger: Ledger) -> None:
    row = ended(ledger, Status.ROLLED_BACK, new_version="b" * 40)
    result = result_of(ledger, row)
    assert (result.status, result.exit_code, result.compensation) == (Status.ROLLED_BACK, 5, "back")
    assert isinstance(result.error, HealthCheckFailed)
    assert (result.error.message, result.error.hint) == ("web1: no answer", "look")
    assert (dict(result.hosts), list(result.warnings)) == ({"web1": "R0"}, ["slow"])


def test_watching_says_what_took_its_place_and_goes_on_with_what_goes_on(ledger: Ledger) -> None:
    older = write.request(ledger, TARGET, background=True)
    newer = write.request(ledger, TARGET, background=True)
    result = follow(ledger, older, Heard())
    assert result.exit_code == 130 and newer.id[:8] in str(result.error)
    cut_off = write.claim(ledger, newer.id, Owner.here())
    write.interrupt_orphans(ledger, is_alive=lambda _: False)
    request = write.Request(TARGET, background=True, details={"continues": cut_off.id})
    going_on = write.take_up(ledger, request, Owner.here())
    write.finish(ledger, going_on, Status.SUCCESS)
    heard = Heard()
    result = follow(ledger, cut_off, heard)
    assert (result.id, result.status) == (going_on.id, Status.SUCCESS)
    assert any(f"deployment {going_on.id[:8]} goes on" in note for note in heard.notes)
