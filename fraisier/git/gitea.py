"""Gitea, and with other names of headers Forgejo. Gogs, which both descend from, names its headers in the same way.

Signed is the JSON document, also where it travels in a form: there it is the decoded field, not the body.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from fraisier.errors import InvalidPayload, InvalidSignature
from fraisier.git.event import WebhookEvent
from fraisier.git.headers import Headers, identifier, one
from fraisier.git.payload import Document, at, form_payload, is_form, masked, needed, read, shown, text_at
from fraisier.git.refs import Ref, full, is_zero, moved, ref_called
from fraisier.git.signature import Secrets, require_hmac_sha256

name = "gitea"

_FAMILY: Final = ("gitea", "gogs")


def verify(headers: Headers, body: bytes, secrets: Secrets, *, now: float | datetime | None = None) -> None:
    """Raises InvalidSignature unless the document is signed with one of ``secrets``. ``now`` is not needed."""
    require_signed(headers, body, secrets, _FAMILY)


def parse(headers: Headers, body: bytes) -> list[WebhookEvent]:
    """Pushes, pull requests and deletions; [] for the rest. A test delivery is a ping. Raises InvalidPayload."""
    return events(headers, body, name, _FAMILY)


def delivery_id(headers: Headers) -> str:
    return identifier(headers, *names("delivery", _FAMILY))


def is_unsigned_ping(headers: Headers, body: bytes) -> bool:
    return False


def names(what: str, family: tuple[str, ...]) -> list[str]:
    """``x-gitea-event`` and so on, for every member of the family, best first."""
    return [f"x-{member}-{what}" for member in family]


def require_signed(headers: Headers, body: bytes, secrets: Secrets, family: tuple[str, ...]) -> None:
    """Raises InvalidSignature unless the header of the first member that sends one signs the document."""
    given, header = one(headers, *names("signature", family)), f"X-{family[0].title()}-Signature"
    try:
        document = form_payload(body) if is_form(headers) else body
    except InvalidPayload as error:
        raise InvalidSignature(f"nothing is signed: {error}") from None
    require_hmac_sha256(given, document, secrets, header=header)


def events(headers: Headers, body: bytes, provider: str, family: tuple[str, ...]) -> list[WebhookEvent]:
    """What a delivery of ``provider`` says. Raises InvalidPayload."""
    word, document = one(headers, *names("event", family)), read(headers, body)
    if not word:
        raise InvalidPayload(f"X-{family[0].title()}-Event is missing")
    read_by = {"push": _push, "pull_request": _pull_request, "delete": _deletion}.get(word)
    if read_by is None:
        return []
    about = WebhookEvent(
        provider=provider,
        event_type=word,
        repository=needed(document, "repository", "full_name"),
        sender=_sender(document),
        raw_payload=masked(document),
    )
    return read_by(about, document)


def _push(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    ref = ref_called(needed(document, "ref"))
    if ref is None:
        return []
    before, after, commit = (
        text_at(document, "before"),
        needed(document, "after"),
        text_at(document, "head_commit", "id"),
    )
    if is_zero(after) and is_zero(commit):
        # the test of an empty repository: a deletion has no head commit at all
        return [replace(about, is_ping=True)]
    return [moved(about, ref, before=before, after=after, commit=commit)]


def _pull_request(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    if not isinstance(at(document, "pull_request"), dict):
        raise InvalidPayload("pull_request is missing")
    return [replace(about, is_merge_request=True, commit_sha=full(text_at(document, "pull_request", "head", "sha")))]


def _deletion(about: WebhookEvent, document: Document) -> list[WebhookEvent]:
    """Of a branch this is all that is sent; of a tag there is a push to nothing as well."""
    kind, short_name = needed(document, "ref_type"), needed(document, "ref")
    if kind not in ("branch", "tag"):
        return []
    ref = Ref(short_name, is_tag=kind == "tag")
    return [replace(about, branch=ref.branch, tag=ref.tag, is_tag=ref.is_tag, is_delete=True)]


def _sender(document: Document) -> str:
    paths = (("sender", "login"), ("sender", "username"), ("pusher", "login"), ("pusher", "username"))
    return shown(next((found for path in paths if (found := text_at(document, *path))), ""))
