"""What the documentation must speak of, taken from the code; and one release for everything that is compiled here."""

from __future__ import annotations

from collections.abc import Iterator

import click
from pydantic import BaseModel

from fraisier import cli
from fraisier.config.model import (
    BranchTarget,
    Engine,
    FraiseHead,
    GitProvider,
    GitProviders,
    Notifications,
    Server,
    Top,
    Webhook,
)
from fraisier.fraise_types import TYPES
from fraisier.fraise_types.fields import Section
from fraisier.fraise_types.settings import Placement
from fraisier.plan import Release

RELEASE = Release("20260101T000000Z-0123456789ab-exampl", "0123456789abcdef0123456789abcdef01234567")


def commands(name: str = "fraisier", command: click.Command = cli.group) -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that people type."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner
            yield from commands(f"{name} {each}", inner)


def _models() -> Iterator[type[BaseModel]]:
    yield from (
        Top,
        GitProviders,
        GitProvider,
        Webhook,
        BranchTarget,
        Notifications,
        Server,
        Engine,
        FraiseHead,
        Placement,
    )
    yield from (module.Settings for module in TYPES.values())
    # The mappings that settings hold live beside them.
    yield from (each for each in Section.__subclasses__() if each.__module__.startswith("fraisier.fraise_types."))


MODELS = {f"{model.__module__.rpartition('.')[2]}.{model.__name__}": model for model in _models()}
"""Every mapping with known keys that may stand in fraises.yaml, by a name for test ids."""
