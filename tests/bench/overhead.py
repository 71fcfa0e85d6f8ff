"""What running through Fraisier adds to ansible-playbook: guardian, events, redaction and record against the bare command."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fraisier.record.ledger import Ledger
from fraisier.run import collection, project
from tests.bench.measure import Cost, Rounds, interleaved, percentile, require, run
from tests.bench.recorded_run import PAUSE, Job, plan_of
from tests.bench.report import Figure, Section

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@dataclass
class Play:
    """A playbook of ``tasks`` tasks with ``items`` loop items each (0: no loop), and both ways to run it."""

    folder: Path
    tasks: int
    items: int = 0
    latencies: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.playbook = self.folder / "play.yml"
        self.home = self.folder / "home"
        self.home.mkdir(parents=True)
        self.playbook.write_text(self._text())
        self.url = f"sqlite:///{self.folder / 'fraisier.db'}"
        plan = plan_of(str(self.playbook))
        collections = self.folder / "collections"
        collection.link_into(collections)
        project.write_inventory(plan, self.folder)
        cfg = project.ansible_cfg(control_path_dir=str(self.home), collections_path=str(collections))
        (self.folder / "ansible.cfg").write_text(cfg)
        project.write_early(plan, self.folder / "early.yml", {})

    def _text(self) -> str:
        lines = ["- name: Measure", "  hosts: all", "  gather_facts: false", "  tasks:"]
        for number in range(self.tasks):
            lines.append(f"    - name: Step {number}")
            if self.items:
                lines += ['      ansible.builtin.debug: {msg: "item {{ item }}"}']
                lines += [f'      loop: "{{{{ range(0, {self.items}) | list }}}}"']
            else:
                lines += ["      ansible.builtin.raw: echo done"]
        return "\n".join(lines) + "\n"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(ROOT),
        }

    def bare(self) -> Cost:
        """ansible-playbook on the files that the Runner writes, with the same settings and arguments."""
        time.sleep(PAUSE)
        done = run(
            ["ansible-playbook", "-i", "inventory", "--forks", "1", "-e", "@early.yml", self.playbook],
            env=self.environ,
            cwd=self.folder,
        )
        require(f"ok={self.tasks} " in done.output, f"not {self.tasks} tasks:\n{done.output[-2000:]}")
        require(not self.items or done.output.count("ok: [localhost]") == self.tasks * self.items, "items are missing")
        return done.cost

    def cold(self) -> Cost:
        return self._ours(ready=False)

    def ready(self) -> Cost:
        return self._ours(ready=True)

    def _ours(self, *, ready: bool) -> Cost:
        job = Job(str(self.playbook), self.url, ready)
        argv = [sys.executable, "-m", "tests.bench.recorded_run", json.dumps(asdict(job))]
        answer: dict[str, Any] = json.loads(run(argv, env=self.environ, cwd=ROOT).output)
        require(answer["status"] == "successful", f"the run ended {answer['status']}")
        rows = self._rows(answer["deployment"])
        want = {"ok": self.tasks * (self.items + 1), "stats": 1, "play": 1}
        require({kind: rows.get(kind) for kind in want} == want, f"recorded {rows}, expected {want} and more")
        require(sum(rows.values()) == len(answer["latencies"]), "not every row was timed")
        self.latencies += answer["latencies"]
        return Cost(answer["wall"], answer["cpu"])

    def _rows(self, deployment: int) -> dict[str, int]:
        with Ledger(self.url) as ledger:
            sql = "SELECT event, count(*) AS n FROM tb_deployment_event WHERE fk_deployment = :pk GROUP BY event"
            return {row["event"]: row["n"] for row in ledger.query(sql, pk=deployment)}


def small(folder: Path, quick: bool) -> Section:
    """One and five tasks: what a deployment of one host is made of."""
    figures: list[Figure] = []
    for tasks, rounds, seconds in ((1, 1 if quick else 7, 45), (5, 1 if quick else 13, 90)):
        play = Play(folder / f"tasks{tasks}", tasks)
        found = interleaved(
            {"bare": play.bare, "cold": play.cold, "ready": play.ready},
            rounds,
            seconds=seconds,
            warm_ups=0 if quick else 1,
        )
        figures += _small_figures(f"{tasks} task{'s' if tasks > 1 else ''}", found, play)
    compared = (
        "Runner (guardian, events through a FIFO, redaction) with Recorder into SQLite, against ansible-playbook on the same files; "
        "'cold' from entering the Runner, 'ready' with the guardian already waiting, both until everything is recorded and ended"
    )
    return Section("overhead", compared, figures)


def _small_figures(name: str, found: Rounds, play: Play) -> list[Figure]:
    return [
        Figure(f"{name}: ansible-playbook, wall", "s", found.wall("bare")),
        Figure(f"{name}: ansible-playbook, CPU", "s", found.cpu("bare")),
        Figure(f"{name}: guardian ready, wall", "x", found.wall_ratios("ready", "bare"), goal=1.05),
        Figure(f"{name}: guardian ready, CPU", "x", found.cpu_ratios("ready", "bare"), goal=1.05),
        Figure(f"{name}: cold, wall", "x", found.wall_ratios("cold", "bare")),
        Figure(f"{name}: cold, CPU", "x", found.cpu_ratios("cold", "bare")),
        Figure(f"{name}: made by Ansible -> committed, p95", "ms", [percentile(play.latencies, 95) * 1e3], goal=150),
    ]


def many_events(folder: Path, quick: bool) -> Section:
    """2,000 loop items (500 in quick mode)."""
    tasks, items, rounds = (5, 100, 1) if quick else (10, 200, 3)
    play = Play(folder / "many", tasks, items)
    found = interleaved({"bare": play.bare, "ready": play.ready}, rounds, seconds=120, warm_ups=0)
    compared = f"the same with {tasks} tasks of {items} loop items each ({tasks * items:,} results and a few events more); guardian ready"
    figures = [
        Figure("ansible-playbook, wall", "s", found.wall("bare")),
        Figure("ansible-playbook, CPU", "s", found.cpu("bare")),
        Figure("with Runner and Recorder, wall", "x", found.wall_ratios("ready", "bare")),
        Figure("with Runner and Recorder, CPU", "x", found.cpu_ratios("ready", "bare"), goal=1.2),
        Figure("made by Ansible -> committed, p95", "ms", [percentile(play.latencies, 95) * 1e3], goal=150),
    ]
    return Section("events", compared, figures)
