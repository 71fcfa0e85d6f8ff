"""The process that owns one Ansible run: a sub-reaper around ansible_runner, so that nothing of a run outlives its controller.

Started by ``fraisier.run`` as ``python -m fraisier.run.guardian FOLDER``; the only module that imports ansible_runner. On standard input
it reads lines: jobs (JSON, run one after the other), ``cancel``, and ``alive``, which says that the controller still holds its lease. What
ends every descendant process: ``cancel``; the end of the input (the controller died); and silence for longer than the job's
``feed_seconds`` (the controller is frozen, or cut off from its database, and somebody else may take over soon). Each job is answered with
one JSON line: ``{"status": ..., "rc": ..., "output": [...]}``.

ansible-core's workers call setsid() and survive a kill of the process group, and ansible-runner's own cancel misses the module that
they run; a sub-reaper finds all of them as its own descendants.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import select
import shlex
import shutil
import signal
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from fraisier.run import warm
from fraisier.secrets.memory import forbid_core_files

PR_SET_CHILD_SUBREAPER = 36
OUTPUT_LINES = 60
GRACE_SECONDS = 2.0


def children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def is_marked(pid: int) -> bool:
    """Whether ``pid`` was started by this run: it has inherited the run's name of the FIFO."""
    try:
        return f"FRAISIER_EVENTS={os.environ['FRAISIER_EVENTS']}".encode() in Path(
            f"/proc/{pid}/environ"
        ).read_bytes().split(b"\0")
    except OSError:
        return False


def is_ssh_master(pid: int) -> bool:
    """Whether ``pid`` is a connection that ssh keeps in the background, or its way through a bastion; they end by themselves."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return command.startswith(b"ssh: ") or (command.startswith(b"ssh\0") and b"\0-W\0" in command)


def descendants(pid: int, spared: int | None = None) -> list[int]:
    """All processes of this run below ``pid``, parents before children; of ``spared`` only its children.

    A sub-reaper also inherits what a run has started to stay: daemons that begin with a clean environment, such as a supervisord on a
    local host, and ssh's master connections, which the next run uses again. Both are left alone.
    """
    found: list[int] = []
    waiting = deque(child for child in children(pid) if is_marked(child) and not is_ssh_master(child))
    while waiting:
        child = waiting.popleft()
        if child != spared:
            found.append(child)
        waiting.extend(children(child))
    return found


def end_descendants(spared: int | None = None) -> None:
    """Ask with SIGTERM, then SIGKILL until none is left; new ones that appear in between are found by the next look."""
    deadline = time.monotonic() + GRACE_SECONDS
    for pid in descendants(os.getpid(), spared):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    while left := descendants(os.getpid(), spared):
        if time.monotonic() > deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        reap()
        time.sleep(0.02)


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


class Guardian:
    """Runs the jobs of one deployment, one after the other, while a thread watches the controller."""

    def __init__(self, folder: str, warm_pid: int | None) -> None:
        self.folder = folder
        self.warm_pid = warm_pid
        self.stopped = ""
        self.feed_seconds = 0.0
        self.last_word = time.monotonic()
        self.jobs: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.lines: deque[str] = deque(maxlen=OUTPUT_LINES)

    def watch_controller(self) -> None:
        """Do what standard input says; its end means that the controller is done, or dead."""
        rest = b""
        while True:
            ready, _, _ = select.select([0], [], [], self.patience())
            if not ready:
                self.stop("starved")
                continue
            chunk = os.read(0, 1 << 16)
            self.last_word = time.monotonic()
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self.take(line.strip())
        self.jobs.put(None)
        # Whether it ended or died: nothing of a run may be left, and no secret either.
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end_descendants()
        shutil.rmtree(self.folder, ignore_errors=True)
        os._exit(0)

    def patience(self) -> float | None:
        """Seconds that the controller may still be silent; None while nothing depends on it."""
        return max(0.0, self.last_word + self.feed_seconds - time.monotonic()) if self.feed_seconds else None

    def take(self, line: bytes) -> None:
        if line == b"cancel":
            self.stop("canceled")
        elif line and line != b"alive":
            job = json.loads(line)
            self.stopped, self.feed_seconds = "", job["feed_seconds"]
            self.jobs.put(job)

    def stop(self, why: str) -> None:
        self.stopped, self.feed_seconds = why, 0.0
        end_descendants(self.warm_pid)

    def on_line(self, event: dict[str, Any]) -> bool:
        """Only lines outside of any task come this way; events go through the FIFO. False: write no event file."""
        if text := str(event.get("stdout", "")).rstrip():
            self.lines.extend(text.splitlines())
        return False

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        import ansible_runner

        self.lines.clear()
        try:
            runner = ansible_runner.run(
                private_data_dir=job["folder"],
                project_dir=job["folder"],
                host_cwd=job["folder"],
                playbook=job["playbook"],
                inventory=job["inventories"],
                cmdline=shlex.join(job["arguments"]),
                event_handler=self.on_line,
                cancel_callback=lambda: bool(self.stopped),
                settings={"pexpect_timeout": 0.5, "suppress_output_file": True},
                timeout=job["timeout_seconds"] or None,
                fact_cache_type="memory",
                quiet=True,
            )
            status, rc = str(runner.status), runner.rc
        except Exception as error:  # noqa: BLE001  # a door: whatever went wrong is the controller's to judge and record
            status, rc = "error", None
            self.lines.append(f"{type(error).__name__}: {error}")
        end_descendants(self.warm_pid)
        self.feed_seconds = 0.0
        return {"status": self.stopped or status, "rc": rc, "output": list(self.lines)}


def close_without_pause() -> None:
    """pexpect closes a terminal and then waits a tenth of a second, for a program that may still be there. Of one that has ended, as it
    has when ansible-runner closes its terminal, nothing has to be waited for.
    """
    import pexpect  # type: ignore[import-untyped]

    close = pexpect.spawn.close

    def close_what_has_ended(self: Any, force: bool = True) -> None:
        if not self.isalive():
            self.ptyproc.delayafterclose = 0
        close(self, force)

    pexpect.spawn.close = close_what_has_ended


def answer(message: dict[str, Any], out: Any) -> None:
    with suppress(BrokenPipeError):
        out.write(json.dumps(message) + "\n")
        out.flush()


def main() -> None:
    forbid_core_files()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not end up between our answers
    process = warm.start(Path(sys.argv[1]), os.environ)
    guardian = Guardian(sys.argv[1], process.pid if process else None)
    threading.Thread(target=guardian.watch_controller, daemon=True).start()
    import ansible_runner  # noqa: F401  # while the warm process imports ansible-core

    close_without_pause()
    while (job := guardian.jobs.get()) is not None:
        answer(guardian.run(job), out)
    threading.Event().wait()  # the watching thread cleans up and ends the process


if __name__ == "__main__":
    main()
