"""A release to 1, 10 and 50 hosts over ssh, cold connections: ours against plain Ansible, the usual playbook, pyinfra and a script."""

from __future__ import annotations

from pathlib import Path

from tests.bench.fleet import fleet
from tests.bench.measure import Cost, Rounds, interleaved
from tests.bench.releasing import Releases, pyinfra_program
from tests.bench.report import Figure, Section
from tests.sshd import SSHD

GOALS: dict[tuple[str, str], dict[int, float]] = {
    ("warm", "pyinfra"): {1: 0.5, 10: 0.5, 50: 0.6},
    ("cold", "usual"): {1: 1 / 12, 10: 1 / 30, 50: 1 / 25},
    ("warm", "script"): {1: 1.0, 10: 1.0, 50: 0.8},
    ("cold", "script"): {1: 2.4, 10: 1.8, 50: 1.05},
    ("warm cheap", "script"): {},
    ("cheap", "script"): {},
    ("cold", "pyinfra"): {},
    ("warm", "usual"): {},
    ("cold", "rendered"): {},
}
NAMES = {
    "cold": "fraisier deploy",
    "cheap": "fraisier deploy, cheap key exchange",
    "warm": "ours from a warm process",
    "warm cheap": "ours from a warm process, cheap key exchange",
    "rendered": "ansible-playbook on the rendered project",
    "usual": "the usual playbook",
    "pyinfra": "pyinfra",
    "script": "parallel ssh script",
}
ROUNDS = {1: 7, 10: 5, 50: 3}
USUAL_AT_MOST = {1: 7, 10: 2, 50: 1}
"""The usual playbook takes minutes on many hosts: it takes part in the first rounds only, and is compared within them."""

COMPARED = (
    "a new commit of a repository with 200 files to N hosts, loopback addresses of this machine behind sshds of our own: fetch, export, "
    "switch, prune, no service, health check `true`; every connection new; each release verified on every host. `fraisier deploy` is "
    "the whole command; 'warm' the same function in a process that has done it before; the usual playbook is 13 tasks of Ansible's own "
    "modules with its own settings (Ansistrano's steps); pyinfra uses its own operations; the script is one ssh per host, all at once, "
    "default settings. 'Cheap key exchange' is curve25519-sha256 where OpenSSH's default is post-quantum"
)


def benchmark(folder: Path, quick: bool) -> Section:
    """All methods in each round, in an order that differs."""
    if not SSHD.exists():
        return Section("ssh", f"NOT MEASURED, there is no {SSHD} here (apt-get install openssh-server): {COMPARED}", [])
    program = pyinfra_program()
    figures: list[Figure] = []
    for count in (1, 3) if quick else (1, 10, 50):
        with fleet(folder / str(count), count) as hosts:
            world = Releases(folder / str(count) / "world", hosts)
            try:
                found = _rounds(world, 1 if quick else ROUNDS[count], USUAL_AT_MOST.get(count, 1), program)
            finally:
                world.end()
        figures += _figures(count, found)
    return Section("ssh", COMPARED if program else f"{COMPARED}. pyinfra could not be installed", figures)


def _rounds(world: Releases, rounds: int, usual: int, pyinfra: Path | None) -> Rounds:
    """The first round makes mirrors and folders, and is not counted."""
    methods = world.methods(pyinfra=pyinfra)
    costs: dict[str, list[Cost]] = {name: [] for name in methods}
    for number in range(rounds + 1):
        world.push()
        taking_part = {
            name: method for name, method in methods.items() if name != "usual" or number in range(1, usual + 1)
        }
        one = interleaved(taking_part, 1, warm_ups=0, seed=number)
        if number:
            for name, found in one.costs.items():
                costs[name] += found
    return Rounds(costs)


def _figures(count: int, found: Rounds) -> list[Figure]:
    figures = [Figure(f"N={count}: {NAMES[name]}, wall", "s", found.wall(name)) for name in found.costs]
    figures += [
        Figure(f"N={count}: {NAMES[name]}, CPU of the controller", "s", found.cpu(name))
        for name in ("cold", "rendered", "usual", "pyinfra", "script")
        if name in found.costs
    ]
    for (mine, other), goals in GOALS.items():
        if other in found.costs:
            ratios = [a / b for a, b in zip(found.wall(mine), found.wall(other), strict=False)]
            name = f"N={count}: {NAMES[mine]} / {NAMES[other]}, wall"
            figures.append(Figure(name, "x", ratios, goal=goals.get(count)))
    return figures
