"""The repository that a release is made from, as a URL that git may be given."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError

SCP_FORM = re.compile(r"[A-Za-z0-9_.-]+@[A-Za-z0-9_.\[\]:-]+:.+|[A-Za-z0-9_.-]+\.[A-Za-z0-9_.-]+:.+")
SCHEMES = ("file", "git", "http", "https", "ssh")


@dataclass(frozen=True)
class Repository:
    """A URL fit for an argv, and the credentials that were in it."""

    url: str
    credentials: dict[str, str]


def parse_repository(text: str) -> Repository:
    """Refuses what git would read as an option or run as a remote helper; takes user and password out of http URLs."""
    if text.startswith("/") or (SCP_FORM.fullmatch(text) and "://" not in text):
        return Repository(text, {})
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or text.startswith("-"):
        raise ArgumentError(f"repo must be an absolute path, user@host:path or a URL with one of {', '.join(SCHEMES)}")
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return Repository(text, {})
    credentials = {
        "FRAISIER_GIT_USERNAME": unquote(parts.username or ""),
        "FRAISIER_GIT_PASSWORD": unquote(parts.password or ""),
    }
    return Repository(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), credentials)
