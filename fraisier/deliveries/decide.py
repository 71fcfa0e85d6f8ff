"""What becomes of one verified delivery: for each ref that it moved the targets to deploy, or the reason why none. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraisier.deliveries.hooks import Hook
    from fraisier.deliveries.routes import Routes
    from fraisier.git import WebhookEvent
    from fraisier.vocabulary import Target

ACCEPTED = "accepted"
IGNORED = "ignored"
NOT_ALLOWED = "the secret does not speak for this repository"
_TEXTS = ("kind", "repository", "branch", "tag", "commit", "sender", "event_type")
_LONGEST = 300
"""Characters of a text out of a delivery that are kept; no branch, account or repository has a longer name."""


@dataclass(frozen=True)
class Ref:
    """A branch or tag as a delivery tells of it, cut to what is worth keeping, and what it deploys."""

    kind: str
    repository: str = ""
    branch: str = ""
    tag: str = ""
    commit: str = ""
    sender: str = ""
    event_type: str = ""
    targets: tuple[Target, ...] = ()
    reason: str = ""

    def data(self) -> dict[str, Any]:
        """As it is kept in the ledger; ``ref_from`` reads it."""
        texts = {name: value for name, value in vars(self).items() if value and name != "targets"}
        return {**texts, "targets": [target.slug for target in self.targets]}


def ref_from(data: Mapping[str, Any]) -> Ref:
    """A ref that was kept, without what was decided on it."""
    kind, repository, branch, tag, commit, sender, event_type = (str(data.get(name) or "") for name in _TEXTS)
    return Ref(kind, repository, branch, tag, commit, sender, event_type)


def decide(events: Sequence[WebhookEvent], hook: Hook, routes: Routes) -> tuple[Ref, ...]:
    """One ``Ref`` for each event. An authentic delivery with nothing in it has none."""
    return tuple(judged(_ref(event), hook, routes) for event in events)


def judged(ref: Ref, hook: Hook, routes: Routes) -> Ref:
    """The same ref with what today's configuration makes of it."""
    targets: tuple[Target, ...] = ()
    if ref.kind == "ping":
        reason = "a ping"
    elif not (ref.repository and hook.speaks_for(ref.repository)):
        reason = NOT_ALLOWED
    elif ref.kind != "push":
        reason = _REASONS.get(ref.kind, "not a push")
    else:
        match = routes.match(hook.provider, ref.repository, ref.branch)
        targets, reason = match.targets, match.reason
    return replace(ref, targets=targets, reason=reason)


_REASONS = {
    "delete": "a deletion deploys nothing",
    "tag": "a tag deploys nothing",
    "merge_request": "a merge request deploys nothing; the push that merges it does",
    "other": "not a push",
}


def _ref(event: WebhookEvent) -> Ref:
    return Ref(
        _kind(event),
        _short(event.repository),
        _short(event.branch),
        _short(event.tag),
        _short(event.commit_sha),
        _short(event.sender),
        _short(event.event_type),
    )


def _kind(event: WebhookEvent) -> str:
    if event.is_ping:
        return "ping"
    if event.is_delete:
        return "delete"
    if event.is_merge_request:
        return "merge_request"
    if event.is_tag:
        return "tag"
    return "push" if event.is_push and event.should_deploy else "other"


def _short(text: str | None) -> str:
    return (text or "")[:_LONGEST]
