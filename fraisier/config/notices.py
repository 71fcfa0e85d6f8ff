"""Who is told of a target's deployments, in words that hold no secret: what is known when a deployment ends, before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fraisier.config.model import GitProviders, Notifications
    from fraisier.secrets import SecretRef

PUBLIC: Final[Mapping[str, str]] = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "gitea.com": "gitea",
    "codeberg.org": "forgejo",
    "bitbucket.org": "bitbucket",
}
"""Hosts of the services that everybody may use, and what speaks there."""
_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]{0,30})://", re.IGNORECASE)
_SCP_LIKE: Final = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:@]+):(?!//)")


@dataclass(frozen=True)
class Notices:
    """``places`` names the configured addresses, such as ``slack #2`` for the second one; ``on`` the occasions that they hear of.

    ``statuses`` maps hosts of git services to the service (``github``...) that commits of their repositories get a status in.
    """

    places: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    statuses: tuple[tuple[str, str], ...] = ()

    def provider(self, git_repo: str) -> str:
        """The service that shows a status beside commits of this repository; '' when there is none, or it was not wanted."""
        return dict(self.statuses).get(host_of(git_repo), "")


def notices(notifications: Notifications, git: GitProviders, environ: Mapping[str, str]) -> Notices:
    """What the sections of a file come to. ``environ`` must have every variable that they refer to."""
    places = tuple(place for place, _ in addresses(notifications, environ))
    statuses = tuple(_statuses(git)) if notifications.commit_status else ()
    return Notices(places, tuple(notifications.on), statuses)


def addresses(notifications: Notifications, environ: Mapping[str, str]) -> Iterator[tuple[str, SecretRef]]:
    """The name of each place and its address, which is a secret; those that are empty are left out. Of one that a back end keeps only what
    is written in the file is known here, so that it has the same name everywhere."""
    for number, secret in enumerate(notifications.urls, start=1):
        known = secret.template if secret.addresses else secret.filled(environ)
        if known.strip():
            scheme = _SCHEME.match(known.strip())
            yield f"{scheme[1].lower() if scheme else 'address'} #{number}", secret


def host_of(git_repo: str) -> str:
    """The host in the URL of a repository (https, ssh, or ``git@host:path``), in lower case; '' for a path."""
    if "://" in git_repo:
        try:
            return (urlsplit(git_repo).hostname or "").lower()
        except ValueError:
            return ""
    found = _SCP_LIKE.match(git_repo)
    return found["host"].lower() if found else ""


def _statuses(git: GitProviders) -> Iterator[tuple[str, str]]:
    for name in type(git).model_fields:
        settings = getattr(git, name)
        if settings is None or settings.token is None:
            continue
        if settings.base_url:
            yield host_of(settings.base_url), name
        else:
            yield from ((host, name) for host, service in PUBLIC.items() if service == name)
