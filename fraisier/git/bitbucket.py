"""Bitbucket Cloud and Bitbucket Server or Data Center, told apart by their event keys: ``repo:push`` and ``repo:refs_changed``.

Both sign the raw body with SHA-256 in ``X-Hub-Signature``, whatever its name suggests; other algorithms are refused.
One delivery tells of any number of refs. What a mirror tells when it has followed is left alone: the server that it mirrors tells
of the push.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from fraisier.errors import InvalidPayload
from fraisier.git.event import WebhookEvent
from fraisier.git.headers import Headers, identifier, one, values
from fraisier.git.payload import Document, at, masked, needed, read_json, shown, text_at
from fraisier.git.refs import Ref, full, moved, ref_called
from fraisier.git.signature import Secrets, require_hmac_sha256

name = "bitbucket"

PING = "diagnostics:ping"
_LONGEST_PING = 64
_NOTHING = "0" * 40


def verify(headers: Headers, body: bytes, secrets: Secrets, *, now: float | datetime | None = None) -> None:
    """Raises InvalidSignature unless the raw body is signed with one of ``secrets``. ``now`` is not needed."""
    given = one(headers, "x-hub-signature")
    require_hmac_sha256(given, body, secrets, header="X-Hub-Signature", prefix="sha256=")


def parse(headers: Headers, body: bytes) -> list[WebhookEvent]:
    """An event for each branch or tag that was pushed, pull requests, and the ping; [] for the rest. Raises InvalidPayload."""
    key, document = one(headers, "x-event-key"), read_json(body)
    if not key:
        raise InvalidPayload("X-Event-Key is missing")
    about = WebhookEvent(provider=name, event_type=shown(key), sender=_sender(document), raw_payload=masked(document))
    if key == "repo:push":
        return _cloud_push(about, document)
    if key == "repo:refs_changed":
        return _server_push(about, document)
    if key == PING:
        return [_ping(about, document)]
    kind, _, what = key.partition(":")
    if kind not in ("pullrequest", "pr") or "comment" in what:
        return []
    return [_cloud_pull_request(about, document) if kind == "pullrequest" else _server_pull_request(about, document)]


def delivery_id(headers: Headers) -> str:
    """Cloud's, or Server's ``X-Request-Id``."""
    return identifier(headers, "x-request-uuid", "x-request-id")


def is_unsigned_ping(headers: Headers, body: bytes) -> bool:
    """True for "Test connection" of Bitbucket Server, and only for exactly that."""
    if one(headers, "x-event-key") != PING or values(headers, "x-hub-signature") or len(body) > _LONGEST_PING:
        return False
    try:
        document = read_json(body)
    except InvalidPayload:
        return False
    return len(document) == 1 and at(document, "test") is True


def _cloud_push(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    about = replace(about, repository=needed(document, "repository", "full_name"))
    moves = [_cloud_move(about, change) for change in _changes(at(document, "push", "changes"))]
    return [event for event in moves if event]


def _cloud_move(about: WebhookEvent, change: Document) -> WebhookEvent | None:
    old, new = at(change, "old"), at(change, "new")
    head = old if new is None else new
    kind = needed(head, "type")
    if kind not in ("branch", "tag"):
        return None
    ref = Ref(needed(head, "name"), is_tag=kind == "tag")
    before = text_at(old, "target", "hash")
    after = _NOTHING if new is None else needed(new, "target", "hash")
    return moved(about, ref, before=before, after=after, commit=after)


def _server_push(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    about = replace(about, repository=_server_repository(document))
    changes = _changes(at(document, "changes"))
    only = text_at(document, "toCommit", "id") if len(changes) == 1 else ""
    moves = [_server_move(about, change, only) for change in changes]
    return [event for event in moves if event]


def _server_move(about: WebhookEvent, change: Document, only: str) -> WebhookEvent | None:
    """``only`` is the commit that the delivery names when it tells of one change; the hash of an annotated tag is none."""
    ref = ref_called(needed(change, "ref", "id"))
    if ref is None:
        return None
    before, after = text_at(change, "fromHash"), needed(change, "toHash")
    return moved(about, ref, before=before, after=after, commit=only)


def _cloud_pull_request(about: WebhookEvent, document: Document) -> WebhookEvent:
    repository, head = needed(document, "repository", "full_name"), at(document, "pullrequest")
    if not isinstance(head, dict):
        raise InvalidPayload("pullrequest is missing")
    commit = full(text_at(head, "source", "commit", "hash"))  # mostly cut to 12 digits, which is none
    return replace(about, repository=repository, is_merge_request=True, commit_sha=commit)


def _server_pull_request(about: WebhookEvent, document: Document) -> WebhookEvent:
    repository = _server_repository(at(document, "pullRequest", "toRef"))
    commit = full(text_at(document, "pullRequest", "fromRef", "latestCommit"))
    return replace(about, repository=repository, is_merge_request=True, commit_sha=commit)


def _ping(about: WebhookEvent, document: Document) -> WebhookEvent:
    if at(document, "test") is not True:
        raise InvalidPayload("a ping says that it is a test")
    return replace(about, is_ping=True)


def _changes(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise InvalidPayload("changes is missing or no list")
    return found


def _server_repository(document: Any) -> str:
    return f"{needed(document, 'repository', 'project', 'key')}/{needed(document, 'repository', 'slug')}"


def _sender(document: Document) -> str:
    """Cloud's accounts have had no user names since 2019, only nicknames."""
    paths = (("actor", "nickname"), ("actor", "username"), ("actor", "name"), ("actor", "display_name"))
    return shown(next((found for path in paths if (found := text_at(document, *path))), ""))
