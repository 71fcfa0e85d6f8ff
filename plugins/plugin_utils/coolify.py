"""What Coolify says of an application's deployments: which there are, how each ended, of which commit, and its last lines."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import COMMIT, RELEASE_ID
from ansible_collections.fraisier.deploy.plugins.plugin_utils.coolify_api import Api, ApiError

FINISHED = "finished"
UNDER_WAY = frozenset({"queued", "in_progress"})
LOOK_BACK = 10
"""Newest deployments of the application that are asked for; each comes with its whole log."""
# The log's own word on what was fetched. Of an application whose commit is pinned some versions of Coolify give the branch's newest commit
# as that of the deployment.
IMPORTING = re.compile(r"^Importing \S.* \(commit sha ([0-9a-f]{40}|[0-9a-f]{64})\) to ", re.MULTILINE)


@dataclass(frozen=True)
class Deployment:
    """One deployment as the API tells it. ``log``: its lines, save hidden ones; empty when the token may not read them."""

    uuid: str
    status: str
    commit: str
    created_at: datetime | None
    log: tuple[str, ...]
    is_preview: bool
    is_by_api: bool

    @property
    def is_under_way(self) -> bool:
        return self.status in UNDER_WAY

    def proof(self, commit: str) -> str:
        """What shows that it is a deployment of ``commit``: ``commit``, the field of that name, or ``log``; '' for nothing."""
        if self.commit == commit:
            return "commit"
        return "log" if IMPORTING.findall("\n".join(self.log))[-1:] == [commit] else ""

    def release_id(self) -> str:
        """A release id for a deployment that was not made by us; '' when it does not tell enough."""
        if not COMMIT.fullmatch(self.commit) or self.created_at is None:
            return ""
        tail = re.sub(r"[^a-z0-9]", "", self.uuid.lower())[-6:].rjust(6, "0")
        return f"{self.created_at.strftime('%Y%m%dT%H%M%SZ')}-{self.commit[:12]}-{tail}"

    def is_newer_than(self, release_id: str) -> bool:
        """Whether it was begun after the release was made; every one is newer than no release."""
        if not RELEASE_ID.fullmatch(release_id):
            return True
        made = datetime.strptime(release_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return self.created_at is not None and self.created_at >= made


def deployment(data: Any) -> Deployment:
    """Raises ApiError for what is no deployment."""
    if not isinstance(data, Mapping) or not data.get("deployment_uuid") or not data.get("status"):
        raise ApiError("Coolify's answer is no deployment")
    return Deployment(
        uuid=str(data["deployment_uuid"]),
        status=str(data["status"]),
        commit=str(data.get("commit") or "").lower(),
        created_at=_moment(data.get("created_at")),
        log=_log(data.get("logs")),
        is_preview=bool(data.get("pull_request_id")),
        is_by_api=data.get("is_api") in (None, True, 1),
    )


def application(api: Api, uuid: str, deadline: float) -> Mapping[str, Any]:
    """The application's settings. Raises ApiError, also for one that is not there."""
    found = _ask_of(api, uuid, f"/applications/{uuid}", deadline)
    if not isinstance(found, Mapping) or found.get("uuid") != uuid:
        raise ApiError(f"{api.url} answered something else than the application {uuid}")
    return found


def deployments(api: Api, uuid: str, deadline: float) -> list[Deployment]:
    """Its deployments, the newest first, without previews of pull requests. Raises ApiError."""
    found = _ask_of(api, uuid, f"/deployments/applications/{uuid}?skip=0&take={LOOK_BACK}", deadline)
    rows = found.get("deployments") if isinstance(found, Mapping) else found
    if not isinstance(rows, list):
        raise ApiError("Coolify's list of deployments is none: this Coolify may be too old")
    return [each for each in map(deployment, rows) if not each.is_preview]


def _ask_of(api: Api, uuid: str, path: str, deadline: float) -> Any:
    try:
        return api.ask_until(deadline, "GET", path)
    except ApiError as error:
        if error.status == 404:
            raise ApiError(f"{api.url} has no application {uuid} that this token may see", status=404) from None
        raise


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _log(text: Any) -> tuple[str, ...]:
    """Lines of a log: a JSON list of entries inside a text, as the API gives it."""
    try:
        entries = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return tuple(str(text).splitlines())
    if not isinstance(entries, list):
        return ()
    shown = [each for each in entries if isinstance(each, Mapping) and not each.get("hidden")]
    return tuple(line for each in shown for line in str(each.get("output") or "").splitlines() if line.strip())
