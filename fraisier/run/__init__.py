"""3. Plan -> stream of events, through ansible-runner in a guardian process (fraisier.run.guardian alone imports ansible_runner)."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from fraisier.plan import Plan
from fraisier.run import collection, project, warm
from fraisier.secrets.redact import Redactor
from fraisier.vocabulary import Event, EventKind

PASSED_ON = frozenset(
    (
        *(
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "LANGUAGE",
            "TZ",
            "TMPDIR",
            "TERM",
            "SSH_AUTH_SOCK",
            "KRB5CCNAME",
        ),
        *("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
        *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    )
)
"""Variables of our own environment that a run sees: ansible-runner writes its whole environment to a file, so the list is closed."""
LONGEST_CONTROL_PATH_DIR = 75
"""Ansible adds a name of 10 characters to it, and ssh a suffix of 17 while it opens the socket."""
PREFIXES_PASSED_ON = ("LC_", "ANSIBLE_", "PIP_", "UV_", "NPM_CONFIG_", "npm_config_", "GIT_SSL_")


USUAL_COLLECTIONS = "~/.ansible/collections:/usr/share/ansible/collections"


def passed_on(environ: Mapping[str, str], more: Sequence[str] = ()) -> dict[str, str]:
    """The part of our environment that Ansible sees; ``more`` are names that the user allows besides."""
    found = {k: v for k, v in environ.items() if k in PASSED_ON or k in more or k.startswith(PREFIXES_PASSED_ON)}
    found.pop("ANSIBLE_CONFIG", None)  # a run has its own; it would take away what ends the wait for a silent host
    return found | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])}


@dataclass(frozen=True)
class Outcome:
    """How a run ended: ansible-runner's status (``successful``, ``failed``, ``canceled``, ``timeout``, ``error``), ``died`` when the
    guardian itself was killed, ``starved`` when it had not heard of us for too long; ansible-playbook's exit code, and the last lines it
    printed outside of any task."""

    status: str
    rc: int | None
    output: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How to run a plan: in check mode, with diffs, only some phases or all but some (phases are tags), with variables of this run alone.

    ``timeout_seconds`` ends the run (0: the plan's own limit). ``feed_seconds``: without a ``Runner.feed`` for so long, the run is ended
    (0: nobody has to feed it).
    """

    check: bool = False
    diff: bool = False
    tags: tuple[str, ...] = ()
    skip_tags: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float = 0
    feed_seconds: float = 0

    def arguments(self) -> list[str]:
        found = ["--check"] if self.check else []
        found += ["--diff"] if self.diff else []
        found += ["--tags", ",".join(self.tags)] if self.tags else []
        return found + (["--skip-tags", ",".join(self.skip_tags)] if self.skip_tags else [])


