"""What events prove of a database that a deployment has put in the place of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraisier.vocabulary import EventKind

if TYPE_CHECKING:
    from fraisier.vocabulary import Event


def successor(copy: str) -> str:
    """What takes the place of a database, in words; ``copy``: of which moment, '' for none."""
    return f"the copy of {copy}" if copy else "an empty one"


@dataclass
class Replacement:
    """``is_replaced``: None while it is not known. ``before``: where that is kept which served, '' where nothing did; ``copy``: what took
    its place, '' for an empty one; ``removed``: what was kept for earlier deployments, and is not any more."""

    host: str = ""
    is_replaced: bool | None = False
    before: str = ""
    copy: str = ""
    removed: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether there is, or may be, another database than before."""
        return self.is_replaced is not False

    def see(self, event: Event) -> None:
        """An event of the action `replace`, of a run that goes forward."""
        result = event.result
        if event.kind is EventKind.TASK and not self.host:
            self.host, self.is_replaced = event.host, None
        elif event.kind in (EventKind.OK, EventKind.FAILED) and "replaced" in result:
            self.host, self.is_replaced = event.host, result["replaced"]
            self.before = str(result.get("before") or "")
            self.copy = str(result.get("copy") or "")

    def see_settled(self, event: Event) -> None:
        """An event of the same action, once the release has proven itself."""
        self.removed += tuple(map(str, event.result.get("removed") or ()))

    @property
    def told(self) -> str:
        """In words, for a deployment that held."""
        if not self.is_replaced:
            return ""
        by = successor(self.copy)
        kept = f"; what served before is kept as {self.before}" if self.before else "; there was none before"
        gone = f", {', '.join(self.removed)} is gone" if self.removed else ""
        return f"the database was replaced by {by}{kept}{gone}"
