"""One attempt to send one message: to an address by Apprise, or as the status of a commit. Raises what kept it from arriving."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fraisier.config.notices import addresses
from fraisier.errors import ConfigError, TargetUnreachable
from fraisier.notify.message import Message, description, message
from fraisier.secrets.redact import Redactor

if TYPE_CHECKING:
    from fraisier.config import FraisierConfig
    from fraisier.record.rows import Notification

TIMEOUT_SECONDS = 10.0
_PARTS = re.compile(r"[/:@?&=#,]+")


def send(claimed: Notification, config: FraisierConfig, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    """Raises FraisierError: ``retriable`` when it may arrive later. No text of it holds the address."""
    if claimed.channel.startswith("status "):
        send_status(claimed.payload, config, timeout_seconds=timeout_seconds)
    else:
        content, masked = message(claimed.payload), Redactor(config.secret_values())
        content = replace(content, title=masked(content.title), body=masked(content.body))
        send_message(claimed.channel, content, config, timeout_seconds=timeout_seconds)


def send_message(
    place: str, content: Message, config: FraisierConfig, *, timeout_seconds: float = TIMEOUT_SECONDS
) -> None:
    """To the configured address that ``place`` names."""
    import apprise

    secret = dict(addresses(config.notifications, config.environ)).get(place)
    if secret is None:
        raise ConfigError(f"{place} is not in notifications.urls any more")
    url = config.keyring.one(secret).strip()
    server = apprise.Apprise.instantiate(url, asset=apprise.AppriseAsset(app_id="Fraisier", async_mode=False))
    if server is None:
        raise ConfigError(f"{place}: not an address that Apprise knows")
    server.socket_connect_timeout = server.socket_read_timeout = timeout_seconds
    sender = apprise.Apprise()
    sender.add(server)
    with _overheard() as said:
        is_sent = sender.notify(
            title=content.title,
            body=content.body,
            notify_type=apprise.NotifyType(content.kind),
            body_format=apprise.NotifyFormat.TEXT,
        )
    if not is_sent:
        masked = Redactor([url, *_PARTS.split(url)])
        raise TargetUnreachable(masked(f"{place}: {said[-1] if said else 'it did not take the message'}"))


def send_status(facts: Mapping[str, Any], config: FraisierConfig, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
    """To the git service that has the commit's repository, with its configured token."""
    from fraisier.git.repository import name_of
    from fraisier.git.statuses import post_status

    provider = str(facts["provider"])
    settings = getattr(config.git, provider, None)
    if settings is None or settings.token is None:
        raise ConfigError(f"git.{provider}.token is not configured any more")
    post_status(
        provider,
        base_url=settings.base_url,
        token=config.keyring.one(settings.token),
        repository=name_of(facts["git_repo"], provider),
        commit=facts["commit"],
        state=facts["state"],
        context=facts["context"],
        description=Redactor(config.secret_values())(description(facts)),
        target_url="",
        timeout_seconds=timeout_seconds,
    )


_hearing: ContextVar[list[str] | None] = ContextVar("hearing", default=None)


class _Ear(logging.Handler):
    """Apprise answers yes or no; why not, it tells its log alone. The context says whose message a record is about, in any thread."""

    def emit(self, record: logging.LogRecord) -> None:
        if (said := _hearing.get()) is not None:
            said.append(" ".join(record.getMessage().split()))


@contextmanager
def _overheard() -> Iterator[list[str]]:
    said: list[str] = []
    ear, log = _Ear(logging.WARNING), logging.getLogger("apprise")
    log.addHandler(ear)
    token = _hearing.set(said)
    try:
        yield said
    finally:
        _hearing.reset(token)
        log.removeHandler(ear)
