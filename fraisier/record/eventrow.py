"""From an event of a run to its row: texts that a database takes, tails of what failed, data of bounded size."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from fraisier.record import encode
from fraisier.vocabulary import EventKind

if TYPE_CHECKING:
    from fraisier.vocabulary import Event

FAILED = frozenset({EventKind.FAILED, EventKind.UNREACHABLE})
URGENT = FAILED | {EventKind.STATS}
"""Written at once, and never left out."""
_ANSWERS = frozenset({EventKind.OK, EventKind.FAILED, EventKind.UNREACHABLE, EventKind.SKIPPED})
_NAME_CHARACTERS = 500
_REPEATED = frozenset({"stdout_lines", "stderr_lines"})
_IN_COLUMNS = _REPEATED | {"stdout", "stderr"}

COLUMNS = (
    "fk_deployment",
    "sequence",
    "run",
    "created_at",
    "event",
    "phase",
    "play",
    "task",
    "role",
    "action",
    "host",
    "item",
    "status",
    "duration_seconds",
    "changed",
    "message",
    "stdout",
    "stderr",
    "data",
)
# By position: with names, sqlite3 takes a tenth longer for a row.
INSERT = f"INSERT INTO tb_deployment_event ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - constants
INSERT_MISSING = f"{INSERT} ON CONFLICT (fk_deployment, sequence) DO NOTHING"
"""For a batch of which nobody knows whether it arrived: the connection broke during its commit."""


def event_row(event: Event, *, fk_deployment: int, run: str, sequence: int) -> tuple[object, ...]:
    """The values of ``COLUMNS``."""
    result = event.result
    has_failed = event.kind in FAILED
    data = (
        {key: value for key, value in result.items() if key not in (_IN_COLUMNS if has_failed else _REPEATED)}
        if result
        else None
    )
    return (
        fk_deployment,
        sequence,
        run,
        encode.moment(event.time),
        str(event.kind),
        _name(event.phase),
        _name(event.play),
        _name(event.task),
        _name(event.role),
        _name(event.action),
        _name(event.host),
        _name(event.item),
        _status(event),
        event.duration,
        event.changed,
        encode.tail(event.message),
        encode.tail(result.get("stdout")) if has_failed else "",
        encode.tail(result.get("stderr")) if has_failed else "",
        encode.bounded(data) if data else "{}",
    )


def _status(event: Event) -> str:
    """How it went for the host: ok, changed, failed, ignored (failed, and allowed to), unreachable, skipped; '' for what is no answer."""
    if event.kind not in _ANSWERS:
        return ""
    if event.ignored and event.kind in FAILED:
        return "ignored"
    return "changed" if event.changed and event.kind is EventKind.OK else str(event.kind)


@lru_cache(maxsize=4_096)  # the same few words come with every event
def _name(text: str) -> str:
    return encode.text(text[:_NAME_CHARACTERS])
