"""How long the command line takes to start, against a Python that does nothing."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from fraisier.record.ledger import Ledger
from tests.bench.measure import Cost, interleaved, require, run
from tests.bench.report import Figure, Section
from tests.integration.record.big import add_deployments

FRAISIER = Path(sys.executable).parent / "fraisier"
FRAISES = 20

CONFIG = "fraises:\n" + "".join(
    f"""\
  fraise_{number}:
    type: api
    git_repo: https://git.example.com/team/fraise_{number}.git
    app_path: /srv/fraise_{number}
    systemd_service: fraise_{number}.service
    health_check: {{url: "http://127.0.0.1:8000/health"}}
    environments:
      staging: {{server: staging.example.com}}
      production: {{hosts: [web1.example.com, web2.example.com]}}
"""
    for number in range(FRAISES)
)

COMMANDS = ("--version", "list", "status", "history")


def benchmark(folder: Path, quick: bool) -> Section:
    """20 fraises in two environments each, 1,000 deployments in SQLite; the cache of the configuration is warm."""
    (folder / "fraises.yaml").write_text(CONFIG)
    url = f"sqlite:///{folder / 'fraisier.db'}"
    with Ledger(url) as ledger:
        with ledger.transaction():
            pass  # made and migrated
        add_deployments(ledger, 1_000)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "FRAISIER_CONFIG": str(folder / "fraises.yaml"),
        "FRAISIER_DATABASE_URL": url,
    }
    _verify(folder, environ)
    methods: dict[str, Callable[[], Cost]] = {"bare": _command([sys.executable, "-c", "pass"], environ, folder, 0)}
    for name in COMMANDS:
        lines = {"--version": 1, "history": 21}.get(name, 2 * FRAISES + 1)
        methods[name] = _command([FRAISIER, name], environ, folder, lines)
    found = interleaved(methods, 5 if quick else 25, seconds=40, warm_ups=2)
    figures = [
        Figure("python -c pass, wall", "ms", [value * 1e3 for value in found.wall("bare")]),
        Figure("python -c pass, CPU", "ms", [value * 1e3 for value in found.cpu("bare")]),
    ]
    for name in COMMANDS:
        goal = 15 if name == "list" else None
        over = [mine - bare for mine, bare in zip(found.wall(name), found.wall("bare"), strict=True)]
        figures += [
            Figure(f"fraisier {name}, wall", "x", found.wall_ratios(name, "bare"), goal=goal),
            Figure(f"fraisier {name}, CPU", "x", found.cpu_ratios(name, "bare"), goal=goal),
            Figure(f"fraisier {name}, wall over a bare start", "ms", [value * 1e3 for value in over], goal and 150),
        ]
    compared = "commands as a user types them, output to a file; ratios to `python -c pass` in the same round"
    return Section("start", compared, figures)


def _command(argv: list[str | Path], environ: dict[str, str], folder: Path, lines: int) -> Callable[[], Cost]:
    def timed() -> Cost:
        done = run(argv, env=environ, cwd=folder)
        found = len(done.output.splitlines())
        require(found >= lines, f"{argv[-1]}: {found} lines, expected {lines}")
        return done.cost

    return timed


def _verify(folder: Path, environ: dict[str, str]) -> None:
    """What the commands say, once; it also fills the cache."""
    for name, key, count in (
        ("list", "fraises", 2 * FRAISES),
        ("status", "fraises", 2 * FRAISES),
        ("history", "deployments", 20),
    ):
        document = json.loads(run([FRAISIER, name, "--json"], env=environ, cwd=folder).output)
        require(len(document[key]) == count, f"{name} shows {len(document[key])} {key}, expected {count}")
        if name == "status":
            require(all(row["last_deployment_id"] for row in document[key]), "status knows no deployment")
