"""GitHub and GitHub Enterprise Server.

Signed is the body as it came, a form's too, in ``X-Hub-Signature-256``. ``X-Hub-Signature`` (SHA-1) is never looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fraisier.errors import InvalidPayload
from fraisier.git.event import WebhookEvent
from fraisier.git.headers import Headers, identifier, one
from fraisier.git.payload import Document, at, masked, needed, read, shown, text_at
from fraisier.git.refs import Ref, full, moved, ref_called
from fraisier.git.signature import Secrets, require_hmac_sha256
from fraisier.secrets import MASK

name = "github"


def verify(headers: Headers, body: bytes, secrets: Secrets, *, now: float | datetime | None = None) -> None:
    """Raises InvalidSignature unless the raw body is signed with one of ``secrets``. ``now`` is not needed."""
    given = one(headers, "x-hub-signature-256")
    require_hmac_sha256(given, body, secrets, header="X-Hub-Signature-256", prefix="sha256=")


def parse(headers: Headers, body: bytes) -> list[WebhookEvent]:
    """Pushes, pull requests, deletions and pings; [] for the rest. Raises InvalidPayload."""
    word, document = one(headers, "x-github-event"), read(headers, body)
    if not word:
        raise InvalidPayload("X-GitHub-Event is missing")
    about = WebhookEvent(
        provider=name,
        event_type=shown(word),
        repository=shown(text_at(document, "repository", "full_name")),
        sender=shown(text_at(document, "sender", "login") or text_at(document, "pusher", "name")),
        raw_payload=_masked(document),
    )
    match word:
        case "push":
            return _push(about, document)
        case "pull_request":
            return [_pull_request(about, document)]
        case "delete":
            return _deletion(about, document)
        case "ping":
            return [_ping(about, document)]
    return []


def delivery_id(headers: Headers) -> str:
    return identifier(headers, "x-github-delivery")


def is_unsigned_ping(headers: Headers, body: bytes) -> bool:
    return False


def _push(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    needed(document, "repository", "full_name")
    ref = ref_called(needed(document, "ref"))
    if ref is None:
        return []
    before, after, commit = (
        text_at(document, "before"),
        needed(document, "after"),
        text_at(document, "head_commit", "id"),
    )
    return [moved(about, ref, before=before, after=after, commit=commit)]


def _pull_request(about: WebhookEvent, document: Document) -> WebhookEvent:
    needed(document, "repository", "full_name")
    if not isinstance(at(document, "pull_request"), dict):
        raise InvalidPayload("pull_request is missing")
    return replace(about, is_merge_request=True, commit_sha=full(text_at(document, "pull_request", "head", "sha")))


def _deletion(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    """Tells once more what a push to nothing tells."""
    needed(document, "repository", "full_name")
    kind, short_name = needed(document, "ref_type"), needed(document, "ref")
    if kind not in ("branch", "tag"):
        return []
    ref = Ref(short_name, is_tag=kind == "tag")
    return [replace(about, branch=ref.branch, tag=ref.tag, is_tag=ref.is_tag, is_delete=True)]


def _ping(about: WebhookEvent, document: Document) -> WebhookEvent:
    if not {"zen", "hook_id", "hook"} & document.keys():
        raise InvalidPayload("a ping says something of its hook")
    return replace(about, is_ping=True)


def _masked(document: Document) -> Mapping[str, object]:
    hook, found = at(document, "hook"), masked(document)
    if not isinstance(at(hook, "config"), dict) or "secret" not in hook["config"]:
        return found
    return {**found, "hook": {**hook, "config": {**hook["config"], "secret": MASK}}}
