"""Which providers there are: ours by literal names, those of other packages by entry points; each is imported when it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Final, Protocol, cast

from fraisier.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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


class _Providers(Mapping[str, Provider]):
    """Names -> providers. Looking up one that is installed and cannot be used raises ConfigError; one that is not, KeyError."""

    def __init__(self, ours: Mapping[str, str]) -> None:
        self._ours = ours

    def __getitem__(self, name: str) -> Provider:
        if name in self._ours:
            return cast("Provider", import_module(self._ours[name]))
        return _loaded(self._theirs[name])

    def __contains__(self, name: object) -> bool:
        return name in self._ours or name in self._theirs

    def __iter__(self) -> Iterator[str]:
        yield from self._ours
        yield from self._theirs

    def __len__(self) -> int:
        return len(self._ours) + len(self._theirs)

    @cached_property
    def _theirs(self) -> Mapping[str, EntryPoint]:
        from importlib.metadata import entry_points

        found = {each.name: each for each in entry_points(group=ENTRY_POINTS)}
        return {name: found[name] for name in sorted(found) if name not in self._ours}


def _loaded(entry_point: EntryPoint) -> Provider:
    name = entry_point.name
    package = entry_point.dist.name if entry_point.dist else entry_point.value
    try:
        provider = entry_point.load()
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
        raise ConfigError(f"the git provider {name!r} of {package} cannot be loaded: {fault}") from error
    missing = [
        each
        for each in ("verify", "parse", "delivery_id", "is_unsigned_ping")
        if not callable(getattr(provider, each, None))
    ]
    if missing:
        raise ConfigError(f"the git provider {name!r} of {package} has no {', '.join(missing)}")
    if getattr(provider, "name", None) != name:
        raise ConfigError(f"the git provider {name!r} of {package} calls itself {getattr(provider, 'name', None)!r}")
    return cast("Provider", provider)


PROVIDERS: Final[Mapping[str, Provider]] = _Providers(OURS)


def detect(headers: Mapping[str, str]) -> str | None:
    """Name of the provider whose headers these are, by the header that tells most; None when none of ours sends such.

    Unsigned, like the headers: it chooses how to verify, and says nothing about who calls.
    """
    given = {name.lower() for name in headers}
    return next((provider for header, provider in _TELLING_HEADERS if header in given), None)
