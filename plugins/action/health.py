"""Waits until the service answers, and answers as the version that was deployed; one exec per host as a rule."""

# Copyright: Fraisier authors
# GNU General Public License v3.0 or later (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from dataclasses import replace

from ansible_collections.fraisier.deploy.plugins.plugin_utils import http_check, instances
from ansible_collections.fraisier.deploy.plugins.plugin_utils.arguments import Arguments
from ansible_collections.fraisier.deploy.plugins.plugin_utils.http_check import Check, Verdict
from ansible_collections.fraisier.deploy.plugins.plugin_utils.protocol import Answer
from ansible_collections.fraisier.deploy.plugins.plugin_utils.script_action import Result, ScriptAction, outcome


class ActionModule(ScriptAction):
    CHANGES = False

    def perform(self, arguments: Arguments) -> Result:
        check = http_check.parse(arguments)
        once = arguments.boolean("once")
        arguments.finish()
        if self.is_check and not once:
            return {
                "changed": False,
                "skipped": True,
                "msg": "nothing was deployed in check mode: there is nothing to wait for",
            }
        answer, verdict, attempts = self._wait(replace(check, timeout_seconds=0, after_start=False) if once else check)
        result = {**outcome(answer), "changed": False, **_facts(check, answer, verdict), "attempts": attempts}
        result["failed"] = not verdict.healthy and not (once and answer.complete)
        if not verdict.healthy:
            result["msg"] = verdict.message
            result["log"] = answer.lines("log")
        return result

    def _wait(self, check: Check) -> tuple[Answer, Verdict, int]:
        """The host's look at the version is a rough one; when the exact one says no, ask again until time is up."""
        deadline = time.monotonic() + check.timeout_seconds
        attempts = 0
        while True:
            left = deadline - time.monotonic()
            answer = self.ask([instances.SCRIPT, *check.service.scripts, "health"], check.parts(max(left, 0)))
            verdict = http_check.judge(check.of(answer.text("color")), answer)
            attempts += answer.whole("attempts")
            if verdict.healthy or answer.flag("failed") or time.monotonic() + check.interval_seconds > deadline:
                return answer, verdict, attempts
            time.sleep(check.interval_seconds)


def _facts(check: Check, answer: Answer, verdict: Verdict) -> Result:
    return {
        "healthy": verdict.healthy,
        "status": answer.whole("status"),
        "version": verdict.version,
        "expected_version": check.expected_version,
        "evidence": verdict.evidence,
        "pid": answer.whole("pid"),
        "started_at": answer.number("started_at"),
    }
