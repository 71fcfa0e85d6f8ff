"""Which providers there are: ours by literal names, those of other packages by entry points; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from fraisier.installed import Installed, without

if TYPE_CHECKING:
    from fraisier.git import bitbucket, forgejo, gitea, github, gitlab
    from fraisier.git.event import WebhookEvent

    _TYPES_FIT: tuple[Provider, ...] = (github, gitlab, gitea, forgejo, bitbucket)

ENTRY_POINTS: Final = "fraisier.git_providers"

OURS: Final[Mapping[str, str]] = {
    "github": "fraisier.git.github",
    "gitlab": "fraisier.git.gitlab",
    "gitea": "fraisier.git.gitea",
    "forgejo": "fraisier.git.forgejo",
    "bitbucket": "fraisier.git.bitbucket",
}

# In this order: Forgejo also sends Gitea's headers, and both send GitHub's.
_TELLING_HEADERS: Final = (
    ("x-forgejo-event", "forgejo"),
    ("x-gitea-event", "gitea"),
    ("x-gogs-event", "gitea"),
    ("x-gitlab-event", "gitlab"),
    ("x-event-key", "bitbucket"),
    ("x-github-event", "github"),
)


class Provider(Protocol):
    """What a git provider must have; a module will do. All functions are pure, and total on any headers and bytes.

    Names of headers come in any case.
    """

    @property
    def name(self) -> str:
        """The name in ``PROVIDERS``, in the configuration and in ``WebhookEvent.provider``."""

    def verify(
        self,
        headers: Mapping[str, str],
        body: bytes,
        secrets: Sequence[str | bytes],
        *,
        now: float | datetime | None = None,
    ) -> None:
        """Returns when ``body`` is signed with one of ``secrets``; raises InvalidSignature otherwise, and nothing else.

        ``now`` (seconds since the epoch, or an aware datetime; default: the clock) judges the timestamp of providers that sign one.
        """

    def parse(self, headers: Mapping[str, str], body: bytes) -> list[WebhookEvent]:
        """What an authentic delivery says; nothing to do is ``[]``. Raises InvalidPayload, and nothing else."""

    def delivery_id(self, headers: Mapping[str, str]) -> str:
        """What the provider calls this delivery, and calls it again when it sends it again; '' when it has no name."""

    def is_unsigned_ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """True for the ping of a provider that never signs it: to be answered, and nothing else."""


def _missing(found: object) -> list[str]:
    return without(found, "verify", "parse", "delivery_id", "is_unsigned_ping")


PROVIDERS: Final[Mapping[str, Provider]] = Installed("git provider", ENTRY_POINTS, _missing, ours=OURS)


def detect(headers: Mapping[str, str]) -> str | None:
    """Name of the provider whose headers these are, by the header that tells most; None when none of ours sends such.

    Unsigned, like the headers: it chooses how to verify, and says nothing about who calls.
    """
    given = {name.lower() for name in headers}
    return next((provider for header, provider in _TELLING_HEADERS if header in given), None)
