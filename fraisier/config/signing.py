"""Rules for the secrets that webhooks are signed with: who can guess one can deploy."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraisier.config.sections import Draft
    from fraisier.config.tree import Entry, Value

SHORTEST: Final = 24
"""In characters; of a signing token, in bytes of its key."""
SIGNING: Final = "whsec_"
EXAMPLE: Final = "only-an-example"
MAKE_ONE: Final = "make one: openssl rand -hex 32"


def check_signing(draft: Draft) -> None:
    """Reports every secret of a webhook that could be guessed, is no key, or is that of another hook. Its value is in no message.

    A secret that a named hook shares would sign for the repositories of the other one as well. Providers may share theirs: it is all
    repositories that they speak for.
    """
    owners: dict[str, str] = {}
    for name, provider, secrets in _secrets(draft):
        for each in secrets.data if isinstance(secrets.data, list) else [secrets]:
            if not isinstance(each.data, str) or not each.data:
                continue
            owner = owners.setdefault(each.data, name)
            if fault := signing_fault(provider, each.data) or _shared(name, owner):
                draft.report.add(each.place, *fault)


def _secrets(draft: Draft) -> Iterator[tuple[str, str, Value]]:
    """The secrets of each hook, as they are written, with its path in the file and the provider that they belong to."""
    for provider, entry in _entries(draft, "git"):
        if secrets := entry.value.get("webhook_secret"):
            yield f"git.{provider}", provider, secrets
    for name, entry in _entries(draft, "hooks"):
        if secrets := entry.value.get("secrets"):
            named = entry.value.get("provider")
            yield f"hooks.{name}", str(named.data) if named else "", secrets


def _shared(name: str, owner: str) -> tuple[str, str] | None:
    if name == owner or name.startswith("git."):
        return None
    return f"is a secret of {owner}, too: who knows it there could sign for the repositories of this hook", MAKE_ONE


def _entries(draft: Draft, section: str) -> Iterator[tuple[str, Entry]]:
    found = draft.tree.get(section)
    yield from found.entries.items() if found else ()


def signing_fault(provider: str, secret: str) -> tuple[str, str] | None:
    """What is wrong with a secret, and the next step; None when it is good."""
    if EXAMPLE in secret:
        return "is the secret of the example, which everybody knows", MAKE_ONE
    if provider == "gitlab" and secret.startswith(SIGNING):
        if _key_length(secret) < SHORTEST:
            return f"is no signing token: {SIGNING} and base64 of at least {SHORTEST} bytes", "copy it from GitLab"
    elif len(secret.strip()) < SHORTEST:
        return f"is too short for a secret: it needs at least {SHORTEST} characters", MAKE_ONE
    return None


def _key_length(token: str) -> int:
    try:
        return len(base64.b64decode(token.removeprefix(SIGNING), validate=True))
    except (binascii.Error, ValueError):
        return 0
