"""What a message is made of: facts of one deployment, short, one line each, without anything secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fraisier.record.rows import Deployment

LONGEST = 300
MOST_HOSTS = 20
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def facts_of(row: Deployment) -> dict[str, Any]:
    """JSON-ready: ids, names, the first line of what went wrong, and how going back ended."""
    owed = row.details.get("owed")
    return {
        "id": row.id,
        "target": row.target.slug,
        "fraise": row.target.fraise,
        "environment": row.target.environment,
        "kind": row.kind.value,
        "status": row.status.value,
        "actor": line(row.actor),
        "trigger": row.trigger.value,
        "branch": line(row.git_branch),
        "commit": row.new_version or row.git_commit or "",
        "before": row.old_version,
        "seconds": row.duration_seconds,
        "error": line(row.error_message),
        "compensation": line(row.details.get("compensation")),
        "owed": sorted(str(name) for name in owed)[:MOST_HOSTS] if isinstance(owed, dict) else [],
    }


def line(text: object) -> str:
    """The first line that says something, bounded, without control characters and without names and passwords in URLs."""
    first = next((part for part in str(text or "").splitlines() if part.strip()), "")
    plain = "".join(character if character.isprintable() else " " for character in first).strip()
    masked = _USERINFO.sub("***@", plain)
    return masked if len(masked) <= LONGEST else f"{masked[: LONGEST - 1]}…"
