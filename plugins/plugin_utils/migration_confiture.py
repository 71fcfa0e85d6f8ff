"""Migrations by Confiture: versions sort as texts, each may be applied by itself, and the ledger is a set of them."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import ArgumentError
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import Change, Reading, Request, marks
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

FOLDER = "db/migrations"
WITHOUT = "~"


def place(applied: Iterable[str], known: Iterable[str]) -> str:
    """The newest applied version, and behind each `~` an older one that is not applied: `3~2` says 1 and 3."""
    there = sorted(applied)
    if not there:
        return ""
    gaps = sorted(version for version in set(known) - set(there) if version < there[-1])
    return WITHOUT.join([there[-1], *gaps])


def versions(at: str | None, known: Iterable[str]) -> set[str]:
    """The applied versions that ``at`` says; ``known``: all that there are."""
    newest, *gaps = (at or "").split(WITHOUT)
    return {version for version in {*known, newest} if version and version <= newest} - set(gaps)


class ConfitureTool:
    script = "migrate_confiture"

    def check(self, request: Request) -> None:
        if request.config and request.url_variable in request.environment:
            raise ArgumentError("tool confiture takes its database from config or from the environment, not from both")

    def parts(self, request: Request, targets: list[str]) -> list[str]:
        """The address crosses in the environment, where CONFITURE_DATABASE_URL wins over all others."""
        source = ["-c", request.config] if request.config else ["--no-config"]
        url = request.environment.get("CONFITURE_DATABASE_URL") or request.environment.get(request.url_variable, "")
        words = shlex.join(source)
        return [
            "confiture_environment() { unset DATABASE_URL CONFITURE_DATABASE_URL; }"
            if request.config
            else shell.exporting("confiture_environment", {"CONFITURE_DATABASE_URL": url} if url else {}),
            f'run_confiture() {{ confiture_environment; f_verb=$1; shift; run_argv confiture migrate "$f_verb" {words} "$@"; }}',
            f'run_up() {{ confiture_step up {shlex.join(request.extra_args)} "$@"; }}',
            shell.assign("migrations_dir", request.migrations_dir or FOLDER),
            shell.assign("target", request.target.partition(WITHOUT)[0]),
        ]

    def looks_first(self, request: Request) -> bool:
        return request.state == "at"

    def is_reversible(self, request: Request) -> bool:
        return True

    def read(self, answer: Answer) -> Reading:
        known, applied = set(answer.lines("version")), _split(answer.text("before"))
        pending = sorted(known - applied)
        return Reading(
            self.place(answer, "before"), pending, answer.lines("ahead"), answer.flag("is_pending"), stuck=marks(answer)
        )

    def place(self, answer: Answer, moment: str) -> str | None:
        return place(_split(answer.text(moment)), answer.lines("version"))

    def unreachable(self, target: str, answer: Answer, reading: Reading) -> str:
        """Confiture compares a target as text and looks nothing up: any word would do."""
        known, applied = set(answer.lines("version")), _split(answer.text("before"))
        wanted = versions(target, known | applied)
        newest = max(wanted, default="")
        if newest not in {*known, ""}:
            return f"this release has no version {newest}"
        below = sorted(version for version in applied - wanted if version < newest)
        return f"{', '.join(below)} is older than {newest}, and the way back begins at the newest" if below else ""

    def is_upwards(self, target: str, reading: Reading) -> bool:
        return target.partition(WITHOUT)[0] in reading.pending

    def changes(self, answer: Answer, reading: Reading) -> list[Change]:
        """As Confiture grades its files itself. What it has no word for is not graded."""
        try:
            said = json.loads(answer.text("preflight") or "{}")["change_set"]["changes"]
        except (ValueError, KeyError, TypeError):
            said = []
        grades: dict[str, list[tuple[str, str]]] = {}
        for change in said:
            what = f"{change.get('detail') or change.get('kind')} ({change.get('object') or '?'})"
            grades.setdefault(str(change.get("migration")), []).append((str(change.get("tier")), what))
        return [Change(name, grades=grades.get(name)) for name in reading.pending]

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        known = {*answer.lines("version"), *_split(answer.text("before")), *_split(answer.text("after"))}
        old, new = versions(before, known), versions(after, known)
        return sorted(new - old), sorted(old - new, reverse=True)


def _split(text: str) -> set[str]:
    return {version for version in text.split(",") if version}
