"""Names of repositories: what providers call them, and what their URLs in fraises.yaml say."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*(?P<path>/.*)")
_SCP_LIKE: Final = re.compile(r"(?:[^/:@]+@)?(?:\[[^]/]*\]|[^/:]+):(?P<path>.+)")
_CASE_BLIND: Final = ("github", "gitlab", "gitea", "forgejo", "bitbucket")
_OWNER_AND_NAME: Final = ("github", "gitea", "forgejo", "bitbucket")


def name_of(url: str, provider: str = "") -> str:
    """``owner/name`` from a repository's URL: https, ssh, ``git@host:owner/name.git`` or a path; '' when it holds none.

    With ``provider``, what stands before the owner goes too (``/scm/`` of Bitbucket Server, a server below a path), where
    names have two parts. GitLab's may have more: there all of the path is the name.
    """
    found = _URL.fullmatch(url) or _SCP_LIKE.fullmatch(url)
    path = unquote(found["path"] if found else url)
    parts = [part for part in path.removesuffix("/").removesuffix(".git").split("/") if part]
    if provider in _OWNER_AND_NAME:
        parts = parts[-2:]
    return "/".join(parts) if len(parts) > 1 else ""


def same_repository(provider: str, one: str, other: str) -> bool:
    """True when two names mean the same repository. Our five providers take no notice of case; others are taken at their word.

    Only ASCII letters have two cases here: no provider has others in a name, and some fold into ASCII.
    """
    if provider in _CASE_BLIND and one.isascii() and other.isascii():
        return bool(one) and one.lower() == other.lower()
    return bool(one) and one == other
