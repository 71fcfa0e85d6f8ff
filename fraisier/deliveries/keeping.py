"""What is kept of a delivery's body where ``server.store_payload`` is ``redacted``: the document without anything secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fraisier.secrets.redact import MASK, Redactor

if TYPE_CHECKING:
    from fraisier.git import WebhookEvent

_SECRET_NAME = re.compile(r"secret|token|password|authorization|signature", re.IGNORECASE)
_USER_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
_DEPTH = 12


def kept_body(events: Sequence[WebhookEvent], secrets: Sequence[str]) -> Mapping[str, Any] | None:
    """The document that ``events`` were read from; None where there is none. The ledger cuts it to its size."""
    if not events:
        return None
    found: Mapping[str, Any] = _redacted(events[0].raw_payload, Redactor(secrets), _DEPTH)
    return found


def _redacted(value: Any, redactor: Redactor, depth: int) -> Any:
    if isinstance(value, str):
        return redactor(_USER_IN_URL.sub("", value))
    if not depth:
        return "..."
    if isinstance(value, Mapping):
        return {
            key: MASK if _SECRET_NAME.search(key) else _redacted(inner, redactor, depth - 1)
            for key, inner in value.items()
        }
    return [_redacted(inner, redactor, depth - 1) for inner in value] if isinstance(value, (list, tuple)) else value
