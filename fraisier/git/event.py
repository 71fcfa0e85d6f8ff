"""What a delivery says, in the same words for every provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fraisier.vocabulary import is_commit


@dataclass(frozen=True)
class WebhookEvent:
    """One thing that happened: one ref that moved, one merge request, one ping. A delivery holds any number of them.

    ``event_type`` is the provider's own word (``push``, ``repo:refs_changed``). ``repository`` is ``owner/name`` as the
    provider spells it, '' where a ping names none. ``branch`` and ``tag`` come without ``refs/...`` and only with a ref that
    a push moved or a deletion removed, never with a merge request: its branch may lie in somebody's fork and be called
    ``main``. ``commit_sha`` is a full hash of a commit, never of an annotated tag; None when the ref is gone, or when the
    provider names no full commit. ``sender`` is the account that acted, for people to read; it proves nothing.
    ``raw_payload`` is the body with its secrets masked; ``fraisier.git.payload`` says what it cannot hold.
    """

    provider: str
    event_type: str
    repository: str = ""
    sender: str = ""
    branch: str | None = None
    tag: str | None = None
    commit_sha: str | None = None
    raw_payload: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    is_push: bool = False
    """A push moved a ref: created, updated or deleted a branch or a tag."""
    is_tag: bool = False
    is_merge_request: bool = False
    is_ping: bool = False
    """The provider or somebody's "Test" button tries the address; nothing moved."""
    is_delete: bool = False
    should_deploy: bool = field(init=False)
    """A push put a commit on a branch; follows from the rest. Never true for a tag: only branches are mapped to targets."""

    def __post_init__(self) -> None:
        moved = self.is_push and self.branch is not None and is_commit(self.commit_sha or "")
        other = self.is_tag or self.is_merge_request or self.is_ping or self.is_delete
        object.__setattr__(self, "should_deploy", moved and not other)
