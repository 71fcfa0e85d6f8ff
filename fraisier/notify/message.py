"""The words: what people read of a deployment, and the line beside a commit. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DESCRIPTION_CHARACTERS = 140
"""GitHub takes no more."""
SHORT_COMMIT, SHORT_ID = 10, 8


@dataclass(frozen=True)
class Message:
    """``kind`` is success, warning or failure: services show it as a colour or a sign."""

    title: str
    body: str
    kind: str


def message(facts: Mapping[str, Any]) -> Message:
    """From ``facts_of`` a deployment that has ended, waits for what a policy asks, or overrides policies."""
    if "waits" in facts or "override" in facts:
        return _of_policy(facts)
    lines = [_version(facts), _asked(facts)]
    if facts["status"] != "success":
        lines += [facts["error"], facts["compensation"]]
    if facts["owed"]:
        lines.append(f"not reached: {', '.join(facts['owed'])}")
    lines += [f"next: {command}" for command in _next(facts)]
    return Message(f"{facts['target']}: {_headline(facts)}", "\n".join(line for line in lines if line), _kind(facts))


def _of_policy(facts: Mapping[str, Any]) -> Message:
    who = facts["actor"] or "nobody in particular"
    asked = f"{facts['kind']} asked for by {who} ({facts['trigger']})"
    if "override" in facts:
        lines = [
            f"reason: {facts['override']}",
            *facts["lifted"],
            asked,
            f"next: fraisier logs {facts['id'][:SHORT_ID]}",
        ]
        return Message(f"{facts['target']}: POLICIES OVERRIDDEN by {who}", "\n".join(lines), "warning")
    waits = facts["waits"]
    lines = [_version(facts), asked, waits.get("reason", ""), waits.get("hint", ""), "see: fraisier approvals"]
    headline = "waits for an approval" if waits.get("subject") else "waits until it may be deployed"
    return Message(f"{facts['target']}: {headline}", "\n".join(line for line in lines if line), "warning")


def description(facts: Mapping[str, Any]) -> str:
    """One line beside a commit, from the facts of its status."""
    match facts["state"]:
        case "pending":
            text = f"being deployed to {facts['environment']}"
        case "success":
            text = f"deployed to {facts['environment']} in {duration(facts['seconds'])}"
        case _:
            text = f"{_headline(facts)} after {duration(facts['seconds'])}: {facts['error']}".removesuffix(": ")
    return text if len(text) <= DESCRIPTION_CHARACTERS else f"{text[: DESCRIPTION_CHARACTERS - 1]}…"


def duration(seconds: float | None) -> str:
    """To the second; fractions are of interest below ten only."""
    if seconds is None:
        return "no time"
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _headline(facts: Mapping[str, Any]) -> str:
    if facts["kind"] == "job" and facts["status"] in ("success", "failed"):
        good = facts["status"] == "success"
        return f"{'recovered, ' if facts.get('recovered') and good else ''}{'has run' if good else 'failed'}"
    if facts["status"] == "success":
        verb = {"rollback": "went back to", "job": "did what was asked for, on"}.get(facts["kind"], "deployed")
        return f"{'recovered, ' if facts.get('recovered') else ''}{verb} {facts['commit'][:SHORT_COMMIT]}".rstrip()
    return {
        "failed": "failed, nothing was switched",
        "rolled_back": f"rolled back to {facts['before'][:SHORT_COMMIT]}" if facts["before"] else "rolled back",
        "rollback_failed": "ROLLBACK FAILED, needs your eyes",
        "interrupted": "interrupted",
        "cancelled": "cancelled",
    }[facts["status"]]


def _version(facts: Mapping[str, Any]) -> str:
    new, old = facts["commit"][:SHORT_COMMIT], facts["before"][:SHORT_COMMIT]
    of = f" of {facts['branch']}" if facts["branch"] else ""
    was = f", was {old}" if old and old != new else ""
    return f"commit {new}{of}{was}" if new else ""


def _asked(facts: Mapping[str, Any]) -> str:
    who = facts["actor"] or "nobody in particular"
    return f"asked for by {who} ({facts['trigger']}), took {duration(facts['seconds'])}"


def _next(facts: Mapping[str, Any]) -> list[str]:
    place = f"{facts['fraise']} {facts['environment']}"
    commands = []
    if facts["owed"] or facts["status"] == "interrupted":
        commands.append(f"fraisier resume {place}")
    if facts["status"] in ("interrupted", "rollback_failed"):
        commands.append(f"fraisier status --live {place}")
    if facts["status"] != "success":
        commands.append(f"fraisier logs {facts['id'][:SHORT_ID]}")
    return commands


def _kind(facts: Mapping[str, Any]) -> str:
    if facts["status"] == "success":
        return "warning" if facts["owed"] else "success"
    return "warning" if facts["status"] == "rolled_back" else "failure"
