"""Everything that one configuration says about deliveries: who may call, what a push deploys, how urgent that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fraisier.deliveries.decide import Ref, decide, judged
from fraisier.deliveries.hooks import Hook, hooks_of
from fraisier.deliveries.routes import Routes
from fraisier.errors import ConfigError
from fraisier.git import PROVIDERS

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig
    from fraisier.config.model import Server
    from fraisier.git import Provider, WebhookEvent
    from fraisier.vocabulary import Target


class Desk:
    """Made once from a configuration, then asked for every delivery. Raises ConfigError for secrets and providers that cannot be used."""

    def __init__(self, config: FraisierConfig) -> None:
        self.config = config
        self.settings: Server = config.server
        self.hooks = hooks_of(config)
        self.providers: Mapping[str, Provider] = {hook.provider: PROVIDERS[hook.provider] for hook in self.hooks.all()}
        self.routes = Routes(config, self.providers)
        self._priorities = {each.target: int(getattr(each.settings, "priority", 0)) for each in config.all()}

    @property
    def asks_back_ends(self) -> bool:
        """Whether secrets of hooks are kept by back ends, where they may change."""
        return any(hook.asks_back_ends for hook in self.hooks.all())

    def renew(self) -> None:
        """Ask again for the secrets of hooks. Raises what keeps them from being known; those of before are then in force."""
        self.config.keyring.forget()
        self.hooks = hooks_of(self.config)

    def close(self) -> None:
        """Let no hook call whose secrets were not confirmed for too long."""
        self.hooks = self.hooks.without_unconfirmed()

    def require_hooks(self) -> None:
        """Raises ConfigError when nobody could call: a server without a secret would be one that believes everybody."""
        if not self.hooks.all():
            raise ConfigError(
                f"{self.config.path}: no webhook has a secret, so nobody may call",
                hint="give git.<provider>.webhook_secret, or a hook below hooks",
            )

    def named(self, name: str) -> Hook | None:
        """The hook that a stored delivery, or a person, calls ``name``: a named one, ``git.<provider>``, or just the provider."""
        return self.hooks.named.get(name) or self.hooks.of_provider.get(name.removeprefix("git."))

    def decide(self, hook: Hook, events: Sequence[WebhookEvent]) -> tuple[Ref, ...]:
        """What each event of a delivery deploys."""
        return decide(events, hook, self.routes)

    def judged(self, hook: Hook, ref: Ref) -> Ref:
        """A ref of a stored delivery, decided anew."""
        return judged(ref, hook, self.routes)

    def priority(self, target: Target) -> int:
        """How urgent deployments of a target are; higher goes first."""
        return self._priorities.get(target, 0)
