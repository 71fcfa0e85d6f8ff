"""GitLab: the signed deliveries of 19.0 and later, and the token in clear of all versions.

A secret that begins with ``whsec_`` is a signing token: it verifies ``webhook-signature`` and is never accepted as a token. Where
one is configured, tokens count no longer: who has read one in a log could otherwise leave out the signature.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from dataclasses import replace
from datetime import datetime
from typing import Final

from fraisier.errors import InvalidPayload, InvalidSignature
from fraisier.git.event import WebhookEvent
from fraisier.git.headers import Headers, identifier, one
from fraisier.git.payload import Document, at, masked, needed, read_json, shown, text_at
from fraisier.git.refs import full, moved, ref_called
from fraisier.git.signature import Secrets, as_bytes, fits_any, keys

name = "gitlab"

SIGNING: Final = b"whsec_"
TOLERANCE_SECONDS: Final = 300
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_MOST_SIGNATURES: Final = 16
_KINDS: Final = {"Push Hook": "push", "Tag Push Hook": "tag_push", "Merge Request Hook": "merge_request"}
_SYSTEM: Final = "System Hook"


def verify(headers: Headers, body: bytes, secrets: Secrets, *, now: float | datetime | None = None) -> None:
    """Raises InvalidSignature unless the delivery is signed with a signing token, or, with none configured, brings a token.

    A signature holds for 300 seconds before and after ``now``.
    """
    usable = keys(secrets)
    signing = [key for key in usable if key.startswith(SIGNING)]
    if signing:
        _require_signature(headers, body, signing, now)
    else:
        _require_token(headers, usable)


def parse(headers: Headers, body: bytes) -> list[WebhookEvent]:
    """Pushes of branches and tags, and merge requests; [] for the rest. Raises InvalidPayload."""
    word, document = one(headers, "x-gitlab-event"), read_json(body)
    if not word:
        raise InvalidPayload("X-Gitlab-Event is missing")
    kind = text_at(document, "object_kind") or text_at(document, "event_name")
    if _KINDS.get(word, kind) != kind:
        raise InvalidPayload(f"the body is not that of a {word}")
    if kind not in _KINDS.values() or word not in (*_KINDS, _SYSTEM):
        return []
    about = WebhookEvent(
        provider=name,
        event_type=kind,
        repository=needed(document, "project", "path_with_namespace"),
        sender=_sender(document),
        raw_payload=masked(document),
    )
    return [_merge_request(about, document)] if kind == "merge_request" else _push(about, document)


def delivery_id(headers: Headers) -> str:
    """``X-Gitlab-Webhook-UUID`` is left alone: it is made anew for every delivery."""
    return identifier(headers, "webhook-id", "idempotency-key", "x-gitlab-event-uuid")


def is_unsigned_ping(headers: Headers, body: bytes) -> bool:
    return False


def _require_token(headers: Headers, tokens: list[bytes]) -> None:
    given = as_bytes(one(headers, "x-gitlab-token"))
    if not fits_any([given], tokens):
        raise InvalidSignature(f"X-Gitlab-Token is none of the {len(tokens)} secrets")


def _require_signature(headers: Headers, body: bytes, signing: list[bytes], now: float | datetime | None) -> None:
    delivery, timestamp = one(headers, "webhook-id"), one(headers, "webhook-timestamp")
    if not delivery or "." in delivery:
        # with a dot in it, another division of what is signed would fit too
        raise InvalidSignature("webhook-id is missing or holds a '.'")
    if not _TIMESTAMP.fullmatch(timestamp) or not abs(_seconds(now) - int(timestamp)) <= TOLERANCE_SECONDS:
        raise InvalidSignature(f"webhook-timestamp is not within {TOLERANCE_SECONDS} s of now")
    message = as_bytes(f"{delivery}.{timestamp}.") + body
    given = [as_bytes(each) for each in one(headers, "webhook-signature").split(" ", _MOST_SIGNATURES)]
    expected = [_signature(token, message) for token in signing]
    if not fits_any(given, expected):
        raise InvalidSignature(f"webhook-signature fits none of the {len(signing)} signing tokens")


def _signature(token: bytes, message: bytes) -> bytes:
    """What GitLab writes for this token; b'' when the token is no key."""
    try:
        key = base64.b64decode(token.removeprefix(SIGNING), validate=True)
    except binascii.Error:
        return b""
    return b"v1," + base64.b64encode(hmac.digest(key, message, "sha256")) if key else b""


def _seconds(now: float | datetime | None) -> float:
    if now is None:
        return time.time()
    return now.timestamp() if isinstance(now, datetime) else now


def _push(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    ref = ref_called(needed(document, "ref"))
    if ref is None:
        return []
    if ref.is_tag is not (about.event_type == "tag_push"):
        raise InvalidPayload(f"a {about.event_type} does not move {needed(document, 'ref')}")
    before, after, commit = text_at(document, "before"), needed(document, "after"), text_at(document, "checkout_sha")
    return [moved(about, ref, before=before, after=after, commit=commit)]


def _merge_request(about: WebhookEvent, document: Document) -> WebhookEvent:
    if not isinstance(at(document, "object_attributes"), dict):
        raise InvalidPayload("object_attributes is missing")
    return replace(
        about, is_merge_request=True, commit_sha=full(text_at(document, "object_attributes", "last_commit", "id"))
    )


def _sender(document: Document) -> str:
    """The account that pushed; never the author of a commit, whom the pusher chooses."""
    paths = (("user_username",), ("user", "username"), ("user_name",), ("user", "name"))
    return shown(next((found for path in paths if (found := text_at(document, *path))), ""))
