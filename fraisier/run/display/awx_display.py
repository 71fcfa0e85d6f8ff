# Copyright (c) 2026 Fraisier authors
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stdout callback that ansible-runner loads in place of its own: each event is one JSON line in a FIFO.

ansible-runner forces the name ``awx_display`` and takes the folder from AWX_LIB_DIRECTORY. Its own plugin writes a file per event and
sends base64 through a terminal; at 2,000 events that costs as much as a third of the run. One writer, one reader, no file.
"""

from __future__ import annotations

import gc
import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: awx_display
type: stdout
short_description: Events of a run as JSON lines
description:
  - Writes every event of a playbook run as one JSON line to the FIFO named by the environment variable C(FRAISIER_EVENTS).
requirements:
  - C(FRAISIER_EVENTS) names a FIFO that somebody reads
"""

PHASES = frozenset(
    "preflight fetch build backup migrate drain activate restart health reattach verify prune".split()  # noqa: SIM905
)
DROPPED = ("_ansible", "invocation", "stdout_lines", "stderr_lines", "ansible_facts")

# ansible-core makes very many small objects that live to the end; fewer collections make a run about a tenth cheaper.
gc.freeze()
gc.set_threshold(50_000, 20, 20)


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "awx_display"

    def __init__(self) -> None:
        super().__init__()
        self._fifo = open(os.environ["FRAISIER_EVENTS"], "w", encoding="utf-8", errors="replace")  # noqa: SIM115, PTH123
        self._play = ""
        self._started: dict[tuple[str, str], float] = {}
        self._known_tasks: dict[str, dict[str, Any]] = {}
        self._said_by_items: dict[tuple[str, str], list[str]] = {}

    def _send(self, kind: str, **fields: Any) -> None:
        line = {"kind": kind, "time": time.time(), **fields}
        self._fifo.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
        self._fifo.flush()

    def _task(self, task: Any) -> dict[str, Any]:
        known = self._known_tasks.get(task._uuid)  # noqa: SLF001
        if known is None:
            role = task._role  # noqa: SLF001
            known = {
                "play": self._play,
                "task": task.name or task.action,
                "role": role.get_name(include_role_fqcn=False).rsplit(".", 1)[-1] if role else "",
                "action": task.action,
                "phase": next((tag for tag in task.tags if tag in PHASES), ""),
            }
            self._known_tasks[task._uuid] = known  # noqa: SLF001
        return known

    def _result(self, kind: str, result: Any, **fields: Any) -> None:
        host = result._host.get_name()  # noqa: SLF001
        task = result._task  # noqa: SLF001
        now = time.time()
        data = {key: value for key, value in result._result.items() if not key.startswith(DROPPED)}  # noqa: SLF001
        self._send(
            kind,
            **self._task(task),
            host=host,
            duration=now - self._started.get((task._uuid, host), now),  # noqa: SLF001
            changed=bool(data.pop("changed", False)),
            result=data,
            **fields,
        )

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._play = play.get_name()
        self._known_tasks.clear()
        self._send("play", play=self._play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002
        self._send("task", **self._task(task))

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._send("task", **self._task(task))

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        name = host.get_name()
        self._started[task._uuid, name] = time.time()  # noqa: SLF001
        self._send("task", **self._task(task), host=name)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        # A loop says of itself only that some item failed, and not in every ansible-core by its results which one.
        said = self._said_by_items.pop(_place(result), [])
        self._result("failed", result, ignored=bool(ignore_errors), message="; ".join(dict.fromkeys(said)))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("unreachable", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("skipped", result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._item("ok", result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        if message := str(result._result.get("msg") or ""):  # noqa: SLF001
            self._said_by_items.setdefault(_place(result), []).append(message)
        self._item("failed", result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._item("skipped", result)

    def _item(self, kind: str, result: Any) -> None:
        item = result._result.get("_ansible_item_label", result._result.get("item", ""))  # noqa: SLF001
        self._result(kind, result, item=str(item) or "?")

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self._send("output", message="no hosts left")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        self._send("stats", result=hosts)


def _place(result: Any) -> tuple[str, str]:
    return result._task._uuid, result._host.get_name()  # noqa: SLF001
