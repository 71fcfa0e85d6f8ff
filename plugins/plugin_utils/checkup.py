"""What a look at a host means: clock, git and port judged from what the script saw. Pure; the doctor plugin does the asking."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from ansible_collections.fraisier.deploy.plugins.plugin_utils import protocol
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

LOCAL = re.compile(r"localhost|127\.[0-9.]+|\[?::1\]?")
PROXIES = frozenset({"nginx", "haproxy", "caddy", "traefik", "apache2", "httpd", "envoy", "varnishd", "docker-proxy"})
FAR_OFF = 300
"""Seconds: from here on certificates and tokens are refused."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``state`` is ok, warning or problem; ``hint`` says what to do next."""

    check: str
    state: str
    message: str
    hint: str = ""

    def data(self) -> dict[str, str]:
        return asdict(self)


def told(answer: Answer) -> list[Finding]:
    """What the script judged by itself."""
    return [Finding(*(line.split("\t") + [""] * 4)[:4]) for line in answer.lines("check")]


def clock(answer: Answer, asked_at: float, answered_at: float, tolerated: float) -> Finding:
    """The host looked at its clock somewhere between the two times: only what lies outside of them is a difference."""
    try:
        seen = float(answer.text("clock").rstrip(".N"))
    except ValueError:
        return Finding("clock", "warning", "the host does not tell its time", "see what `date +%s` prints there")
    whole_seconds = 0.0 if "." in answer.text("clock").rstrip(".N") else 1.0
    difference = min(seen + whole_seconds - asked_at, 0.0) or max(seen - answered_at, 0.0)
    words = f"{abs(difference):.1f} s {'ahead of' if difference > 0 else 'behind'} this machine"
    if abs(difference) <= tolerated:
        return Finding("clock", "ok", words if abs(difference) >= 0.1 else "as this machine's")
    state = "problem" if abs(difference) > FAR_OFF else "warning"
    return Finding("clock", state, words, "switch on time synchronisation: timedatectl set-ntp true")


def port_of(url: str) -> int:
    """The port that the health check asks on the host itself; 0 when it asks elsewhere."""
    parts = urlsplit(url)
    if not LOCAL.fullmatch(parts.hostname or ""):
        return 0
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def port(answer: Answer, number: int) -> Finding:
    holders = [line.split(" ") for line in answer.lines("holder")]
    if not holders:
        return Finding("port", "ok", f"{number} is free")
    if any(whose == "ours" for _, _, whose in holders):
        return Finding("port", "ok", f"{number} is held by the service")
    pid, name, _ = holders[0]
    who = f"{name} (pid {pid})" if pid != "0" else f"a process of {name.replace('-', ' ')}"
    if name in PROXIES:
        return Finding("port", "ok", f"{number} is held by {who}, a proxy")
    if pid == "0" and answer.text("state") == "running":
        return Finding("port", "ok", f"{number} is held, and the service runs")
    hint = f"end it, or give the service another port: ss -ltnp 'sport = :{number}'"
    return Finding("port", "problem", f"{number} is held by {who}, which is not the service", hint)


GIT_WORDS = (
    (
        re.compile(r"host key verification failed", re.IGNORECASE),
        "as {user} on {place}: ssh-keyscan {server} >> ~/.ssh/known_hosts, after comparing the key",
    ),
    (
        re.compile(
            r"permission denied|authentication failed|could not read (username|password)|access denied", re.IGNORECASE
        ),
        "give {user} on {place} a deploy key that the repository knows",
    ),
    (
        re.compile(r"could not resolve|timed out|refused|unreachable|no route", re.IGNORECASE),
        "{place} does not reach the git server: look at its DNS and firewall",
    ),
    (
        re.compile(r"not found|does not (exist|appear)|no such file", re.IGNORECASE),
        "look at git_repo; servers also say so to whom they do not know: give {user} on {place} a deploy key",
    ),
)


def git(answer: Answer, url: str, branch: str, user: str, place: str) -> Finding | None:
    """What git_access.sh was told at ``place``, for people, by ``user`` there."""
    if not answer.has("git_rc"):
        return None
    said = answer.text("git_said")
    if answer.flag("git_rc") or answer.whole("git_rc"):
        facts = {"user": user, "server": server_of(url), "place": place}
        hint = next((words.format(**facts) for pattern, words in GIT_WORDS if pattern.search(said)), "")
        words = protocol.last_lines(said, count=2).replace("\n", " ") or f"git ended with {answer.text('git_rc')}"
        return Finding(
            "git", "problem", f"cannot read {url}: {words}", hint or f"try it on {place}: git ls-remote {url}"
        )
    if not re.search(r"^[0-9a-f]{40,64}\s", said, re.MULTILINE):
        return Finding("git", "warning", f"{url} has no branch or tag {branch}", "look at branch: in fraises.yaml")
    return Finding("git", "ok", f"{url} answers")


def server_of(url: str) -> str:
    if "://" in url:
        return urlsplit(url).hostname or url
    return url.partition(":")[0].rpartition("@")[2]


def service(answer: Answer, manager: str, name: str) -> Finding | None:
    """A service that should run and does not; before the first deployment none should."""
    if manager == "none" or not answer.text("current_release_id"):
        return None
    state = answer.text("state")
    if state == "running":
        return Finding(
            "service", "ok", f"{name} runs (pid {answer.text('pid')})" if answer.whole("pid") else f"{name} runs"
        )
    hint = "bring it back: fraisier deploy with --force; what it said: fraisier status --live"
    return Finding("service", "problem", f"{name} is {state or 'stopped'}, and a release is current", hint)
