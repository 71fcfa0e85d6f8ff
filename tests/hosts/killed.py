"""A controller that kills itself: ``python -m tests.hosts.killed N`` deploys and dies by SIGKILL at its Nth event (0: never).

What it was told is the whole story: it prints how many events there were when it is not killed.
"""

from __future__ import annotations

import os
import signal
import sys

from fraisier import FraisierConfig, deployer
from fraisier.vocabulary import Event


class KilledAt:
    """A listener that ends its process at the ``number``th event, of all runs together."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = 0

    def note(self, text: str) -> None:
        pass

    def event(self, run: str, event: Event) -> None:
        self.seen += 1
        if self.seen == self.number:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    listener = KilledAt(int(sys.argv[1]))
    result = deployer(FraisierConfig(), "my_api", "production", listener=listener).execute()
    print(f"{listener.seen} {result.status}")


if __name__ == "__main__":
    main()
