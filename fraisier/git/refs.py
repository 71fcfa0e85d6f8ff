"""Refs that a push moved, and the events that they make; the same for every provider."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fraisier.errors import InvalidPayload
from fraisier.vocabulary import is_commit

if TYPE_CHECKING:
    from fraisier.git.event import WebhookEvent

HEADS = "refs/heads/"
TAGS = "refs/tags/"


@dataclass(frozen=True)
class Ref:
    """A branch or a tag, by its short name."""

    name: str
    is_tag: bool = False

    @property
    def branch(self) -> str | None:
        return None if self.is_tag else self.name

    @property
    def tag(self) -> str | None:
        return self.name if self.is_tag else None


def ref_called(full_name: str) -> Ref | None:
    """The branch or tag of ``refs/heads/...`` or ``refs/tags/...``; None for any other ref. Raises InvalidPayload for what is none."""
    for prefix, is_tag in ((HEADS, False), (TAGS, True)):
        if full_name.startswith(prefix) and full_name != prefix:
            return Ref(full_name.removeprefix(prefix), is_tag)
    if full_name.startswith("refs/") and full_name not in (HEADS, TAGS):
        return None
    raise InvalidPayload("the ref is not a full name such as refs/heads/main")


def is_zero(commit: str) -> bool:
    """True for the hash of nothing, which stands for "the ref is not there"; of any length."""
    return bool(commit) and set(commit) == {"0"}


def moved(about: WebhookEvent, ref: Ref, *, before: str, after: str, commit: str | None = None) -> WebhookEvent:
    """``about`` (provider, repository, sender) as the event of ``ref`` going from the object ``before`` to ``after``.

    ``commit`` is the commit that ``after`` stands for: needed of a tag, which may be an object of its own; None when the
    provider does not say. Nothing moved when both are the same: that is how "Test" buttons push. Raises InvalidPayload
    when a branch does not move to a full hash.
    """
    if not is_commit(after):
        raise InvalidPayload("the ref does not move to a full commit hash")
    if before == after:
        return replace(about, is_ping=True)
    is_gone = is_zero(after)
    there = full(commit) if ref.is_tag else after
    return replace(
        about,
        branch=ref.branch,
        tag=ref.tag,
        is_tag=ref.is_tag,
        is_push=True,
        is_delete=is_gone,
        commit_sha=None if is_gone else there,
    )


def full(commit: str | None) -> str | None:
    """``commit`` when it is the full hash of something; None otherwise."""
    return commit if commit and is_commit(commit) and not is_zero(commit) else None
