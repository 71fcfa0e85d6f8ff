"""Forgejo: Gitea's bodies and signatures, with headers of its own beside Gitea's."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fraisier.git import gitea
from fraisier.git.event import WebhookEvent
from fraisier.git.headers import Headers, identifier
from fraisier.git.signature import Secrets

name = "forgejo"

_FAMILY: Final = ("forgejo", "gitea")


def verify(headers: Headers, body: bytes, secrets: Secrets, *, now: float | datetime | None = None) -> None:
    """Raises InvalidSignature unless the document is signed with one of ``secrets``. ``now`` is not needed."""
    gitea.require_signed(headers, body, secrets, _FAMILY)


def parse(headers: Headers, body: bytes) -> list[WebhookEvent]:
    """Pushes, pull requests and deletions; [] for the rest. A test delivery is a ping. Raises InvalidPayload."""
    return gitea.events(headers, body, name, _FAMILY)


def delivery_id(headers: Headers) -> str:
    return identifier(headers, *gitea.names("delivery", _FAMILY))


def is_unsigned_ping(headers: Headers, body: bytes) -> bool:
    return False