class Runner:
    """Runs the plans of one deployment, one after the other. A context manager: leaving it ends whatever still runs.

    Entering starts the guardian process at once, so that it has imported ansible-runner by the time the first plan is ready.
    """

    def __init__(self, environ: Mapping[str, str], passing: Sequence[str] = ()) -> None:
        """``passing``: names of variables that a run sees besides the usual ones; their values are masked as secrets are."""
        self._environ = environ
        self._passing = {name: environ[name] for name in passing if name in environ}
        self._count = 0
        self._mutex = threading.Lock()
        self.outcome = Outcome("error", None)

    def __enter__(self) -> Runner:
        self._folder = Path(tempfile.mkdtemp(prefix="fraisier-", dir=_memory_folder()))
        self._events = self._folder / "events"
        os.mkfifo(self._events, 0o600)
        # Opened for both ways: reading never sees an end of file between two runs, and the writer never waits for us.
        self._fifo = os.open(self._events, os.O_RDWR | os.O_NONBLOCK)
        self._guardian = subprocess.Popen(
            [sys.executable, "-m", "fraisier.run.guardian", str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment(),
            text=True,
            start_new_session=True,  # a Ctrl-C at the terminal reaches us alone; we then ask the guardian
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._guardian.stdin and self._guardian.stdout
        if not self._count:  # nothing was run: it need not even finish starting
            self._guardian.kill()
        self._guardian.stdin.close()
        self._guardian.wait()
        self._guardian.stdout.close()
        os.close(self._fifo)
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        """Whether the guardian process is there for another plan."""
        return self._guardian.poll() is None

    def run(self, plan: Plan, secrets: Mapping[str, str], options: Options | None = None) -> Iterator[Event]:
        """Run ``plan`` and yield its events as they come, secrets masked; ``outcome`` is set when the last one has been yielded."""
        options = options or Options()
        folder = self._prepare(plan, secrets, options)
        arguments = [*options.arguments(), "--forks", str(project.forks(plan))]
        arguments += ["-e", f"@{folder / 'early.yml'}"]
        if plan.secrets:
            arguments += ["-e", f"@{folder / 'secrets.json'}"]
        job = {
            "folder": str(folder),
            "playbook": plan.playbook,
            "arguments": arguments,
            "inventories": [*plan.inventories, str(folder / "inventory")],
            "timeout_seconds": options.timeout_seconds or plan.timeout_seconds,
            "feed_seconds": options.feed_seconds,
        }
        self._tell(json.dumps(job))
        redact = Redactor([*secrets.values(), *self._passing.values()])
        for sequence, line in enumerate(self._lines(), start=1):
            yield _event(redact(line), sequence)
        self.outcome = Outcome(self.outcome.status, self.outcome.rc, [redact(line) for line in self.outcome.output])
        shutil.rmtree(folder, ignore_errors=True)  # secrets stay no longer than the run that needs them

    def cancel(self) -> None:
        """End the run that is going on; ``run`` then ends with the outcome ``canceled``."""
        self._tell("cancel")

    def feed(self) -> None:
        """Say that we still hold what the run works on; a run with ``feed_seconds`` ends when nobody says so any more."""
        self._tell("alive")

    def _prepare(self, plan: Plan, secrets: Mapping[str, str], options: Options) -> Path:
        self._count += 1
        folder = self._folder / f"run{self._count}"
        folder.mkdir(mode=0o700)
        project.write_inventory(plan, folder)
        project.write_early(plan, folder / "early.yml", options.variables)
        project.write_secrets({name: secrets[name] for name in plan.secrets}, folder / "secrets.json")
        return folder

    def _collections_path(self) -> str:
        """Ours before all others; those are for hooks, and for plugins of the user's inventories."""
        theirs = self._environ.get("ANSIBLE_COLLECTIONS_PATH") or USUAL_COLLECTIONS
        return os.pathsep.join([str(self._folder / "collections"), theirs])

    def _control_path_dir(self) -> str:
        """Where ssh's master connections live from one run to the next; a socket's path must not be longer than 107 characters."""
        home = Path(self._environ.get("HOME", "/"))
        kept = Path(self._environ.get("XDG_STATE_HOME") or home / ".local/state") / "fraisier" / "cp"
        return str(kept if len(str(kept)) <= LONGEST_CONTROL_PATH_DIR else self._folder / "cp")

    def _environment(self) -> dict[str, str]:
        passed = passed_on(self._environ, tuple(self._passing))
        collections = self._folder / "collections"
        collection.link_into(collections)
        local_temp = self._folder / "tmp"
        local_temp.mkdir()
        paths = self._collections_path()
        cfg = self._folder / "ansible.cfg"
        cfg.write_text(project.ansible_cfg(control_path_dir=self._control_path_dir(), collections_path=paths))
        return {
            "ANSIBLE_CONFIG": str(cfg),
            **passed,
            **warm.variables(self._folder, self._environ),
            "PATH": os.pathsep.join([str(warm.BIN), passed["PATH"]]),
            "PYTHONUNBUFFERED": "1",
            "FRAISIER_EVENTS": str(self._events),
            "AWX_LIB_DIRECTORY": str(Path(__file__).parent / "display"),
            "ANSIBLE_COLLECTIONS_PATH": paths,
            "ANSIBLE_LOCAL_TEMP": str(local_temp),
            "ANSIBLE_HOST_KEY_CHECKING": passed.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
            "ANSIBLE_BECOME_ASK_PASS": "False",
            "ANSIBLE_NOCOLOR": "1",
        }

    def _tell(self, line: str) -> None:
        assert self._guardian.stdin
        with self._mutex, suppress(BrokenPipeError):  # it was killed: reading its answer will say so
            self._guardian.stdin.write(line + "\n")
            self._guardian.stdin.flush()

    def _lines(self) -> Iterator[str]:
        """Event lines until the guardian has answered and the FIFO is empty."""
        assert self._guardian.stdout
        answers, rest, answered = self._guardian.stdout.fileno(), b"", False
        while True:
            ready, _, _ = select.select(
                [self._fifo] if answered else [self._fifo, answers], [], [], 0 if answered else None
            )
            if self._fifo in ready:
                *lines, rest = (rest + os.read(self._fifo, 1 << 16)).split(b"\n")
                yield from (line.decode("utf-8", "replace") for line in lines)
            elif answered:
                return
            if answers in ready:
                answered = True
                self.outcome = self._answer()

    def _answer(self) -> Outcome:
        assert self._guardian.stdout
        line = self._guardian.stdout.readline()
        if not line:
            code = self._guardian.wait()
            _end_marked(f"FRAISIER_EVENTS={self._events}")
            return Outcome("died", None, [f"the process that ran Ansible ended with {code}"])
        answer: dict[str, Any] = json.loads(line)
        return Outcome(answer["status"], answer["rc"], answer["output"])


def _event(line: str, sequence: int) -> Event:
    try:
        data = json.loads(line)
    except ValueError:  # a run that was killed while it wrote
        return Event(EventKind.OUTPUT, 0.0, sequence, message=line)
    kind = EventKind(data.pop("kind"))
    return Event(kind=kind, sequence=sequence, message=data.pop("message", "") or _message(data), **data)


def _message(data: Mapping[str, Any]) -> str:
    result = data.get("result") or {}
    return str(result.get("msg") or "") if isinstance(result, dict) else ""


def _end_marked(mark: str) -> None:
    """Kill every process with ``mark`` in its environment: what a run leaves behind when its guardian was killed."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        marked = [int(path.name) for path in Path("/proc").glob("[0-9]*") if _is_marked(path, mark)]
        if not marked:
            return
        for pid in marked:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _is_marked(process: Path, mark: str) -> bool:
    try:
        return mark.encode() in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _memory_folder() -> str | None:
    """A folder in memory where the system has one: secrets of a run should not touch a disk."""
    shared = Path("/dev/shm")  # noqa: S108
    return str(shared) if shared.is_dir() and os.access(shared, os.W_OK) else None
