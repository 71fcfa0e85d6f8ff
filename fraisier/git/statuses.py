"""Posting the status of a commit, as each provider wants to be told. The token goes to the configured server and nowhere else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlsplit

from fraisier.errors import StatusRefused
from fraisier.git.posting import post
from fraisier.vocabulary import is_commit

State = Literal["pending", "success", "failure", "error"]

GITHUB_API: Final = "https://api.github.com"
BITBUCKET_API: Final = "https://api.bitbucket.org/2.0"

_GITLAB_STATES: Final = {"pending": "pending", "success": "success", "failure": "failed", "error": "failed"}
_BITBUCKET_STATES: Final = {"pending": "INPROGRESS", "success": "SUCCESSFUL", "failure": "FAILED", "error": "FAILED"}
_CLOUD_KEY: Final = 40
_LONGEST: Final = 255
_GITHUB_LONGEST: Final = 140
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True)
class CommitStatus:
    """What is to be told: ``state`` of ``commit`` in ``repository`` (owner and name), under the name ``context``."""

    repository: tuple[str, ...]
    commit: str
    state: State
    context: str
    description: str
    target_url: str


@dataclass(frozen=True)
class Request:
    """What is sent: a POST of ``body`` as JSON. A refusal (400) that ``is_there`` is found in says that the state is set already."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: Mapping[str, Any]
    is_there: re.Pattern[str] | None = None


def post_status(
    provider: str,
    *,
    base_url: str | None,
    token: str,
    repository: str,
    commit: str,
    state: State,
    context: str,
    description: str,
    target_url: str,
    timeout_seconds: float,
) -> None:
    """Sets the status ``context`` of a commit. ``base_url`` is the address of the server, None for the public one.

    Raises TargetUnreachable when trying again may help (no answer in time, 429, 5xx), StatusRefused when it will not (a token
    that is refused, a repository or commit that is not there, a redirect to another server, a provider that is not ours).
    """
    if not _TOKEN.fullmatch(token):
        raise StatusRefused(f"the token of {provider} is empty or holds characters that no token has")
    status = CommitStatus(_parts(provider, repository), commit, state, context, description, target_url)
    if not is_commit(commit):
        raise StatusRefused(f"{commit!r} is not the full hash of a commit")
    server = base_url.rstrip("/") if base_url else None
    request = _maker(provider, server)(server, token, status)
    answer = post(request.url, request.headers, request.body, timeout_seconds)
    is_there = answer.status == 400 and request.is_there and request.is_there.search(answer.text)
    if not answer.is_good and not is_there:
        raise answer.error(provider)


def _parts(provider: str, repository: str) -> tuple[str, ...]:
    """Owner and name; with GitLab any number of groups and the name."""
    parts = tuple(repository.split("/"))
    is_long = len(parts) > 2 and provider == "gitlab"
    if not (len(parts) == 2 or is_long) or {"", ".", ".."} & set(parts):
        raise StatusRefused(f"{provider} has no repository {repository!r}", hint="expected owner/name")
    return parts


def _is_public(base_url: str | None, *hosts: str) -> bool:
    """True without an address, and for one of the public service."""
    try:
        return base_url is None or urlsplit(base_url).hostname in hosts
    except ValueError:
        return False


def _maker(provider: str, base_url: str | None) -> Callable[[str | None, str, CommitStatus], Request]:
    if provider == "bitbucket" and not _is_public(base_url, "bitbucket.org", "api.bitbucket.org"):
        return _bitbucket_server
    known = {"github": _github, "gitlab": _gitlab, "gitea": _gitea, "forgejo": _forgejo, "bitbucket": _bitbucket_cloud}
    if provider not in known:
        raise StatusRefused(f"no commit statuses can be posted to {provider!r}", hint=f"they can to {', '.join(known)}")
    return known[provider]


def _github(base_url: str | None, token: str, status: CommitStatus) -> Request:
    api = GITHUB_API if _is_public(base_url, "github.com", "api.github.com") else f"{base_url}/api/v3"
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return Request(f"{api}/repos/{_path(status)}/statuses/{status.commit}", headers, _plain(status, _GITHUB_LONGEST))


def _gitea(base_url: str | None, token: str, status: CommitStatus) -> Request:
    api = f"{base_url or 'https://gitea.com'}/api/v1"
    headers = {"Authorization": f"token {token}", "Accept": "application/json"}
    return Request(f"{api}/repos/{_path(status)}/statuses/{status.commit}", headers, _plain(status, _LONGEST))


def _forgejo(base_url: str | None, token: str, status: CommitStatus) -> Request:
    return _gitea(base_url or "https://codeberg.org", token, status)


def _gitlab(base_url: str | None, token: str, status: CommitStatus) -> Request:
    project = quote("/".join(status.repository), safe="")
    url = f"{base_url or 'https://gitlab.com'}/api/v4/projects/{project}/statuses/{status.commit}"
    wanted = _GITLAB_STATES[status.state]
    body = {**_plain(status, _LONGEST), "state": wanted}

    # It refuses a state that the status has already; one that runs has been pending.
    there = "pending|running" if wanted == "pending" else wanted
    is_there = re.compile(rf"Cannot transition status via :\w+ from :({there})\b")
    return Request(url, {"PRIVATE-TOKEN": token, "Accept": "application/json"}, body, is_there)


def _bitbucket_cloud(_base_url: str | None, token: str, status: CommitStatus) -> Request:
    url = f"{BITBUCKET_API}/repositories/{_path(status)}/commit/{status.commit}/statuses/build"
    page = status.target_url or f"https://bitbucket.org/{_path(status)}/commits/{status.commit}"
    return Request(url, _bitbucket_headers(token), _build(status, page, _CLOUD_KEY))


def _bitbucket_server(base_url: str | None, token: str, status: CommitStatus) -> Request:
    project, slug = (quote(part, safe="~") for part in status.repository)
    place = f"projects/{project}/repos/{slug}/commits/{status.commit}"
    page = status.target_url or f"{base_url}/{place}"
    return Request(f"{base_url}/rest/api/1.0/{place}/builds", _bitbucket_headers(token), _build(status, page, _LONGEST))


def _bitbucket_headers(token: str) -> dict[str, str]:
    """A token with a colon is an account and its password or token."""
    if ":" in token:
        return {"Authorization": f"Basic {base64.b64encode(token.encode()).decode()}", "Accept": "application/json"}
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _plain(status: CommitStatus, longest: int) -> dict[str, str]:
    body = {"state": status.state, "context": status.context, "description": status.description[:longest]}
    return {**body, "target_url": status.target_url} if status.target_url else body


def _build(status: CommitStatus, page: str, longest_key: int) -> dict[str, str]:
    return {
        "key": _key(status.context, longest_key),
        "state": _BITBUCKET_STATES[status.state],
        "name": status.context[:_LONGEST],
        "url": page,
        "description": status.description[:_LONGEST],
    }


def _key(context: str, longest: int) -> str:
    """The context, or where it is too long its beginning and a digest, so that two contexts never share a key."""
    if len(context) <= longest:
        return context
    digest = hashlib.sha256(context.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{context[: longest - 13]}-{digest}"


def _path(status: CommitStatus) -> str:
    return "/".join(quote(part, safe="~") for part in status.repository)
