"""A deployment while it runs: a grid of hosts and phases on a terminal, one plain line per finished phase without one."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from fraisier.show.text import duration
from fraisier.vocabulary import Event, EventKind, Phase

if TYPE_CHECKING:
    from rich.table import Table

LOG_FOLLOWS = re.compile(r"; (its|the service's) last lines:$")
SYMBOLS = {"began": "…", "ok": "✔", "changed": "●", "failed": "✘", "unreachable": "⚡", "skipped": "-"}


@dataclass
class Cell:
    """Where one host stands in one phase: ``began``, ``ok``, ``changed``, ``failed``, ``unreachable``, and how long it took."""

    state: str = "began"
    since: float = 0.0
    seconds: float = 0.0


@dataclass
class Progress:
    """Folds events into cells per run, host and phase; a phase may consist of several tasks."""

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)

    def see(self, event: Event) -> None:
        if not event.phase or not event.host or event.kind is EventKind.SKIPPED or event.item:
            return
        cell = self.cells.setdefault((event.host, event.phase), Cell(since=event.time))
        if event.kind is EventKind.TASK:
            return
        cell.seconds = event.time - cell.since
        if event.kind in (EventKind.FAILED, EventKind.UNREACHABLE) and not event.ignored:
            cell.state = event.kind.value
        elif cell.state not in ("failed", "unreachable"):
            cell.state = "changed" if event.changed or cell.state == "changed" else "ok"


def detail(event: Event) -> str:
    """What a finished task has to say in a few words, where it has something to say."""
    result = event.result
    match event.own:
        case "health" if result.get("healthy") and result.get("version"):
            return f"answers as {str(result['version'])[:10]}"
        case "migrate" if result.get("applied") or result.get("rolled_back"):
            done = result.get("applied") or result.get("rolled_back") or []
            return f"{'applied' if result.get('applied') else 'rolled back'} {', '.join(map(str, done))}"
        case "prune" if result.get("removed"):
            return f"removed {len(result['removed'])}"
        case "service" if result.get("pid"):
            return f"pid {result['pid']}"
    return ""


def explanation(event: Event) -> list[str]:
    """Lines that tell why a task failed: its message, and the last words of the service where there are some."""
    log = [f"| {line}" for line in event.result.get("log") or []]
    return [headline(event.message), *log] if log else event.message.splitlines()


def headline(message: str) -> str:
    """The sentence of a message that goes on with lines of a log."""
    first, *rest = message.splitlines() or [""]
    return LOG_FOLLOWS.sub("", first) if rest else first


class PlainListener:
    """One line per finished task of a phase; no control codes. ``write`` gets whole lines."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def note(self, text: str) -> None:
        self._write(text)

    def event(self, run: str, event: Event) -> None:
        if event.kind in (EventKind.PLAY, EventKind.TASK, EventKind.SKIPPED, EventKind.STATS) or event.item:
            return
        if event.kind is EventKind.OUTPUT:
            self._write(event.message)
            return
        state = "changed" if event.kind is EventKind.OK and event.changed else event.kind.value
        word = event.phase or event.task
        name = f"undo {word}" if run == "compensate" else word
        line = f"{name:<14} {event.host}  {state:<8} {duration(event.duration)}"
        if event.kind is not EventKind.OK:
            line += "".join(f"\n    {text}" for text in explanation(event))
        elif said := detail(event):
            line += f"  {said}"
        self._write(line)


class SilentListener:
    """For doors that read the record instead."""

    def note(self, text: str) -> None:
        pass

    def event(self, run: str, event: Event) -> None:
        pass


class LiveListener:
    """A grid that is drawn in place: hosts down, phases across; notes and failures scroll by above it. A context manager."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._run = ""
        self._progress = Progress()
        self._console = Console(file=stream, no_color="NO_COLOR" in os.environ or None, highlight=False)
        self._live = Live(console=self._console, refresh_per_second=8, get_renderable=self._grid, transient=False)

    def __enter__(self) -> LiveListener:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.refresh()
        self._live.stop()

    def note(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(text))

    def event(self, run: str, event: Event) -> None:
        if run != self._run:
            self._keep_grid()
            self._run = run
        self._progress.see(event)
        if event.kind in (EventKind.FAILED, EventKind.UNREACHABLE) and not event.ignored and not event.item:
            self.note("\n    ".join([f"✘ {event.host}: {event.phase or event.task}", *explanation(event)]))
        elif event.kind is EventKind.OUTPUT:
            self.note(event.message)

    def _keep_grid(self) -> None:
        """A new run begins: what the one before has shown stays above."""
        if self._progress.cells:
            self._console.print(self._grid())
        self._progress = Progress()

    def _grid(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        grid = Table(box=None, pad_edge=False, show_header=False)
        now = time.time()
        hosts = list(dict.fromkeys(host for host, _ in self._progress.cells))
        for phase in Phase:
            found = [self._progress.cells.get((host, phase)) for host in hosts]
            if any(found):
                name = f"undo {phase}" if self._run == "compensate" else str(phase)
                grid.add_row(
                    name, *(Text.from_markup(_cell(host, cell, now)) for host, cell in zip(hosts, found, strict=True))
                )
        return grid


def _cell(host: str, cell: Cell | None, now: float) -> str:
    if cell is None:
        return ""
    seconds = now - cell.since if cell.state == "began" else cell.seconds
    colour = {"ok": "green", "changed": "yellow", "began": "cyan"}.get(cell.state, "red")
    return f"[{colour}]{SYMBOLS[cell.state]}[/] {host} [dim]{duration(seconds)}[/]"
