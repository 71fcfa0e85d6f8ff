"""``python -m tests.bench [--quick] [--only NAME] [--output FILE]``: measure, print tables, write JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.bench import compiling, deploying, over_ssh, overhead, queries, receiving, recording, starting
from tests.bench.measure import WrongResult
from tests.bench.report import Section, machine

BENCHMARKS: dict[str, Callable[[Path, bool], Section]] = {
    "overhead": overhead.small,
    "events": overhead.many_events,
    "recorder": recording.benchmark,
    "receive": receiving.benchmark,
    "deploy": deploying.benchmark,
    "ssh": over_ssh.benchmark,
    "start": starting.benchmark,
    "compile": compiling.benchmark,
    "queries": queries.benchmark,
}


def main() -> int:
    asked = _arguments()
    document: dict[str, Any] = {"machine": machine(), "quick": asked.quick, "benchmarks": []}
    wrong = []
    for name in asked.only or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        try:
            section = measured(name, quick=asked.quick)
        except WrongResult as error:
            wrong.append(name)
            print(f"\n{name}: NO FIGURES, what was timed did not do its work: {error}", flush=True)
            continue
        print(section.text(), flush=True)
        document["benchmarks"].append(section.data())
    document["machine"]["load_after"] = [round(load, 1) for load in os.getloadavg()]
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\nload {document['machine']['load_before'][0]} before, {document['machine']['load_after'][0]} after")
    print(f"written to {asked.output}")
    return 1 if wrong else 0


def measured(name: str, *, quick: bool) -> Section:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fraisier-bench-") as folder:
        section = BENCHMARKS[name](Path(folder), quick)
    return replace(section, name=name, seconds=time.perf_counter() - started)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: to see that it works, not for the record")
    parser.add_argument(
        "--only", action="append", choices=list(BENCHMARKS), help="this benchmark alone (may be repeated)"
    )
    parser.add_argument(
        "--output", type=Path, default=Path("bench-results") / "latest.json", help="where the JSON goes (%(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
