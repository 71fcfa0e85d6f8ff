"""A push as each provider would send it, signed: what `fraisier webhooks test` posts to the server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

SENDER = "fraisier-webhooks-test"
BEFORE = "1" * 40
SIGNING_TOKEN = "whsec_"  # noqa: S105 - how GitLab's signing tokens begin


@dataclass(frozen=True)
class Sample:
    """A request: what to post, and with which headers."""

    headers: Mapping[str, str]
    body: bytes


def sample_push(provider: str, repository: str, branch: str, commit: str, secret: str) -> Sample:
    """A push of ``commit`` to ``branch``, signed with ``secret``. KeyError for a provider whose signature is not known here."""
    body, headers = _MAKERS[provider](repository, branch, commit)
    encoded = json.dumps(body).encode()
    return Sample(
        {"Content-Type": "application/json", **headers, **_signed(provider, headers, encoded, secret)}, encoded
    )


def known_providers() -> tuple[str, ...]:
    """Providers that samples can be made for."""
    return tuple(_MAKERS)


def _signed(provider: str, headers: Mapping[str, str], body: bytes, secret: str) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    if provider == "gitlab":
        return _signed_by_gitlab(headers["Idempotency-Key"], body, secret)
    if provider == "bitbucket":
        return {"X-Hub-Signature": f"sha256={digest}"}
    own = {
        "gitea": {"X-Gitea-Signature": digest},
        "forgejo": {"X-Forgejo-Signature": digest, "X-Gitea-Signature": digest},
    }
    return {"X-Hub-Signature-256": f"sha256={digest}", **own.get(provider, {})}


def _signed_by_gitlab(delivery: str, body: bytes, secret: str) -> dict[str, str]:
    if not secret.startswith(SIGNING_TOKEN):
        return {"X-Gitlab-Token": secret}
    now = str(int(time.time()))
    key = base64.b64decode(secret.removeprefix(SIGNING_TOKEN))
    digest = hmac.new(key, b".".join((delivery.encode(), now.encode(), body)), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": delivery, "webhook-timestamp": now, "webhook-signature": signature}


Made = tuple[dict[str, Any], dict[str, str]]


def _github(repository: str, branch: str, commit: str) -> Made:
    name = repository.rpartition("/")[2]
    body = {
        "ref": f"refs/heads/{branch}",
        "before": BEFORE,
        "after": commit,
        "created": False,
        "deleted": False,
        "forced": False,
        "repository": {"full_name": repository, "name": name},
        "pusher": {"name": SENDER},
        "sender": {"login": SENDER},
        "head_commit": {"id": commit, "message": "a sample"},
        "commits": [{"id": commit, "message": "a sample"}],
    }
    return body, {"X-GitHub-Event": "push", "X-GitHub-Delivery": str(uuid4())}


def _gitea(repository: str, branch: str, commit: str) -> Made:
    body, headers = _github(repository, branch, commit)
    own = {"X-Gitea-Event": "push", "X-Gitea-Delivery": headers["X-GitHub-Delivery"]}
    return {**body, "pusher": {"login": SENDER, "username": SENDER}}, {**headers, **own}


def _forgejo(repository: str, branch: str, commit: str) -> Made:
    body, headers = _gitea(repository, branch, commit)
    return body, {**headers, "X-Forgejo-Event": "push", "X-Forgejo-Delivery": headers["X-GitHub-Delivery"]}


def _gitlab(repository: str, branch: str, commit: str) -> Made:
    body = {
        "object_kind": "push",
        "event_name": "push",
        "ref": f"refs/heads/{branch}",
        "before": BEFORE,
        "after": commit,
        "checkout_sha": commit,
        "user_username": SENDER,
        "project": {"path_with_namespace": repository},
        "commits": [{"id": commit, "message": "a sample"}],
    }
    return body, {"X-Gitlab-Event": "Push Hook", "Idempotency-Key": str(uuid4())}


def _bitbucket(repository: str, branch: str, commit: str) -> Made:
    new = {"type": "branch", "name": branch, "target": {"type": "commit", "hash": commit}}
    old = {"type": "branch", "name": branch, "target": {"type": "commit", "hash": BEFORE}}
    body = {
        "actor": {"nickname": SENDER},
        "repository": {"full_name": repository},
        "push": {"changes": [{"new": new, "old": old, "created": False, "closed": False, "forced": False}]},
    }
    return body, {"X-Event-Key": "repo:push", "X-Request-UUID": str(uuid4()), "X-Hook-UUID": str(uuid4())}


_MAKERS: Mapping[str, Callable[[str, str, str], Made]] = {
    "github": _github,
    "gitlab": _gitlab,
    "gitea": _gitea,
    "forgejo": _forgejo,
    "bitbucket": _bitbucket,
}
