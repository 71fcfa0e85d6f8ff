"""Who may call: every hook of the configuration, with its secrets and the repositories that they speak for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fraisier.config.signing import signing_fault
from fraisier.errors import ConfigError, Problem
from fraisier.fraise_types.release import FromGit
from fraisier.git.repository import name_of, same_repository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraisier.config import FraisierConfig
    from fraisier.config.model import GitProvider, GitProviders
    from fraisier.secrets import SecretRef
    from fraisier.secrets.keyring import Keyring

PUBLIC_HOMES: Mapping[str, str] = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "codeberg.org": "forgejo",
}


@dataclass(frozen=True)
class Hook:
    """An address that may be called: ``/webhook/<name>``, or ``/webhook`` for a provider as a whole (``git.<provider>``)."""

    name: str
    provider: str
    secrets: tuple[str, ...] = field(repr=False)
    repositories: tuple[str, ...]
    is_named: bool = True
    asks_back_ends: bool = False

    def speaks_for(self, repository: str) -> bool:
        """True when a delivery signed by this hook's secrets may be about ``repository``."""
        return any(same_repository(self.provider, repository, allowed) for allowed in self.repositories)

    @property
    def path(self) -> str:
        """Where its deliveries are posted to."""
        return f"/webhook/{self.name}" if self.is_named else f"/webhook?provider={self.provider}"


@dataclass(frozen=True)
class Hooks:
    """All hooks: ``named`` by name, ``of_provider`` by provider."""

    named: Mapping[str, Hook]
    of_provider: Mapping[str, Hook]

    def all(self) -> list[Hook]:
        """Those of providers, then the named ones."""
        return [*self.of_provider.values(), *self.named.values()]

    def without_unconfirmed(self) -> Hooks:
        """The same hooks; those whose secrets back ends keep have none, so that nobody can sign for them."""
        return Hooks(
            *({name: _closed(hook) for name, hook in hooks.items()} for hooks in (self.named, self.of_provider))
        )


def _closed(hook: Hook) -> Hook:
    return replace(hook, secrets=()) if hook.asks_back_ends else hook


def hooks_of(config: FraisierConfig) -> Hooks:
    """The hooks of a configuration that can be called."""
    named, of_provider = dict[str, Hook](), dict[str, Hook]()
    for provider, section in _services(config.git).items():
        if not section.webhook_secret:
            continue
        secrets = _revealed(provider, section.webhook_secret, config.keyring)
        repositories = section.repositories or _repositories_of(config, provider)
        asks = _asks_back_ends(section.webhook_secret)
        of_provider[provider] = Hook(
            f"git.{provider}", provider, secrets, tuple(repositories), is_named=False, asks_back_ends=asks
        )
    for name, webhook in config.hooks.items():
        secrets = _revealed(webhook.provider, webhook.secrets, config.keyring)
        asks = _asks_back_ends(webhook.secrets)
        named[name] = Hook(name, webhook.provider, secrets, webhook.repositories, asks_back_ends=asks)
    return Hooks(named, of_provider)


def lives_elsewhere(url: str, provider: str, git: GitProviders) -> bool:
    """True when the repository at ``url`` is known to be served by another provider than this one."""
    host = host_of(url)
    homes = dict(PUBLIC_HOMES)
    for name, section in _services(git).items():
        if section.base_url:
            homes[urlsplit(section.base_url).hostname or ""] = name
    served_by = {name for home, name in homes.items() if host and (host == home or host.endswith(f".{home}"))}
    return bool(served_by) and provider not in served_by


def host_of(url: str) -> str:
    """The host of a configured repository, '' for a path."""
    if "://" in url:
        return urlsplit(url).hostname or ""
    head, colon, _ = url.partition(":")
    return head.rpartition("@")[2] if colon and "/" not in head else ""


def names_of(url: str, provider: str) -> tuple[str, ...]:
    """What ``provider`` may call the repository at ``url``: one name; for a path every end of it: where it begins is not known."""
    name = name_of(url, provider)
    if host_of(url) and not _is_path_on_host(url):
        return (name,) if name else ()
    parts = name.split("/")
    return tuple("/".join(parts[start:]) for start in range(len(parts) - 1))


def _is_path_on_host(url: str) -> bool:
    return "://" not in url and url.partition(":")[2].startswith("/")


def _services(git: GitProviders) -> dict[str, GitProvider]:
    return {name: section for name, section in git if section is not None}


def _repositories_of(config: FraisierConfig, provider: str) -> list[str]:
    found: dict[str, None] = {}
    for resolved in config.all():
        settings = resolved.settings
        url = settings.git_repo if isinstance(settings, FromGit) else None
        if url and not lives_elsewhere(url, provider, config.git):
            found |= dict.fromkeys(names_of(url, provider))
    return list(found)


def _asks_back_ends(secrets: Sequence[SecretRef]) -> bool:
    return any(secret.addresses for secret in secrets)


def _revealed(provider: str, secrets: Sequence[SecretRef], keyring: Keyring) -> tuple[str, ...]:
    """None of them can be guessed: ``config.signing`` sees to that, here for those that it could not know before."""
    values = keyring.reveal({str(number): secret for number, secret in enumerate(secrets)})
    found = tuple(values[str(number)] for number in range(len(secrets)))
    problems = [
        Problem(fault[0], path=secret.place, hint=fault[1])
        for secret, value in zip(secrets, found, strict=True)
        if secret.addresses and (fault := signing_fault(provider, value))
    ]
    if problems:
        raise ConfigError(problems)
    return found
