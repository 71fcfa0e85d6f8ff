"""Verified deliveries -> the ledger: all that wait in one durable transaction, each with its event, its deployments and its audit entry.

A target that several deliveries of a group push to gets one deployment, of the last of them: it deploys the newest commit of its branch
anyway. A delivery that was accepted before, by its id or by its body, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson

from fraisier import engine
from fraisier.deliveries.decide import ACCEPTED, IGNORED, NOT_ALLOWED, Ref
from fraisier.record import deliveries as record
from fraisier.record import encode
from fraisier.record.deliveries import new_id
from fraisier.record.ledger import target_lock
from fraisier.vocabulary import Target, Trigger
from fraisier.work import Asked

if TYPE_CHECKING:
    from datetime import datetime

    from fraisier.record.ledger import Ledger, Session
    from fraisier.record.rows import Deployment

DUPLICATE = "duplicate"
NOTHING = "it says nothing that deploys"
_LARGEST_PAYLOAD_BYTES = 8_192
_MOST_NAMED = 256
BUSY_DELIVERIES = 4
"""From so many in one group on, pushes to a target join what waits for it since ``JOIN_SECONDS`` instead of taking its place."""
JOIN_SECONDS = 1.0


@dataclass(frozen=True)
class Delivery:
    """One verified delivery, decided. ``body`` is what is kept of its payload beside the refs, by then without secrets.

    ``replay_of`` is the id of the stored event that is decided on again; such a delivery is never a duplicate. ``event`` is the id that
    its own row gets: whoever did not hear whether it was written can find out.
    """

    hook: str
    provider: str
    refs: tuple[Ref, ...]
    event_type: str = ""
    delivery_id: str = ""
    body_sha256: str = ""
    request_id: str = ""
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    replay_of: str = ""
    event: str = field(default_factory=new_id)

    @cached_property
    def targets(self) -> dict[Target, Ref]:
        """What it deploys, each target with the last ref that asks for it."""
        return {target: ref for ref in self.refs for target in ref.targets}

    @property
    def decision(self) -> str:
        return ACCEPTED if self.targets else IGNORED

    @cached_property
    def main_ref(self) -> Ref:
        """The ref that lists name: the first that deploys, else the first."""
        return next((ref for ref in self.refs if ref.targets), self.refs[0] if self.refs else _NO_REF)

    @property
    def reason(self) -> str:
        """Why nothing is deployed; '' when something is."""
        return "" if self.decision == ACCEPTED else self.main_ref.reason or NOTHING


@dataclass(frozen=True)
class Receipt:
    """What became of a delivery: ``accepted``, ``ignored`` or ``duplicate``. ``event`` is its row's id; of a duplicate the first one's."""

    decision: str
    event: str
    deployments: tuple[str, ...] = ()
    reason: str = ""

    @property
    def status(self) -> int:
        """The HTTP status that says so."""
        return 202 if self.decision == ACCEPTED or self.reason == NOT_ALLOWED else 200


_NO_REF = Ref("other")


def accept(
    ledger: Ledger,
    deliveries: Sequence[Delivery],
    *,
    priority: Callable[[Target], int] = lambda _: 0,
    door: str = "webhook",
    again: bool = False,
) -> list[Receipt]:
    """Write ``deliveries`` down, in their order, in one transaction of its own or the caller's. Durable when it returns.

    Raises LedgerError; then all or none was written, and each may come ``again``: those that were get the same receipt as they would have
    got then.
    """
    with ledger.transaction() as session:
        record.lock_hooks(session, (delivery.hook for delivery in deliveries))
        written = record.payloads(session, [each.event for each in deliveries]) if again else {}
        group = _Group(deliveries, session, written)
        asked = {target: (each.event, ref) for _, each in group.new for target, ref in each.targets.items()}
        queued = _enqueue(ledger, session, asked, priority, is_busy=len(deliveries) >= BUSY_DELIVERIES)
        at = session.now()
        record.insert_events(session, [_event_row(at, each, queued) for _, each in group.new])
        record.insert_audit(session, at, _audit_entries(group.new, queued), door=door)
        return group.receipts(queued)


class _Group:
    """Deliveries of one transaction: ``new`` ones with their places, and what became of the others before."""

    def __init__(
        self, deliveries: Sequence[Delivery], session: Session, written: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.size = len(deliveries)
        self.new: list[tuple[int, Delivery]] = []
        self._known: dict[int, Receipt] = {}
        """Receipts of those that are written already, by place: as themselves, or as what they are duplicates of."""
        keys = [(each.hook, each.delivery_id, each.body_sha256) for each in deliveries]
        before = record.accepted_before(session, keys)
        seen: dict[tuple[str, str, str], str] = {}
        for place, delivery in enumerate(deliveries):
            if delivery.event in written:
                ids = tuple(written[delivery.event].get("deployments") or ())
                self._known[place] = Receipt(delivery.decision, delivery.event, ids, delivery.reason)
                continue
            marks = [] if delivery.replay_of else _marks(delivery)
            first = before.get(place, "") if marks else ""
            first = first or next((seen[mark] for mark in marks if mark in seen), "")
            if first:
                self._known[place] = Receipt(DUPLICATE, first)
                continue
            self.new.append((place, delivery))
            if delivery.decision == ACCEPTED:
                seen.update(dict.fromkeys(marks, delivery.event))

    def receipts(self, queued: Mapping[Target, Deployment]) -> list[Receipt]:
        found = dict(self._known)
        for place, delivery in self.new:
            ids = tuple(queued[target].id for target in delivery.targets)
            found[place] = Receipt(delivery.decision, delivery.event, ids, delivery.reason)
        return [found[place] for place in range(self.size)]


def _marks(delivery: Delivery) -> list[tuple[str, str, str]]:
    """What a second delivery of the same would have, too."""
    marks = (("id", delivery.delivery_id), ("body", delivery.body_sha256))
    return [(delivery.hook, kind, value) for kind, value in marks if value]


def _enqueue(
    ledger: Ledger,
    session: Session,
    asked: Mapping[Target, tuple[str, Ref]],
    priority: Callable[[Target], int],
    *,
    is_busy: bool,
) -> dict[Target, Deployment]:
    """One waiting deployment for each target, which knows the last delivery and ref that asked for it."""
    found: dict[Target, Deployment] = {}
    wishes = []
    for target in sorted(asked):
        event, ref = asked[target]
        # The commit that was pushed is written down and not asked for: the worker takes the newest of the branch.
        wanted = Asked(ref.sender or "webhook", trigger=Trigger.WEBHOOK)
        pushed = {"commit": ref.commit, "branch": ref.branch, "repository": ref.repository}
        details = {**wanted.details, "delivery": event, "pushed": pushed}
        if is_busy:
            target_lock(session, target)
            since = session.now() - timedelta(seconds=JOIN_SECONDS)
            joined = record.join_waiting(session, target, actor=wanted.actor, details=details, since=since)
            if joined:
                found[target] = joined
                continue
        wishes.append(engine.Wish(target, wanted, priority=priority(target), details=details))
    rows = engine.enqueue_many(ledger, wishes) if wishes else []
    return found | {row.target: row for row in rows}


def _event_row(at: datetime, delivery: Delivery, queued: Mapping[Target, Deployment]) -> tuple[object, ...]:
    ref, text = delivery.main_ref, encode.text
    first = next((queued[target].pk for target in delivery.targets), None)
    is_replay = bool(delivery.replay_of)
    return (
        delivery.event,
        encode.moment(at),
        delivery.hook,
        delivery.provider,
        "" if is_replay else text(delivery.delivery_id),
        "" if is_replay else delivery.body_sha256,
        text(ref.event_type or delivery.event_type),
        text(ref.repository),
        text(ref.branch or ref.tag),
        text(ref.commit),
        text(ref.sender),
        _payload(delivery, queued),
        True,
        delivery.decision,
        text(delivery.reason),
        first,
        text(delivery.request_id),
    )


def _payload(delivery: Delivery, queued: Mapping[Target, Deployment]) -> str:
    """What is kept beside the columns: every ref with what it deploys, the ids of all deployments, and of the body what is wanted."""
    kept: dict[str, Any] = {
        "refs": [ref.data() for ref in delivery.refs],
        "deployments": [queued[target].id for target in delivery.targets],
    }
    if delivery.replay_of:
        kept["replay_of"] = delivery.replay_of
    if delivery.body is not None:
        kept["body"] = delivery.body
    try:
        written = orjson.dumps(kept)
    except TypeError:  # a text or a depth that it refuses: cut to what can be written
        return encode.bounded(kept)
    return (
        encode.text(written.decode())
        if len(written) <= _LARGEST_PAYLOAD_BYTES and b"\\u0000" not in written
        else encode.bounded(kept)
    )


def _audit_entries(
    new: Sequence[tuple[int, Delivery]], queued: Mapping[Target, Deployment]
) -> Iterator[record.AuditEntry]:
    """An entry for each deployment, which names all deliveries that it stands for; and one for each delivery that deploys nothing."""
    asking: dict[Target, list[tuple[str, Delivery]]] = {target: [] for target in queued}
    for _, delivery in new:
        for target in delivery.targets:
            asking[target].append((delivery.event, delivery))
        if not delivery.targets:
            yield _audit_entry([delivery.event], delivery, delivery.main_ref, f"{IGNORED}: {delivery.reason}", "")
    for target, found in asking.items():
        last = found[-1][1]
        yield _audit_entry([event for event, _ in found], last, last.targets[target], ACCEPTED, queued[target].id)


def _audit_entry(
    events: list[str], delivery: Delivery, ref: Ref, outcome: str, deployment_id: str
) -> record.AuditEntry:
    details = {
        "events": events[-_MOST_NAMED:],
        "request_id": encode.text(delivery.request_id),
        "provider": delivery.provider,
        "repository": encode.text(ref.repository),
        "branch": encode.text(ref.branch or ref.tag),
        "commit": encode.text(ref.commit),
    }
    action = "webhook replay" if delivery.replay_of else "webhook"
    return (
        encode.text(ref.sender),
        action,
        delivery.hook,
        encode.text(outcome),
        deployment_id,
        orjson.dumps(details).decode(),
    )
