"""Whether compiling grows with the number of targets and no faster; loading the configuration is reported beside it."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from fraisier.compile import deploy_plan
from fraisier.config import FraisierConfig, ResolvedFraise
from fraisier.plan import Release
from fraisier.vocabulary import Target
from tests.bench.measure import require, stopwatch
from tests.bench.report import Figure, Section

RELEASE = Release("20261122T015600Z-0123456789ab-k3f9qa", "0123456789abcdef0123456789abcdef01234567")

FRAISE = """\
  api_{number}:
    type: api
    git_repo: https://git.example.com/team/api_{number}.git
    environments:
      production:
        app_path: /srv/api_{number}
        hosts: [web{number}.example.com]
        install: pip install .
        environment: {{LOG_LEVEL: info, TOKEN: "${{TOKEN}}"}}
        systemd_service: api_{number}.service
        service: {{exec: venv/bin/python app.py}}
        health_check: {{url: "http://127.0.0.1:8000/health", version_json: version}}
"""


def benchmark(folder: Path, quick: bool) -> Section:
    """Load files of 100 and 1,000 targets; compile 100, 1,000 and 10,000."""
    figures: list[Figure] = []
    loaded: list[ResolvedFraise] = []
    for count in (50, 200) if quick else (100, 1_000):
        with stopwatch() as watch:
            loaded = _load(folder, count)
        figures.append(Figure(f"load and validate {count:,} targets, per target", "ms", [watch[0].cpu / count * 1e3]))
    each: dict[int, list[float]] = {}
    for count in (100, 1_000, 3_000) if quick else (100, 1_000, 10_000):
        targets = _multiplied(loaded, count)
        each[count] = [_compile(targets) for _ in range(2 if quick else 5)]
        figures.append(Figure(f"compile {count:,} targets, per target", "us", [cost * 1e6 for cost in each[count]]))
    largest = max(each)
    ratios = [large / small for large, small in zip(each[largest], each[1_000], strict=True)]
    figures.append(Figure(f"per target, {largest:,} against 1,000", "x", ratios, goal=1.5))
    compared = (
        "CPU time of `deploy_plan` with its hashes for every target, all plans different; loading is reported apart"
    )
    return Section("compile", compared, figures)


def _load(folder: Path, count: int) -> list[ResolvedFraise]:
    path = folder / f"{count}.yaml"
    path.write_text("fraises:\n" + "".join(FRAISE.format(number=number) for number in range(count)))
    found = list(FraisierConfig(path, environ={"TOKEN": "x"}, cwd=folder).all())
    require(len(found) == count, f"{len(found)} targets were loaded, not {count}")
    return found


def _multiplied(loaded: Sequence[ResolvedFraise], count: int) -> list[ResolvedFraise]:
    """``count`` targets that differ: a file of 10,000 like these would be refused for its size."""
    found = []
    for number, resolved in enumerate(islice(cycle(loaded), count)):
        settings = resolved.settings.model_copy(update={"app_path": f"/srv/other_{number}"})
        found.append(replace(resolved, target=Target(f"other_{number}", "production"), settings=settings))
    return found


def _compile(targets: Sequence[ResolvedFraise]) -> float:
    gc.collect()
    with stopwatch() as watch:
        hashes = {deploy_plan(resolved, RELEASE).hash for resolved in targets}
    require(len(hashes) == len(targets), f"{len(hashes)} different plans of {len(targets)} targets")
    return watch[0].cpu / len(targets)
