"""A process that deploys again and again, as a worker would: ``python -m tests.bench.warm_deploy FRAISE ENVIRONMENT``.

It enters a Runner, waits until that has imported everything, says ``ready``, and deploys at each line of standard input; it answers with
wall seconds and status.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from fraisier import deploy as deployment
from fraisier.config import FraisierConfig
from fraisier.record.ledger import Ledger
from fraisier.run import Runner
from fraisier.vocabulary import Event
from fraisier.work import Asked
from tests.bench.recorded_run import wait_until_idle


class Silent:
    def note(self, text: str) -> None:
        pass

    def event(self, run: str, event: Event) -> None:
        pass


def main() -> None:
    with Ledger() as ledger, Runner(os.environ) as runner:
        children = Path(f"/proc/{runner._guardian.pid}/task/{runner._guardian.pid}/children")
        wait_until_idle(runner._guardian.pid)
        for pid in children.read_text().split():
            wait_until_idle(int(pid))
        print("ready", flush=True)
        for _ in sys.stdin:
            started = time.perf_counter()
            config = FraisierConfig(environ=os.environ)
            resolved = config.get_fraise_environment(*sys.argv[1:3])
            result = deployment.deploy(ledger, resolved, Asked(actor="bench"), Silent(), config.environ, runner=runner)
            wall = time.perf_counter() - started
            print(json.dumps({"wall": wall, "status": result.status, "error": str(result.error or "")}), flush=True)


if __name__ == "__main__":
    main()
