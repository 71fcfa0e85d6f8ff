"""A stored delivery, decided on again by today's configuration: after a hook or a mapping was put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraisier.deliveries.accept import Delivery, Receipt, accept
from fraisier.deliveries.decide import ref_from
from fraisier.errors import UsageError
from fraisier.record import deliveries as record

if TYPE_CHECKING:
    from fraisier.deliveries.desk import Desk
    from fraisier.record.ledger import Ledger


def replay(ledger: Ledger, desk: Desk, event_id: str, *, actor: str) -> Receipt:
    """Decide on the delivery ``event_id`` again, and ask for what it deploys; a new event row says that it is a replay, and whose.

    The newest commit of each branch is deployed, not the one that was pushed then. Raises UsageError when there is no such delivery, when
    it was not kept by a server, or when its hook is gone.
    """
    event = record.find(ledger, event_id)
    hook = desk.named(event.hook)
    if hook is None:
        raise UsageError(f"webhook {event.id}: there is no hook {event.hook!r} any more", hint="see fraises.yaml")
    refs = event.payload.get("refs")
    if not isinstance(refs, list):
        raise UsageError(f"webhook {event.id} was not received by the server: what it moved is not known")
    judged = tuple(desk.judged(hook, ref_from(ref)) for ref in refs if isinstance(ref, dict))
    delivery = Delivery(
        hook=event.hook,
        provider=event.provider,
        refs=judged,
        event_type=event.event_type,
        request_id=f"replay by {actor}",
        replay_of=event.id,
    )
    return accept(ledger, [delivery], priority=desk.priority, door="cli")[0]
