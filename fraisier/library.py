"""The library's face for people who embed Fraisier: a deployer per target, in the seeds' words. It adds no second way to deploy."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING

from fraisier import deploy
from fraisier.planning import make
from fraisier.probe import HostTruth, probe
from fraisier.record import read
from fraisier.record.ledger import Ledger
from fraisier.record.rows import StoredPlan
from fraisier.standing import newest_version
from fraisier.telling import tell
from fraisier.vocabulary import Trigger
from fraisier.work import Asked, DeploymentResult, Listener

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig


class _Quiet:
    def note(self, text: str) -> None:
        pass

    def event(self, run: str, event: object) -> None:
        pass


class Deployer:
    """Everything that can be done with one target. Build it with :func:`deployer`.

    All methods raise the errors of :mod:`fraisier.errors`; what goes wrong on the hosts is in the result, not raised.
    """

    def __init__(
        self,
        config: FraisierConfig,
        fraise: str,
        environment: str,
        *,
        database_url: str | None = None,
        actor: str | None = None,
        environ: Mapping[str, str] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self._config = config
        self.resolved = config.get_fraise_environment(fraise, environment)
        self.target = self.resolved.target
        self._environ = config.environ if environ is None else environ
        self._database_url = database_url
        self._actor = actor or getpass.getuser()
        self._listener = listener or _Quiet()

    def get_current_version(self) -> str | None:
        """Commit (full hash) that the ledger knows to run, None before the first deployment. Asks no host: see :meth:`probe`."""
        with self._ledger() as ledger:
            current = read.current_release(ledger, self.target)
        return current.version if current else None

    def get_latest_version(self) -> str:
        """Commit (full hash) that the branch points at now; of a fraise without a repository the hash of its settings."""
        return newest_version(self.resolved, self._environ)

    def is_deployment_needed(self) -> bool:
        """False only when ledger and remote agree: commit, configuration, and proof from every host."""
        with self._ledger() as ledger:
            return deploy.preview(ledger, self.resolved, self._asked(), self._environ).plan is not None

    def plan(self, *, commit: str | None = None, force: bool = False, limit: str | None = None) -> StoredPlan | None:
        """What a deployment would do, asked of every host and kept for ``execute(plan=...)``; None when there is nothing to do."""
        with self._ledger() as ledger:
            return make(ledger, self.resolved, self._asked(commit=commit, force=force, limit=limit), self._environ)

    def execute(
        self, *, commit: str | None = None, force: bool = False, limit: str | None = None, plan: str | None = None
    ) -> DeploymentResult:
        """Deploy the branch's newest commit (or ``commit``, a full hash). Blocks until it has proven itself or was put back.

        ``plan``: the id of a plan; then exactly that is done, or refused when something moved since.
        """
        with self._ledger() as ledger:
            asked = self._asked(commit=commit, force=force, limit=limit, plan=plan)
            return self._told(ledger, deploy.deploy(ledger, self.resolved, asked, self._listener, self._environ))

    def rollback(self, to_version: str | None = None) -> DeploymentResult:
        """Go back to the previous good release, or to the one whose release id or commit begins with ``to_version``."""
        with self._ledger() as ledger:
            asked = self._asked(to=to_version)
            return self._told(ledger, deploy.rollback(ledger, self.resolved, asked, self._listener, self._environ))

    def resume(self) -> DeploymentResult:
        """Go on with a deployment that was cut off, or bring hosts to the release that they owe."""
        with self._ledger() as ledger:
            return self._told(ledger, deploy.resume(ledger, self.resolved, self._actor, self._listener, self._environ))

    def probe(self) -> list[HostTruth]:
        """What every host answers now."""
        with self._ledger() as ledger:
            return probe(ledger, self.resolved, self._environ)

    def health_check(self) -> bool:
        """True when every host is reachable, healthy, and agrees with the ledger."""
        return all(truth.reachable and truth.healthy is not False and not truth.drift for truth in self.probe())

    def _told(self, ledger: Ledger, result: DeploymentResult) -> DeploymentResult:
        tell(ledger, self._config)
        return result

    def _ledger(self) -> Ledger:
        return Ledger(self._database_url)

    def _asked(
        self,
        *,
        commit: str | None = None,
        force: bool = False,
        limit: str | None = None,
        to: str | None = None,
        plan: str | None = None,
    ) -> Asked:
        return Asked(self._actor, Trigger.API, commit=commit, to=to, force=force, limit=limit, plan=plan)


def deployer(config: FraisierConfig, fraise: str, environment: str, **options: str | None) -> Deployer:
    """The deployer of a target, e.g. ``deployer(FraisierConfig("fraises.yaml"), "my_api", "production").execute()``."""
    return Deployer(config, fraise, environment, **options)  # type: ignore[arg-type]
