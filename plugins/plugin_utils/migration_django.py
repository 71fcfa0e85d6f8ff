"""Migrations by Django: every app has a history of its own, and where a database is takes one name per app."""

# SPDX-License-Identifier: MIT

from __future__ import annotations

import re

from ansible_collections.fraisier.deploy.plugins.plugin_utils import shell
from ansible_collections.fraisier.deploy.plugins.plugin_utils.migration import Change, Reading, Request, marks, sections
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer

HEAD = re.compile(r"-- Running (?P<name>.+)")


class DjangoTool:
    script = "migrate_django"

    def check(self, request: Request) -> None:
        pass

    def parts(self, request: Request, targets: list[str]) -> list[str]:
        return [
            'run_python() { run_argv "$@"; }',
            shell.assign("fork_program", shell.forking("django_fork.py")),
            shell.assign("manage", request.config or "manage.py"),
            shell.assign("database", request.database or "default"),
            shell.assign("target", request.target),
            shell.source("migrate_fork"),
        ]

    def looks_first(self, request: Request) -> bool:
        return request.state == "at"

    def is_reversible(self, request: Request) -> bool:
        return True

    def read(self, answer: Answer) -> Reading:
        pending, ahead = answer.lines("pending"), answer.lines("ahead")
        stuck = marks(answer)
        return Reading(answer.text("before"), pending, ahead, answer.flag("is_pending"), stuck=stuck)

    def place(self, answer: Answer, moment: str) -> str | None:
        return answer.text(moment)

    def unreachable(self, target: str, answer: Answer, reading: Reading) -> str:
        return ""

    def is_upwards(self, target: str, reading: Reading) -> bool:
        """`migrate APP NAME` goes either way."""
        return False

    def changes(self, answer: Answer, reading: Reading) -> list[Change]:
        return sections(answer, reading.pending, HEAD)

    def between(self, answer: Answer, before: str | None, after: str | None) -> tuple[list[str], list[str]]:
        order = [*answer.lines("applied"), *answer.lines("pending")]
        old, new = _below(order, before), _below(order, after)
        return [name for name in order if name in new - old], [name for name in reversed(order) if name in old - new]


def _below(order: list[str], at: str | None) -> set[str]:
    """What is applied when each app is at the migration that ``at`` names; ``order``: what stands on something comes after it."""
    found: set[str] = set()
    for tip in (at or "").split(","):
        if tip in order:
            app = tip.partition(".")[0]
            found |= {name for name in order[: order.index(tip) + 1] if name.partition(".")[0] == app}
    return found
